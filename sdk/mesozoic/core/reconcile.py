"""Whether what is believed of tasks is still so. Pure.

After each subscription the master is asked for every task that is not known to have ended, and
again, at growing intervals, for those of which nothing is heard: a master that has just taken
over does not answer for agents that are not back. From then on all that it knows is asked for
from time to time; for tasks of ours that it says nothing of it is asked as above. This is what
Mesos's documentation on reconciliation advises, in one algorithm.
"""

from __future__ import annotations

from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesozoic.core import calls
from mesozoic.core.settings import SchedulerSettings


class Reconciliation:
    """See the module."""

    __slots__ = ("_due_ms", "_interval_ms", "_settings", "_unanswered")

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings
        # Tasks of which nothing was heard since they were asked for, with their agents.
        self._unanswered: dict[str, str | None] = {}
        # Until the next explicit question.
        self._interval_ms = settings.reconcile_retry_ms
        # When the next question of any kind is due; None without a subscription.
        self._due_ms: int | None = None

    def next_due_ms(self) -> int | None:
        """When :meth:`due` has something to do."""
        return self._due_ms

    def subscribed(self, tasks: dict[str, str | None], now_ms: int) -> list[Call]:
        """Ask for all ``tasks``."""
        self._interval_ms = self._settings.reconcile_retry_ms
        self._unanswered = dict(tasks) if self._settings.reconciles_tasks else {}
        return self._ask(now_ms)

    def disconnected(self) -> None:
        """There is nobody to ask."""
        self._unanswered.clear()
        self._due_ms = None

    def answered(self, task_id: str, now_ms: int) -> None:
        """Something was heard of a task."""
        if task_id not in self._unanswered:
            return
        del self._unanswered[task_id]
        if not self._unanswered:
            self._rest(now_ms)

    def due(self, tasks: dict[str, str | None], now_ms: int) -> list[Call]:
        """Ask for what is still unanswered, or begin a new round with ``tasks``."""
        if self._due_ms is None or now_ms < self._due_ms:
            return []
        if self._unanswered:
            return self._ask(now_ms)
        self._interval_ms = self._settings.reconcile_retry_ms
        self._unanswered = dict(tasks)
        self._wait(now_ms)
        return [calls.reconcile()]

    def _ask(self, now_ms: int) -> list[Call]:
        if not self._unanswered:
            self._rest(now_ms)
            return []
        self._wait(now_ms)
        return [calls.reconcile(self._unanswered.items())]

    def _wait(self, now_ms: int) -> None:
        if not self._unanswered:
            self._rest(now_ms)
            return
        self._due_ms = now_ms + self._interval_ms
        self._interval_ms = min(2 * self._interval_ms, self._settings.reconcile_retry_max_ms)

    def _rest(self, now_ms: int) -> None:
        """All is known until the next round."""
        period_ms = self._settings.reconcile_ms
        self._due_ms = now_ms + period_ms if period_ms else None
