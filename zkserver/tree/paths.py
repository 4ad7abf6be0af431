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

_ASCII_NAME: Final = re.compile(rb"[^/\x00-\x1f\x7f-\xff]+")
_NAME: Final = re.compile("[^/\x00-\x1f\x7f-\x9f\ud800-\uf8ff\ufff0-\uffff\U00010000-\U0010ffff]+")


def is_valid_name(name: bytes) -> bool:
    """Whether ``name`` may be one component of a path."""
    if name in (b".", b".."):
        return False
    if _ASCII_NAME.fullmatch(name):
        return True
    return not name.isascii() and _NAME.fullmatch(name.decode("utf-8", "replace")) is not None


def is_valid(path: bytes) -> bool:
    """Whether ``path`` may name a znode."""
    if path[:1] != b"/":
        return False
    return path == b"/" or all(map(is_valid_name, path[1:].split(b"/")))


def parent_of(path: bytes) -> bytes:
    """The parent's path; the root is the empty string, as in Apache's tree."""
    return path[: path.rfind(b"/")]
