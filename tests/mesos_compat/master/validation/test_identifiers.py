"""Ids, ids of containers, and UUIDs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.master.validation.identifiers import (
    validate_container_id,
    validate_id,
    validate_uuid,
)
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.validation.launching import UUID4


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a b:1-2.3", None),
        ("x" * 255, None),
        ("", "ID must not be empty"),
        ("x" * 256, "ID must not be greater than 255 characters"),
        ("é" * 128, "ID must not be greater than 255 characters"),
        (".", "'.' is disallowed"),
        ("..", "'..' is disallowed"),
        ("...", None),
        ("a/b", "'a/b' contains invalid characters"),
        ("a\\b", "'a\\b' contains invalid characters"),
        ("a\tb", "'a\tb' contains invalid characters"),
        ("a\x7fb", "'a\x7fb' contains invalid characters"),
    ],
)
def test_ids_are_what_can_name_a_directory(text: str, fault: str | None) -> None:
    assert validate_id(text) == fault


@given(st.text())
def test_every_text_is_valid_or_has_a_reason(text: str) -> None:
    fault = validate_id(text)
    usable = (
        0 < len(text.encode("utf-8", "surrogatepass")) <= 255
        and text not in (".", "..")
        and not any(character in "/\\\x7f" or ord(character) < 32 for character in text)
    )
    assert (fault is None) == usable


def container_id(*values: str) -> mesos_pb2.ContainerID:
    """The first value is the innermost container's."""
    made = mesos_pb2.ContainerID()
    current = made
    for index, value in enumerate(values):
        if index:
            current = current.parent
        current.value = value
    return made


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (("a",), None),
        (("a", "b", "c"), None),
        (("a.b",), "'ContainerID.value' 'a.b' contains invalid characters"),
        (("a b",), "'ContainerID.value' 'a b' contains invalid characters"),
        (("a/b",), "'a/b' contains invalid characters"),
        (
            ("x" * 243,),
            f"'ContainerID.value' '{'x' * 243}' exceeds the maximum length (242)",
        ),
        (("a", ""), "'ContainerID.parent' is invalid: ID must not be empty"),
        (
            ("a", "b", ".."),
            "'ContainerID.parent' is invalid: 'ContainerID.parent' is invalid: '..' is disallowed",
        ),
    ],
)
def test_container_ids_are_looked_at_with_their_parents(
    values: tuple[str, ...], fault: str | None
) -> None:
    assert validate_container_id(container_id(*values)) == fault


@pytest.mark.parametrize(
    ("value", "is_valid"),
    [
        (UUID4, True),
        (UUID4[:15], False),
        (UUID4 + b"x", False),
        (bytes(16), False),
        (b"x" * 16, False),
        (b"", False),
    ],
)
def test_uuids_have_sixteen_bytes_and_a_version(value: bytes, is_valid: bool) -> None:
    assert validate_uuid(value) == (None if is_valid else "Not a valid UUID")
