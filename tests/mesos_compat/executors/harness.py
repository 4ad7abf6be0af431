"""Steps an executor's core by hand: what the agent says goes in, what comes out is sorted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from mesos_compat.executors.actions import Action, Exit, OpenStream, Send
from mesos_compat.executors.driver import Core
from mesos_compat.executors.events import Event, Now, Received, Started, StreamId, Tick
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from tests.mesos_compat.executors.stub_agent import CONTAINER_ID, new_task

A = TypeVar("A")

__all__ = ["CoreHarness", "counting_bytes", "new_task", "no_backoff"]

State = mesos_pb2.TaskState
WALL_NS = 1_700_000_000_000_000_000


def no_backoff(_: int) -> int:
    return 0


def counting_bytes() -> CountingBytes:
    return CountingBytes()


class CountingBytes:
    """Random bytes that are none."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return self._count.to_bytes(size, "big")


class CoreHarness:
    """One core and its time, which passes only when told."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.now_ms = 0
        self.actions: list[Action] = []
        self.statuses: list[mesos_pb2.TaskStatus] = []
        self.stream = StreamId(0)
        self.exit_status: int | None = None
        self.step(Started())

    def step(self, event: Event) -> list[Action]:
        """One event; its actions replace those of the last."""
        self.actions = self.core.step(event, Now(self.now_ms, WALL_NS))
        for action in self.actions:
            match action:
                case OpenStream():
                    self.stream = action.stream
                    self.subscribe = action.subscribe.subscribe
                case Send():
                    assert action.stream == self.stream
                    self.statuses.append(action.call.update.status)
                case Exit():
                    self.exit_status = action.status
        return self.actions

    def pass_to(self, now_ms: int) -> None:
        """Let time pass, with a Tick whenever one is due."""
        while self.exit_status is None:
            due_ms = self.core.deadline_ms()
            if due_ms is None or due_ms > now_ms:
                break
            self.now_ms = max(self.now_ms, due_ms)
            self.step(Tick())
        self.now_ms = now_ms

    def of(self, kind: type[A]) -> list[A]:
        """The last step's actions of one kind."""
        return [action for action in self.actions if isinstance(action, kind)]

    def says(self, event: executor_pb2.Event) -> list[Action]:
        """The agent says something on the last stream."""
        return self.step(Received(self.stream, event))

    def subscribed(self, *capabilities: mesos_pb2.FrameworkInfo.Capability.Type) -> list[Action]:
        event = executor_pb2.Event(type=executor_pb2.Event.SUBSCRIBED)
        event.subscribed.container_id.value = CONTAINER_ID
        for capability in capabilities:
            event.subscribed.framework_info.capabilities.add(type=capability)
        return self.says(event)

    def launch(self, task: mesos_pb2.TaskInfo) -> list[Action]:
        event = executor_pb2.Event(type=executor_pb2.Event.LAUNCH)
        event.launch.task.CopyFrom(task)
        return self.says(event)

    def launch_group(self, *tasks: mesos_pb2.TaskInfo) -> list[Action]:
        event = executor_pb2.Event(type=executor_pb2.Event.LAUNCH_GROUP)
        event.launch_group.task_group.tasks.extend(tasks)
        return self.says(event)

    def kill(self, task_id: str, grace_ms: int | None = None) -> list[Action]:
        event = executor_pb2.Event(type=executor_pb2.Event.KILL)
        event.kill.task_id.value = task_id
        if grace_ms is not None:
            event.kill.kill_policy.grace_period.nanoseconds = grace_ms * 1_000_000
        return self.says(event)

    def shut_down(self) -> list[Action]:
        return self.says(executor_pb2.Event(type=executor_pb2.Event.SHUTDOWN))

    def acknowledge(self, statuses: Iterable[mesos_pb2.TaskStatus] | None = None) -> None:
        """The agent has stored these updates, or all that it was told."""
        for status in list(self.statuses) if statuses is None else statuses:
            event = executor_pb2.Event(type=executor_pb2.Event.ACKNOWLEDGED)
            event.acknowledged.task_id.CopyFrom(status.task_id)
            event.acknowledged.uuid = status.uuid
            self.says(event)

    def states(self) -> list[str]:
        """All states that were told, in order."""
        return [State.Name(status.state) for status in self.statuses]
