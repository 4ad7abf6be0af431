"""How a task is killed: SIGTERM, and SIGKILL when its grace is over (pure).

The grace is the request's (KILL.kill_policy), else the task's own (TaskInfo.kill_policy), else
three seconds. A later request may shorten it, counted from the first, and never lengthens it.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import Final

from mesos_compat.executors.events import Now
from mesos_compat.executors.settings import ExecutorSettings
from mesos_compat.wire.v1 import mesos_pb2

#: ``DEFAULT_KILL_GRACE_PERIOD`` is 3 s in Mesos.
DEFAULT_GRACE_MS: Final = 3_000
# Of its own grace an executor leaves this to notice the end of its task and to tell it:
# ``MAX_REAP_INTERVAL`` and a second more.
_SHUTDOWN_RESERVE_MS: Final = 2_000
_NS_PER_MS: Final = 1_000_000

SIGTERM: Final = int(signal.SIGTERM)
SIGKILL: Final = int(signal.SIGKILL)


def grace_ms(task: mesos_pb2.TaskInfo, policy: mesos_pb2.KillPolicy | None = None) -> int:
    """How long the task may take to end; ``policy`` is the request's."""
    for one in (policy, task.kill_policy):
        if one is not None and one.HasField("grace_period"):
            return max(0, one.grace_period.nanoseconds // _NS_PER_MS)
    return DEFAULT_GRACE_MS


def shutdown_grace_ms(settings: ExecutorSettings) -> int:
    """How long a task may take to end when the executor is to shut down."""
    return max(0, settings.shutdown_grace_period_ms - _SHUTDOWN_RESERVE_MS)


@dataclass(slots=True)
class Killing:
    """A task that is being killed."""

    began_ms: int
    # When it is killed for good.
    deadline_ms: int
    has_escalated: bool = field(default=False)

    @classmethod
    def begin(cls, grace: int, now: Now) -> Killing:
        """The first request came now."""
        return cls(now.ms, now.ms + grace)

    def shorten(self, grace: int) -> None:
        """Another request came; a longer grace than before changes nothing."""
        self.deadline_ms = min(self.deadline_ms, self.began_ms + grace)

    def due_ms(self) -> int | None:
        """When a Tick is due."""
        return None if self.has_escalated else self.deadline_ms

    def escalates(self, now: Now) -> bool:
        """Whether it is to be killed for good now; true once."""
        if self.has_escalated or now.ms < self.deadline_ms:
            return False
        self.has_escalated = True
        return True
