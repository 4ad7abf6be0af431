"""Operations on resources: followed up, acknowledged, reconciled."""

from __future__ import annotations

import pytest

from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import Agent, Scheduler
from tests.mesos_compat.master.test_accepting import reserve, settled
from tests.mesos_compat.master.validation import recorded

FINISHED, FAILED = mesos_pb2.OPERATION_FINISHED, mesos_pb2.OPERATION_FAILED
DROPPED = mesos_pb2.OPERATION_DROPPED


def reserving(operation_id: str = "op") -> tuple[Cluster, Agent, Scheduler]:
    """One cpu is being reserved."""
    cluster, agent, scheduler = settled()
    operation = reserve("cpus:1", operation_id=operation_id)
    scheduler.accept(list(scheduler.offers), operation, refuse_seconds=3600)
    return cluster, agent, scheduler


def ask(
    scheduler: Scheduler, *operations: tuple[str, str | None]
) -> list[mesos_pb2.OperationStatus]:
    call = scheduler_pb2.Call(type=scheduler_pb2.Call.RECONCILE_OPERATIONS)
    call.reconcile_operations.SetInParent()
    for operation_id, agent_id in operations:
        wanted = call.reconcile_operations.operations.add()
        wanted.operation_id.value = operation_id
        if agent_id is not None:
            wanted.agent_id.value = agent_id
    scheduler.told()
    assert scheduler.call(call) == (202, "")
    return scheduler.operation_statuses()


def test_an_operation_is_sent_without_its_allocation() -> None:
    _cluster, agent, scheduler = reserving()
    (event,) = agent.told()
    sent = event.apply_operation
    assert sent.framework_id.value == scheduler.framework_id
    assert sent.info.id.value == "op"
    assert sent.resource_version == agent.version
    assert len(sent.uuid.value) == 16
    assert not any(one.HasField("allocation_info") for one in sent.info.reserve.resources)


def test_an_operation_with_an_id_is_followed_up_and_over_when_that_is_acknowledged() -> None:
    cluster, agent, scheduler = reserving()
    agent.carry_out()
    (status,) = scheduler.operation_statuses()
    assert status.state == FINISHED
    assert status.operation_id.value == "op"
    known = cluster.state.agents[agent.agent_id]
    assert len(known.operations) == 1
    agent.told()
    scheduler.acknowledge_operation(status)
    (event,) = agent.told()
    assert event.acknowledge_operation.status_uuid == status.uuid
    assert not known.operations
    assert not cluster.state.frameworks[scheduler.framework_id].operations
    assert cluster.core.metrics.value("operations/finished") == 1
    assert cluster.core.metrics.value("operations/reserve/finished") == 1


def test_an_operation_without_an_id_is_over_when_the_agent_has_done_it() -> None:
    cluster, agent, scheduler = reserving("")
    agent.carry_out()
    assert not scheduler.operation_statuses()
    assert not cluster.state.agents[agent.agent_id].operations


def test_a_status_that_comes_again_is_told_again_and_counted_once() -> None:
    cluster, agent, scheduler = reserving()
    ((uuid, sent),) = agent.operations.items()
    for _ in range(2):
        agent.tell_operation(uuid, sent, FINISHED)
    assert len(scheduler.operation_statuses()) == 2
    assert cluster.core.metrics.value("operations/finished") == 1


def test_acknowledging_for_the_wrong_agent_does_nothing() -> None:
    cluster, agent, scheduler = reserving()
    agent.carry_out()
    (status,) = scheduler.operation_statuses()
    agent.told()
    status.agent_id.value = "other"
    scheduler.acknowledge_operation(status)
    assert not agent.told()
    assert cluster.state.agents[agent.agent_id].operations
    metrics = cluster.core.metrics
    assert metrics.value("invalid_operation_status_update_acknowledgements") == 1


def test_an_agent_that_cannot_do_it_says_what_it_has() -> None:
    cluster, agent, scheduler = reserving()
    # Its own books come first, and a new version of them, then what became of the operation.
    agent.version = b"2" * 16
    agent.update_agent()
    assert not cluster.state.agents[agent.agent_id].total.reserved()
    agent.carry_out(FAILED)
    (status,) = scheduler.operation_statuses()
    assert status.state == FAILED
    scheduler.acknowledge_operation(status)
    cluster.advance(1_000)
    (offer,) = scheduler.offers.values()
    assert not Resources(offer.resources).reserved()


def test_what_an_agent_has_is_no_news_while_it_does_not_know_of_an_operation() -> None:
    cluster, agent, scheduler = reserving()
    agent.update_agent()
    known = cluster.state.agents[agent.agent_id]
    assert known.total.reserved("r")
    agent.carry_out()
    agent.update_agent()
    assert known.total.reserved("r")
    cluster.advance(1_000)
    assert scheduler.offers


def test_operations_of_a_framework_that_has_ended_are_acknowledged_for_it() -> None:
    cluster, agent, scheduler = reserving()
    scheduler.simple(scheduler_pb2.Call.TEARDOWN)
    agent.told()
    agent.carry_out()
    (event,) = agent.told()
    assert event.type == link_pb2.Event.ACKNOWLEDGE_OPERATION
    assert not cluster.state.agents[agent.agent_id].operations


def test_an_operation_that_never_came_is_dropped_and_told() -> None:
    cluster, agent, scheduler = settled()
    cluster.instant = False
    scheduler.accept(list(scheduler.offers), reserve("cpus:1", operation_id="op"))
    # It is under way when the link breaks.
    agent.lose()
    cluster.instant = True
    agent.subscribe()
    known = cluster.state.agents[agent.agent_id]
    assert not known.total.reserved()
    (asked,) = [one for one in agent.told() if one.HasField("reconcile_operations")]
    (uuid,) = asked.reconcile_operations.operation_uuids
    call = link_pb2.Call(type=link_pb2.Call.OPERATION_STATUS)
    call.operation_status.operation_uuid.CopyFrom(uuid)
    call.operation_status.status.state = DROPPED
    scheduler.told()
    agent.say(call)
    # The agent does not know whose it was.
    (status,) = scheduler.operation_statuses()
    assert status.operation_id.value == "op"
    assert status.state == DROPPED
    assert not status.HasField("uuid")
    assert not known.operations


def test_operations_of_an_agent_that_is_lost_are_told() -> None:
    cluster, agent, scheduler = reserving()
    agent.lose()
    cluster.advance(120_000)
    (status,) = scheduler.operation_statuses()
    assert status.state == mesos_pb2.OPERATION_UNREACHABLE
    assert status.operation_id.value == "op"
    assert not status.HasField("uuid")
    assert not cluster.state.frameworks[scheduler.framework_id].operations


# RECONCILE_OPERATIONS.


def test_a_known_operation_is_told_as_it_is_and_need_not_be_acknowledged() -> None:
    _cluster, agent, scheduler = reserving()
    (status,) = ask(scheduler, ("op", agent.agent_id))
    assert status.state == mesos_pb2.OPERATION_PENDING
    agent.carry_out()
    (status,) = ask(scheduler)
    assert status.state == FINISHED
    assert not status.HasField("uuid")
    assert status.agent_id.value == agent.agent_id


def test_an_unknown_operation_is_told_by_what_is_known_of_its_agent() -> None:
    cluster, agent, scheduler = settled()
    expected = recorded.event("operations", "reconcile-operations-unknown-event0")
    (status,) = ask(scheduler, ("nope", agent.agent_id))
    expected.update_operation_status.status.agent_id.value = agent.agent_id
    assert status == expected.update_operation_status.status
    gone, unreachable = Agent(cluster, "agent1"), Agent(cluster, "agent2")
    call = master_pb2.Call(type=master_pb2.Call.MARK_AGENT_GONE)
    call.mark_agent_gone.agent_id.value = gone.agent_id
    assert cluster.operate(call) == (200, "")
    unreachable.lose()
    cluster.advance(120_000)
    told = ask(
        scheduler,
        ("a", unreachable.agent_id),
        ("b", gone.agent_id),
        ("c", "nope"),
        ("d", None),
    )
    assert [(status.state, status.message) for status in told] == [
        (mesos_pb2.OPERATION_UNREACHABLE, "Reconciliation: Agent is unreachable"),
        (mesos_pb2.OPERATION_GONE_BY_OPERATOR, "Reconciliation: Agent marked gone by operator"),
        (mesos_pb2.OPERATION_UNKNOWN, "Reconciliation: Both operation and agent are unknown"),
        (
            mesos_pb2.OPERATION_UNKNOWN,
            "Reconciliation: Operation is unknown and no 'agent_id' was provided",
        ),
    ]
    cluster.fail_over("N")
    scheduler.subscribe()
    (status,) = ask(scheduler, ("op", agent.agent_id))
    assert status.state == mesos_pb2.OPERATION_RECOVERING


@pytest.mark.parametrize("framework_first", [True, False])
def test_a_new_master_learns_of_operations_from_agents(*, framework_first: bool) -> None:
    cluster, agent, scheduler = reserving()
    ((uuid, sent),) = agent.operations.items()
    cluster.fail_over("N")
    call = agent.subscription()
    operation = call.subscribe.operations.add(info=sent.info, uuid=mesos_pb2.UUID(value=uuid))
    operation.framework_id.CopyFrom(sent.framework_id)
    operation.latest_status.state = FINISHED
    operation.latest_status.operation_id.CopyFrom(sent.info.id)
    if framework_first:
        scheduler.subscribe()
        agent.subscribe_with(call)
    else:
        agent.subscribe_with(call)
        scheduler.subscribe()
    scheduler.told()
    agent.tell_operation(uuid, sent, FINISHED)
    (status,) = scheduler.operation_statuses()
    scheduler.acknowledge_operation(status)
    assert not cluster.state.agents[agent.agent_id].operations


def test_an_operation_of_a_framework_that_nobody_knows_is_acknowledged_when_it_was_awaited() -> (
    None
):
    cluster, agent, _scheduler = reserving()
    ((uuid, sent),) = agent.operations.items()
    cluster.fail_over("N")
    agent.subscribe()
    agent.told()
    agent.tell_operation(uuid, sent, FINISHED)
    # The framework may still come back.
    assert not agent.told()
    cluster.advance(10 * 60_000)
    agent.tell_operation(uuid, sent, FINISHED)
    (event,) = agent.told()
    assert event.type == link_pb2.Event.ACKNOWLEDGE_OPERATION
    assert event.acknowledge_operation.operation_uuid.value == uuid
