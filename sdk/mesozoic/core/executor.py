"""The core of the executor driver. Pure.

The rules of the executor API: an update is kept until the agent has acknowledged it, a task
until its first update was acknowledged, and both are part of every SUBSCRIBE, so that an agent
that was restarted knows what it has missed. Without checkpointing there is no agent to come
back: losing it is the end, as SHUTDOWN is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from mesozoic.core.executor_events import (
    Acknowledged,
    Action,
    CallFailed,
    Connect,
    Disconnect,
    Event,
    Finish,
    MessageMade,
    Note,
    Received,
    Send,
    ShutdownDone,
    Started,
    StreamLost,
    TellDisconnected,
    TellEvent,
    Tick,
    UpdateMade,
)
from mesozoic.core.executor_settings import ExecutorSettings

#: An agent that answers but does not take us yet is asked again after this, or sooner.
_REFUSED_RETRY_MS_MAX: Final = 1_000
_RETRY_MS_MIN: Final = 10
#: Answers to calls that say that the agent has lost our stream (reference: executor API).
_NOT_SUBSCRIBED: Final = (403, 503)

_Call = executor_pb2.Call
_Said = executor_pb2.Event


@dataclass(slots=True)
class _Kept:
    """An update that is not acknowledged."""

    update: executor_pb2.Call.Update
    # The last stream on which it was told; 0 is none.
    told_on: int = 0


class ExecutorCore:
    """See the module. ``below(n)`` draws an integer from 0 to n - 1."""

    def __init__(self, settings: ExecutorSettings, below: Callable[[int], int]) -> None:
        self._settings = settings
        self._below = below
        # Number of the last stream; 0 before the first.
        self._stream = 0
        self._has_stream = False
        #: Whether the agent has said SUBSCRIBED on a stream that is not lost.
        self.is_subscribed = False
        self._was_subscribed = False
        self._is_over = False
        # When to connect again; None while there is a stream.
        self._retry_ms: int | None = None
        # When to give the agent up; None while subscribed.
        self._abandon_ms: int | None = None
        # When to end whatever is still unacknowledged; None before the end is wanted.
        self._leave_ms: int | None = None
        # Whether the author has nothing more to tell.
        self._is_leaving = False
        self._heartbeat_ms: int | None = None
        # By uuid and by task id, the oldest first.
        self._updates: dict[bytes, _Kept] = {}
        self._tasks: dict[str, mesos_pb2.TaskInfo] = {}

    @property
    def has_unacknowledged(self) -> bool:
        """Whether an update waits for its acknowledgement."""
        return bool(self._updates)

    @property
    def is_over(self) -> bool:
        """Whether nothing will be told to the agent any more."""
        return self._is_over

    def next_due_ms(self) -> int | None:
        """When a Tick is due; None while there is nothing to wait for."""
        if self._is_over:
            return None
        due = (self._retry_ms, self._abandon_ms, self._leave_ms, self._heartbeat_ms)
        return min((one for one in due if one is not None), default=None)

    def step(self, event: Event, now_ms: int) -> list[Action]:
        """What follows from an event."""
        if self._is_over:
            return []
        match event:
            case Started():
                self._abandon_ms = now_ms + self._settings.recovery_timeout_ms
                return [self._connect()]
            case Received(stream, said):
                return self._received(said, now_ms) if self._is_current(stream) else []
            case StreamLost(stream, why, status):
                return self._lost(why, status, now_ms) if self._is_current(stream) else []
            case CallFailed():
                return self._call_failed(event, now_ms) if self._is_current(event.stream) else []
            case UpdateMade(status):
                return self._update(status)
            case MessageMade(data):
                return self._message(data)
            case ShutdownDone():
                return self._leave(now_ms)
            case Tick():
                return self._tick(now_ms)

    def _is_current(self, stream: int) -> bool:
        return self._has_stream and stream == self._stream

    # The stream.

    def _connect(self) -> Connect:
        self._retry_ms = None
        self._stream += 1
        self._has_stream = True
        call = self._call(_Call.SUBSCRIBE)
        call.subscribe.SetInParent()
        call.subscribe.unacknowledged_tasks.extend(self._tasks.values())
        for kept in self._updates.values():
            call.subscribe.unacknowledged_updates.append(kept.update)
            kept.told_on = self._stream
        return Connect(self._stream, call)

    def _lost(self, why: str, status: int | None, now_ms: int) -> list[Action]:
        """There is no stream: look for the agent, where that makes sense."""
        self._has_stream = False
        was_subscribed, self.is_subscribed = self.is_subscribed, False
        self._heartbeat_ms = None
        done: list[Action] = [TellDisconnected(why)] if was_subscribed else []
        has_agent = status is not None or self._settings.checkpoint
        if not has_agent or (self._is_leaving and not self._updates):
            return done + self._finish(why)
        if self._abandon_ms is None:
            self._abandon_ms = now_ms + self._settings.recovery_timeout_ms
        # An agent that is back waits no longer than the longest backoff: half of it leaves time
        # for an attempt that comes a little too early, and the next.
        half_ms = self._settings.subscription_backoff_max_ms // 2
        refused_ms = min(_REFUSED_RETRY_MS_MAX, half_ms)
        wait_ms = self._below(half_ms + 1) if status is None else refused_ms
        self._retry_ms = now_ms + max(wait_ms, _RETRY_MS_MIN)
        return [*done, Note(f"no stream from the agent: {why}")]

    def _call_failed(self, event: CallFailed, now_ms: int) -> list[Action]:
        if event.status is None or event.status in _NOT_SUBSCRIBED:
            return [Disconnect(self._stream), *self._lost(event.why, event.status, now_ms)]
        # What is refused would be so again.
        uuid = event.call.update.status.uuid
        done: list[Action] = [Note(f"the agent refused a call: {event.status} {event.why}")]
        return done + self._forget(uuid)

    def _tick(self, now_ms: int) -> list[Action]:
        if self._abandon_ms is not None and now_ms >= self._abandon_ms:
            return self._finish("the agent was not found again in time")
        if self._leave_ms is not None and now_ms >= self._leave_ms:
            return self._finish("the grace period is over")
        if self._retry_ms is not None and now_ms >= self._retry_ms:
            return [self._connect()]
        if self._heartbeat_ms is not None and now_ms >= self._heartbeat_ms:
            self._heartbeat_ms = now_ms + self._settings.heartbeat_ms
            return [Send(self._stream, self._call(_Call.HEARTBEAT))]
        return []

    # What the agent says.

    def _received(self, said: executor_pb2.Event, now_ms: int) -> list[Action]:
        match said.type:
            case _Said.SUBSCRIBED:
                is_again, self._was_subscribed = self._was_subscribed, True
                self.is_subscribed = True
                self._abandon_ms = None
                self._heartbeat_ms = now_ms + self._settings.heartbeat_ms
                return [TellEvent(said, is_again), *self._tell_untold()]
            case _Said.ACKNOWLEDGED:
                self._tasks.pop(said.acknowledged.task_id.value, None)
                return [TellEvent(said), *self._forget(said.acknowledged.uuid)]
            case _Said.LAUNCH:
                self._tasks[said.launch.task.task_id.value] = said.launch.task
            case _Said.LAUNCH_GROUP:
                for task in said.launch_group.task_group.tasks:
                    self._tasks[task.task_id.value] = task
            case _Said.SHUTDOWN:
                self._leave_ms = now_ms + self._settings.shutdown_grace_period_ms
        return [TellEvent(said)]

    def _tell_untold(self) -> list[Action]:
        """Updates that were made while there was nobody to tell, or behind this SUBSCRIBE."""
        done: list[Action] = []
        for kept in self._updates.values():
            if kept.told_on != self._stream:
                kept.told_on = self._stream
                done.append(self._send_update(kept))
        return done

    # What the author says.

    def _update(self, status: mesos_pb2.TaskStatus) -> list[Action]:
        kept = _Kept(_Call.Update(status=status))
        self._updates[status.uuid] = kept
        if not self.is_subscribed:
            return []
        kept.told_on = self._stream
        return [self._send_update(kept)]

    def _send_update(self, kept: _Kept) -> Send:
        call = self._call(_Call.UPDATE)
        call.update.CopyFrom(kept.update)
        return Send(self._stream, call)

    def _message(self, data: bytes) -> list[Action]:
        if not self.is_subscribed:
            return [Note("a message is dropped: there is no agent to take it")]
        call = self._call(_Call.MESSAGE)
        call.message.data = data
        return [Send(self._stream, call)]

    # The end.

    def _leave(self, now_ms: int) -> list[Action]:
        """Go, once the agent has all updates; it gets a grace period to take them."""
        self._is_leaving = True
        if not self._updates:
            return self._finish("all is told")
        if self._leave_ms is None:
            self._leave_ms = now_ms + self._settings.shutdown_grace_period_ms
        return []

    def _forget(self, uuid: bytes) -> list[Action]:
        """An update need not be told any more."""
        self._updates.pop(uuid, None)
        if self._updates:
            return []
        return self._finish("all is told") if self._is_leaving else [Acknowledged()]

    def _finish(self, why: str) -> list[Action]:
        done: list[Action] = [Disconnect(self._stream)] if self._has_stream else []
        self._is_over = True
        self._has_stream = self.is_subscribed = False
        return [*done, Finish(why)]

    def _call(self, kind: executor_pb2.Call.Type) -> executor_pb2.Call:
        return _Call(
            type=kind,
            executor_id=mesos_pb2.ExecutorID(value=self._settings.executor_id),
            framework_id=mesos_pb2.FrameworkID(value=self._settings.framework_id),
        )
