"""Sections recorded on one cluster of two agents: the operator API, its events, the endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from conformance.mesos.recorded.listeners import Listener
from conformance.mesos.recorded.players import Framework
from conformance.mesos.recorded.recordings import cases_of
from conformance.mesos.recorded.stage import Json, Stage
from mesos_compat.wire.v1 import master_pb2

_GETS: Final = cases_of("""
    get_health get_flags get_version get_metrics get_logging_level get_state get_agents
    get_frameworks get_executors get_operations get_tasks get_roles get_weights get_master
    get_maintenance_status get_maintenance_schedule get_quota
""")
_OPERATOR: Final = cases_of("""
    get_metrics-timeout set_logging_level list_files-root list_files-log list_files-none
    read_file-none get-accept-protobuf get no-content-type bad-content-type bad-accept no-accept
    accept-star malformed-json unknown-type no-type type-unknown subscribe-bad-accept
    missing-sub-message missing-required update_weights get_weights-after update_weights-zero
    update_weights-negative update_weights-bad-role update_weights-empty weights-get weights-put
    weights-put-bad weights-post update_quota get_quota-after quota-get get_roles-after-quota
    roles-after-quota update_quota-overcommit update_quota-overcommit-force update_quota-reset-q2
    update_quota-guarantee-over-limit update_quota-star update_quota-bad-role
    update_quota-negative update_quota-limit-below-consumption set_quota set_quota-again
    quota-post quota-post-bad quota-post-ranges quota-get-after quota-delete quota-delete-again
    remove_quota update_quota-reset get_quota-reset reserve_resources create_volumes grow_volume
    get_agents-with-volume shrink_volume destroy_volumes unreserve_resources
    reserve_resources-unknown-agent reserve_resources-too-big teardown-unknown
    mark_agent_gone-unknown drain_agent-unknown deactivate_agent-unknown
    reactivate_agent-not-deactivated
""")
_ENDPOINTS: Final = cases_of("""
    get-state get-state-summary get-slaves get-frameworks get-tasks get-roles get-quota
    get-weights get-flags get-version get-health get-redirect get-metrics_snapshot
    get-maintenance_status get-maintenance_schedule get-machine_down get-teardown
    get-files_browse get-files_debug get-system_stats.json get-logging_toggle get-help
    get-help_master get-help_master_api_v1_scheduler get-__processes__
    get-profiler_start get-master_state get-master_state.json get-state.json get-stats.json
    get-master_health get-master_slaves get-master_tasks get-master_roles
    get-registrar1_registry get-allocator1 get-slave1_state get-monitor_statistics
    get-master_redirect get-slaves-one get-slaves-none get-frameworks-one get-tasks-limit
    get-tasks-one get-state-jsonp get-metrics-timeout get-metrics-bad-timeout head-state
    post-state delete-state get-state-gzip get-state-big-gzip files-browse files-browse-nopath
    files-read-nopath files-read-missing files-download-missing logging-toggle
    logging-toggle-get teardown-no-id teardown-unknown http10
""")


def _task(name: str, offer: Json, role: str, command: str, **more: Any) -> Json:
    resources = more.pop("resources", {"cpus": 0.1, "mem": 32})
    return {
        "name": name,
        "task_id": {"value": name},
        "agent_id": offer["agent_id"],
        "command": {"value": command},
        "resources": [
            {
                "name": resource,
                "type": "SCALAR",
                "scalar": {"value": value},
                "allocation_info": {"role": role},
            }
            for resource, value in resources.items()
        ],
        **more,
    }


def _tasks(offer: Json, sign: Path) -> list[Json]:
    ports = {
        "name": "ports",
        "type": "RANGES",
        "ranges": {"range": [{"begin": 31000, "end": 31001}]},
        "allocation_info": {"role": "r1"},
    }
    lasting = _task(
        "st1",
        offer,
        "r1",
        "sleep 1000",
        resources={"cpus": 0.5, "mem": 64},
        labels={"labels": [{"key": "tk", "value": "tv"}]},
        discovery={
            "visibility": "CLUSTER",
            "name": "disc",
            "ports": {"ports": [{"number": 31000, "name": "p", "protocol": "tcp"}]},
        },
    )
    lasting["resources"].append(ports)
    return [
        lasting,
        _task("st2", offer, "r1", f"until [ -e {sign} ]; do sleep 0.02; done"),
        _task("st3", offer, "r1", f"until [ -e {sign}3 ]; do sleep 0.02; done; exit 1"),
    ]


_STREAM: Final = "framework-stream-after-http-teardown"
_BEFORE: Final = ("subscribed", "heartbeat", "framework_added", "task_added")
_UPDATES: Final = cases_of("""
    task_starting task_running task_failed task_finished task_killed
""")


async def play(operator: Stage, endpoints: Stage, events: Stage) -> None:
    """The sections ``operator``, ``endpoints`` and ``operator-events``.

    Nothing is offered but when a scene says so: the allocation interval is an hour here, and
    REVIVE allocates at once.
    """
    stream = await events.open("operator-subscribe")
    binary = await events.open("operator-subscribe-protobuf")
    async with (
        Listener(events, stream, kind=master_pb2.Event) as listener,
        Listener(events, binary, kind=master_pb2.Event, is_protobuf=True) as second,
        await Framework.on(endpoints, await endpoints.open(_STREAM)) as framework,
    ):
        await _launch(operator, framework)
        for case in _GETS:
            await operator.replay(case, f"{case}-protobuf")
        for case in _OPERATOR:
            await operator.replay(case)
            if case == "reserve_resources":
                await framework.call({"type": "REVIVE"})
                await _have_first_agent_for(framework, "*")
        for case in _ENDPOINTS:
            if case == "get-logging_toggle":
                # The level that SET_LOGGING_LEVEL has set lasts a second.
                await endpoints.replay_until(case)
            else:
                await endpoints.replay(case)
        await endpoints.replay("teardown")
        await framework.wait(lambda: framework.is_closed)
        framework.compare_stream(_STREAM)
        await endpoints.replay("get-state-after-teardown")
        for one, suffix in ((listener, ""), (second, "-protobuf")):
            await one.expect(*(f"{case}{suffix}" for case in _BEFORE))
            await one.expect_in_any_order(*(f"task_updated-{case}{suffix}" for case in _UPDATES))
            await one.expect(f"framework_removed{suffix}")
            one.compare_kinds(f"operator-subscribe{suffix}")


def _first_agent_s(framework: Framework) -> Json:
    return next(
        offer for offer in framework.offers.values() if offer["agent_id"]["value"].endswith("S0")
    )


async def _have_first_agent_for(framework: Framework, role: str) -> Json:
    """The first agent's offer, once it is a role's: which role gets which is left to chance."""
    while True:
        await framework.wait(lambda: len(framework.offers) == 2)
        offer = _first_agent_s(framework)
        if offer["allocation_info"]["role"] == role:
            return offer
        framework.forget_last("OFFERS")
        await framework.renew_offers(2)


async def _accept(framework: Framework, offer: Json, *tasks: Json) -> None:
    del framework.offers[offer["id"]["value"]]
    launch = {"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}
    accept = {
        "offer_ids": [offer["id"]],
        "operations": [launch],
        "filters": {"refuse_seconds": 0},
    }
    await framework.call({"type": "ACCEPT", "accept": accept})


async def _launch(stage: Stage, framework: Framework) -> None:
    sign = stage.cluster.directory / "st2"
    # They were launched by one call, and began in this order; here each by one of its own.
    for task in _tasks(await _have_first_agent_for(framework, "r1"), sign):
        if task["name"] != "st1":
            await framework.revive(2)
            framework.forget_last("OFFERS")
        await _accept(framework, _first_agent_s(framework), task)
        await framework.skip_to("UPDATE", task["name"], "TASK_RUNNING")
    await framework.revive(2)
    sign.with_name("st23").touch()
    await framework.skip_to("UPDATE", "st3", "TASK_FAILED")
    sign.touch()
    await framework.skip_to("UPDATE", "st2", "TASK_FINISHED")
    await stage.wait_until_idle(but="st1")
    await framework.revive(3)
