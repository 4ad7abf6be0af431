"""Agents that operators drain, deactivate, reactivate and mark gone."""

from __future__ import annotations

import pytest

from mesos_compat.master import draining
from mesos_compat.master.state import Agent
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2
from tests.mesos_compat.master.operated import FORBIDDEN, OK, World, acls, subscription
from tests.mesos_compat.master.validation import recorded

Call = master_pb2.Call
Capability = mesos_pb2.AgentInfo.Capability

DRAINING = mesos_pb2.DRAINING
DRAINED = mesos_pb2.DRAINED


def drain(agent_id: str, *, seconds: int | None = None, mark_gone: bool = False) -> Call:
    call = Call(type=Call.DRAIN_AGENT)
    call.drain_agent.agent_id.value = agent_id
    if seconds is not None:
        call.drain_agent.max_grace_period.seconds = seconds
    if mark_gone:
        call.drain_agent.mark_gone = True
    return call


def deactivate(agent_id: str) -> Call:
    call = Call(type=Call.DEACTIVATE_AGENT)
    call.deactivate_agent.agent_id.value = agent_id
    return call


def reactivate(agent_id: str) -> Call:
    call = Call(type=Call.REACTIVATE_AGENT)
    call.reactivate_agent.agent_id.value = agent_id
    return call


def mark_gone(agent_id: str) -> Call:
    call = Call(type=Call.MARK_AGENT_GONE)
    call.mark_agent_gone.agent_id.value = agent_id
    return call


def drain_state(agent: Agent) -> mesos_pb2.DrainState | None:
    return agent.drain_info.state if agent.drain_info is not None else None


def stored(world: World, agent_id: str) -> link_pb2.Registry.Agent:
    return world.core.registrar.tables.agents[agent_id]


# Draining.


def test_a_drained_agent_loses_its_offers_and_is_told_to_end_what_runs_there() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.advance(10_000)
    world.forget()
    assert world.operate(drain(agent.agent_id, seconds=30)) == OK
    assert world.heard(framework) == ["RESCIND"]
    (event,) = world.told_agents()
    assert event.type == link_pb2.Event.DRAIN
    assert event.drain.config.max_grace_period.nanoseconds == 30 * 1_000_000_000
    assert drain_state(agent) == DRAINING
    assert agent.drain_start_ns == world.now.wall_ns
    assert agent.is_deactivated
    assert stored(world, agent.agent_id).drain_info == agent.drain_info
    assert stored(world, agent.agent_id).deactivated
    world.advance(10_000)
    assert world.heard(framework) == ["RESCIND"]


def test_an_agent_is_drained_when_the_end_of_its_last_task_is_acknowledged() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    key = world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.operate(drain(agent.agent_id))
    assert drain_state(agent) == DRAINING
    world.update(agent, key, mesos_pb2.TASK_KILLED)
    assert drain_state(agent) == DRAINED
    assert stored(world, agent.agent_id).drain_info.state == DRAINED
    assert agent.agent_id in world.state.agents


def test_an_agent_with_an_operation_under_way_is_not_drained_until_it_is_over() -> None:
    world = World()
    agent = world.agent()
    call = recorded.request("operator", "reserve_resources", Call)
    call.reserve_resources.agent_id.value = agent.agent_id
    world.operate(call)
    world.operate(drain(agent.agent_id))
    assert drain_state(agent) == DRAINING
    world.carry_out(agent)
    assert drain_state(agent) == DRAINED


def test_an_agent_on_which_nothing_runs_is_drained_at_once() -> None:
    world = World()
    agent = world.agent()
    assert world.operate(drain(agent.agent_id)) == OK
    assert drain_state(agent) == DRAINED
    assert world.ordered() == ["REGISTERED", "DRAIN"]


def test_a_drained_agent_is_gone_if_that_was_wanted() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    key = world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.operate(drain(agent.agent_id, mark_gone=True))
    assert agent.agent_id in world.state.agents
    world.forget()
    world.update(agent, key, mesos_pb2.TASK_GONE_BY_OPERATOR)
    assert list(world.state.gone_agents) == [agent.agent_id]
    assert list(world.core.registrar.tables.gone) == [agent.agent_id]
    assert world.state.agents == {}
    assert world.ordered() == ["ACKNOWLEDGE", "SHUTDOWN"]
    assert world.heard(framework) == ["UPDATE", "FAILURE"]


def test_draining_counts_only_when_it_is_stored() -> None:
    world = World()
    agent = world.agent()
    world.forget()
    route = world.submit(drain(agent.agent_id))
    assert (world.answers(route), drain_state(agent), world.ordered()) == ([], None, [])
    world.store()
    assert (world.answers(route), world.ordered()) == ([OK], ["DRAIN"])


@pytest.mark.parametrize("is_gone", [False, True])
def test_an_agent_becomes_drained_once_however_long_that_takes_to_store(*, is_gone: bool) -> None:
    world = World()
    agent = world.agent()
    world.submit(drain(agent.agent_id, mark_gone=is_gone))
    world.store_once()
    assert drain_state(agent) == DRAINING
    world.advance(1)
    assert not world.is_storing
    assert (drain_state(agent) == DRAINED, bool(world.state.gone_agents)) == (not is_gone, is_gone)


def test_draining_again_is_anew() -> None:
    world = World()
    agent = world.agent()
    world.operate(drain(agent.agent_id))
    world.forget()
    assert world.operate(drain(agent.agent_id, seconds=5)) == OK
    assert world.ordered() == ["DRAIN"]
    assert agent.drain_info is not None
    assert agent.drain_info.config.max_grace_period.nanoseconds == 5 * 1_000_000_000
    assert drain_state(agent) == stored(world, agent.agent_id).drain_info.state == DRAINED


def test_an_agent_to_be_drained_and_marked_gone_while_it_becomes_drained_is_gone() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    key = world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.operate(drain(agent.agent_id))
    world.submit(drain(agent.agent_id, mark_gone=True))
    # Its last task ends before the registry has the second call.
    world.update(agent, key, mesos_pb2.TASK_KILLED)
    assert list(world.state.gone_agents) == [agent.agent_id]


def test_an_agent_that_is_marked_gone_while_it_becomes_drained_is_gone_once() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    key = world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.operate(drain(agent.agent_id))
    drained_anew = world.submit(drain(agent.agent_id, mark_gone=True))
    gone = world.submit(mark_gone(agent.agent_id))
    world.update(agent, key, mesos_pb2.TASK_KILLED)
    assert world.answers(drained_anew) == world.answers(gone) == [OK]
    assert list(world.state.gone_agents) == [agent.agent_id]


def test_an_agent_that_disconnects_while_draining_is_told_again_when_it_is_back() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.operate(drain(agent.agent_id))
    world.lose(agent)
    world.forget()
    agent = world.come_back(agent.agent_id, agent)
    assert "DRAIN" in world.ordered()
    assert not agent.is_active


def test_an_unreachable_agent_is_drained_when_it_is_back() -> None:
    world = World()
    agent = world.agent()
    world.lose_for_good(agent)
    assert world.operate(drain(agent.agent_id)) == OK
    unreachable = world.state.unreachable_agents[agent.agent_id]
    assert unreachable.drain_info is not None
    assert unreachable.is_deactivated
    assert world.core.registrar.tables.unreachable[agent.agent_id].deactivated
    world.forget()
    back = world.come_back(agent.agent_id, agent)
    assert "DRAIN" in world.ordered()
    assert drain_state(back) == stored(world, agent.agent_id).drain_info.state == DRAINED
    assert not back.is_active


def test_an_agent_that_is_given_up_does_not_become_drained_by_that() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.operate(drain(agent.agent_id, mark_gone=True))
    world.lose_for_good(agent)
    assert not agent.tasks
    assert world.state.gone_agents == {}
    unreachable = world.state.unreachable_agents[agent.agent_id]
    assert unreachable.drain_info is not None
    assert unreachable.drain_info.state == DRAINING


def test_a_grace_period_beyond_what_a_duration_can_be_is_as_long_as_possible() -> None:
    config = draining.drain_config(drain("A", seconds=1 << 60).drain_agent)
    assert config.max_grace_period.nanoseconds == (1 << 63) - 1
    config = draining.drain_config(drain("A", seconds=-(1 << 60)).drain_agent)
    assert config.max_grace_period.nanoseconds == -(1 << 63) + 1


def test_a_negative_grace_period_is_no_mistake() -> None:
    world = World()
    assert world.operate(drain(world.agent().agent_id, seconds=-1)) == OK


def test_an_agent_of_a_scheduled_machine_is_not_drained() -> None:
    world = World()
    agent = world.agent()
    world.operate(recorded.request("maintenance", "update_maintenance_schedule", Call))
    assert world.operate(drain(agent.agent_id)) == (
        400,
        f"Agent {agent.agent_id} is part of a maintenance schedule under Machine agent0"
        " (127.0.0.1)",
    )


def test_an_agent_that_knows_nothing_of_draining_is_not_drained() -> None:
    world = World()
    agent = world.agent(capabilities=[Capability.MULTI_ROLE])
    assert world.operate(drain(agent.agent_id)) == (
        400,
        f"Agent {agent.agent_id} is not capable of draining",
    )


def test_an_agent_that_is_being_marked_gone_is_not_drained() -> None:
    world = World()
    agent = world.agent()
    world.submit(mark_gone(agent.agent_id))
    route = world.submit(drain(agent.agent_id))
    assert world.answers(route) == [(409, "Agent is currently being marked gone")]


def test_an_agent_that_goes_before_its_draining_is_stored_is_forgotten() -> None:
    world = World()
    agent = world.agent()
    world.unregister(agent)
    assert world.operate(drain(agent.agent_id)) == OK
    assert world.state.agents == {}
    assert world.core.registrar.tables.agents == {}


def fail_over(world: World) -> World:
    """Another master leads, with what the one before has stored."""
    return World(registry=world.registry, master_id="N")


def test_another_master_goes_on_to_drain_an_agent_that_comes_back() -> None:
    before = World()
    agent, framework = before.agent(), before.framework("r")
    before.launch(framework, agent, "t", "cpus:1;mem:32")
    before.operate(drain(agent.agent_id, seconds=7))
    world = fail_over(before)
    back = world.come_back(agent.agent_id, agent)
    world.agent("another")
    drained = [event.drain for event in world.told_agents() if event.type == link_pb2.Event.DRAIN]
    assert [one.config.max_grace_period.nanoseconds for one in drained] == [7_000_000_000]
    assert not back.is_active
    assert drain_state(back) == stored(world, agent.agent_id).drain_info.state == DRAINED


def test_another_master_marks_gone_what_was_to_be_gone_when_it_is_drained() -> None:
    before = World()
    agent, framework = before.agent(), before.framework("r")
    before.launch(framework, agent, "t", "cpus:1;mem:32")
    before.operate(drain(agent.agent_id, mark_gone=True))
    world = fail_over(before)
    assert list(world.state.recovered_agents) == [agent.agent_id]
    assert world.operate(drain(agent.agent_id, mark_gone=True)) == OK
    call = subscription(agent.info.hostname, agent.total, agent.capabilities)
    call.agent.id.value = agent.agent_id
    world.subscribe(call)
    another = world.agent("another")
    assert list(world.state.gone_agents) == [agent.agent_id]
    assert list(world.state.agents) == [another.agent_id]


def test_an_agent_that_is_not_back_yet_can_be_deactivated_and_reactivated() -> None:
    before = World()
    agent = before.agent()
    world = fail_over(before)
    assert world.operate(deactivate(agent.agent_id)) == OK
    assert world.state.recovered_agents[agent.agent_id].is_deactivated
    assert world.operate(reactivate(agent.agent_id)) == OK
    assert world.come_back(agent.agent_id, agent).is_active


# Deactivation.


def test_a_deactivated_agent_is_offered_no_more_and_its_tasks_go_on() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.advance(10_000)
    world.forget()
    assert world.operate(deactivate(agent.agent_id)) == OK
    world.advance(10_000)
    assert world.heard(framework) == ["RESCIND"]
    assert world.told_agents() == []
    assert list(agent.tasks) == [framework.framework_id]
    assert stored(world, agent.agent_id).deactivated
    assert world.operate(deactivate(agent.agent_id)) == OK


def test_questions_about_a_deactivated_agent_are_taken_back() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.operate(recorded.request("maintenance", "update_maintenance_schedule", Call))
    assert len(framework.inverse_offers) == 1
    world.forget()
    assert world.operate(deactivate(agent.agent_id)) == OK
    assert world.heard(framework) == ["RESCIND_INVERSE_OFFER"]
    assert framework.inverse_offers == {}


def test_a_reactivated_agent_is_offered_again() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.operate(deactivate(agent.agent_id))
    world.forget()
    assert world.operate(reactivate(agent.agent_id)) == OK
    assert world.heard(framework) == ["OFFERS"]
    assert not stored(world, agent.agent_id).deactivated


def test_a_drained_agent_that_is_reactivated_has_nothing_of_its_draining() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.operate(drain(agent.agent_id))
    world.forget()
    assert world.operate(reactivate(agent.agent_id)) == OK
    assert (agent.drain_info, agent.drain_start_ns, agent.is_active) == (None, 0, True)
    assert not stored(world, agent.agent_id).HasField("drain_info")
    assert world.heard(framework) == ["OFFERS"]


def test_an_agent_that_is_draining_is_not_reactivated() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.operate(drain(agent.agent_id))
    assert world.operate(reactivate(agent.agent_id)) == (
        400,
        "Agent is still in the DRAINING state",
    )


def test_a_deactivated_agent_stays_so_when_it_comes_back() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.operate(deactivate(agent.agent_id))
    world.lose(agent)
    agent = world.come_back(agent.agent_id, agent)
    assert agent.is_deactivated
    assert framework.offers == {}
    world.lose_for_good(agent)
    agent = world.come_back(agent.agent_id, agent)
    assert agent.is_deactivated
    assert framework.offers == {}


def test_an_unreachable_agent_that_is_reactivated_is_offered_when_it_is_back() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.operate(deactivate(agent.agent_id))
    world.lose_for_good(agent)
    assert world.operate(reactivate(agent.agent_id)) == OK
    agent = world.come_back(agent.agent_id, agent)
    assert len(framework.offers) == 1


def test_a_disconnected_agent_that_is_reactivated_is_offered_when_it_is_back() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.operate(deactivate(agent.agent_id))
    world.lose(agent)
    assert world.operate(reactivate(agent.agent_id)) == OK
    assert framework.offers == {}
    world.come_back(agent.agent_id, agent)
    world.advance(1)
    assert len(framework.offers) == 1


def test_who_reactivates_an_agent_that_goes_meanwhile_is_told_so() -> None:
    world = World()
    agent = world.agent()
    world.operate(deactivate(agent.agent_id))
    world.unregister(agent)
    assert world.operate(reactivate(agent.agent_id)) == (
        409,
        "Agent removed while processing the call",
    )


# Gone.


def test_an_agent_that_is_marked_gone_is_told_and_removed_and_may_not_come_back() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.advance(10_000)
    world.forget()
    assert world.operate(mark_gone(agent.agent_id)) == OK
    assert world.heard(framework) == ["UPDATE", "RESCIND", "FAILURE"]
    status = world.told(framework)[0].update.status
    assert (status.state, status.message, status.reason) == (
        mesos_pb2.TASK_GONE_BY_OPERATOR,
        "Agent has been marked gone",
        mesos_pb2.TaskStatus.REASON_AGENT_REMOVED_BY_OPERATOR,
    )
    assert world.ordered() == ["SHUTDOWN"]
    time_ns = world.now.wall_ns
    world.advance(1_000)
    assert world.operate(mark_gone(agent.agent_id)) == OK
    assert world.state.gone_agents == {agent.agent_id: time_ns}
    call = link_pb2.Call.Subscribe(version="1.11.0", resources=Resources.parse("cpus:1"))
    call.agent.CopyFrom(agent.info)
    call.address.CopyFrom(agent.address)
    world.subscribe(call)
    assert world.ordered() == ["SHUTDOWN", "SHUTDOWN"]
    assert world.state.agents == {}


def test_an_unreachable_agent_can_be_marked_gone() -> None:
    world = World()
    agent = world.agent()
    world.lose_for_good(agent)
    assert world.operate(mark_gone(agent.agent_id)) == OK
    assert list(world.state.gone_agents) == [agent.agent_id]
    assert world.state.unreachable_agents == {}


@pytest.mark.parametrize(
    ("transition", "text"),
    [
        ("marking_gone", "already being transitioned to gone"),
        ("removing", "being transitioned to removed"),
        ("marking_unreachable", "being transitioned to unreachable"),
    ],
)
def test_an_agent_that_is_changing_is_not_marked_gone_now(transition: str, text: str) -> None:
    world = World()
    agent = world.agent()
    getattr(world.state, transition)[agent.agent_id] = None
    route = world.submit(mark_gone(agent.agent_id))
    assert world.answers(route) == [(503, f"Agent '{agent.agent_id}' is {text}")]


# Who may.


@pytest.mark.parametrize(
    "case",
    [
        "drain_agent-unknown",
        "deactivate_agent-unknown",
        "mark_agent_gone-unknown",
        "reactivate_agent-not-deactivated",
    ],
)
def test_recorded_requests_about_agents_that_are_not_there_are_refused(case: str) -> None:
    world = World()
    agent = world.agent()
    call = recorded.request("operator", case, Call)
    if case.startswith("reactivate"):
        call.reactivate_agent.agent_id.value = agent.agent_id
    assert world.operate(call) == recorded.answer("operator", case)


@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("drain_agents", drain("M-S0")),
        ("mark_agents_gone", drain("M-S0", mark_gone=True)),
        ("deactivate_agents", deactivate("M-S0")),
        ("mark_agents_gone", mark_gone("M-S0")),
    ],
)
def test_changing_agents_needs_a_permission(action: str, call: Call) -> None:
    world = World(acls=acls(action, "agents"))
    world.agent()
    assert world.operate(call, "guest") == FORBIDDEN
    assert not world.is_storing
    assert world.operate(call, "ops") == OK


def test_reactivating_needs_a_permission() -> None:
    world = World(acls=acls("reactivate_agents", "agents"))
    agent = world.agent()
    world.operate(deactivate(agent.agent_id))
    assert world.operate(reactivate(agent.agent_id), "guest") == FORBIDDEN
    assert world.operate(reactivate(agent.agent_id), "ops") == OK


def test_draining_alone_needs_no_permission_to_mark_gone() -> None:
    world = World(acls=acls("mark_agents_gone", "agents"))
    assert world.operate(drain(world.agent().agent_id), "guest") == OK
