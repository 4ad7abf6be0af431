"""Frameworks that subscribe, recorded ones among them, or change what they said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mesos_compat.master.validation import framework
from mesos_compat.master.validation.framework import FrameworkRules
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.validation import recorded

SECTION = "scheduler-http"
REFUSED = [case for case in recorded.cases(SECTION) if recorded.has_event(SECTION, case)]
ACCEPTED = [
    "subscribe-empty-name",
    "subscribe-empty-user",
    "subscribe-negative-failover",
    "subscribe-no-roles-multirole",
    "subscribe-offer-filters-unknown-role",
    "subscribe-role-without-multirole",
    "subscribe-suppressed",
    "subscribe-unknown-id",
]


def fault_of(call: scheduler_pb2.Call) -> str | None:
    """What SUBSCRIBE finds, in its order."""
    subscribe = call.subscribe
    return framework.validate_info(
        subscribe.framework_info, FrameworkRules()
    ) or framework.validate_suppressed_roles(subscribe.suppressed_roles, subscribe.framework_info)


@pytest.mark.parametrize("case", REFUSED)
def test_recorded_subscriptions_get_the_recorded_error(case: str) -> None:
    expected = recorded.event(SECTION, case).error.message
    assert fault_of(recorded.request(SECTION, case, scheduler_pb2.Call)) == expected


@pytest.mark.parametrize("case", ACCEPTED)
def test_recorded_subscriptions_that_were_accepted_are(case: str) -> None:
    assert fault_of(recorded.request(SECTION, case, scheduler_pb2.Call)) is None


def test_enough_recorded_errors_were_looked_at() -> None:
    assert len(REFUSED) >= 11


def info(*roles: str, **members: object) -> mesos_pb2.FrameworkInfo:
    """A framework with MULTI_ROLE."""
    given: dict[str, object] = {"user": "u", "name": "n", "roles": roles, **members}
    made = mesos_pb2.FrameworkInfo(**given)  # type: ignore[arg-type]
    made.capabilities.add(type=mesos_pb2.FrameworkInfo.Capability.MULTI_ROLE)
    return made


def test_faults_come_in_mesoss_order() -> None:
    made = info("a", "a", "-b", user="root", failover_timeout=1e300)
    made.id.value = "x/y"
    made.offer_filters["a"].min_allocatable_resources.quantities.add()
    rules = FrameworkRules(roles=["c"], root_submissions=False, completed_ids=["x"])
    expected = [
        "'FrameworkInfo.roles' contains duplicate items: { a }",
        "'FrameworkInfo.roles' contains invalid role:"
        " Role component '-b' is invalid because it starts with a dash",
        "'x/y' contains invalid characters",
        "Resource quantities must contain at least one quantity",
        "The framework failover_timeout (1e+300) is invalid",
        "Roles { a, b } are not present in the master's --roles",
        "User 'root' is not allowed to run frameworks without --root_submissions set",
        "Framework has been removed",
        None,
    ]

    def use(*roles: str) -> None:
        del made.roles[:]
        made.roles.extend(roles)

    repairs: list[Callable[[], object]] = [
        lambda: use("a", "-b"),
        lambda: use("b", "a"),
        lambda: setattr(made.id, "value", "x"),
        lambda: made.offer_filters["a"].Clear(),
        lambda: made.ClearField("failover_timeout"),
        lambda: use("c"),
        lambda: setattr(made, "user", "nobody"),
        lambda: setattr(made.id, "value", "y"),
    ]
    found = [framework.validate_info(made, rules)]
    for repair in repairs:
        repair()
        found.append(framework.validate_info(made, rules))
    assert found == expected


def test_a_framework_without_multi_role_has_its_one_role() -> None:
    made = mesos_pb2.FrameworkInfo(user="u", name="n")
    assert framework.roles_of(made) == ["*"]
    assert framework.validate_info(made, FrameworkRules(roles=["*"])) is None
    made.role = "a b"
    assert framework.validate_info(made, FrameworkRules()) == (
        "'FrameworkInfo.role' is not a valid role:"
        " Role component 'a b' is invalid because it contains backspace or whitespace"
    )


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (0.0, None),
        (1.5, None),
        (float("inf"), "Infinite values not supported"),
        (float("nan"), "NaN not supported"),
        (5e-324, "Subnormal values not supported"),
        (-1.0, "Negative values not supported"),
    ],
)
def test_smallest_offers_are_amounts(value: float, fault: str | None) -> None:
    made = info("a")
    alternative = made.offer_filters["a"].min_allocatable_resources.quantities.add()
    alternative.quantities["cpus"].value = value
    assert framework.validate_offer_filters(made) == (
        f"Invalid resource quantity for 'cpus': {fault}" if fault else None
    )


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1e11])
def test_a_failover_timeout_fits_into_a_duration(seconds: float) -> None:
    fault = framework.validate_info(info("a", failover_timeout=seconds), FrameworkRules())
    assert fault == f"The framework failover_timeout ({seconds:g}) is invalid"


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, None),
        ({"name": "other", "failover_timeout": 5.0}, None),
        ({"principal": "q"}, "Changing framework's principal is not allowed."),
        ({"principal": None}, "Changing framework's principal is not allowed."),
        (
            {"user": "v"},
            "Updating 'FrameworkInfo.user' is unsupported; attempted to update from 'u' to 'v'",
        ),
        (
            {"checkpoint": True},
            "Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from 'false'"
            " to 'true'",
        ),
    ],
)
def test_user_checkpoint_and_principal_cannot_be_updated(
    changed: dict[str, object], fault: str | None
) -> None:
    members: dict[str, object] = {"user": "u", "name": "n", "principal": "p"}
    old = mesos_pb2.FrameworkInfo(**members)  # type: ignore[arg-type]
    new = mesos_pb2.FrameworkInfo(**(members | changed))  # type: ignore[arg-type]
    assert framework.validate_update(old, new) == fault


def test_a_resubscription_keeps_user_and_checkpoint() -> None:
    old = mesos_pb2.FrameworkInfo(user="u", name="n", checkpoint=True)
    new = mesos_pb2.FrameworkInfo(user="v", name="m")
    kept = framework.preserve_immutable(old, new)
    assert (kept.user, kept.checkpoint, kept.name) == ("u", True, "m")
    assert (new.user, new.checkpoint) == ("v", False)


def test_only_own_roles_are_suppressed_and_constrained() -> None:
    made = info("a", "b")
    assert framework.validate_suppressed_roles(["b"], made) is None
    assert framework.validate_suppressed_roles(["z", "y", "a"], made) == (
        "Suppressed role 'y' is not contained in the list of roles"
    )
    constraints = scheduler_pb2.OfferConstraints()
    group = constraints.role_constraints["z"].groups.add()
    group.attribute_constraints.add().selector.attribute_name = "rack"
    assert framework.validate_constraint_roles(constraints, made) == (
        "Offer constraints specify `role_constraints` for a role 'z'not contained in the set of"
        " roles"
    )
    assert framework.validate_constraint_roles(constraints, info("z")) is None


def test_offer_constraints_are_within_their_bounds() -> None:
    constraints = scheduler_pb2.OfferConstraints()
    assert framework.validate_offer_constraints(constraints) is None
    constraints.role_constraints["a"].SetInParent()
    assert framework.validate_offer_constraints(constraints) == (
        "Offer constraints are not valid: 'OfferConstraints::role_constraints' has an empty"
        " 'RoleConstraints::groups' for role a"
    )
    constraint = constraints.role_constraints["a"].groups.add().attribute_constraints.add()
    constraint.selector.attribute_name = "rack"
    constraint.predicate.text_matches.regex = "r.*" * 50
    assert "is too complex" in str(framework.validate_offer_constraints(constraints))
    assert framework.validate_offer_constraints(constraints, 1 << 20, 10_000) is None
