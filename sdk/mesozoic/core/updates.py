"""Which tasks run, and which updates were told and acknowledged. Pure.

An agent sends an update again until it is acknowledged, and the master may pass on two copies.
The author hears of each uuid once. While it is being handled, a copy means nothing; after it was
acknowledged, a copy says that the acknowledgement was lost.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesozoic.core import calls

#: Of so many acknowledged updates the uuids are remembered. An agent sends again after 10 s.
ACKNOWLEDGED_MAX: Final = 65_536

#: States after which a task is never heard of again.
TERMINAL_STATES: Final = frozenset(
    {
        mesos_pb2.TASK_FINISHED,
        mesos_pb2.TASK_FAILED,
        mesos_pb2.TASK_KILLED,
        mesos_pb2.TASK_ERROR,
        mesos_pb2.TASK_LOST,
        mesos_pb2.TASK_DROPPED,
        mesos_pb2.TASK_GONE,
        mesos_pb2.TASK_GONE_BY_OPERATOR,
    }
)


class Seen(Enum):
    """What to do with an update that has come."""

    NEW = "tell it"
    OPEN = "it was told, and will be acknowledged"
    ACKNOWLEDGED = "acknowledge it once more"


class Updates:
    """See the module; uuids of task updates and operation updates are of one kind."""

    __slots__ = ("_acknowledged", "_open", "tasks")

    def __init__(self) -> None:
        #: Agents of the tasks that may still run, by task id; None where none is known.
        self.tasks: dict[str, str | None] = {}
        # Uuids of updates that were told and not acknowledged.
        self._open: set[bytes] = set()
        # Uuids that were acknowledged, the oldest first.
        self._acknowledged: dict[bytes, None] = {}

    def launched(self, call: Call) -> None:
        """The author launches tasks by ACCEPT."""
        for operation in call.accept.operations:
            for task in operation.launch.task_infos:
                self.tasks[task.task_id.value] = task.agent_id.value
            for task in operation.launch_group.task_group.tasks:
                self.tasks[task.task_id.value] = task.agent_id.value

    def status(self, status: mesos_pb2.TaskStatus) -> None:
        """A task is in another state."""
        if status.state in TERMINAL_STATES:
            self.tasks.pop(status.task_id.value, None)
        elif status.agent_id.value or status.task_id.value not in self.tasks:
            self.tasks[status.task_id.value] = status.agent_id.value or None

    def seen(self, uuid: bytes) -> Seen:
        """An update with this uuid has come; without one it is always new."""
        if uuid in self._acknowledged:
            return Seen.ACKNOWLEDGED
        if uuid in self._open:
            return Seen.OPEN
        if uuid:
            self._open.add(uuid)
        return Seen.NEW

    def acknowledge(self, uuid: bytes) -> bool:
        """It is to be acknowledged; False when it was before."""
        self._open.discard(uuid)
        if not uuid or uuid in self._acknowledged:
            return False
        self._acknowledged[uuid] = None
        if len(self._acknowledged) > ACKNOWLEDGED_MAX:
            del self._acknowledged[next(iter(self._acknowledged))]
        return True


def acknowledgement(status: mesos_pb2.TaskStatus | mesos_pb2.OperationStatus) -> Call:
    """The call that acknowledges a status."""
    if isinstance(status, mesos_pb2.TaskStatus):
        return calls.acknowledge(status)
    return calls.acknowledge_operation(status)


def uuid_of(status: mesos_pb2.TaskStatus | mesos_pb2.OperationStatus) -> bytes:
    """What a status is acknowledged by; empty when it must not be."""
    return status.uuid if isinstance(status, mesos_pb2.TaskStatus) else status.uuid.value
