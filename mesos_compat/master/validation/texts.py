"""How Mesos prints lists inside of its messages."""

from __future__ import annotations

from collections.abc import Iterable


def set_text(items: Iterable[str]) -> str:
    """``{ a, b }``, in the order given."""
    return "{ " + ", ".join(items) + " }"


def list_text(items: Iterable[object]) -> str:
    """``[ a, b ]``."""
    return "[ " + ", ".join(str(item) for item in items) + " ]"
