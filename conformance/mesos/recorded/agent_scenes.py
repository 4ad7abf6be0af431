"""Sections recorded on one cluster of one agent: executors, the agent's API, task groups, failover.

The recording's executor of the first two is played by ``programs/custom_executor.py``; command
tasks and task groups run under our own executors, the recording's ran under stand-ins with
Apache's texts.
"""

from __future__ import annotations

import base64
import json
from typing import Final

from conformance.mesos.recorded import comparing
from conformance.mesos.recorded.players import Framework, info_of
from conformance.mesos.recorded.recordings import cases_of
from conformance.mesos.recorded.stage import Json, Stage

_REFUSED: Final = cases_of("""
    executor-get executor-bad-type executor-unknown-framework executor-unknown-executor
    executor-missing-ids executor-no-subscribe executor-update-without-status
    executor-update-no-uuid executor-update-wrong-source executor-update-staging
    executor-heartbeat executor-bad-accept
""")
_AGENT: Final = cases_of("""
    get_health get_health-protobuf get_version get_version-protobuf
    get_logging_level get_logging_level-protobuf get_state get_state-protobuf
    get_containers get_containers-protobuf get_frameworks get_frameworks-protobuf
    get_executors get_executors-protobuf get_operations get_operations-protobuf
    get_tasks get_tasks-protobuf get_agent get_agent-protobuf
    get_resource_providers get_resource_providers-protobuf get_metrics list_files-root
    get-state get-state-summary get-flags get-version get-health get-containers
    get-monitor_statistics get-metrics_snapshot get-files_debug get-api_v1_executor
    get-system_stats.json get-redirect files-browse-sandbox files-read-sandbox
    files-read-sandbox-size files-read-sandbox-eof files-download-sandbox list_files-sandbox
    read_file-sandbox files-browse-virtual
""")
_SANDBOX: Final = cases_of("""
    01-subscribed 02-launch 03-launch 04-acknowledged 05-acknowledged 06-acknowledged 07-message
    08-kill 09-acknowledged 10-shutdown
""")


async def executors(executor: Stage, agent: Stage) -> None:
    """The sections ``executor`` and ``agent``, where nothing is offered but at REVIVE."""
    async with await Framework.subscribe(executor, info_of("custom")) as framework:
        await framework.replay("launch-custom")
        await framework.expect(*(f"launch-custom-event{number}-update" for number in (1, 2, 3)))
        await framework.replay("message")
        await framework.expect("message-event1-message")
        await executor.replay(*_REFUSED)
        await agent.replay(*_AGENT)
        # Its recorded answer is the one to get-state, byte for byte.
        await agent.replay_like("get-slave1_state", "get-state")
        await _compare_flags(agent)
        await framework.replay("kill")
        await framework.expect("kill-event1-update")
        await framework.replay("shutdown")
        await framework.expect("shutdown-event1-failure")
        _compare_sandbox(executor)
        await _end_executors(executor, framework)


async def _compare_flags(stage: Stage) -> None:
    # What was answered to GET_FLAGS is not kept beside what was answered to /flags: it says the
    # same, as an object and as a list of names and values (which the comparer takes for equal).
    flags = comparing.parse(stage.section.answer("get-flags").body)
    recorded = comparing.Members([("get_flags", flags), ("type", "GET_FLAGS")])
    for form in ("", "-protobuf"):
        case = f"get_flags{form}"
        answer = await stage.ask(case)
        head = stage.section.answer(f"get_health{form}")
        stage.outcome.add(case, stage.comparer.heads(head, answer))
        ours = comparing.sorted_members(stage.read(case, answer))
        stage.outcome.add(case, stage.comparer.values(recorded, ours))


def _compare_sandbox(stage: Stage) -> None:
    # What the executor was sent, as it kept it.
    (events,) = stage.cluster.directory.glob("agent*/slaves/*/frameworks/*/executors/ex1/runs/*-*")
    for name in _SANDBOX:
        theirs = comparing.parse(stage.section.kept(f"sandbox-events/{name}.json"))
        mine = comparing.parse((events / "events" / f"{name}.json").read_bytes())
        found = stage.comparer.values(
            comparing.sorted_members(theirs), comparing.sorted_members(mine)
        )
        stage.outcome.add(f"sandbox-events/{name}", found)


def _recorded_task(stage: Stage) -> Json:
    launch = stage.body_of("launch-custom")["accept"]["operations"][0]["launch"]
    task: Json = json.loads(stage.names.to_ours(json.dumps(launch["task_infos"][0])))
    return task


def _task(stage: Stage, name: str, offer: Json, executor: Json, data: bytes) -> Json:
    return {
        "name": name,
        "task_id": {"value": name},
        "agent_id": offer["agent_id"],
        "resources": _recorded_task(stage)["resources"],
        "executor": executor,
        "data": base64.b64encode(data).decode(),
    }


async def _launch(framework: Framework, offer: Json, tasks: list[Json]) -> None:
    launch = {"type": "LAUNCH", "launch": {"task_infos": tasks}}
    accept = {"offer_ids": [offer["id"]], "operations": [launch]}
    await framework.call({"type": "ACCEPT", "accept": {**accept, "filters": {"refuse_seconds": 0}}})


async def _end_executors(stage: Stage, framework: Framework) -> None:
    recorded = _recorded_task(stage)["executor"]
    offer = await _all_in_one(stage, framework)
    executor = {**recorded, "executor_id": {"value": "ex2"}}
    tasks = [_task(stage, name, offer, executor, b"exit") for name in ("c3", "c4")]
    await _launch(framework, offer, tasks)
    await framework.expect("executor-exits-event1-update", "executor-exits-event2-update")
    await framework.expect_in_any_order(
        "executor-exits-event3-failure",
        "executor-exits-more-event1-update",
        "executor-exits-more-event2-update",
    )
    offer = await _all_in_one(stage, framework)
    failing = {"shell": True, "value": "exit 3"}
    executor = {**recorded, "executor_id": {"value": "ex3"}, "command": failing}
    await _launch(framework, offer, [_task(stage, "c5", offer, executor, b"run")])
    await framework.expect("executor-never-registers-event1-failure")
    offer = await _all_in_one(stage, framework)
    await _launch(framework, offer, [_task(stage, "c6", offer, recorded, b"run")])
    await framework.skip_to("UPDATE", "c6", "TASK_RUNNING")
    await framework.revive(1)
    await framework.replay("executor-differs")
    await framework.expect("executor-differs-event1-update")


async def _all_in_one(stage: Stage, framework: Framework) -> Json:
    await stage.wait_until_idle()
    await framework.renew_offers()
    return await framework.take_offer()


_GROUP_EVENTS: Final = cases_of("""
    launch-group-0-event1-update launch-group-0-event2-update launch-group-0-event3-update
    launch-group-0-event4-update launch-group-0-event5-update launch-group-0-event6-update
    launch-group-0-event7-update launch-group-0-event8-failure
""")


async def groups(stage: Stage) -> None:
    """The section ``task-group``, where nothing is offered but at REVIVE."""
    async with await Framework.subscribe(stage, info_of("custom")) as framework:
        await framework.replay("launch-group")
        # The rest is one offer, and what the group gives back another.
        await framework.revive(1)
        await framework.expect_in_any_order(*_GROUP_EVENTS[:4])
        await framework.expect(*_GROUP_EVENTS[4:])
        await stage.replay_until("containers-nested")
        await _have_all(stage, framework, 2)
        await framework.replay("launch-group-invalid")
        await framework.expect(*(f"launch-group-invalid-event{n}-update" for n in (1, 2)))
        await _have_all(stage, framework, 1)
        await framework.replay("launch-group-ok")
        await framework.expect(*(f"launch-group-ok-event{n}-update" for n in (1, 2, 3)))
        await _have_all(stage, framework, 1)
        await framework.replay("launch-group-empty")
        await framework.expect("launch-group-empty-event1-failure")
        await _have_all(stage, framework, 1)
        await framework.replay("launch-group-custom")
        await framework.expect_in_any_order(
            "launch-group-custom-event1-failure", "launch-group-custom-event2-update"
        )


async def _have_all(stage: Stage, framework: Framework, offers: int) -> None:
    await stage.wait_until_idle()
    await framework.revive(offers)
