"""Offers and inverse offers that a framework answers."""

from __future__ import annotations

import pytest

from mesos_compat.master.validation import offer
from mesos_compat.master.validation.offer import OfferFacts
from mesos_compat.wire.v1 import mesos_pb2

OFFERS = {
    "O1": OfferFacts("F", "A", "r"),
    "O2": OfferFacts("F", "A", "r"),
    "O3": OfferFacts("F", "A", "s"),
    "O4": OfferFacts("F", "B", "r"),
    "O5": OfferFacts("G", "A", "r"),
}


def ids(*values: str) -> list[mesos_pb2.OfferID]:
    return [mesos_pb2.OfferID(value=value) for value in values]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (["O1"], None),
        (["O1", "O2"], None),
        ([], "No offers specified"),
        (["O9"], "Offer O9 is no longer valid"),
        (["O9", "O1", "O1"], "Duplicate offer O1 in offer list"),
        (["O5", "O9"], "Offer O9 is no longer valid"),
        (
            ["O1", "O5"],
            "Offer O5 has invalid framework G while framework F is expected",
        ),
        (
            ["O1", "O3", "O4"],
            "Aggregated offers must be allocated to the same role. Offer O3 uses role 's but"
            " another is using role 'r",
        ),
        (
            ["O1", "O4"],
            "Aggregated offers must belong to one single agent. Offer O4 uses agent B and agent A",
        ),
    ],
)
def test_accepted_offers_are_outstanding_and_go_together(
    values: list[str], fault: str | None
) -> None:
    assert offer.validate_accepted(ids(*values), OFFERS.get, "F") == fault


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ([], None),
        (["O1", "O3"], None),
        (["O1", "O1"], "Duplicate offer O1 in offer list"),
        (["O9"], "Inverse offer O9 is no longer valid"),
        (["O5"], "Offer O5 has invalid framework G while framework F is expected"),
        (
            ["O1", "O4"],
            "Aggregated offers must belong to one single agent. Offer O4 uses agent B and agent A",
        ),
    ],
)
def test_inverse_offers_have_no_role(values: list[str], fault: str | None) -> None:
    assert offer.validate_inverse(ids(*values), OFFERS.get, "F") == fault
