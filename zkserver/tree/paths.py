"""Which paths may be created (``PathUtils.validatePath``).

A path is refused when it does not start with ``/``, ends with one, holds an empty
component, ``.`` or ``..``, or a character that Java's check excludes: NUL, control
characters, surrogates, private use, U+FFF0 to U+FFFF. Java counts UTF-16 units, so all
characters beyond the basic plane are surrogates and refused; malformed UTF-8 decodes to
U+FFFD and is refused too.
"""

from __future__ import annotations

import re
from typing import Final

_ASCII: Final = re.compile(rb"(?:/(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f-\xff]+)+")
_UNICODE: Final = re.compile(
    "(?:/(?!\\.{1,2}(?:/|\\Z))"
    "[^/\x00-\x1f\x7f-\x9f\ud800-\uf8ff\ufff0-\uffff\U00010000-\U0010ffff]+)+"
)


def is_valid(path: bytes) -> bool:
    """Whether ``path`` may name a znode."""
    if _ASCII.fullmatch(path) or path == b"/":
        return True
    return not path.isascii() and _UNICODE.fullmatch(path.decode("utf-8", "replace")) is not None


def is_weakly_valid(path: bytes) -> bool:
    """The check that create and delete begin with: a slash somewhere and no NUL."""
    return b"/" in path and b"\0" not in path


def parent_of(path: bytes) -> bytes:
    """The parent's path; the root is the empty string, as in Apache's tree."""
    return path[: path.rfind(b"/")]
