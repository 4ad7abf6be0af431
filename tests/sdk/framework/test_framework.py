"""Frameworks with clusters of this process: what is declared runs, and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from mesos_compat.testing import Cluster
from mesozoic.errors import MesozoicError
from mesozoic.framework import (
    DeclarationError,
    Framework,
    HealthCheck,
    NotLeading,
    Restart,
    Service,
    Task,
    TaskFailed,
    UnknownName,
    attribute,
    group_by,
    unique,
)
from tests.sdk.framework.scenes import (
    FAST_MASTER,
    QUICK,
    SMALL,
    WAIT_S,
    commands_with,
    lines_of,
    running_at,
    task_ids,
)

ALWAYS = Restart("always", QUICK, unreachable_seconds=0)


class Unkind(Exception):  # noqa: N818 - a name for a test
    """Raised by a task."""


def raise_it(word: str) -> None:
    raise Unkind(word)


@pytest.mark.asyncio
async def test_tasks_run_to_their_ends_and_the_framework_is_over() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):
        framework = Framework("hello", cluster.url)
        greet = framework.add(Task("greet", "echo hello", count=3, resources=SMALL))
        add = framework.add(Task("add", sum, args=[[2, 3]], resources=SMALL))
        bad = framework.add(Task("bad", raise_it, args=["no"], restart="never", resources=SMALL))
        await framework.run()
        assert await framework.result(greet) == [None, None, None]
        assert await framework.result("add") == 5
        with pytest.raises(TaskFailed, match=r"bad, slot 0: TASK_FAILED the call") as failed:
            await framework.result(bad)
        cause = failed.value.__cause__
        assert isinstance(cause, Unkind)
        assert cause.args == ("no",)
        assert "raise_it" in "".join(cause.__notes__)
        assert framework.names() == ["greet", "add", "bad"]
        leader = cluster.leader
        assert leader is not None
        assert not leader.core.state.frameworks
        assert add.name == "add"


@pytest.mark.asyncio
async def test_second_run_does_everything_again(tmp_path: Path) -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):
        framework = Framework("again", cluster.url, file=tmp_path / "state")
        framework.add(Task("t", f"echo x >> {tmp_path}/lines", resources=SMALL))
        await framework.run()
        await framework.run()
        assert (tmp_path / "lines").read_text() == "x\nx\n"


@pytest.mark.asyncio
async def test_service_is_kept_up_scaled_restarted_and_stopped(tmp_path: Path) -> None:
    mark = str(tmp_path / "web")
    async with Cluster(master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):
        async with Framework("shop", cluster.url) as framework:
            framework.add(
                Service("web", f"exec tail -f {__file__} {mark}", count=2, restart=ALWAYS)
            )
            before = await framework.wait_running("web")
            assert sorted(running_at(cluster)) == task_ids(framework, "web")

            os.kill(commands_with(mark)[0], signal.SIGKILL)
            await framework.wait_until(lambda: before != framework.instances("web"))
            after = await framework.wait_running("web")
            assert len({one.task_id for one in before + after}) == 3

            await framework.scale("web", 3)
            assert len(await framework.wait_running("web")) == 3
            await framework.scale("web", 1)
            await framework.wait_until(lambda: len(framework.instances("web")) == 1)

            (old,) = task_ids(framework, "web")
            await framework.restart("web")
            await framework.wait_until(lambda: [old] != task_ids(framework, "web"))
            await framework.wait_running("web")
            assert len(running_at(cluster)) == 1

            await framework.stop("web")
            assert not running_at(cluster)
            assert framework.names() == []
        await cluster.wait_for(lambda: not commands_with(mark))


async def reasons_for(framework: Framework, name: str) -> dict[str, tuple[str, ...]]:
    """Why none of three agents can be used any more."""

    def found() -> dict[str, tuple[str, ...]]:
        agents = framework.explain(name).agents
        return {one.hostname: one.reasons for one in agents if one.reasons}

    await framework.wait_until(lambda: len(found()) == 3)
    return found()


@pytest.mark.asyncio
async def test_constraints_hold_over_three_agents_and_explain_themselves() -> None:
    async with Cluster(agents=0, master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):
        for name, attributes in (("n1", "rack:r1"), ("n2", "rack:r1"), ("n3", "rack:r2")):
            await cluster.add_agent({"hostname": name, "attributes": attributes})
        await cluster.wait_for_agents(3)
        async with Framework("placed", cluster.url) as framework:

            def declare(name: str, count: int, *constraints: object) -> None:
                framework.add(
                    Service(
                        name,
                        "exec sleep 1000",
                        count=count,
                        resources=SMALL,
                        constraints=constraints,  # type: ignore[arg-type]
                    )
                )

            def hosts(name: str) -> list[str]:
                return sorted(one.hostname for one in framework.instances(name))

            declare("apart", 3, unique("hostname"))
            declare("first", 2, attribute("rack") == "r1", unique("hostname"))
            declare("even", 4, group_by("rack", 2))
            for name in ("apart", "first", "even"):
                await framework.wait_running(name)
            assert hosts("apart") == ["n1", "n2", "n3"]
            assert hosts("first") == ["n1", "n2"]
            assert hosts("even").count("n3") == 2

            await framework.scale("first", 3)
            reasons = await reasons_for(framework, "first")
            assert reasons["n3"] == ("rack == r1: the agent has 'r2'",)
            assert reasons["n1"] == ("unique(hostname): 1 there on 'n1'",)
            assert framework.explain("first").slots[2] == "slot 2: waits for an offer"

            framework.add(Service("huge", "true", resources={"cpus": 64, "mem": 32}))
            await reasons_for(framework, "huge")
            assert "cpus: 64 wanted, 3" in str(framework.explain("huge"))


@pytest.mark.asyncio
async def test_service_is_up_when_it_is_healthy(tmp_path: Path) -> None:
    well = tmp_path / "well"
    check = HealthCheck(command=f"test -e {well}", interval_seconds=0.05, grace_seconds=60)
    async with (
        Cluster(master_flags=FAST_MASTER) as cluster,
        asyncio.timeout(WAIT_S),
        Framework("checked", cluster.url) as framework,
    ):
        framework.add(Service("s", "exec sleep 1000", resources=SMALL, health=check))
        await framework.wait_until(
            lambda: (
                any(one.is_running for one in framework.instances("s"))
                if "s" in framework.names()
                else False
            )
        )
        waiting = asyncio.ensure_future(framework.wait_running("s"))
        await asyncio.sleep(0)
        assert not waiting.done()
        well.touch()
        (up,) = await waiting
        assert up.healthy


@pytest.mark.asyncio
async def test_call_that_is_stopped_is_killed(tmp_path: Path) -> None:
    async with (
        Cluster(master_flags=FAST_MASTER) as cluster,
        asyncio.timeout(WAIT_S),
        Framework("calls", cluster.url) as framework,
    ):
        # It does not heed SIGTERM.
        code = f"trap '' TERM; echo $$ >> {tmp_path}/pid; while :; do sleep 0.1; done"
        framework.add(
            Service("call", os.system, args=[code], resources=SMALL, kill_grace_seconds=0.1)
        )
        (pid,) = await lines_of(tmp_path / "pid", 1)
        await framework.wait_running("call")
        await framework.stop("call")
        await cluster.wait_for(lambda: not Path("/proc", pid).exists())


@pytest.mark.asyncio
async def test_agent_that_restarts_keeps_its_instances() -> None:
    async with (
        Cluster(master_flags=FAST_MASTER) as cluster,
        asyncio.timeout(WAIT_S),
        Framework("kept", cluster.url) as framework,
    ):
        framework.add(Service("s", "exec sleep 1000", resources=SMALL, restart=ALWAYS))
        before = await framework.wait_running("s")
        await cluster.restart_agent(cluster.agents[0])
        await cluster.wait_for_agents(1)
        framework.add(Task("t", "true", resources=SMALL))
        await framework.result("t")
        assert await framework.wait_running("s") == before


@pytest.mark.asyncio
async def test_new_master_is_told_nothing_twice() -> None:
    async with Cluster(masters=2, master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):
        assert cluster.zk is not None
        async with Framework("kept", cluster.zk) as framework:
            framework.add(Service("s", "exec sleep 1000", resources=SMALL, restart=ALWAYS))
            before = await framework.wait_running("s")
            await cluster.kill_leader()
            await cluster.wait_for_agents(1)
            framework.add(Task("t", "true", resources=SMALL))
            await framework.result("t")
            assert await framework.wait_running("s") == before
            assert running_at(cluster) == [before[0].task_id]


@pytest.mark.asyncio
async def test_mistakes_are_told_to_who_makes_them() -> None:
    framework = Framework("wrong", "127.0.0.1:1")
    with pytest.raises(NotLeading):
        framework.explain("x")
    with pytest.raises(NotLeading):
        await framework.scale("x", 1)
    with pytest.raises(ValueError, match="one place"):
        Framework("wrong", "127.0.0.1:1", zk="zk://a:1/b", file="c")
    async with (
        Cluster(agents=0, master_flags=FAST_MASTER) as cluster,
        asyncio.timeout(WAIT_S),
        Framework("wrong", cluster.url) as framework,
    ):
        for call in (framework.restart("x"), framework.stop("x"), framework.scale("x", 2)):
            with pytest.raises(UnknownName, match="nothing is declared as x"):
                await call
        framework.add(Service("s", "true", resources=SMALL))
        with pytest.raises(DeclarationError, match="count is -1"):
            await framework.scale("s", -1)
        with pytest.raises(DeclarationError, match="has no result"):
            await framework.result("s")


@pytest.mark.asyncio
async def test_refused_framework_fails_for_all_who_wait() -> None:
    flags = FAST_MASTER | {
        "authenticate_http_frameworks": "true",
        "http_framework_authenticators": "basic",
        "credentials": '{"credentials": []}',
    }
    async with Cluster(agents=0, master_flags=flags) as cluster, asyncio.timeout(WAIT_S):
        framework = Framework("nobody", cluster.url)
        framework.add(Task("t", "true", resources=SMALL))
        running = asyncio.ensure_future(framework.run())
        with pytest.raises(MesozoicError, match="401"):
            await framework.result("t")
        with pytest.raises(MesozoicError, match="401"):
            await running
