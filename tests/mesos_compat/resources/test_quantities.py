"""Amounts by name, and limits of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.quantities import Limits, Quantities
from mesos_compat.resources.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.resources.messages import volume

some = st.dictionaries(st.sampled_from("abcd"), st.integers(-3, 9)).map(
    lambda amounts: Quantities(amounts.items())
)


def test_names_come_in_order_and_are_printed_as_mesos_prints_them() -> None:
    quantities = Quantities.parse("mem:64;cpus:0.5") + Quantities([("ports", 2000)])
    assert list(quantities) == [("cpus", 500), ("mem", 64000), ("ports", 2000)]
    assert str(quantities) == "cpus:0.5; mem:64; ports:2"
    assert repr(quantities) == "Quantities('cpus:0.5; mem:64; ports:2')"
    assert str(Quantities()) == "{}"
    assert quantities.names() == ["cpus", "mem", "ports"]
    assert len(quantities) == 3
    assert "cpus" in quantities
    assert "gpus" not in quantities
    assert quantities.amount("gpus") == 0


def test_nothing_and_less_are_dropped_and_names_are_added_up() -> None:
    made = Quantities([("a", 1), ("b", 0), ("c", -4), ("a", 2)])
    assert list(made.items()) == [("a", 3)]
    assert not Quantities([("b", 0)])


@given(some, some)
def test_the_difference_never_goes_below_nothing(left: Quantities, right: Quantities) -> None:
    difference = left - right
    for name in "abcd":
        assert difference.amount(name) == max(0, left.amount(name) - right.amount(name))
    assert list(difference) == sorted(difference)


@given(some, some)
def test_sums_and_comparison_agree(left: Quantities, right: Quantities) -> None:
    total = left + right
    assert total - right == left
    assert total.contains(left)
    assert left <= total
    assert total >= right
    assert (left <= right) == all(left.amount(name) <= right.amount(name) for name in "abcd")
    assert list(total) == sorted(total)
    assert hash(total) == hash(right + left)


def test_quantities_of_resources_count_members_and_shared_volumes_once() -> None:
    resources = Resources.parse("cpus:1;ports:[1-3,7-7];zones:{a,b}")
    resources += Resources([volume(5, "v", shared=True)] * 2)
    assert str(Quantities.of(resources)) == "cpus:1; disk:5; ports:4; zones:2"


def test_maps_of_messages_are_read_and_written() -> None:
    amounts: dict[str, mesos_pb2.Value.Scalar | float] = {
        "cpus": mesos_pb2.Value.Scalar(value=0.0005),
        "mem": 32.0,
    }
    assert list(Quantities.from_map(amounts)) == [("cpus", 1), ("mem", 32000)]
    written = Quantities.parse("mem:32").to_map()
    assert written == {"mem": mesos_pb2.Value.Scalar(value=32)}
    assert Limits.parse("mem:0").to_map() == {"mem": mesos_pb2.Value.Scalar(value=0)}
    assert Limits.from_map(written) == Limits.parse("mem:32")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cpus", "Failed to parse 'cpus': missing or extra ':'"),
        ("cpus:1:2", "Failed to parse 'cpus:1:2': missing or extra ':'"),
        ("cpus:[1", "Failed to parse '[1' to quantity: Mismatched brackets"),
        (
            "ports:[1-2]",
            "Failed to parse '[1-2]' to quantity: only scalar values are allowed",
        ),
        ("cpus:-1", "Failed to parse '-1' to quantity: only scalar values are allowed"),
    ],
)
def test_malformed_quantities_are_refused(text: str, why: str) -> None:
    with pytest.raises(ResourceError) as caught:
        Quantities.parse(text)
    assert str(caught.value) == why


def test_quantities_add_a_name_given_twice_and_limits_refuse_it() -> None:
    assert str(Quantities.parse("cpus : 1;cpus:2;;")) == "cpus:3"
    with pytest.raises(ResourceError, match="to limit: duplicate names are not allowed"):
        Limits.parse("cpus:1;cpus:2")


def test_limits_keep_zeros_and_do_not_limit_what_they_do_not_name() -> None:
    limits = Limits.parse("mem:0;cpus:2")
    assert str(limits) == "cpus:2; mem:0"
    assert repr(limits) == "Limits('cpus:2; mem:0')"
    assert list(limits) == [("cpus", 2000), ("mem", 0)]
    assert len(limits) == 2
    assert (limits.amount("mem"), limits.amount("disk")) == (0, None)
    assert limits.contains(Quantities.parse("cpus:2;disk:9"))
    assert not limits.contains(Quantities.parse("mem:1"))
    left = limits - Quantities.parse("cpus:0.5;mem:4;disk:9")
    assert left == Limits.parse("cpus:1.5;mem:0")
    assert hash(left) == hash(Limits.parse("mem:0;cpus:1.5"))
    assert bool(left) is True
    assert not Limits()
