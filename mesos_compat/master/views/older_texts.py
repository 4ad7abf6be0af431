"""Answers with many tasks as JSON, of which hardly any has changed since the last one.

Lists of tasks are printed apart and put where a placeholder stands. A task that was printed is
found again by its bytes, as in :mod:`~mesos_compat.master.views.printing`: nothing can be stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mesos_compat.master.views.older_tasks import task
from mesos_compat.wire.json_dialect import JsonValue, encode_value
from mesos_compat.wire.v1 import mesos_pb2

# Nobody else's text is taken for it: whoever wants to imitate it does not know the secret.
_MARK: Final = "\0tasks of mesozoic "
_PLACEHOLDER: Final = re.compile(r'"\\u0000tasks of mesozoic ([0-9a-f]+) ([0-9]+)"')


class TaskTexts:
    """One for each endpoint; ``secret`` is what nobody else can know."""

    __slots__ = ("_printed", "_secret")

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._printed: dict[bytes, str] = {}

    def begin(self) -> Printing:
        """Begin an answer; keeps the texts of the last one only."""
        before, self._printed = self._printed, {}
        return Printing(self._secret, before, self._printed)


class Printing:
    """One answer that is being made."""

    __slots__ = ("_before", "_kept", "_lists", "_secret")

    def __init__(self, secret: str, before: dict[bytes, str], kept: dict[bytes, str]) -> None:
        self._secret = secret
        self._before = before
        self._kept = kept
        self._lists: list[str] = []

    def tasks(self, messages: Iterable[mesos_pb2.Task]) -> JsonValue:
        """What stands for a list of tasks among the plain values."""
        self._lists.append(",".join([self._text(message) for message in messages]))
        return f"{_MARK}{self._secret} {len(self._lists) - 1}"

    def _text(self, message: mesos_pb2.Task) -> str:
        key = message.SerializeToString()
        text = self._before.get(key)
        if text is None:
            text = encode_value(task(message))
        self._kept[key] = text
        return text

    def dumps(self, value: JsonValue) -> str:
        """``value`` with the lists in their places, on one line of ASCII."""

        def found(match: re.Match[str]) -> str:
            if match[1] != self._secret:
                return match[0]
            return f"[{self._lists[int(match[2])]}]"

        return _PLACEHOLDER.sub(found, encode_value(value))
