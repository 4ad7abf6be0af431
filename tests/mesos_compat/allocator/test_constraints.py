"""Offer constraints: predicates, selectors, groups, and what is refused."""

from __future__ import annotations

import pytest

from mesos_compat.allocator.constraints import ConstraintsFilter, validate
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from tests.mesos_compat.allocator.cluster import domain

Constraint = scheduler_pb2.AttributeConstraint


def constraint(select: str, predicate: str, value: str = "") -> scheduler_pb2.AttributeConstraint:
    """``select`` is an attribute's name, or a pseudoattribute in capitals."""
    made = Constraint()
    if select.isupper():
        made.selector.CopyFrom(Constraint.Selector(pseudoattribute_type=select))
    else:
        made.selector.attribute_name = select
    chosen = getattr(made.predicate, predicate)
    chosen.SetInParent()
    if "equals" in predicate:
        chosen.value = value
    elif "matches" in predicate:
        chosen.regex = value
    return made


def constraints(
    *groups: list[scheduler_pb2.AttributeConstraint], role: str = "role"
) -> scheduler_pb2.OfferConstraints:
    made = scheduler_pb2.OfferConstraints()
    of_role = made.role_constraints[role]
    for group in groups:
        of_role.groups.add().attribute_constraints.extend(group)
    return made


def agent() -> mesos_pb2.AgentInfo:
    info = mesos_pb2.AgentInfo(hostname="node-7.example", domain=domain("eu", "eu-1"))
    info.attributes.add(name="rack", type=mesos_pb2.Value.TEXT).text.value = "r12"
    info.attributes.add(name="level", type=mesos_pb2.Value.SCALAR).scalar.value = 3
    return info


def admits(*group: scheduler_pb2.AttributeConstraint) -> bool:
    return not ConstraintsFilter(constraints(list(group))).excludes("role", agent())


@pytest.mark.parametrize(
    ("select", "predicate", "value", "expected"),
    [
        ("rack", "exists", "", True),
        ("none", "exists", "", False),
        ("rack", "not_exists", "", False),
        ("none", "not_exists", "", True),
        ("rack", "text_equals", "r12", True),
        ("rack", "text_equals", "r1", False),
        ("none", "text_equals", "r12", False),
        ("level", "text_equals", "x", True),
        ("rack", "text_not_equals", "r12", False),
        ("rack", "text_not_equals", "r1", True),
        ("none", "text_not_equals", "r12", True),
        ("level", "text_not_equals", "3", True),
        ("rack", "text_matches", "r[0-9]+", True),
        ("rack", "text_matches", "r[0-9]", False),
        ("none", "text_matches", ".*", False),
        ("level", "text_matches", "x", True),
        ("rack", "text_not_matches", "r[0-9]+", False),
        ("none", "text_not_matches", ".*", True),
        ("level", "text_not_matches", ".*", True),
        ("HOSTNAME", "text_matches", "node-.*", True),
        ("HOSTNAME", "text_equals", "other", False),
        ("REGION", "text_equals", "eu", True),
        ("ZONE", "text_equals", "eu-1", True),
        ("ZONE", "not_exists", "", False),
    ],
)
def test_predicate(select: str, predicate: str, value: str, expected: bool) -> None:
    assert admits(constraint(select, predicate, value)) is expected


def test_agent_without_a_domain_has_neither_region_nor_zone() -> None:
    info = agent()
    info.ClearField("domain")
    wanted = ConstraintsFilter(constraints([constraint("REGION", "exists")]))
    assert wanted.excludes("role", info)


def test_all_constraints_of_one_group_must_hold() -> None:
    good, bad = constraint("rack", "exists"), constraint("none", "exists")
    assert not admits(good, bad)
    either = ConstraintsFilter(constraints([bad], [good]))
    assert not either.excludes("role", agent())


def test_role_without_an_entry_is_not_constrained() -> None:
    wanted = ConstraintsFilter(constraints([constraint("none", "exists")]))
    assert wanted.excludes("role", agent())
    assert not wanted.excludes("other", agent())


def test_empty_group_lists_and_empty_groups_are_refused() -> None:
    assert validate(constraints()) == (
        "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role role"
    )
    assert validate(constraints([])) == (
        "'OfferConstraints::RoleConstraints::groups' for role rolecontains an empty"
        " RoleConstraints::Group"
    )


def test_selector_and_predicate_must_be_known() -> None:
    begin = "A role role has an invalid 'AttributeConstraint': "
    unselected = constraint("rack", "exists")
    unselected.selector.Clear()
    assert validate(constraints([unselected])) == (
        begin + "Exactly one of 'AttributeConstraint::Selector::name' or"
        " 'AttributeConstraint::Selector::pseudoattribute_type' must be set"
    )
    assert validate(constraints([constraint("UNKNOWN", "exists")])) == (
        begin + "Unknown pseudoattribute type"
    )
    unpredicated = constraint("rack", "exists")
    unpredicated.predicate.Clear()
    assert validate(constraints([unpredicated])) == begin + "Unknown predicate type"


def test_regex_must_be_valid_and_small() -> None:
    begin = "A role role has an invalid 'AttributeConstraint': "
    assert validate(constraints([constraint("rack", "text_matches", "a(")])) == (
        begin + "Failed to construct regex from pattern 'a(': missing ): a("
    )
    assert validate(constraints([constraint("rack", "text_matches", "a{120}")])) == (
        begin + "Regex 'a{120}' is too complex: program size of 124 is larger than maximum of 100"
        " allowed"
    )
    assert validate(constraints([constraint("rack", "text_not_matches", "a{900}")])) == (
        begin
        + "Failed to construct regex from pattern 'a{900}': pattern too large - compile failed"
    )
    assert validate(constraints([constraint("rack", "text_matches", "a{90}")])) is None
