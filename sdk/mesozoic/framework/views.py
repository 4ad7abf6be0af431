"""Instances as the author of a framework sees them."""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework.calling import answer_of
from mesozoic.framework.errors import TaskFailed
from mesozoic.framework.planning.instances import Ending, Instance


@dataclass(frozen=True, slots=True)
class InstanceView:
    """An instance as one can look at it."""

    # The id of its Mesos task.
    task_id: str
    slot: int
    hostname: str
    agent_id: str
    ports: tuple[int, ...]
    # By Mesos's name; empty while nothing was heard of it.
    state: str
    # None where it is not checked, or was not yet.
    healthy: bool | None
    # Of a container that the master told of; empty if none.
    container_id: str

    @property
    def is_running(self) -> bool:
        """Whether the last that was heard is that it runs."""
        return self.state == "TASK_RUNNING"


def view_of(instance: Instance) -> InstanceView:
    """What to show of an instance."""
    state = "" if instance.state is None else mesos_pb2.TaskState.Name(instance.state)
    if instance.end is not None:
        state = instance.end.state
    return InstanceView(
        instance.task_id,
        instance.slot,
        instance.hostname,
        instance.agent_id,
        instance.ports,
        state,
        instance.healthy,
        instance.container_id,
    )


def value_of(instance: Instance) -> object:
    """What an instance that has ended for good has given; raises ``TaskFailed``."""
    end = instance.end
    if end is not None and end.ending is Ending.FINISHED:
        return answer_of(end.data) if end.data else None
    how = "has not ended" if end is None else f"{end.state or end.ending.value} {end.message}"
    failed = TaskFailed(f"{instance.name}, slot {instance.slot}: {how}".rstrip())
    if end is not None and end.data:
        try:
            answer_of(end.data)
        except Exception as error:
            raise failed from error
    raise failed
