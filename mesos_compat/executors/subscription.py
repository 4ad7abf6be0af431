"""The stream from the agent, its loss, and what is told again behind it (pure).

Source: the executor library of Mesos (``executor/executor.cpp``) and the rules of the executor
API: an update is kept until it is acknowledged, a task until its first update is, and both are
part of every SUBSCRIBE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mesos_compat.executors.actions import Action, CloseStream, Note, OpenStream, Send
from mesos_compat.executors.events import CallFailed, Now, Received, StreamId, StreamLost
from mesos_compat.executors.settings import ExecutorSettings
from mesos_compat.wire.text import format_duration
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

_NS_PER_MS: Final = 1_000_000
# After a refusal: the agent is recovering, or does not know this executor yet.
_REFUSED_RETRY_MS_MAX: Final = 1_000
# However short the backoff is to be.
_RETRY_MS_MIN: Final = 10
# Answers to a call which say that the agent has lost this executor's stream.
_NOT_SUBSCRIBED: Final = (403, 503)


class News(Enum):
    """What an event has meant for the subscription."""

    NOTHING = "nothing that others care about"
    SUBSCRIBED = "the agent knows this executor, for the first time or again"
    LOST = "the agent is being looked for"
    ABANDONED = "the agent will not be found again"


@dataclass(slots=True)
class _Kept:
    """An update that is not acknowledged."""

    call: executor_pb2.Call
    # The last stream on which it was told; 0 is none.
    told_on: int = 0


class Subscription:
    """See the module. The caller passes events on and looks at :class:`News`."""

    __slots__ = (
        "_abandon_ms",
        "_below",
        "_is_abandoned",
        "_kept",
        "_noted",
        "_retry_ms",
        "_settings",
        "_stream",
        "_stream_is_open",
        "_tasks",
        "is_subscribed",
    )

    def __init__(self, settings: ExecutorSettings, below: Callable[[int], int]) -> None:
        self._settings = settings
        self._below = below
        #: Whether the agent has said SUBSCRIBED on a stream that is not lost.
        self.is_subscribed = False
        # The last attempt; 0 before the first.
        self._stream = StreamId(0)
        self._stream_is_open = False
        # When to try again; None while there is a stream, and when abandoned.
        self._retry_ms: int | None = None
        # When to give up; None while subscribed.
        self._abandon_ms: int | None = None
        self._is_abandoned = False
        # What was said last of an agent that is being looked for.
        self._noted = ""
        # By uuid and by task id, the oldest first.
        self._kept: dict[bytes, _Kept] = {}
        self._tasks: dict[str, mesos_pb2.TaskInfo] = {}

    @property
    def is_abandoned(self) -> bool:
        """Whether nothing will be told to the agent any more."""
        return self._is_abandoned

    @property
    def has_unacknowledged(self) -> bool:
        """Whether an update waits for its acknowledgement."""
        return bool(self._kept)

    def deadline_ms(self) -> int | None:
        """When a Tick is due."""
        due = [at for at in (self._retry_ms, self._abandon_ms) if at is not None]
        return min(due, default=None)

    def open(self, now: Now) -> list[Action]:
        """Look for the agent, for the first time."""
        self._abandon_ms = now.ms + self._settings.recovery_timeout_ms
        return [self._subscribe()]

    def add_task(self, task: mesos_pb2.TaskInfo) -> None:
        """Keep a launched task until the agent has acknowledged an update of it."""
        self._tasks[task.task_id.value] = task

    def update(self, status: mesos_pb2.TaskStatus) -> list[Action]:
        """Tell a status, now or as soon as there is somebody to tell."""
        call = self._call(executor_pb2.Call.UPDATE)
        call.update.status.CopyFrom(status)
        kept = _Kept(call)
        self._kept[status.uuid] = kept
        if not self.is_subscribed:
            return []
        kept.told_on = self._stream
        return [Send(self._stream, call)]

    def tick(self, now: Now) -> tuple[News, list[Action]]:
        """Do what is due."""
        if self._abandon_ms is not None and now.ms >= self._abandon_ms:
            length = format_duration(self._settings.recovery_timeout_ms * _NS_PER_MS)
            why = f"Recovery timeout of {length} exceeded; shutting down"
            return News.ABANDONED, self._abandon(why)
        if self._retry_ms is not None and now.ms >= self._retry_ms:
            return News.NOTHING, [self._subscribe()]
        return News.NOTHING, []

    def received(self, event: Received) -> tuple[News, list[Action]]:
        """Look at an event; none of a stream that is over is to be looked at."""
        message = event.event
        if message.type == executor_pb2.Event.SUBSCRIBED:
            self.is_subscribed = True
            self._abandon_ms = None
            self._noted = ""
            return News.SUBSCRIBED, self._tell_untold()
        if message.type == executor_pb2.Event.ACKNOWLEDGED:
            self._kept.pop(message.acknowledged.uuid, None)
            self._tasks.pop(message.acknowledged.task_id.value, None)
        return News.NOTHING, []

    def is_current(self, stream: StreamId) -> bool:
        """Whether events of this stream matter."""
        return self._stream_is_open and stream == self._stream

    def lost(self, event: StreamLost, now: Now) -> tuple[News, list[Action]]:
        """There is no stream; look for another where that makes sense."""
        if not self.is_current(event.stream):
            return News.NOTHING, []
        self._stream_is_open = False
        was_subscribed, self.is_subscribed = self.is_subscribed, False
        if event.status is None and not self._settings.checkpoint:
            return News.ABANDONED, self._abandon(f"Lost the agent: {event.why}; shutting down")
        if self._abandon_ms is None:
            self._abandon_ms = now.ms + self._settings.recovery_timeout_ms
        wait_ms = self._backoff_ms(is_refused=event.status is not None)
        self._retry_ms = now.ms + wait_ms
        actions: list[Action] = []
        if event.why != self._noted:
            # Once, not at each of hundreds of attempts.
            self._noted = event.why
            actions.append(Note(f"No stream from the agent: {event.why}; looking for it"))
        return (News.LOST if was_subscribed else News.NOTHING), actions

    def _backoff_ms(self, *, is_refused: bool) -> int:
        """When to try again.

        An agent that is back waits for its executors no longer than their longest backoff, so
        half of it leaves time for an attempt that comes a little too early, and the next.
        """
        half_ms = self._settings.subscription_backoff_max_ms // 2
        refused_ms = min(_REFUSED_RETRY_MS_MAX, half_ms)
        wait_ms = refused_ms if is_refused else self._below(half_ms + 1)
        return max(wait_ms, _RETRY_MS_MIN)

    def call_failed(self, event: CallFailed, now: Now) -> tuple[News, list[Action]]:
        """A call was lost or refused; if the agent has lost us, look for it anew."""
        if not self.is_current(event.stream):
            return News.NOTHING, []
        if event.status is not None and event.status not in _NOT_SUBSCRIBED:
            return News.NOTHING, [Note(f"The agent refused a call: {event.status} {event.why}")]
        news, actions = self.lost(StreamLost(event.stream, event.why, event.status), now)
        return news, [CloseStream(event.stream), *actions]

    def _abandon(self, why: str) -> list[Action]:
        actions: list[Action] = [Note(why)]
        if self._stream_is_open:
            actions.append(CloseStream(self._stream))
        self._stream_is_open = self.is_subscribed = False
        self._retry_ms = self._abandon_ms = None
        self._is_abandoned = True
        return actions

    def _subscribe(self) -> OpenStream:
        self._retry_ms = None
        self._stream = StreamId(self._stream + 1)
        self._stream_is_open = True
        call = self._call(executor_pb2.Call.SUBSCRIBE)
        call.subscribe.SetInParent()
        call.subscribe.unacknowledged_tasks.extend(self._tasks.values())
        for kept in self._kept.values():
            call.subscribe.unacknowledged_updates.append(kept.call.update)
            kept.told_on = self._stream
        return OpenStream(self._stream, call)

    def _tell_untold(self) -> list[Action]:
        """Send the updates that were made after this stream's SUBSCRIBE."""
        actions: list[Action] = []
        for kept in self._kept.values():
            if kept.told_on != self._stream:
                kept.told_on = self._stream
                actions.append(Send(self._stream, kept.call))
        return actions

    def _call(self, kind: executor_pb2.Call.Type) -> executor_pb2.Call:
        return executor_pb2.Call(
            type=kind,
            executor_id=mesos_pb2.ExecutorID(value=self._settings.executor_id),
            framework_id=mesos_pb2.FrameworkID(value=self._settings.framework_id),
        )
