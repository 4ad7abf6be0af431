"""Identifiers that clients choose, and UUIDs.

Source: ``common::validation::validateID`` and ``slave::validation::container``.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.resources.identifiers import validate_id
from mesos_compat.wire.v1 import mesos_pb2

__all__ = ["validate_container_id", "validate_id", "validate_uuid"]

_CONTAINER_ID_BYTES_MAX: Final = 242
_UUID_BYTES: Final = 16
# The upper half of this byte is the version.
_VERSION_BYTE: Final = 6
_UUID_VERSIONS: Final = range(1, 6)


def validate_uuid(value: bytes) -> str | None:
    """Why ``value`` is no UUID, or None: the version has to be one of RFC 4122's, too."""
    if len(value) == _UUID_BYTES and value[_VERSION_BYTE] >> 4 in _UUID_VERSIONS:
        return None
    return "Not a valid UUID"


def validate_container_id(container_id: mesos_pb2.ContainerID) -> str | None:
    """Checks a container's id and those of the containers around it."""
    prefix = ""
    current = container_id
    while True:
        fault = _container_id_fault(current.value)
        if fault is not None:
            return prefix + fault
        if not current.HasField("parent"):
            return None
        current = current.parent
        prefix += "'ContainerID.parent' is invalid: "


def _container_id_fault(text: str) -> str | None:
    fault = validate_id(text)
    if fault is not None:
        return fault
    if len(text.encode("utf-8", "surrogatepass")) > _CONTAINER_ID_BYTES_MAX:
        return (
            f"'ContainerID.value' '{text}' exceeds the maximum length ({_CONTAINER_ID_BYTES_MAX})"
        )
    # Dots separate nested ids in paths and logs.
    if "." in text or " " in text:
        return f"'ContainerID.value' '{text}' contains invalid characters"
    return None
