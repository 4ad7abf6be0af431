"""Who may do what on a whole cluster: credentials, ACLs, tokens of executors."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from conformance.mesos.rawscheduler import Json, RawScheduler, command_task
from mesos_compat.cli.agent import Agent
from mesos_compat.cli.execute import execute
from mesos_compat.flags import execute as execute_table
from mesos_compat.flags.loading import load
from mesos_compat.testing import Cluster
from tests.mesos_compat.testing.operating import FAST, Scheduler, Site, nested_id, waiting_task

pytestmark = pytest.mark.asyncio

SECRETS = {"operator": "os", "framework": "fs", "agent": "as"}
CREDENTIALS = json.dumps(
    {"credentials": [{"principal": name, "secret": text} for name, text in SECRETS.items()]}
)
AGENT_CREDENTIAL = json.dumps({"principal": "agent", "secret": "as"})
MASTER_FLAGS = {
    **FAST,
    "credentials": CREDENTIALS,
    "authenticate_agents": "true",
    "authenticate_http_frameworks": "true",
    "http_framework_authenticators": "basic",
    "authenticate_http_readonly": "true",
    "authenticate_http_readwrite": "true",
}
AGENT_FLAGS = {
    "credential": AGENT_CREDENTIAL,
    "http_credentials": CREDENTIALS,
    "authenticate_http_readonly": "true",
    "authenticate_http_readwrite": "true",
}
ANY, NONE = {"type": "ANY"}, {"type": "NONE"}


def basic(principal: str, secret: str | None = None) -> str:
    pair = f"{principal}:{SECRETS[principal] if secret is None else secret}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


class Asker:
    """Asks one port in somebody's name."""

    def __init__(
        self, session: aiohttp.ClientSession, port: int, authorization: str | None = None
    ) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{port}"
        self._headers = {} if authorization is None else {"Authorization": authorization}
        self.challenge: str | None = None

    async def get(self, path: str, /, **query: str) -> tuple[int, str]:
        url = self._url + path
        async with self._session.get(url, headers=self._headers, params=query) as answer:
            self.challenge = answer.headers.get("WWW-Authenticate")
            return answer.status, await answer.text()

    async def status(self, path: str, /, **query: str) -> int:
        return (await self.get(path, **query))[0]

    async def shown(self, path: str) -> Any:
        return json.loads((await self.get(path))[1])

    async def call(self, call: Mapping[str, Any], path: str = "/api/v1") -> tuple[int, str]:
        url = self._url + path
        async with self._session.post(url, json=call, headers=self._headers) as answer:
            self.challenge = answer.headers.get("WWW-Authenticate")
            # A stream would go on.
            text = "" if answer.status == 200 and "scheduler" in path else await answer.text()
            return answer.status, text


async def run(cluster: Cluster, *arguments: str) -> int:
    """``mesos-execute`` with these flags; its exit status."""
    flags = (f"--master={cluster.url.rpartition('/')[2]}", "--name=one", *arguments)
    given = (*flags, "--resources=cpus:0.1;mem:32", "--command=true")
    return await execute(load(execute_table.FLAGS, list(given), {}))


# Credentials.


async def test_with_right_secrets_tasks_run_and_with_wrong_ones_nobody_gets_in(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Cluster(master_flags=MASTER_FLAGS, agent_flags=AGENT_FLAGS) as cluster:
        assert await run(cluster, "--principal=framework", "--secret=fs") == 0
        assert "TASK_FINISHED" in capsys.readouterr().out
        for wrong in (["--principal=framework", "--secret=x"], ["--principal=framework"]):
            assert await run(cluster, *wrong) == 1
            assert "401 Unauthorized." in capsys.readouterr().err


async def test_an_agent_with_a_wrong_secret_is_not_taken(caplog: pytest.LogCaptureFixture) -> None:
    wrong = {"credential": json.dumps({"principal": "agent", "secret": "x"})}
    with caplog.at_level(logging.WARNING):
        async with Cluster(agents=0, master_flags=MASTER_FLAGS) as cluster:
            await cluster.add_agent(wrong)
            await cluster.wait_for(lambda: "401 Unauthorized." in caplog.text)
            assert cluster.leader is not None
            assert cluster.leader.core.state.agents == {}
            await cluster.add_agent({"credential": AGENT_CREDENTIAL})
            await cluster.wait_for_agents(1)


async def test_every_endpoint_asks_in_its_realm() -> None:
    async with (
        Cluster(master_flags=MASTER_FLAGS, agent_flags=AGENT_FLAGS) as cluster,
        aiohttp.ClientSession() as session,
    ):
        await cluster.wait_for_agents(1)
        ports = (("master", cluster.masters[0].port), ("agent", cluster.agents[0].port))
        readonly = {
            "master": ("/state", "/tasks", "/slaves", "/metrics/snapshot", "/flags"),
            "agent": ("/state", "/containers", "/monitor/statistics", "/flags"),
        }
        for program, port in ports:
            nobody = Asker(session, port)
            liar = Asker(session, port, basic("operator", "x"))
            operator = Asker(session, port, basic("operator"))
            for path in (*readonly[program], "/files/browse?path=/"):
                for one in (nobody, liar):
                    assert await one.get(path) == (401, "401 Unauthorized.")
                    assert one.challenge == f'Basic realm="mesos-{program}-readonly"'
                assert await operator.status(path) != 401
            assert (await nobody.call({"type": "GET_HEALTH"}))[0] == 401
            assert nobody.challenge == f'Basic realm="mesos-{program}-readwrite"'
            assert (await operator.call({"type": "GET_HEALTH"}))[0] == 200
            for path in ("/health", "/version", "/help"):
                assert await nobody.status(path) == 200
        assert await nobody.status("/logging/toggle") == 401
        master = Asker(session, ports[0][1])
        assert (await master.call({"type": "SUBSCRIBE"}, "/api/v1/scheduler"))[0] == 401
        assert master.challenge == 'Basic realm="mesos-master-scheduler"'


async def test_a_framework_subscribes_as_who_it_is() -> None:
    info = {"user": "root", "name": "fw", "principal": "other"}
    subscribe = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}
    async with (
        Cluster(agents=0, master_flags=MASTER_FLAGS) as cluster,
        aiohttp.ClientSession() as session,
    ):
        await cluster.wait_for(lambda: cluster.leader is not None)
        asker = Asker(session, cluster.masters[0].port, basic("framework"))
        assert await asker.call(subscribe, "/api/v1/scheduler") == (
            400,
            "Failed to validate scheduler::Call: Authenticated principal 'framework' does not match"
            " principal 'other' set in `FrameworkInfo`",
        )
        for principal in ("framework", None):
            info.pop("principal", None)
            info |= {"principal": principal} if principal else {}
            assert (await asker.call(subscribe, "/api/v1/scheduler"))[0] == 200


# The master's ACLs.


def rules(permissive: bool = True, **actions: list[Json]) -> str:
    return json.dumps({"permissive": permissive, **actions})


def rule(principals: Any, **objects: Any) -> Json:
    """Principals and objects, each by name or ANY or NONE."""

    def entity(given: Any) -> Any:
        return {"values": [given]} if isinstance(given, str) else given

    return {"principals": entity(principals), **{k: entity(v) for k, v in objects.items()}}


class Authenticated(Scheduler):
    """A scheduler that says who it is."""

    def __init__(self, cluster: Cluster, principal: str, role: str = "*") -> None:
        super().__init__(cluster, role)
        self.raw = RawScheduler(
            self._find,
            self._on_event,
            role=role,
            info={"principal": principal},
            authorization=basic(principal),
        )


MASTER_ACLS = rules(
    run_tasks=[rule("framework", users="nobody"), rule(ANY, users=NONE)],
    reserve_resources=[rule("framework", roles="dev"), rule(ANY, roles=NONE)],
    view_frameworks=[rule("operator", users=ANY), rule(ANY, users=NONE)],
    teardown_frameworks=[
        rule("operator", framework_principals="other"),
        rule(ANY, framework_principals=NONE),
    ],
    view_flags=[rule("operator", flags=ANY), rule(ANY, flags=NONE)],
    get_endpoints=[rule("operator", paths="/metrics/snapshot"), rule(ANY, paths=NONE)],
    set_log_level=[rule(ANY, level=NONE)],
)


async def test_the_masters_acls_forbid_tasks_and_reservations() -> None:
    flags = {**MASTER_FLAGS, "acls": MASTER_ACLS}
    async with Cluster(master_flags=flags, agent_flags=AGENT_FLAGS) as cluster:
        async with Authenticated(cluster, "framework", "dev") as scheduler:
            task = command_task("t", "true")
            task["command"]["user"] = "root"
            await scheduler.launch(task)
            status = await scheduler.wait_state("t", "TASK_ERROR")
            assert status["reason"] == "REASON_TASK_UNAUTHORIZED"
            assert "Not authorized to launch task t" in status["message"]
            offer = await scheduler.wait_offer()
            await scheduler.accept(offer, reservation("dev", "mine"))
            assert (await scheduler.wait_operation("mine"))["state"] == "OPERATION_FINISHED"
        async with Authenticated(cluster, "framework", "ops") as scheduler:
            offer = await scheduler.wait_offer()
            await scheduler.accept(offer, reservation("ops", "not-mine"))
            refused = await scheduler.wait_operation("not-mine")
            assert refused["state"] == "OPERATION_ERROR"
            assert "Not authorized to perform action RESERVE_RESOURCES" in refused["message"]


def reservation(role: str, operation_id: str) -> Json:
    resource = {
        "name": "cpus",
        "type": "SCALAR",
        "scalar": {"value": 1},
        "allocation_info": {"role": role},
        "reservations": [{"type": "DYNAMIC", "role": role, "principal": "framework"}],
    }
    return {"type": "RESERVE", "id": {"value": operation_id}, "reserve": {"resources": [resource]}}


async def test_the_masters_acls_hide_and_forbid_what_operators_ask_for() -> None:
    flags = {**MASTER_FLAGS, "acls": MASTER_ACLS}
    async with (
        Cluster(agents=0, master_flags=flags) as cluster,
        aiohttp.ClientSession() as session,
        Authenticated(cluster, "framework") as scheduler,
    ):
        port = cluster.masters[0].port
        operator, other = (Asker(session, port, basic(who)) for who in ("operator", "agent"))
        for asker, count in ((operator, 1), (other, 0)):
            assert len((await asker.shown("/explain"))["order"]) == count
            assert len((await asker.shown("/state"))["frameworks"]) == count
            assert len((await asker.shown("/frameworks"))["frameworks"]) == count
            found = json.loads((await asker.call({"type": "GET_FRAMEWORKS"}))[1])
            assert len(found["get_frameworks"].get("frameworks", [])) == count
        teardown = {"framework_id": {"value": scheduler.raw.framework_id}}
        assert (await operator.call({"type": "TEARDOWN", "teardown": teardown}))[0] == 403
        level = {"level": 1, "duration": {"nanoseconds": 1}}
        for asker, status in ((operator, 200), (other, 403)):
            assert await asker.status("/flags") == status
            assert await asker.status("/metrics/snapshot") == status
            assert (await asker.call({"type": "GET_FLAGS"}))[0] == status
            assert await asker.status("/files/debug") == 403
            assert await asker.status("/logging/toggle") == 403
            call = {"type": "SET_LOGGING_LEVEL", "set_logging_level": level}
            assert await asker.call(call) == (403, "403 Forbidden.")
        assert "flags" in await operator.shown("/state")
        assert "flags" not in await other.shown("/state")


# The agent's ACLs.

AGENT_ACLS = rules(
    run_tasks=[rule(ANY, users="root")],
    view_frameworks=[rule("operator", users=ANY), rule(ANY, users=NONE)],
    view_containers=[rule("operator", users="root"), rule(ANY, users=NONE)],
    access_sandboxes=[rule("operator", users="root"), rule(ANY, users=NONE)],
    attach_containers_output=[rule("operator", users="root"), rule(ANY, users=NONE)],
    wait_nested_containers=[rule("operator", users="root"), rule(ANY, users=NONE)],
    launch_standalone_containers=[rule(ANY, users=NONE)],
    view_flags=[rule("operator", flags=ANY), rule(ANY, flags=NONE)],
    get_endpoints=[rule("operator", paths="/containers"), rule(ANY, paths=NONE)],
    set_log_level=[rule(ANY, level=NONE)],
)


async def test_an_agents_acls_forbid_tasks_that_the_master_permits() -> None:
    acls = rules(run_tasks=[rule(ANY, users="root"), rule(ANY, users=NONE)])
    async with Site(agent_flags={"acls": acls}) as site:
        task = command_task("bad", "true")
        task["command"]["user"] = "nobody"
        await site.scheduler.launch(task)
        status = await site.scheduler.wait_state("bad", "TASK_ERROR")
        assert (status["reason"], status["source"]) == ("REASON_TASK_UNAUTHORIZED", "SOURCE_AGENT")
        await site.scheduler.launch(command_task("good", "true"))
        await site.scheduler.wait_state("good", "TASK_FINISHED")
        found = await site.get("/state-summary")
        assert found["slaves"][0]["used_resources"]["cpus"] == 0


async def test_an_agents_acls_hide_sandboxes_and_containers() -> None:
    flags = {**AGENT_FLAGS, "acls": AGENT_ACLS}
    async with (
        Cluster(master_flags=MASTER_FLAGS, agent_flags=flags) as cluster,
        aiohttp.ClientSession() as session,
        Authenticated(cluster, "framework") as scheduler,
    ):
        await scheduler.run(waiting_task("t", cluster))
        agent = cluster.agents[0]
        container = scheduler.of("t")[-1]["container_status"]["container_id"]
        sandbox = executor_of(agent).sandbox
        alone = {"container_id": {"value": "alone"}, "command": {"value": "true"}}
        output = {"attach_container_output": {"container_id": container}}
        wait = {"wait_nested_container": {"container_id": nested_id(container)}}
        for principal, may in (("operator", True), ("agent", False)):
            asker = Asker(session, agent.port, basic(principal))
            status = 200 if may else 403
            assert len((await asker.shown("/state"))["frameworks"]) == may
            found = json.loads((await asker.call({"type": "GET_CONTAINERS"}))[1])
            assert len(found.get("get_containers", {}).get("containers", [])) == may
            assert await asker.status("/files/browse", path=sandbox) == status
            assert await asker.status("/files/read", path=f"{sandbox}/stdout") == status
            assert await asker.status("/files/download", path=f"{sandbox}/stdout") == status
            for kind in ("LIST_FILES", "READ_FILE"):
                body = {"path": f"{sandbox}/stdout", "offset": 0}
                assert (await asker.call({"type": kind, kind.lower(): body}))[0] == status
            assert await asker.status("/flags") == status
            assert (await asker.call({"type": "GET_FLAGS"}))[0] == status
            assert await asker.status("/containers") == status
            assert await asker.status("/monitor/statistics") == 403
            # What is permitted fails because there is no such thing, or nobody listens.
            assert (await asker.call({"type": "ATTACH_CONTAINER_OUTPUT", **output}))[0] == (
                500 if may else 403
            )
            assert (await asker.call({"type": "WAIT_NESTED_CONTAINER", **wait}))[0] == (
                404 if may else 403
            )
            call = {"type": "LAUNCH_CONTAINER", "launch_container": alone}
            assert (await asker.call(call))[0] == 403


def executor_of(agent: Agent) -> Any:
    (executor,) = agent.core.state.executors_by_container.values()
    return executor


# Tokens of executors.

TOKENS = {
    "authenticate_http_executors": "true",
    "jwt_secret_key": "the key of this agent",
    "http_credentials": CREDENTIALS,
    "authenticate_http_readwrite": "true",
}


async def test_tasks_and_groups_run_with_tokens() -> None:
    async with Site(agent_flags=TOKENS) as site:
        scheduler = site.scheduler
        await scheduler.launch(command_task("t", "env | grep -c MESOS_EXECUTOR_AUTH; exit 0"))
        await scheduler.wait_state("t", "TASK_FINISHED")
        await scheduler.launch_group("e", command_task("g1", "true"), command_task("g2", "true"))
        for name in ("g1", "g2"):
            await scheduler.wait_state(name, "TASK_FINISHED")
        found = list(site.cluster.directory.glob("agent*/slaves/**/executors/t/runs/latest/stdout"))
        # What speaks for the executor is not told its task.
        assert [path.read_text() for path in found] == ["0\n"]


def token_of(pid: int) -> str:
    """What an executor was given."""
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    name = b"MESOS_EXECUTOR_AUTHENTICATION_TOKEN="
    return next(one for one in variables if one.startswith(name))[len(name) :].decode()


async def test_without_the_right_token_nobody_is_the_executor() -> None:
    async with Site(agent_flags=TOKENS) as site:
        await site.scheduler.run(waiting_task("a", site.cluster))
        await site.scheduler.run(waiting_task("b", site.cluster))
        port = site.agent.port
        executors = site.agent.core.state.executors_by_container
        one, two = executors.values()
        assert one.pid is not None
        mine = Asker(site.http, port, f"Bearer {token_of(one.pid)}")
        heartbeat = call_of(one, "HEARTBEAT")
        message = {**call_of(one, "MESSAGE"), "message": {"data": "aGVsbG8="}}
        for asker, challenge in (
            (Asker(site.http, port), 'Bearer realm="mesos-agent-executor"'),
            (
                Asker(site.http, port, "Bearer a.b.c"),
                'Bearer realm="mesos-agent-executor", error="invalid_token",',
            ),
            (
                Asker(site.http, port, basic("operator")),
                'Bearer realm="mesos-agent-executor", error="invalid_token",',
            ),
        ):
            assert (await asker.call(heartbeat, "/api/v1/executor"))[0] == 401
            assert (asker.challenge or "").startswith(challenge)
        assert (await mine.call(message, "/api/v1/executor"))[0] == 202
        other = {**call_of(two, "MESSAGE"), "message": {"data": "aGVsbG8="}}
        assert (await mine.call(other, "/api/v1/executor"))[0] == 403
        for executor, status in ((one, 404), (two, 403)):
            nested = nested_id({"value": executor.container_id})
            wait = {"container_id": nested}
            call = {"type": "WAIT_NESTED_CONTAINER", "wait_nested_container": wait}
            assert (await mine.call(call))[0] == status


def call_of(executor: Any, kind: str) -> Json:
    return {
        "type": kind,
        "executor_id": {"value": executor.executor_id},
        "framework_id": {"value": executor.framework_id},
    }
