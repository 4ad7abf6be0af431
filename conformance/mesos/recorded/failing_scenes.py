"""Sections about what goes away and comes back: frameworks, agents, machines, masters."""

from __future__ import annotations

import asyncio
from typing import Final

from kazoo.client import KazooClient

from conformance.mesos.recorded import comparing, exchange
from conformance.mesos.recorded.listeners import Listener
from conformance.mesos.recorded.players import CAPABILITIES, Framework, info_of, subscription
from conformance.mesos.recorded.recordings import cases_of
from conformance.mesos.recorded.stage import AGENT_PORT, MASTER_PORT, Stage
from mesos_compat.ha.address import ZooKeeperAddress
from mesos_compat.wire.v1 import master_pb2

_OLD_STREAM: Final = "8e08bbf4-b475-48f7-87c6-8694b05ff5ca"


async def _run(framework: Framework, name: str, **more: object) -> None:
    """Launch a lasting command task on the first offer, and wait until it runs."""
    offer = await framework.take_offer()
    resources = [
        {
            "name": resource,
            "type": "SCALAR",
            "scalar": {"value": value},
            "allocation_info": {"role": "*"},
        }
        for resource, value in (("cpus", 0.1), ("mem", 32))
    ]
    task = {
        "name": name,
        "task_id": {"value": name},
        "agent_id": offer["agent_id"],
        "resources": resources,
        "command": {"value": "sleep 1000"},
        **more,
    }
    launch = {"type": "LAUNCH", "launch": {"task_infos": [task]}}
    accept = {"offer_ids": [offer["id"]], "operations": [launch]}
    await framework.call({"type": "ACCEPT", "accept": {**accept, "filters": {"refuse_seconds": 0}}})
    await framework.skip_to("UPDATE", name, "TASK_RUNNING")


async def _reconcile(framework: Framework, name: str) -> None:
    tasks = [{"task_id": {"value": name}}]
    await framework.call({"type": "RECONCILE", "reconcile": {"tasks": tasks}})


async def frameworks(stage: Stage) -> None:
    """The section ``failover``, where nothing is offered but at REVIVE."""
    first = await Framework.on(stage, await stage.open("old-stream"))
    stage.names.bind(_OLD_STREAM, first.stream_id)
    stage.names.bind(stage.body_of("new-stream")["framework_id"]["value"], first.id)
    await _run(first, "f1")
    second = await Framework.on(stage, await stage.open("new-stream"))
    await first.wait(lambda: first.is_closed)
    await first.leave()
    first.compare_stream("old-stream")
    first.rewind()
    await first.expect("old-stream-error")
    await second.expect("new-stream-subscribed")
    await second.revive(1)
    second.compare_stream("new-stream")
    await second.compare_call("old-stream-id-call", {"type": "REVIVE"}, first.stream_id)
    await _reconcile(second, "f1")
    await second.expect("reconcile-after-failover-event1-update")
    await second.leave()
    known = stage.core.state.frameworks
    await stage.cluster.wait_for(lambda: not known[second.id].is_connected)
    await stage.replay("state-disconnected", "call-while-disconnected")
    again = info_of("fo", id={"value": second.id}, failover_timeout=1)
    third = await Framework.subscribe(stage, again)
    await third.expect("resubscribed")
    await third.leave()
    for case in ("resubscribe-changed-user", "resubscribe-changed-checkpoint"):
        await stage.cluster.wait_for(lambda: not known[second.id].is_connected)
        stream = await stage.replay_stream(case)
        if case == "resubscribe-changed-user":
            await stage.replay("state-changed-user")
        await stream.close()
    await stage.cluster.wait_for(lambda: not known)
    stream = await stage.replay_stream("after-failover-timeout")
    stage.compare_last_event("after-failover-timeout-event")
    await stream.close()
    await stage.replay("frameworks-completed")


_CALM: Final = cases_of("""
    schedule-bad-duration schedule-dup schedule-empty-machine schedule-no-machines schedule-bad-ip
    schedule-bad-json machine-down-not-scheduled machine-down-empty machine-up-not-down
""")


async def machines(stage: Stage) -> None:
    """The section ``maintenance``."""
    info = info_of("maint")
    async with await Framework.subscribe(stage, info) as framework:
        await _run(framework, "m1")
        framework.rewind()
        await framework.skip_to("OFFERS")
        await framework.expect("schedule-event0-offers")
        await stage.replay("schedule-post")
        await framework.expect(
            "schedule-event1-rescind",
            "schedule-event2-offers",
            "schedule-event3-inverse_offers",
        )
        await stage.replay("schedule-get", "status-get")
        await framework.replay("accept-inverse-offers")
        await stage.replay("status-after-accept", "get_maintenance_status-after-accept")
        await framework.call({"type": "REVIVE"})
        await framework.replay("decline-inverse-offers")
        await stage.replay("status-after-decline")
        await framework.replay("accept-inverse-unknown")
        await stage.replay("offers-have-unavailability", *_CALM, "machine-down")
        await framework.expect_in_any_order(
            "machine-down-event1-update",
            "machine-down-event2-rescind",
            "machine-down-event3-failure",
        )
        await stage.replay("status-down", "slaves-down", "machine-down-again")
        await stage.replay("schedule-remove-down-machine", "machine-up", "schedule-after-up")
        await stage.replay("update_maintenance_schedule", "get_maintenance_schedule")
        await stage.replay("start_maintenance", "get_maintenance_status", "stop_maintenance")
        await stage.replay("stop_maintenance-again")


async def agents(stage: Stage) -> None:
    """The section ``agent-loss``."""
    stream = await stage.open("operator-events")
    with_partitions = (*CAPABILITIES, "PARTITION_AWARE")
    aware = info_of("loss-pa", capabilities=with_partitions, failover_timeout=60.0)
    async with (
        Listener(stage, stream, kind=master_pb2.Event) as listener,
        await Framework.subscribe(stage, info_of("loss", failover_timeout=60.0)) as plain,
    ):
        await _run(plain, "l1")
        await plain.call({"type": "SUPPRESS"})
        await plain.decline_offers()
        async with await Framework.subscribe(stage, aware) as partitioned:
            await _run(partitioned, "l2")
            await partitioned.wait_for_offers()
            await _lose_agent(stage, plain, partitioned)
        await listener.expect("operator-12-agent_added")
        listener.compare_stream("operator-events")


async def _lose_agent(stage: Stage, plain: Framework, aware: Framework) -> None:
    (agent,) = stage.cluster.agents
    await agent.stop()
    await aware.expect_in_any_order("partition-aware-0-rescind", "partition-aware-1-update")
    await plain.expect("not-partition-aware-0-update", "not-partition-aware-1-failure")
    await stage.cluster.wait_for(lambda: not stage.core.state.agents)
    await stage.replay("slaves-unreachable", "state-unreachable", "get_state-unreachable")
    await stage.replay("get_tasks-unreachable", "tasks-unreachable")
    await _reconcile(aware, "l2")
    await aware.expect(
        "reconcile-unreachable-pa-event1-failure", "reconcile-unreachable-pa-event2-update"
    )
    await _reconcile(plain, "l1")
    await plain.expect("reconcile-unreachable-event1-update")
    agent = await stage.cluster.restart_agent(agent)
    stage.add_port(AGENT_PORT, agent.port)
    await stage.cluster.wait_for_agents(1)
    await stage.replay("slaves-back")


_SECOND_MASTER_PORT: Final = 5060
_FOLLOWING: Final = cases_of("""
    nonleader-subscribe nonleader-get-scheduler nonleader-scheduler-bad-content-type nonleader-api
    nonleader-api-version nonleader-api-health nonleader-api-master nonleader-get-state
    nonleader-get-master_state nonleader-get-master_state-query nonleader-get-state-summary
    nonleader-get-slaves nonleader-get-frameworks nonleader-get-tasks nonleader-get-roles
    nonleader-get-quota nonleader-get-weights nonleader-get-flags nonleader-get-version
    nonleader-get-health nonleader-get-redirect nonleader-get-master_redirect_x
    nonleader-get-metrics_snapshot nonleader-get-maintenance_status nonleader-get-files_browse
    nonleader-teardown
""")


async def _compare_znode(stage: Stage) -> None:
    # What a client finds who looks for the leader.
    address = ZooKeeperAddress.parse(stage.cluster.zk or "")
    client = KazooClient(address.hosts)
    await asyncio.to_thread(client.start)
    try:
        names = await asyncio.to_thread(client.get_children, address.path)
        first = min(name for name in names if name.startswith("json.info_"))
        data, _ = await asyncio.to_thread(client.get, address.child(first))
    finally:
        await asyncio.to_thread(client.stop)
        client.close()
    recorded = comparing.parse(stage.section.kept("znode.data"))
    stage.outcome.add("znode", stage.comparer.values(recorded, comparing.parse(data)))


async def masters(stage: Stage) -> None:
    """The section ``ha``. The registry is in memory, so the new leader knows nobody."""
    cluster = stage.cluster
    first, second = cluster.masters
    if cluster.leader is second:
        first, second = second, first
    stage.add_port(MASTER_PORT, first.port)
    stage.add_port(_SECOND_MASTER_PORT, second.port)
    await _compare_znode(stage)
    await stage.replay(*_FOLLOWING)
    info = info_of("ha", failover_timeout=60.0, checkpoint=True)
    framework = await Framework.subscribe(stage, info)
    await _run(framework, "h1")
    # It comes back late, so that there is a time in which its task is not known.
    (agent,) = cluster.agents
    await agent.stop()
    # The recording's first master was killed, and so was believed in for as long as its session
    # lasted. Ours ends its session.
    probe = subscription(info, {"framework_id": {"value": framework.id}})
    stage.compare("new-leader-probe-1", await exchange.ask(second.port, probe))
    await cluster.kill_leader()
    await framework.leave()
    await cluster.wait_for(lambda: cluster.leader is second)
    stage.compare("new-leader-probe-2", await exchange.ask(second.port, probe))
    again = {**info, "id": {"value": framework.id}}
    async with await Framework.subscribe(stage, again, port=second.port) as framework:
        await framework.expect("subscribed-at-new-leader")
        await _reconcile(framework, "h1")
        await framework.expect("reconcile-at-new-leader-early-event1-update")
        agent = await cluster.restart_agent(agent)
        stage.add_port(AGENT_PORT, agent.port)
        await framework.expect("reconcile-at-new-leader-early-event2-update")
        await framework.wait_for_offers()
        await stage.replay("state-new-leader-early", "state-new-leader")
        await _reconcile(framework, "h1")
        await framework.expect("reconcile-at-new-leader-event1-update")
