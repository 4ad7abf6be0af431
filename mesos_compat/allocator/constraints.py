"""Offer constraints: which agents a framework wants to see for a role.

Source: ``OfferConstraintsFilter`` and scheduler.proto ``OfferConstraints``. For a role there
are groups, of which one must hold, of constraints, which must all hold. A predicate about a
text holds for an attribute that is no text, so that it is the scheduler that sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mesos_compat.allocator.pattern_classes import PatternError
from mesos_compat.allocator.patterns import Pattern
from mesos_compat.errors import invariant
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_Selector = scheduler_pb2.AttributeConstraint.Selector

DEFAULT_MAX_MEM_BYTES: Final = 4096
DEFAULT_MAX_PROGRAM_SIZE: Final = 100


class _ConstraintError(ValueError):
    """A constraint that is not valid; the message says why in Mesos's words."""


# What a selector finds: a pseudoattribute's text, an attribute, or nothing.
_Found = str | mesos_pb2.Attribute | None
_Select = Callable[[mesos_pb2.AgentInfo], _Found]
_Test = Callable[[_Found], bool]
_Group = tuple[tuple[_Select, _Test], ...]


def validate(
    constraints: scheduler_pb2.OfferConstraints,
    max_mem_bytes: int = DEFAULT_MAX_MEM_BYTES,
    max_program_size: int = DEFAULT_MAX_PROGRAM_SIZE,
) -> str | None:
    """Why ``constraints`` are not valid, or None. Whose roles they are is not looked at."""
    try:
        _compile(constraints, max_mem_bytes, max_program_size)
    except _ConstraintError as fault:
        return str(fault)
    return None


class ConstraintsFilter:
    """A framework's constraints, ready to be asked about agents."""

    __slots__ = ("_groups",)

    def __init__(
        self,
        constraints: scheduler_pb2.OfferConstraints,
        max_mem_bytes: int = DEFAULT_MAX_MEM_BYTES,
        max_program_size: int = DEFAULT_MAX_PROGRAM_SIZE,
    ) -> None:
        """From constraints that :func:`validate` finds no fault with."""
        fault = validate(constraints, max_mem_bytes, max_program_size)
        invariant(fault is None, "offer constraints are validated first", fault=fault)
        self._groups = _compile(constraints, max_mem_bytes, max_program_size)

    def constrains(self, role: str) -> bool:
        """Whether there is anything about ``role``."""
        return role in self._groups

    def excludes(self, role: str, agent: mesos_pb2.AgentInfo) -> bool:
        """Whether the framework does not want to see ``agent`` for ``role``."""
        groups = self._groups.get(role)
        return groups is not None and not any(
            all(test(select(agent)) for select, test in group) for group in groups
        )


def _compile(
    constraints: scheduler_pb2.OfferConstraints, max_mem_bytes: int, max_program_size: int
) -> dict[str, tuple[_Group, ...]]:
    compiled: dict[str, tuple[_Group, ...]] = {}
    for role in sorted(constraints.role_constraints):
        groups = constraints.role_constraints[role].groups
        if not groups:
            raise _ConstraintError(
                "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups'"
                f" for role {role}"
            )
        for group in groups:
            if not group.attribute_constraints:
                # The missing space is Mesos's.
                raise _ConstraintError(
                    f"'OfferConstraints::RoleConstraints::groups' for role {role}"
                    "contains an empty RoleConstraints::Group"
                )
        try:
            compiled[role] = tuple(
                tuple(
                    (
                        _selecting(constraint.selector),
                        _testing(constraint.predicate, max_mem_bytes, max_program_size),
                    )
                    for constraint in group.attribute_constraints
                )
                for group in groups
            )
        except _ConstraintError as fault:
            raise _ConstraintError(
                f"A role {role} has an invalid 'AttributeConstraint': {fault}"
            ) from fault
    return compiled


def _selecting(selector: scheduler_pb2.AttributeConstraint.Selector) -> _Select:
    chosen = selector.WhichOneof("selector")
    if chosen is None:
        raise _ConstraintError(
            "Exactly one of 'AttributeConstraint::Selector::name' or"
            " 'AttributeConstraint::Selector::pseudoattribute_type' must be set"
        )
    if chosen == "attribute_name":
        name = selector.attribute_name
        return lambda agent: next((one for one in agent.attributes if one.name == name), None)
    if selector.pseudoattribute_type == _Selector.HOSTNAME:
        return lambda agent: agent.hostname
    if selector.pseudoattribute_type == _Selector.REGION:
        return lambda agent: _fault_domain_name(agent, region=True)
    if selector.pseudoattribute_type == _Selector.ZONE:
        return lambda agent: _fault_domain_name(agent, region=False)
    raise _ConstraintError("Unknown pseudoattribute type")


def _fault_domain_name(agent: mesos_pb2.AgentInfo, *, region: bool) -> str | None:
    if not agent.domain.HasField("fault_domain"):
        return None
    domain = agent.domain.fault_domain
    return domain.region.name if region else domain.zone.name


def _testing(
    predicate: scheduler_pb2.AttributeConstraint.Predicate,
    max_mem_bytes: int,
    max_program_size: int,
) -> _Test:
    chosen = predicate.WhichOneof("predicate")
    if chosen == "exists":
        return lambda found: found is not None
    if chosen == "not_exists":
        return lambda found: found is None
    if chosen == "text_equals":
        equal = predicate.text_equals.value
        return lambda found: _text_test(found, lambda text: text == equal, absent=False)
    if chosen == "text_not_equals":
        unequal = predicate.text_not_equals.value
        return lambda found: _text_test(found, lambda text: text != unequal, absent=True)
    if chosen == "text_matches":
        wanted = _pattern(predicate.text_matches.regex, max_mem_bytes, max_program_size)
        return lambda found: _text_test(found, wanted.matches, absent=False)
    if chosen == "text_not_matches":
        unwanted = _pattern(predicate.text_not_matches.regex, max_mem_bytes, max_program_size)
        return lambda found: _text_test(found, lambda text: not unwanted.matches(text), absent=True)
    raise _ConstraintError("Unknown predicate type")


def _text_test(found: _Found, test: Callable[[str], bool], *, absent: bool) -> bool:
    if found is None:
        return absent
    if isinstance(found, str):
        return test(found)
    return found.type != mesos_pb2.Value.TEXT or test(found.text.value)


def _pattern(regex: str, max_mem_bytes: int, max_program_size: int) -> Pattern:
    try:
        pattern = Pattern(regex, max_mem_bytes)
    except PatternError as fault:
        raise _ConstraintError(
            f"Failed to construct regex from pattern '{regex}': {fault}"
        ) from fault
    if pattern.size > max_program_size:
        raise _ConstraintError(
            f"Regex '{regex}' is too complex: program size of {pattern.size} is larger than"
            f" maximum of {max_program_size} allowed"
        )
    return pattern
