"""Whether the offers that a framework accepts, and inverse offers, are its own and go together.

Source: ``validation::offer``. Declined offers are not looked at: unknown ones are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from mesos_compat.wire.v1 import mesos_pb2


class OfferFacts(NamedTuple):
    """What is to be known of an outstanding offer or inverse offer."""

    framework_id: str
    agent_id: str
    # Of an offer; inverse offers have none.
    role: str = ""


FindOffer = Callable[[str], OfferFacts | None]


def validate_accepted(
    offer_ids: Iterable[mesos_pb2.OfferID], find: FindOffer, framework_id: str
) -> str | None:
    """What follows ``Task launched with invalid offers: `` and the like, or None."""
    ids = [offer_id.value for offer_id in offer_ids]
    if not ids:
        return "No offers specified"
    return (
        _duplicate_fault(ids)
        or _missing_fault(ids, find, "Offer")
        or _framework_fault(ids, find, framework_id)
        or _role_fault(ids, find)
        or _agent_fault(ids, find)
    )


def validate_inverse(
    offer_ids: Iterable[mesos_pb2.OfferID], find: FindOffer, framework_id: str
) -> str | None:
    """Why inverse offers cannot be answered by this framework, or None; nobody is told."""
    ids = [offer_id.value for offer_id in offer_ids]
    return (
        _duplicate_fault(ids)
        or _missing_fault(ids, find, "Inverse offer")
        or _framework_fault(ids, find, framework_id)
        or _agent_fault(ids, find)
    )


def _duplicate_fault(ids: list[str]) -> str | None:
    seen: dict[str, None] = {}
    for offer_id in ids:
        if offer_id in seen:
            return f"Duplicate offer {offer_id} in offer list"
        seen[offer_id] = None
    return None


def _missing_fault(ids: list[str], find: FindOffer, what: str) -> str | None:
    for offer_id in ids:
        if find(offer_id) is None:
            return f"{what} {offer_id} is no longer valid"
    return None


def _facts(ids: list[str], find: FindOffer) -> list[tuple[str, OfferFacts]]:
    found = ((offer_id, find(offer_id)) for offer_id in ids)
    return [(offer_id, facts) for offer_id, facts in found if facts is not None]


def _framework_fault(ids: list[str], find: FindOffer, framework_id: str) -> str | None:
    for offer_id, facts in _facts(ids, find):
        if facts.framework_id != framework_id:
            return (
                f"Offer {offer_id} has invalid framework {facts.framework_id}"
                f" while framework {framework_id} is expected"
            )
    return None


def _role_fault(ids: list[str], find: FindOffer) -> str | None:
    known = _facts(ids, find)
    for offer_id, facts in known:
        first = known[0][1].role
        if facts.role != first:
            # The quotes that are missing are missing in Mesos.
            return (
                "Aggregated offers must be allocated to the same role."
                f" Offer {offer_id} uses role '{facts.role} but another is using role '{first}"
            )
    return None


def _agent_fault(ids: list[str], find: FindOffer) -> str | None:
    known = _facts(ids, find)
    for offer_id, facts in known:
        first = known[0][1].agent_id
        if facts.agent_id != first:
            return (
                f"Aggregated offers must belong to one single agent. Offer {offer_id}"
                f" uses agent {facts.agent_id} and agent {first}"
            )
    return None
