"""Attributes of agents, from text to message to the older endpoints."""

from __future__ import annotations

import pytest

from mesos_compat.resources import attributes
from mesos_compat.resources.errors import ResourceError
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.resources.recorded import event


def test_attributes_are_scalars_ranges_and_texts() -> None:
    parsed = attributes.parse("rack:r1;level:7;ports:[1-2,4-5]\nurl:a:b;")
    assert [(one.name, one.type) for one in parsed] == [
        ("rack", mesos_pb2.Value.TEXT),
        ("level", mesos_pb2.Value.SCALAR),
        ("ports", mesos_pb2.Value.RANGES),
        ("url", mesos_pb2.Value.TEXT),
    ]
    assert attributes.to_object(parsed) == {
        "rack": "r1",
        "level": 7.0,
        "ports": "[1-2, 4-5]",
        "url": "a:b",
    }


def test_recorded_attributes_are_what_their_flag_says() -> None:
    (offer,) = event("legacy", "offers-rr.event.json").offers.offers
    assert attributes.parse("rack:r1;zone:z1;level:7") == list(offer.attributes)


def test_a_set_of_another_master_is_shown() -> None:
    zones = mesos_pb2.Attribute(name="zones", type=mesos_pb2.Value.SET)
    zones.set.item.extend(["a", "b"])
    assert attributes.to_object([zones]) == {"zones": "{a, b}"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rack", "Invalid attribute key:value pair 'rack'"),
        ("rack:", "Invalid attribute key:value pair 'rack:'"),
        (":r1", "Invalid attribute key:value pair ':r1'"),
        ("ports:[1-2", r"Failed to parse attribute ports text \[1-2 error Mismatched brackets"),
        ("zones:{a}", "Bad type for attribute zones text {a} type SET"),
    ],
)
def test_malformed_attributes_are_refused(text: str, why: str) -> None:
    with pytest.raises(ResourceError, match=f"^{why}$"):
        attributes.parse(text)
