"""One start of a task or a service, and what has become of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from mesos_compat.wire.v1 import mesos_pb2


class Ending(Enum):
    """How an instance has ended, as far as policy cares; the values stand in stored records."""

    FINISHED = "finished"
    FAILED = "failed"
    # It may have run, or still run somewhere; nobody knows.
    LOST = "lost"
    NEVER_STARTED = "never started"
    # It was killed because it was not wanted.
    STOPPED = "stopped"


_ENDINGS: Final = {
    mesos_pb2.TASK_FINISHED: Ending.FINISHED,
    mesos_pb2.TASK_FAILED: Ending.FAILED,
    mesos_pb2.TASK_KILLED: Ending.FAILED,
    mesos_pb2.TASK_ERROR: Ending.FAILED,
    mesos_pb2.TASK_LOST: Ending.LOST,
    mesos_pb2.TASK_GONE: Ending.LOST,
    mesos_pb2.TASK_GONE_BY_OPERATOR: Ending.LOST,
    # The master does not know the agent, and will not hear of the task unless it comes back.
    mesos_pb2.TASK_UNKNOWN: Ending.LOST,
    mesos_pb2.TASK_DROPPED: Ending.NEVER_STARTED,
}


def ending_of(state: mesos_pb2.TaskState) -> Ending | None:
    """What a state means; None for states of tasks that have not ended."""
    return _ENDINGS.get(state)


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an instance, and what follows."""

    ending: Ending
    # The last state by Mesos's name; empty if there was none.
    state: str
    message: str
    # What a pickled call has given, or raised.
    data: bytes
    at_ms: int
    # When its successor is due; None: there is none.
    due_ms: int | None


@dataclass(slots=True)
class Instance:
    """See the module. Times are those of the core, which outlive a process."""

    # Unique for ever; the id of the Mesos task.
    task_id: str
    name: str
    slot: int
    generation: int
    agent_id: str
    hostname: str
    ports: tuple[int, ...]
    # Values of the fields that counting constraints look at.
    fields: tuple[tuple[str, str], ...]
    launched_ms: int
    # When predecessors in this slot have ended, as far as that counts for giving up, and how
    # many of the last ones in a row came soon.
    failures: tuple[int, ...] = ()
    streak: int = 0
    # Its slot has another instance: it is killed as soon as it is heard of.
    is_replaced: bool = False
    end: Ended | None = None

    # What is not kept: it is learnt again from the master.

    state: mesos_pb2.TaskState | None = None
    healthy: bool | None = None
    container_id: str = ""
    # Since when the master cannot reach its agent.
    unreachable_ms: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether it may run."""
        return self.end is None

    def is_up(self, *, has_health_check: bool) -> bool:
        """Whether it runs, and is healthy where that is checked."""
        if self.end is not None or self.state != mesos_pb2.TASK_RUNNING:
            return False
        return self.healthy is True or not has_health_check
