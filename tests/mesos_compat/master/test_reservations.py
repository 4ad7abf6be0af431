"""Reservations and volumes that operators make of what is free or offered."""

from __future__ import annotations

import pytest

from mesos_compat.master.state import Agent
from mesos_compat.master.validation import older_calls
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2
from tests.mesos_compat.master.operated import ACCEPTED, FORBIDDEN, World, acls
from tests.mesos_compat.master.validation import recorded

Call = master_pb2.Call
Operation = mesos_pb2.Offer.Operation
Reservation = mesos_pb2.Resource.ReservationInfo

# In the order in which they were recorded.
RECORDED = {
    "reserve_resources": Operation.RESERVE,
    "create_volumes": Operation.CREATE,
    "grow_volume": Operation.GROW_VOLUME,
    "shrink_volume": Operation.SHRINK_VOLUME,
    "destroy_volumes": Operation.DESTROY,
    "unreserve_resources": Operation.UNRESERVE,
}


def recorded_call(case: str, agent: Agent) -> Call:
    """A recorded call, about this agent."""
    call = recorded.request("operator", case, Call)
    for member in RECORDED:
        if call.HasField(member):
            getattr(call, member).agent_id.value = agent.agent_id
    return call


def reserved(text: str, role: str = "r", principal: str | None = None) -> list[mesos_pb2.Resource]:
    messages = list(Resources.parse(text))
    for message in messages:
        message.reservations.add(type=Reservation.DYNAMIC, role=role, principal=principal)
    return messages


def reserve(agent: Agent, text: str, role: str = "r", principal: str | None = None) -> Call:
    call = Call(type=Call.RESERVE_RESOURCES)
    call.reserve_resources.agent_id.value = agent.agent_id
    call.reserve_resources.resources.extend(reserved(text, role, principal))
    return call


def unreserve(agent: Agent, resources: list[mesos_pb2.Resource]) -> Call:
    call = Call(type=Call.UNRESERVE_RESOURCES)
    call.unreserve_resources.agent_id.value = agent.agent_id
    call.unreserve_resources.resources.extend(resources)
    return call


def test_recorded_operations_are_carried_out_and_sent_to_the_agent() -> None:
    world = World()
    agent = world.agent()
    before = agent.total
    for case, kind in RECORDED.items():
        world.forget()
        call = recorded_call(case, agent)
        assert world.operate(call) == recorded.answer("operator", case), case
        (event,) = world.told_agents()
        assert event.type == link_pb2.Event.APPLY_OPERATION
        assert event.apply_operation.info.type == kind
        assert not event.apply_operation.HasField("framework_id")
        world.carry_out(agent)
    assert agent.total == before


def test_what_is_made_is_what_the_agent_has_from_then_on() -> None:
    world = World()
    agent = world.agent()
    world.operate(recorded_call("reserve_resources", agent))
    world.operate(recorded_call("create_volumes", agent))
    shown = str(agent.total)
    assert "disk(reservations: [(DYNAMIC,opr)])[apivol:x]:32" in shown
    assert "disk(reservations: [(DYNAMIC,opr)]):32" in shown
    assert agent.total.amount("disk") == 10_240_000


def test_an_operation_stays_until_the_agent_has_carried_it_out() -> None:
    world = World()
    agent = world.agent()
    world.operate(reserve(agent, "cpus:1"))
    (operation,) = agent.operations.values()
    assert operation.framework_id is None
    assert operation.message.latest_status.state == mesos_pb2.OPERATION_PENDING
    world.forget()
    world.carry_out(agent)
    assert agent.operations == {}
    # Nobody else would acknowledge it.
    assert world.ordered() == ["ACKNOWLEDGE_OPERATION"]


def test_what_is_offered_is_taken_back_and_not_offered_to_the_same_for_some_seconds() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.forget()
    assert world.operate(reserve(agent, "cpus:1", role="other")) == ACCEPTED
    assert world.heard(framework) == ["RESCIND"]
    world.advance(4_000)
    assert world.heard(framework) == ["RESCIND"]
    world.advance(2_000)
    assert world.heard(framework) == ["RESCIND", "OFFERS"]
    (offer,) = framework.offers.values()
    assert offer.resources.amount("cpus") == 3_000


@pytest.mark.parametrize(("wanted", "left"), [("cpus:3", 1), ("cpus:4", 0)])
def test_only_as_many_offers_are_taken_back_as_need_be(wanted: str, left: int) -> None:
    world = World()
    agent = world.agent(resources="cpus:4;mem:4096")
    first = world.framework("r")
    world.framework("r")
    key = world.launch(first, agent, "t", "cpus:1;mem:32")
    world.advance(10_000)
    world.update(agent, key, mesos_pb2.TASK_FINISHED)
    world.advance(10_000)
    assert [one.resources.amount("cpus") for one in agent.offers.values()] == [3_000, 1_000]
    assert world.operate(reserve(agent, wanted)) == ACCEPTED
    assert len(agent.offers) == left


def test_an_offer_with_nothing_of_what_is_needed_is_left() -> None:
    world = World()
    one, other = world.agent("one"), world.agent("other", resources="mem:128")
    framework = world.framework("r")
    world.forget()
    assert world.operate(reserve(other, "cpus:1"))[0] == 409
    assert world.told(framework) == []
    assert world.operate(reserve(one, "cpus:1")) == ACCEPTED
    assert world.heard(framework) == ["RESCIND"]


def test_what_is_used_is_not_reserved() -> None:
    world = World()
    agent, framework = world.agent(resources="cpus:4;mem:128"), world.framework("r")
    world.launch(framework, agent, "t", "cpus:3;mem:32")
    assert world.operate(reserve(agent, "cpus:2")) == (
        409,
        "cpus:1; mem:96 does not contain cpus:2",
    )
    assert world.operate(reserve(agent, "cpus:1")) == ACCEPTED


@pytest.mark.parametrize("case", ["reserve_resources-too-big", "reserve_resources-unknown-agent"])
def test_recorded_reservations_that_cannot_be_are_refused(case: str) -> None:
    world = World()
    agent = world.agent(resources="cpus:4;mem:4096;disk:10240;ports:[31000-32000]")
    call = recorded.request("operator", case, Call)
    if case.endswith("big"):
        call.reserve_resources.agent_id.value = agent.agent_id
    assert world.operate(call) == recorded.answer("operator", case)


def test_a_volume_that_is_not_there_is_not_destroyed() -> None:
    world = World()
    agent = world.agent()
    call = older_calls.destroy_volumes(recorded.body("operations", "http-destroy-volumes-again"))
    assert isinstance(call, Call)
    call.destroy_volumes.agent_id.value = agent.agent_id
    assert world.operate(call) == recorded.answer("operations", "http-destroy-volumes-again")


def test_a_volume_that_a_task_uses_is_not_destroyed() -> None:
    world = World()
    agent = world.agent()
    for case in ("reserve_resources", "create_volumes"):
        world.operate(recorded_call(case, agent))
        world.carry_out(agent)
    framework = world.framework("opr")
    world.launch(framework, agent, "t", agent.total.persistent_volumes())
    assert agent.used[framework.framework_id].persistent_volumes()
    assert world.operate(recorded_call("destroy_volumes", agent)) == (
        400,
        "Invalid DESTROY operation: Persistent volumes in use",
    )


def test_reservations_in_the_older_format_are_understood() -> None:
    world = World()
    agent = world.agent()
    call = Call(type=Call.RESERVE_RESOURCES)
    call.reserve_resources.agent_id.value = agent.agent_id
    (cpus,) = Resources.parse("cpus:1")
    cpus.role = "r"
    cpus.reservation.SetInParent()
    call.reserve_resources.resources.append(cpus)
    world.forget()
    assert world.operate(call) == ACCEPTED
    (event,) = world.told_agents()
    assert list(event.apply_operation.info.reserve.resources) == reserved("cpus:1")
    assert str(agent.total.reserved()) == "cpus(reservations: [(DYNAMIC,r)]):1"


def test_older_calls_do_the_same() -> None:
    world = World()
    agent = world.agent()
    for case, read in (
        ("http-reserve-disk", older_calls.reserve),
        ("http-create-volumes", older_calls.create_volumes),
        ("http-destroy-volumes", older_calls.destroy_volumes),
        ("http-unreserve-disk", older_calls.unreserve),
    ):
        call = read(recorded.body("operations", case))
        assert isinstance(call, Call)
        member = Call.Type.Name(call.type).lower()
        getattr(call, member).agent_id.value = agent.agent_id
        assert world.operate(call) == recorded.answer("operations", case)


def test_a_malformed_resource_is_refused() -> None:
    world = World()
    agent = world.agent()
    call = reserve(agent, "cpus:1")
    call.reserve_resources.resources[0].scalar.value = -1
    assert world.operate(call) == (
        400,
        "Resource 'cpus(reservations: [(DYNAMIC,r)]):-1' is invalid: Invalid scalar resource:"
        " value <= 0",
    )


def test_an_operation_that_makes_no_sense_names_the_agent() -> None:
    world = World()
    agent = world.agent()
    call = Call(type=Call.RESERVE_RESOURCES)
    call.reserve_resources.agent_id.value = agent.agent_id
    call.reserve_resources.resources.extend(Resources.parse("cpus:1"))
    assert world.operate(call) == (
        400,
        f"Invalid RESERVE operation on agent {agent}: Resource cpus:1 is not dynamically reserved",
    )


def test_a_reservation_must_be_its_reservers() -> None:
    world = World()
    agent = world.agent()
    assert world.operate(reserve(agent, "cpus:1", principal="other"), "ops")[0] == 400
    assert world.operate(reserve(agent, "cpus:1", principal="ops"), "ops") == ACCEPTED


def test_a_reservation_can_be_changed_for_another() -> None:
    world = World()
    agent = world.agent()
    world.operate(reserve(agent, "cpus:1", role="before"))
    call = reserve(agent, "cpus:1", role="after")
    call.reserve_resources.source.extend(reserved("cpus:1", "before"))
    assert world.operate(call) == ACCEPTED
    assert list(agent.total.reservations()) == ["after"]


def test_a_reservation_of_more_than_its_source_is_refused() -> None:
    world = World()
    agent = world.agent()
    call = reserve(agent, "cpus:2", role="after")
    call.reserve_resources.source.extend(reserved("cpus:1", "before"))
    status, text = world.operate(call)
    assert status == 400
    assert "identical resource quantities" in text


@pytest.mark.parametrize(
    ("action", "member", "before", "case"),
    [
        ("reserve_resources", "roles", (), "reserve_resources"),
        (
            "unreserve_resources",
            "reserver_principals",
            ("reserve_resources",),
            "unreserve_resources",
        ),
        ("create_volumes", "roles", ("reserve_resources",), "create_volumes"),
        ("resize_volumes", "roles", ("reserve_resources", "create_volumes"), "grow_volume"),
        (
            "destroy_volumes",
            "creator_principals",
            ("reserve_resources", "create_volumes"),
            "destroy_volumes",
        ),
    ],
)
def test_operations_need_a_permission(
    action: str, member: str, before: tuple[str, ...], case: str
) -> None:
    world = World(acls=acls(action, member))
    agent = world.agent()
    for one in before:
        assert world.operate(recorded_call(one, agent)) == ACCEPTED
    total = agent.total
    world.forget()
    assert world.operate(recorded_call(case, agent)) == FORBIDDEN
    assert agent.total == total
    assert world.told_agents() == []


def test_who_has_the_permission_may_operate() -> None:
    world = World(acls=acls("reserve_resources", "roles"))
    agent = world.agent()
    assert world.operate(reserve(agent, "cpus:1", principal="ops"), "ops") == ACCEPTED
    assert world.operate(reserve(agent, "cpus:1", principal="guest"), "guest") == FORBIDDEN


def test_an_agent_that_is_not_connected_says_what_it_has_when_it_is_back() -> None:
    world = World()
    agent = world.agent()
    had = agent.total
    world.lose(agent)
    assert world.operate(reserve(agent, "cpus:1")) == ACCEPTED
    assert agent.total != had
    lost = link_pb2.Call.Subscribe(version="1.11.0", resources=had)
    lost.agent.CopyFrom(agent.info)
    lost.agent.id.value = agent.agent_id
    lost.address.CopyFrom(agent.address)
    world.forget()
    world.subscribe(lost)
    assert agent.total == had
    assert "RECONCILE_OPERATIONS" in world.ordered()
