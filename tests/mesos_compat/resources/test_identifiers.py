"""Ids that clients choose; the texts are those of recorded answers."""

from __future__ import annotations

import pytest

from mesos_compat.resources.identifiers import validate_id


@pytest.mark.parametrize("text", ["a", "a b", "a:b", "...", "x" * 255, "ü"])
def test_ordinary_ids_are_valid(text: str) -> None:
    assert validate_id(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "ID must not be empty"),
        ("x" * 256, "ID must not be greater than 255 characters"),
        ("ü" * 128, "ID must not be greater than 255 characters"),
        (".", "'.' is disallowed"),
        ("..", "'..' is disallowed"),
        ("a/b", "'a/b' contains invalid characters"),
        ("a\\b", "'a\\b' contains invalid characters"),
        ("a\n", "'a\n' contains invalid characters"),
        ("a\x7f", "'a\x7f' contains invalid characters"),
    ],
)
def test_other_ids_are_refused(text: str, why: str) -> None:
    assert validate_id(text) == why
