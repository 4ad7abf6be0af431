"""Counters, by the names that Mesos gives them in ``/metrics/snapshot``, below ``slave/``.

Only what events change is here; what can be read off the state is in
:mod:`mesos_compat.agent.views.metrics`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mesos_compat.wire.v1 import mesos_pb2

#: States that tasks end in and that Mesos counts on agents.
TERMINAL_STATE_NAMES: Final = ("failed", "finished", "gone", "killed", "lost")

_COUNTERS: Final = (
    *(f"tasks_{name}" for name in TERMINAL_STATE_NAMES),
    "valid_status_updates",
    "invalid_status_updates",
    "valid_framework_messages",
    "invalid_framework_messages",
    "container_launch_errors",
    "executors_preempted",
    "executors_terminated",
    "recovery_errors",
)


class Metrics:
    """See the module."""

    __slots__ = ("_counters",)

    def __init__(self) -> None:
        self._counters = dict.fromkeys(_COUNTERS, 0)

    def count(self, name: str, amount: int = 1) -> None:
        """One more, or ``amount``."""
        self._counters[name] += amount

    def ended(self, state: mesos_pb2.TaskState) -> None:
        """A task has come to its last state; some of them Mesos does not count."""
        name = f"tasks_{mesos_pb2.TaskState.Name(state).removeprefix('TASK_').lower()}"
        if name in self._counters:
            self._counters[name] += 1

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """All of them, with their full names."""
        for name, value in self._counters.items():
            yield f"slave/{name}", value
