"""Schedules, inverse offers, and machines that go down and come up."""

from __future__ import annotations

import pytest

from mesos_compat.master.state import Framework
from mesos_compat.master.validation import older_calls
from mesos_compat.master.validation.maintenance import machine_key
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import allocator_pb2, master_pb2, mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.operated import (
    AGENT_CAPABILITIES,
    FORBIDDEN,
    OK,
    World,
    acls,
    subscription,
)
from tests.mesos_compat.master.validation import recorded

Call = master_pb2.Call
Mode = mesos_pb2.MachineInfo.Mode
Status = allocator_pb2.InverseOfferStatus

HOUR_NS = 3600 * 1_000_000_000


def machine(hostname: str) -> mesos_pb2.MachineID:
    return mesos_pb2.MachineID(hostname=hostname, ip="127.0.0.1")


def scheduled(*hostnames: str, start_ns: int = HOUR_NS) -> Call:
    call = Call(type=Call.UPDATE_MAINTENANCE_SCHEDULE)
    call.update_maintenance_schedule.schedule.SetInParent()
    if hostnames:
        window = call.update_maintenance_schedule.schedule.windows.add()
        window.machine_ids.extend(machine(hostname) for hostname in hostnames)
        window.unavailability.start.nanoseconds = start_ns
    return call


def down(*hostnames: str) -> Call:
    call = Call(type=Call.START_MAINTENANCE)
    call.start_maintenance.machines.extend(machine(hostname) for hostname in hostnames)
    return call


def up(*hostnames: str) -> Call:
    call = Call(type=Call.STOP_MAINTENANCE)
    call.stop_maintenance.machines.extend(machine(hostname) for hostname in hostnames)
    return call


def modes(world: World) -> dict[str, str]:
    return {one.info.id.hostname: Mode.Name(one.info.mode) for one in world.state.machines.values()}


def stored_modes(world: World) -> dict[str, str]:
    tables = world.core.registrar.tables
    return {one.id.hostname: Mode.Name(one.mode) for one in tables.machines.values()}


def answer_inverse_offers(
    world: World, framework: Framework, kind: scheduler_pb2.Call.Type
) -> None:
    call = scheduler_pb2.Call(type=kind)
    ids = [mesos_pb2.OfferID(value=offer_id) for offer_id in framework.inverse_offers]
    if kind == scheduler_pb2.Call.ACCEPT_INVERSE_OFFERS:
        call.accept_inverse_offers.inverse_offer_ids.extend(ids)
    else:
        call.decline_inverse_offers.inverse_offer_ids.extend(ids)
    world.call(framework, call)


def test_a_schedule_renews_offers_and_asks_who_uses_the_agent_as_recorded() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.advance(10_000)
    world.forget()
    call = older_calls.update_maintenance_schedule(recorded.body("maintenance", "schedule-post"))
    assert isinstance(call, Call)
    assert world.operate(call) == recorded.answer("maintenance", "schedule-post")
    assert world.heard(framework) == ["RESCIND", "OFFERS", "INVERSE_OFFERS"]
    _rescind, offers, inverse_offers = world.told(framework)
    (offer,) = offers.offers.offers
    (inverse_offer,) = inverse_offers.inverse_offers.inverse_offers
    (window,) = call.update_maintenance_schedule.schedule.windows
    assert offer.unavailability == inverse_offer.unavailability == window.unavailability
    assert inverse_offer.agent_id.value == agent.agent_id
    recorded_one = recorded.event("maintenance", "schedule-event3-inverse_offers")
    (like,) = recorded_one.inverse_offers.inverse_offers
    assert [field.name for field, _value in inverse_offer.ListFields()] == [
        field.name for field, _value in like.ListFields()
    ]


def test_a_schedule_counts_only_when_it_is_stored() -> None:
    world = World()
    world.agent()
    framework = world.framework("r")
    world.forget()
    route = world.submit(scheduled("agent0"))
    assert (world.answers(route), modes(world), world.told(framework)) == ([], {"agent0": "UP"}, [])
    world.store()
    assert world.answers(route) == [OK]
    assert modes(world) == stored_modes(world) == {"agent0": "DRAINING"}
    assert world.state.schedule == world.core.registrar.tables.schedule


def test_machines_without_agents_can_be_scheduled_and_their_agents_know_it_at_once() -> None:
    world = World()
    assert world.operate(scheduled("agent7")) == OK
    framework = world.framework("r")
    agent = world.agent("agent7")
    (offer,) = framework.offers.values()
    assert offer.message.unavailability.start.nanoseconds == HOUR_NS
    assert list(world.state.machines[machine_key(machine("agent7"))].agent_ids) == [agent.agent_id]


def test_agents_on_other_machines_keep_their_offers() -> None:
    world = World()
    world.agent("agent0")
    other = world.agent("agent1")
    framework = world.framework("r")
    kept = [
        offer_id for offer_id, one in framework.offers.items() if one.agent_id != other.agent_id
    ]
    world.operate(scheduled("agent1"))
    assert [offer_id for offer_id in kept if offer_id in framework.offers] == kept
    assert len(kept) == 1


def test_a_machine_taken_out_of_the_schedule_is_up_and_its_offers_say_nothing_of_it() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.operate(scheduled("agent0", "agent9"))
    assert len(framework.inverse_offers) == 1
    world.advance(10_000)
    world.forget()
    assert world.operate(scheduled()) == OK
    assert modes(world) == {"agent0": "UP", "agent9": "UP"}
    assert stored_modes(world) == {}
    assert world.heard(framework) == ["RESCIND", "RESCIND_INVERSE_OFFER", "OFFERS"]
    assert all(not one.message.HasField("unavailability") for one in framework.offers.values())


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (scheduler_pb2.Call.ACCEPT_INVERSE_OFFERS, Status.ACCEPT),
        (scheduler_pb2.Call.DECLINE_INVERSE_OFFERS, Status.DECLINE),
    ],
)
def test_answers_to_inverse_offers_are_kept_until_the_plan_changes(
    kind: scheduler_pb2.Call.Type, answer: allocator_pb2.InverseOfferStatus.Status
) -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    world.operate(scheduled("agent0"))
    answer_inverse_offers(world, framework, kind)
    statuses = world.allocator.inverse_offer_statuses()[agent.agent_id]
    assert statuses[framework.framework_id].status == answer
    world.operate(scheduled("agent0", start_ns=2 * HOUR_NS))
    assert world.allocator.inverse_offer_statuses() == {agent.agent_id: {}}
    (asked,) = framework.inverse_offers.values()
    assert asked.message.unavailability.start.nanoseconds == 2 * HOUR_NS


def test_a_machine_that_goes_down_ends_its_agents_as_recorded() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "m1", "cpus:1;mem:32")
    world.operate(scheduled("agent0"))
    world.advance(10_000)
    answer_inverse_offers(world, framework, scheduler_pb2.Call.ACCEPT_INVERSE_OFFERS)
    agent_id = agent.agent_id
    world.forget()
    call = recorded.request("maintenance", "start_maintenance", Call)
    assert world.operate(call) == recorded.answer("maintenance", "start_maintenance")
    told = world.told(framework)
    assert world.heard(framework) == ["UPDATE", "RESCIND", "FAILURE"]
    like = recorded.event("maintenance", "machine-down-event1-update").update.status
    status = told[0].update.status
    like.agent_id.value, like.timestamp = agent_id, world.now.wall_ns / 1e9
    assert status == like
    (shutdown,) = world.told_agents()
    assert shutdown.type == link_pb2.Event.SHUTDOWN
    assert shutdown.shutdown.message == "Operator initiated 'Machine DOWN'"
    assert modes(world) == stored_modes(world) == {"agent0": "DOWN"}
    assert agent_id not in world.state.agents
    assert agent_id not in world.core.registrar.tables.agents


def test_agents_may_not_register_on_a_machine_that_is_down_until_it_is_up() -> None:
    world = World()
    agent = world.agent()
    world.operate(scheduled("agent0"))
    world.operate(down("agent0"))
    world.forget()
    call = subscription("agent0", Resources.parse("cpus:1"), AGENT_CAPABILITIES)
    world.subscribe(call)
    assert world.ordered() == ["SHUTDOWN"]
    call.agent.id.value = agent.agent_id
    world.subscribe(call)
    assert world.ordered() == ["SHUTDOWN", "SHUTDOWN"]
    assert world.state.agents == {}
    assert world.operate(up("agent0")) == OK
    assert modes(world) == {"agent0": "UP"}
    assert stored_modes(world) == {}
    assert world.agent().agent_id in world.state.agents


def test_a_machine_that_is_up_again_is_out_of_the_schedule_and_others_stay() -> None:
    world = World()
    world.operate(scheduled("agent0", "agent1"))
    world.operate(down("agent0"))
    world.operate(up("agent0"))
    (window,) = world.state.schedule.windows
    assert [one.hostname for one in window.machine_ids] == ["agent1"]
    assert world.state.schedule == world.core.registrar.tables.schedule
    world.operate(down("agent1"))
    world.operate(up("agent1"))
    assert not world.state.schedule.windows


def test_a_machine_that_is_down_stays_down_under_another_schedule() -> None:
    world = World()
    world.operate(scheduled("agent0"))
    world.operate(down("agent0"))
    assert world.operate(scheduled("agent0", "agent1", start_ns=5)) == OK
    assert modes(world) == stored_modes(world) == {"agent0": "DOWN", "agent1": "DRAINING"}


def test_a_machine_goes_down_only_once_when_two_ask_before_it_is_stored() -> None:
    world = World()
    world.agent()
    world.operate(scheduled("agent0"))
    world.forget()
    first, second = world.submit(down("agent0")), world.submit(down("agent0"))
    world.store()
    assert world.answers(first) == world.answers(second) == [OK]
    assert world.ordered() == ["SHUTDOWN"]
    assert modes(world) == {"agent0": "DOWN"}


def test_a_schedule_without_a_machine_that_goes_down_meanwhile_wins() -> None:
    world = World()
    world.agent()
    world.operate(scheduled("agent0"))
    world.submit(scheduled())
    world.submit(down("agent0"))
    world.store()
    assert modes(world) == {"agent0": "UP"}
    assert stored_modes(world) == {}


def test_another_master_knows_the_schedule_and_brings_machines_down_and_up() -> None:
    before = World()
    agent = before.agent()
    before.operate(scheduled("agent0", "agent1"))
    world = World(registry=before.registry, master_id="N")
    assert modes(world) == {"agent0": "DRAINING", "agent1": "DRAINING"}
    world.come_back(agent.agent_id, agent)
    world.forget()
    assert world.operate(down("agent0")) == OK
    assert world.ordered() == ["SHUTDOWN"]
    assert world.state.agents == {}
    world = World(registry=world.registry, master_id="O")
    assert modes(world) == {"agent0": "DOWN", "agent1": "DRAINING"}
    assert world.operate(up("agent0")) == OK
    assert modes(world) == {"agent0": "UP", "agent1": "DRAINING"}
    assert stored_modes(world) == {"agent1": "DRAINING"}


def test_a_machine_without_agents_that_was_brought_up_is_known_to_be_up() -> None:
    world = World()
    world.operate(scheduled("agent0"))
    world.operate(down("agent0"))
    assert world.operate(up("agent0")) == OK
    recorded_answer = recorded.answer("maintenance", "stop_maintenance-again")
    assert world.operate(up("agent0")) == recorded_answer


@pytest.mark.parametrize(
    "case",
    ["machine-down-not-scheduled", "machine-down-empty", "machine-up-not-down"],
)
def test_recorded_requests_about_machines_that_cannot_change_are_refused(case: str) -> None:
    world = World()
    world.operate(scheduled("agent0"))
    read = older_calls.start_maintenance if "down-" in case[:13] else older_calls.stop_maintenance
    call = read(recorded.body("maintenance", case))
    assert isinstance(call, Call)
    assert world.operate(call) == recorded.answer("maintenance", case)


@pytest.mark.parametrize("case", ["machine-down-again", "schedule-remove-down-machine"])
def test_recorded_requests_about_a_machine_that_is_down_are_refused(case: str) -> None:
    world = World()
    world.operate(scheduled("agent0"))
    world.operate(down("agent0"))
    read = (
        older_calls.start_maintenance
        if case == "machine-down-again"
        else older_calls.update_maintenance_schedule
    )
    call = read(recorded.body("maintenance", case))
    assert isinstance(call, Call)
    assert world.operate(call) == recorded.answer("maintenance", case)
    assert modes(world) == {"agent0": "DOWN"}


@pytest.mark.parametrize(
    "case", ["schedule-dup", "schedule-no-machines", "schedule-bad-duration", "schedule-bad-ip"]
)
def test_recorded_schedules_that_make_no_sense_are_refused(case: str) -> None:
    world = World()
    call = older_calls.update_maintenance_schedule(recorded.body("maintenance", case))
    assert isinstance(call, Call)
    assert world.operate(call) == recorded.answer("maintenance", case)
    assert not world.is_storing


@pytest.mark.parametrize(
    ("action", "before", "call"),
    [
        ("update_maintenance_schedules", (), scheduled("agent0")),
        ("start_maintenances", (scheduled("agent0"),), down("agent0")),
        ("stop_maintenances", (scheduled("agent0"), down("agent0")), up("agent0")),
    ],
)
def test_maintenance_needs_a_permission(action: str, before: tuple[Call, ...], call: Call) -> None:
    world = World(acls=acls(action, "machines"))
    for one in before:
        assert world.operate(one) == OK
    assert world.operate(call, "guest") == FORBIDDEN
    assert not world.is_storing
    assert world.operate(call, "ops") == OK


def test_nobody_needs_a_permission_to_plan_nothing() -> None:
    world = World(acls=acls("update_maintenance_schedules", "machines"))
    assert world.operate(scheduled(), "guest") == OK
