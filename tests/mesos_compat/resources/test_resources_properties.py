"""Laws that hold for any resources."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.resources.formats import Format
from mesos_compat.resources.quantities import Limits, Quantities
from mesos_compat.resources.resources import Resources
from mesos_compat.resources.validation import validate
from mesos_compat.wire import json_dialect
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.resources.messages import many

targets = st.dictionaries(st.sampled_from(["cpus", "disk", "mem"]), st.integers(0, 6000))


@given(many(), many())
def test_the_sum_contains_its_parts_whatever_their_order(left: Resources, right: Resources) -> None:
    assert left + right == right + left
    assert (left + right).contains(left)
    assert (left + right).contains(right)


@given(many(divisible=True), many(divisible=True))
def test_what_was_added_can_be_taken_away(left: Resources, right: Resources) -> None:
    # Members of ranges and sets that both had are gone: they were there once only.
    scalars = right.scalars()
    assert left + scalars - scalars == left


@given(many(), many())
def test_a_part_and_the_rest_are_the_whole(whole: Resources, other: Resources) -> None:
    part = whole - (whole - other)
    assert whole.contains(part)
    assert (whole - part) + part == whole
    assert part.shared() == part - part.nonshared()


@given(many(), many())
def test_containing_each_other_is_being_equal(left: Resources, right: Resources) -> None:
    assert (left.contains(right) and right.contains(left)) == (left == right)
    assert left.contains(left)
    assert not left - left
    assert left.contains(left - right)


@given(many(), many(), many())
def test_adding_is_associative(one: Resources, two: Resources, three: Resources) -> None:
    assert (one + two) + three == one + (two + three)


@given(many(divisible=True), many(divisible=True))
def test_quantities_of_scalars_add_up(left: Resources, right: Resources) -> None:
    left, right = left.scalars(), right.scalars()
    assert (left + right).quantities() == left.quantities() + right.quantities()
    if left.contains(right):
        assert left.quantities().contains(right.quantities())
        assert (left - right).quantities() == left.quantities() - right.quantities()


@given(many())
def test_messages_give_the_same_resources_back(resources: Resources) -> None:
    messages = resources.messages()
    assert validate(messages) is None
    # The counts of shared volumes are not in messages.
    assert Resources(messages).nonshared() == resources.nonshared()
    assert str(Resources(messages).nonshared()) == str(resources.nonshared())
    assert Resources(messages).quantities() == resources.quantities()


@given(many())
def test_json_gives_the_same_resources_back(resources: Resources) -> None:
    read = [
        json_dialect.loads(json_dialect.dumps(message), mesos_pb2.Resource)
        for message in resources.nonshared()
    ]
    assert Resources(read) == resources.nonshared()


@given(many(), st.sampled_from(Format))
def test_every_format_gives_the_same_resources_back(resources: Resources, wanted: Format) -> None:
    shown = resources.select(lambda kind: not kind.shared)
    if wanted is Format.PRE:
        shown = shown.select(lambda kind: not kind.is_refined)
    messages = shown.messages(wanted)
    assert validate(messages) is None
    assert Resources(messages) == shown


@given(many(divisible=True))
def test_the_text_of_plain_resources_is_read_back(resources: Resources) -> None:
    plain = resources.to_unreserved().unallocate().nonrevocable()
    text = "" if not plain else str(plain)
    assert Resources.parse(text) == plain


@given(many(), targets, st.booleans())
def test_shrinking_gives_a_part_within_the_target(
    resources: Resources, amounts: dict[str, int], limits: bool
) -> None:
    target = Limits(amounts.items()) if limits else Quantities(amounts.items())
    part = resources.shrink_to(target)
    assert resources.contains(part)
    for name, amount in amounts.items():
        assert part.quantities().amount(name) <= amount
    for name in resources.names():
        if target.amount(name) is None:
            assert part.named(name) == resources.named(name)
    if not limits:
        assert Quantities(amounts.items()).contains(part.quantities())


@pytest.mark.parametrize(
    "split",
    [
        lambda resources: (resources.reserved(), resources.unreserved()),
        lambda resources: (resources.revocable(), resources.nonrevocable()),
        lambda resources: (resources.shared(), resources.nonshared()),
        lambda resources: (resources.scalars(), resources.nonscalars()),
        lambda resources: (resources.reservations().values(), [resources.unreserved()]),
    ],
)
@given(resources=many())
def test_parts_make_up_the_whole(
    split: Callable[[Resources], tuple[Resources, Resources]], resources: Resources
) -> None:
    first, second = split(resources)
    parts = [first, second] if isinstance(first, Resources) else [*first, *second]
    total = Resources()
    for part in parts:
        total += part
    assert total == resources
