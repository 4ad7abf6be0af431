"""Queues of policy capacity, read from the policy file.

The file is a JSON object of queues by path, a queue being a role and all roles below it that
have no queue of their own::

    {"prod": {"capacity": 70},
     "prod/web": {"capacity": 60, "maximum_capacity": 80},
     "prod/batch": {"capacity": 40, "user_limit_factor": 2, "minimum_user_limit_percent": 25},
     "default": {"capacity": 30}}

Capacities are percent of the parent's, and siblings' must add up to 100. Numbers are taken
exactly as they are written. Roles without a queue belong to ``default`` if there is one;
otherwise they have no guarantee and get what the queues leave.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from mesos_compat.errors import FlagError
from mesos_compat.resources import roles

DEFAULT_QUEUE: Final = "default"
_ONE: Final = Fraction(1)
# More digits than any percentage has; an exponent could ask for more than memory holds.
_NUMBER_CHARACTERS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue; all its numbers are fractions, 1 being all."""

    path: str
    # Of the parent's capacity, and of the cluster.
    capacity: Fraction
    absolute_capacity: Fraction
    # What it may grow to while others leave theirs unused, of the cluster.
    absolute_maximum: Fraction
    # Whether one user's part is limited; if so, how many times the capacity a user may have,
    # and what part of it each can count on.
    limits_users: bool
    user_limit_factor: Fraction
    minimum_user_limit: Fraction
    # The paths of the queues above it, the topmost first.
    above: tuple[str, ...]


def parse(text: str) -> dict[str, Queue]:
    """The queues by path, parents first; raises :class:`FlagError` for what makes no sense."""
    raw = _read(text)
    _check_sums(raw)
    queues: dict[str, Queue] = {}
    for path in sorted(raw, key=lambda one: (one.count("/"), one)):
        members = raw[path]
        parent_path = path.rpartition("/")[0]
        parent = queues.get(parent_path)
        if parent_path and parent is None:
            raise FlagError(f"policy file: queue '{path}' lacks its parent '{parent_path}'")
        capacity = members["capacity"]
        maximum = members.get("maximum_capacity", _ONE)
        if maximum < capacity:
            raise FlagError(f"policy file: maximum_capacity of '{path}' is below its capacity")
        queues[path] = Queue(
            path,
            capacity,
            capacity * (parent.absolute_capacity if parent else _ONE),
            maximum * (parent.absolute_maximum if parent else _ONE),
            "user_limit_factor" in members or "minimum_user_limit_percent" in members,
            members.get("user_limit_factor", _ONE),
            members.get("minimum_user_limit_percent", _ONE),
            (*parent.above, parent.path) if parent else (),
        )
    return queues


def queue_of(role: str, queues: Mapping[str, Queue]) -> Queue | None:
    """The queue that ``role`` is served in, or None when there is none for it."""
    for path in (role, *roles.ancestors(role), DEFAULT_QUEUE):
        queue = queues.get(path)
        if queue is not None:
            return queue
    return None


def _read(text: str) -> dict[str, dict[str, Fraction]]:
    try:
        document = json.loads(text, parse_float=_exact, parse_int=_exact, parse_constant=_refuse)
    except ValueError as error:
        raise FlagError(f"policy file: no valid JSON: {error}") from error
    except RecursionError as error:
        raise FlagError("policy file: nested too deeply") from error
    if not isinstance(document, dict) or not document:
        raise FlagError("policy file: an object with at least one queue is needed")
    return {path: _read_queue(path, members) for path, members in document.items()}


def _exact(number: str) -> Fraction:
    if len(number) > _NUMBER_CHARACTERS_MAX:
        raise ValueError(f"too many digits in {number[:_NUMBER_CHARACTERS_MAX]}...")
    value = Decimal(number)
    if not -6 <= value.adjusted() <= 6:
        # Also keeps zero, whose exponent is not looked at, from being written oddly.
        if value:
            raise ValueError(f"{number} is too large or too small")
        return Fraction(0)
    return Fraction(value)


def _refuse(constant: str) -> Fraction:
    raise ValueError(f"{constant} is no number")


def _read_queue(path: str, members: object) -> dict[str, Fraction]:
    fault = roles.validate(path)
    if fault is not None:
        raise FlagError(f"policy file: {fault}")
    if not isinstance(members, dict):
        raise FlagError(f"policy file: queue '{path}' is no object")
    read: dict[str, Fraction] = {}
    for name, value in members.items():
        if not isinstance(value, Fraction):
            raise FlagError(f"policy file: {name} of '{path}' is no number")
        if name == "user_limit_factor":
            if value <= 0:
                raise FlagError(f"policy file: {name} of '{path}' must be more than 0")
            read[name] = value
        elif name in ("capacity", "maximum_capacity", "minimum_user_limit_percent"):
            if not 0 <= value <= 100:
                raise FlagError(f"policy file: {name} of '{path}' must be from 0 to 100")
            read[name] = value / 100
        else:
            raise FlagError(f"policy file: queue '{path}' has an unknown member '{name}'")
    if "capacity" not in read:
        raise FlagError(f"policy file: queue '{path}' lacks its capacity")
    return read


def _check_sums(raw: dict[str, dict[str, Fraction]]) -> None:
    sums: dict[str, Fraction] = {}
    for path, members in raw.items():
        parent = path.rpartition("/")[0]
        sums[parent] = sums.get(parent, Fraction(0)) + members["capacity"]
    for parent, whole in sums.items():
        if whole != _ONE:
            where = f"below '{parent}'" if parent else "at the top"
            percent = whole * 100
            shown = percent.numerator if percent.denominator == 1 else float(percent)
            raise FlagError(f"policy file: capacities {where} add up to {shown}, not to 100")
