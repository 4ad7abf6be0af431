"""Operations on resources, a recorded session of them first, and reservations."""

from __future__ import annotations

import pytest

from mesos_compat.master.validation import operation as operations
from mesos_compat.resources import Resources, convert, formats
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.validation import recorded
from tests.mesos_compat.master.validation.launching import ALL_CAPABILITIES
from tests.mesos_compat.master.validation.operating import (
    Operation,
    Reservation,
    context,
    cpus,
    create,
    framework,
    reserve,
    volume,
)

Capability = mesos_pb2.AgentInfo.Capability

#: A recorded session of one framework with one agent, in its order.
SESSION = (
    "reserve",
    "reserve-with-id",
    "create",
    "create-with-id",
    "grow",
    "shrink",
    "create-duplicate",
    "reserve-other-role",
    "reserve-no-principal",
    "reserve-old-format",
    "destroy-with-id",
    "destroy",
    "unreserve-with-id",
    "unreserve",
)


def test_a_recorded_session_is_judged_as_it_was() -> None:
    total = Resources.parse("cpus:4;mem:4096;disk:10240;ports:[31000-32000]")
    asks = framework("ops")
    refused: dict[str, str] = {}
    for case in SESSION:
        for operation in recorded.operations("operations", case):
            formats.upgrade_all(operation)
            formats.inject_allocation(formats.resources_of_operation(operation), "ops")
            checkpointed = total.filter(convert.needs_checkpointing)
            fault = operations.validate(operation, context(asks, checkpointed=checkpointed))
            if fault is not None:
                refused[case] = fault
                continue
            formats.strip_allocation(formats.resources_of_operation(operation))
            total = convert.apply(total, operation)
    assert refused == {
        case: recorded.event(
            "operations", f"{case}-event0"
        ).update_operation_status.status.message.partition("; on agent ")[0]
        for case in ("create-duplicate", "reserve-other-role", "reserve-no-principal")
    }


def test_destroying_what_is_gone_is_refused_as_it_was() -> None:
    asked = recorded.body("operations", "http-destroy-volumes-again").decode()
    volumes = mesos_pb2.Offer.Operation(type=Operation.DESTROY)
    volumes.destroy.volumes.append(volume("opv", role="rr"))
    assert '"id": "opv"' in asked
    refusal = operations.refuse(volumes, context(), "A at slave(1)@127.0.0.1:5051 (localhost)")
    assert refusal == recorded.answer("operations", "http-destroy-volumes-again")


def test_what_is_reserved_is_dynamically_reserved() -> None:
    assert (
        operations.validate(reserve(cpus(1, "r", allocated="r")), context(framework("r"))) is None
    )
    assert operations.validate(reserve(cpus()), context()) == (
        "Resource cpus:1 is not dynamically reserved"
    )
    static = cpus(1, "r")
    static.reservations[0].type = Reservation.STATIC
    assert operations.validate(reserve(static), context()) == (
        "Resource cpus(reservations: [(STATIC,r,p1)]):1 is not dynamically reserved"
    )


@pytest.mark.parametrize(
    ("resource", "asks", "fault"),
    [
        (
            cpus(1, "r"),
            framework("r"),
            "A reserve operation was attempted on unallocated resource"
            " cpus(reservations: [(DYNAMIC,r,p1)]):1, but frameworks can only perform reservations"
            " on allocated resources",
        ),
        (
            cpus(1, "r", allocated="s"),
            framework("r", "s"),
            "A reserve operation was attempted for a resource with role 'r', but the resource was"
            " allocated to role 's'",
        ),
        (
            cpus(1, "r", allocated="r"),
            framework("r", principal="p2"),
            "A reserve operation was attempted by authenticated principal 'p2', which does not"
            " match a reserved resource in the request with principal 'p1'",
        ),
        (cpus(1, "r", allocated="r"), framework("r", principal=None), None),
        (
            cpus(1, "r", allocated="r"),
            None,
            "A reserve operation was attempted with an allocated resource, but the operator API"
            " only allows reservations to be made to unallocated resources",
        ),
    ],
)
def test_who_reserves_what_for_whom(
    resource: mesos_pb2.Resource, asks: mesos_pb2.FrameworkInfo | None, fault: str | None
) -> None:
    assert operations.validate(reserve(resource), context(asks)) == fault


def test_operators_reserve_in_their_own_name() -> None:
    assert operations.validate(reserve(cpus(1, "r")), context(operator=None)) is None
    assert operations.validate(reserve(cpus(1, "r")), context(operator="p1")) is None
    assert operations.validate(reserve(cpus(1, "r")), context(operator="p2")) == (
        "A reserve operation was attempted by authenticated principal 'p2', which does not match a"
        " reserved resource in the request with principal 'p1'"
    )


@pytest.mark.parametrize(
    ("resource", "lacking", "fault"),
    [
        (
            cpus(1, "a/b"),
            Capability.HIERARCHICAL_ROLE,
            "Resource cpus(reservations: [(DYNAMIC,a/b,p1)]):1 with reservation for hierarchical"
            " role 'a/b' cannot be reserved on an agent without HIERARCHICAL_ROLE capability",
        ),
        (
            cpus(1, "a", "a/b"),
            Capability.RESERVATION_REFINEMENT,
            "Resource cpus(reservations: [(DYNAMIC,a,p1), (DYNAMIC,a/b,p1)]):1 with reservation"
            " refinement cannot be reserved on an agent without RESERVATION_REFINEMENT capability",
        ),
    ],
)
def test_agents_know_hierarchies_and_refinements_or_do_not(
    resource: mesos_pb2.Resource, lacking: int, fault: str
) -> None:
    rest = tuple(one for one in ALL_CAPABILITIES if one != lacking)
    assert operations.validate(reserve(resource), context()) is None
    assert operations.validate(reserve(resource), context(capabilities=rest)) == fault


def test_an_empty_reservation_is_none() -> None:
    assert operations.validate(reserve(), context()) == (
        "Invalid resources: The resources have multiple resource providers: "
    )


@pytest.mark.parametrize(
    ("source", "target", "fault"),
    [
        ([cpus(1, "a")], [cpus(1, "b")], None),
        ([cpus()], [cpus(1, "b")], None),
        ([cpus(1, "a")], [], "Invalid resources: Resource cannot be empty"),
        (
            [cpus(1, "a"), cpus(1, "b")],
            [cpus(2, "c")],
            "Invalid source: Mixed reservations are not supportedcpus(reservations:"
            " [(DYNAMIC,a,p1)]):1; cpus(reservations: [(DYNAMIC,b,p1)]):1",
        ),
        (
            [cpus(1, "a")],
            [cpus(2, "b")],
            "Source and target resources should refer to identical resource quantities:"
            " cpus:1 vs. cpus:2",
        ),
    ],
)
def test_a_changed_reservation_is_of_as_much(
    source: list[mesos_pb2.Resource], target: list[mesos_pb2.Resource], fault: str | None
) -> None:
    operation = reserve(*target, source=tuple(source))
    assert operations.validate(operation, context()) == fault
    assert operations.validate_scheduler_only(operation) == (
        "Reservation updates are not yet implemented for the scheduler API."
    )
    assert operations.validate_scheduler_only(reserve(cpus(1, "a"))) is None


def test_volumes_are_destroyed_before_they_are_unreserved() -> None:
    operation = Operation(type=Operation.UNRESERVE)
    operation.unreserve.resources.append(cpus(1, "r"))
    assert operations.validate(operation, context()) is None
    operation.unreserve.resources.append(volume("v"))
    assert operations.validate(operation, context()) == (
        "A dynamically reserved persistent volume disk(reservations: [(DYNAMIC,r,p1)])[v:c]:8"
        " cannot be unreserved directly. Please destroy the persistent volume first then unreserve"
        " the resource"
    )
    operation.unreserve.resources[0].ClearField("reservations")
    assert operations.validate(operation, context()) == (
        "Resource cpus:1 is not dynamically reserved"
    )


def test_operators_are_told_which_agent_it_is_about() -> None:
    where = "A at slave(1)@127.0.0.1:5051 (localhost)"
    refusal = operations.refuse(reserve(cpus()), context(), where)
    assert refusal == (
        400,
        f"Invalid RESERVE operation on agent {where}: Resource cpus:1 is not dynamically reserved",
    )
    assert operations.refuse(reserve(cpus(1, "r")), context(), where) is None


@pytest.mark.parametrize(
    ("capabilities", "fault"),
    [
        (ALL_CAPABILITIES, None),
        (
            (Capability.AGENT_OPERATION_FEEDBACK,),
            "Operation requested feedback, but agent A does not have the required"
            " RESOURCE_PROVIDER capability",
        ),
        (
            (Capability.RESOURCE_PROVIDER,),
            "Operation on agent default resources requested feedback, but agent A does not have"
            " the required AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities",
        ),
    ],
)
def test_agents_give_feedback_or_do_not(capabilities: tuple[int, ...], fault: str | None) -> None:
    operation = reserve(cpus(1, "r"))
    assert operations.validate_feedback(operation, "A", ()) is None
    operation.id.value = "o"
    assert operations.validate_feedback(operation, "A", capabilities) == fault
    operation.reserve.resources[0].provider_id.value = "provider"
    if Capability.RESOURCE_PROVIDER in capabilities:
        assert operations.validate_feedback(operation, "A", capabilities) is None


def test_launches_are_looked_at_elsewhere() -> None:
    assert operations.validate(Operation(type=Operation.LAUNCH), context()) is None


def test_an_operation_is_for_one_role() -> None:
    asks = framework("r", "s")
    both = "The resources have multiple allocation roles ('s' and 'r') but only one allocation"
    resources = [cpus(1, role, allocated=role) for role in ("r", "s")]
    assert str(operations.validate(reserve(*resources), context(asks))).startswith(
        f"Invalid reservation resources: {both}"
    )
    volumes = [volume("v", role=role, allocated=role) for role in ("r", "s")]
    assert str(operations.validate(create(*volumes), context(asks))).startswith(
        f"Invalid volume resources: {both}"
    )
