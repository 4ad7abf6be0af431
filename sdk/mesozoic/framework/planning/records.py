"""Specs and instances as bytes, for stores: JSON that later versions can add to. Pure.

Members that are missing have the defaults that they had before there was such a member;
members that are not known are ignored.
"""

from __future__ import annotations

import base64
import json
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from mesozoic.framework.planning.constraints import Constraint, Operator
from mesozoic.framework.planning.instances import Ended, Ending, Instance
from mesozoic.framework.planning.specs import (
    Backoff,
    HealthCheck,
    Restart,
    Spec,
    Standing,
    Uri,
    Volume,
)

SPECS: Final = "specs/"
INSTANCES: Final = "instances/"

#: What of an instance is learnt again from the master.
_TRANSIENT: Final = ("state", "healthy", "container_id", "unreachable_ms")


def encode_standing(standing: Standing) -> bytes:
    """The record of a spec."""
    return _bytes(_plain(standing))


def encode_instance(instance: Instance) -> bytes:
    """The record of an instance."""
    shown = _plain(instance)
    for name in _TRANSIENT:
        del shown[name]
    return _bytes(shown)


def _bytes(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.value if isinstance(value, Enum) else value


def decode_standing(data: bytes) -> Standing:
    """What :func:`encode_standing` has made. Raises ``ValueError`` for anything else."""
    read = _read(data)
    try:
        made: Standing = _made(Standing, read, spec=_spec(read["spec"]))
        return made
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the record of a spec: {error!r}") from error


def decode_instance(data: bytes) -> Instance:
    """What :func:`encode_instance` has made. Raises ``ValueError`` for anything else."""
    read = _read(data)
    try:
        made: Instance = _made(
            Instance,
            read,
            ports=tuple(read["ports"]),
            fields=_pairs(read["fields"]),
            failures=tuple(read["failures"]),
            end=_end(read.get("end")),
        )
        return made
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the record of an instance: {error!r}") from error


def _end(read: dict[str, Any] | None) -> Ended | None:
    if read is None:
        return None
    made: Ended = _made(
        Ended, read, ending=Ending(read["ending"]), data=base64.b64decode(read["data"])
    )
    return made


def _read(data: bytes) -> dict[str, Any]:
    read = json.loads(data)
    if not isinstance(read, dict):
        raise ValueError("a record is a JSON object")
    return read


def _made(kind: Any, read: dict[str, Any], **given: Any) -> Any:
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in read.items() if name in known} | given)


def _pairs(read: list[list[Any]]) -> tuple[tuple[Any, Any], ...]:
    return tuple((one, other) for one, other in read)


def _spec(read: dict[str, Any]) -> Spec:
    restart, health = read["restart"], read["health"]
    made: Spec = _made(
        Spec,
        read,
        call=base64.b64decode(read["call"]),
        resources=_pairs(read["resources"]),
        environment=_pairs(read["environment"]),
        labels=_pairs(read["labels"]),
        constraints=tuple(
            _made(Constraint, one, operator=Operator(one["operator"]), values=tuple(one["values"]))
            for one in read["constraints"]
        ),
        restart=_made(Restart, restart, backoff=_made(Backoff, restart["backoff"])),
        health=None if health is None else _made(HealthCheck, health),
        uris=tuple(_made(Uri, one) for one in read["uris"]),
        volumes=tuple(_made(Volume, one) for one in read["volumes"]),
    )
    return made
