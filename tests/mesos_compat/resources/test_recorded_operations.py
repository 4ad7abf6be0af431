"""A recorded session of operations on one agent, replayed: each offer and each refusal."""

from __future__ import annotations

import pytest

from mesos_compat.resources import convert, formats
from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.kinds import Kind
from mesos_compat.resources.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.resources.messages import dynamic, reserved, scalar
from tests.mesos_compat.resources.recorded import event, offered, operations

#: The cases in the order of the recording. What is marked False was refused by rules that are
#: not about resources: a role or principal that is not the framework's, an id that is not new.
CASES = {
    "reserve": True,
    "reserve-with-id": True,
    "create": True,
    "create-with-id": True,
    "grow": True,
    "shrink": True,
    "launch-on-volume": True,
    "create-duplicate": False,
    "create-too-big": True,
    "reserve-too-big": True,
    "reserve-other-role": False,
    "reserve-no-principal": False,
    "reserve-old-format": True,
    "reserve-no-feedback-error": True,
    "destroy-with-id": True,
    "destroy": True,
    "unreserve-with-id": True,
    "unreserve": True,
    "unreserve-not-reserved": True,
    "reserve-create-launch": True,
    "destroy-unreserve": True,
}
REFUSED = ("create-too-big", "reserve-too-big", "reserve-no-feedback-error", "unreserve")
#: What SHRINK_VOLUME frees, the real master does not offer again until it starts anew.
LOST_BY_SHRINKING = Resources([reserved(scalar("disk", 8), dynamic("ops", "p1"))])


def normalised(operation: mesos_pb2.Offer.Operation) -> mesos_pb2.Offer.Operation:
    formats.upgrade_all(operation)
    formats.inject_allocation_into(operation, "ops")
    return operation


def offer_of(available: Resources) -> Resources:
    """All of ``available`` in the order of an offer: unreserved scalars come last."""
    return available.select(is_offered_first) + available.select(
        lambda kind: not is_offered_first(kind)
    )


def is_offered_first(kind: Kind) -> bool:
    return kind.is_reserved or not kind.is_scalar


def test_every_recorded_offer_follows_from_the_operations_before_it() -> None:
    total = Resources.parse("ports:[31000-32000];cpus:4;mem:4096;disk:10240")
    lost = Resources()
    refused: list[str] = []
    for case, is_applied in CASES.items():
        offer = offer_of(total - lost).allocate("ops")
        for operation in map(normalised, operations("operations", case) if is_applied else []):
            if operation.type == mesos_pb2.Offer.Operation.LAUNCH:
                (task,) = operation.launch.task_infos
                assert offer.contains(Resources(task.resources))
                continue
            try:
                offer = convert.apply(offer, operation)
            except ResourceError:
                refused.append(case)
                break
            formats.strip_allocation_from(operation)
            total = convert.apply(total, operation)
        if case == "shrink":
            lost = LOST_BY_SHRINKING
        recorded = offered("operations", f"{case}.next-offers.json")
        assert offer_of(total - lost).allocate("ops").messages() == recorded, case
    assert tuple(refused) == REFUSED


@pytest.mark.parametrize("case", ["create-too-big", "reserve-too-big"])
def test_recorded_refusals_have_the_same_words(case: str) -> None:
    # A refused operation changes nothing: the next offer is the one it was refused on.
    offer = Resources(offered("operations", f"{case}.next-offers.json"))
    (operation,) = operations("operations", case)
    with pytest.raises(ResourceError) as caught:
        convert.apply(offer, normalised(operation))
    status = event("operations", f"{case}-event0.event.json").update_operation_status.status
    assert status.message.split("; on agent ")[0] == str(caught.value)
