"""The record of the framework itself: its id, and how many times its work was brought to an end.

A standby that waits for a framework which has finished must not do all the work again, and
whoever starts the framework the next day wants just that: the number of runs tells them apart.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from mesozoic.framework.planning.actions import Change, Put

_KEY: Final = "framework"


@dataclass(slots=True)
class FrameworkRecord:
    """See the module."""

    framework_id: str | None = None
    # How many runs have ended.
    runs: int = 0
    # Nothing has begun since the last one has ended; its results are still there.
    is_over: bool = False

    @classmethod
    def of(cls, contents: Mapping[str, bytes]) -> FrameworkRecord:
        """As a store has it. Raises ``ValueError`` when it is no record of ours."""
        if _KEY not in contents:
            return cls()
        read = json.loads(contents[_KEY])
        return cls(read.get("framework_id"), read.get("runs", 0), read.get("is_over", False))

    def put(self) -> Put:
        """The change that keeps it."""
        return Put(_KEY, json.dumps(asdict(self)).encode())


class RecordedFrameworkId:
    """The framework's id for a driver, kept in the record by way of ``write``."""

    def __init__(
        self, record: FrameworkRecord, write: Callable[[Sequence[Change]], Awaitable[None]]
    ) -> None:
        self._record = record
        self._write = write

    async def load(self) -> str | None:
        """The id of before, if there is one."""
        return self._record.framework_id

    async def save(self, framework_id: str) -> None:
        """Keep an id; it is durable when this returns."""
        if self._record.framework_id != framework_id:
            self._record.framework_id = framework_id
            await self._write([self._record.put()])

    async def clear(self) -> None:
        """The framework is over: let the next start be a new one."""
        self._record.framework_id = None
        await self._write([self._record.put()])
