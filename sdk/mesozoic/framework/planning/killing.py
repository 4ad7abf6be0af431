"""Which tasks are to be killed, until they are heard to have ended. Pure.

KILL may get lost on its way: it is sent again from time to time. A task on an agent that the
master cannot reach waits until it is heard of. Nothing is killed before the reason for it is
durable: each waits for the writes of the step in which it came to be wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mesozoic.framework.planning.actions import Kill

#: Between two KILLs of one task.
KILL_RETRY_MS: Final = 10_000


@dataclass(slots=True)
class _Wanted:
    agent_id: str | None
    # None while it makes no sense to try.
    due_ms: int | None
    # The write that has to be durable; None within the step in which it came to be wanted.
    token: int | None = None

    def is_behind(self, written: int) -> bool:
        """Whether its reason is durable."""
        return self.token is not None and self.token <= written


class Kills:
    """See the module."""

    __slots__ = ("_fresh", "_wanted")

    def __init__(self) -> None:
        self._wanted: dict[str, _Wanted] = {}
        # Those without a token.
        self._fresh: list[_Wanted] = []

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._wanted

    def want(self, task_id: str, agent_id: str | None, now_ms: int) -> None:
        """From now on, unless it is wanted already."""
        if task_id not in self._wanted:
            self._wanted[task_id] = _Wanted(agent_id, now_ms)
            self._fresh.append(self._wanted[task_id])

    def asked_behind(self, token: int) -> None:
        """What was wanted in this step waits for the write ``token`` and those before it."""
        for wanted in self._fresh:
            wanted.token = token
        self._fresh.clear()

    def wait(self, task_id: str) -> None:
        """It is on an agent that cannot be reached."""
        if task_id in self._wanted:
            self._wanted[task_id].due_ms = None

    def heard(self, task_id: str, now_ms: int) -> None:
        """It runs on an agent that can be reached."""
        wanted = self._wanted.get(task_id)
        if wanted is not None and wanted.due_ms is None:
            wanted.due_ms = now_ms

    def ended(self, task_id: str) -> None:
        """It is dead."""
        self._wanted.pop(task_id, None)

    def subscribed(self, now_ms: int) -> None:
        """What was sent over another connection may be lost."""
        for wanted in self._wanted.values():
            if wanted.due_ms is not None:
                wanted.due_ms = now_ms

    def clear(self) -> None:
        """There is nothing to kill any more."""
        self._wanted.clear()

    def next_due_ms(self, written: int) -> int | None:
        """When :meth:`due` has something."""
        times = [
            wanted.due_ms
            for wanted in self._wanted.values()
            if wanted.due_ms is not None and wanted.is_behind(written)
        ]
        return min(times, default=None)

    def due(self, written: int, now_ms: int) -> list[Kill]:
        """What is to be sent now, when all writes up to ``written`` are durable."""
        found = []
        for task_id, wanted in self._wanted.items():
            if wanted.due_ms is None or wanted.due_ms > now_ms or not wanted.is_behind(written):
                continue
            wanted.due_ms = now_ms + KILL_RETRY_MS
            found.append(Kill(task_id, wanted.agent_id))
        return found
