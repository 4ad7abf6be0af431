"""Ids that clients choose, of persistent volumes among others, and that become directories' names.

Source: ``common::validation::validateID``.
"""

from __future__ import annotations

from typing import Final

_ID_BYTES_MAX: Final = 255


def validate_id(text: str) -> str | None:
    """Why ``text`` is no id, in Mesos's words, or None. Spaces and colons are allowed."""
    if not text:
        return "ID must not be empty"
    if len(text.encode("utf-8", "surrogatepass")) > _ID_BYTES_MAX:
        return f"ID must not be greater than {_ID_BYTES_MAX} characters"
    if text in (".", ".."):
        return f"'{text}' is disallowed"
    if any(character in "/\\" or character < " " or character == "\x7f" for character in text):
        return f"'{text}' contains invalid characters"
    return None
