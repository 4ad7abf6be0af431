"""The loop of an executor program: events to the core, its actions to the world."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from typing import Final, NoReturn, Protocol

from mesos_compat.errors import invariant
from mesos_compat.executors import checks, processes
from mesos_compat.executors.actions import (
    Action,
    CloseStream,
    Exit,
    Note,
    OpenStream,
    RunCheck,
    Send,
    SignalTask,
    StartTask,
)
from mesos_compat.executors.agent_link import Caller, Stream
from mesos_compat.executors.events import (
    Event,
    Now,
    Started,
    StreamId,
    TaskExited,
    TaskStarted,
    Tick,
)
from mesos_compat.executors.settings import AgentAddress
from mesos_compat.wire.v1 import mesos_pb2

_MS_PER_SECOND: Final = 1_000
_NS_PER_MS: Final = 1_000_000
#: A wait may be asked for that no queue can do.
_WAIT_MS_MAX: Final = 3_600_000


class Core(Protocol):
    """What decides."""

    def step(self, event: Event, now: Now) -> list[Action]:
        """What an event comes to."""

    def deadline_ms(self) -> int | None:
        """When a Tick is due."""


class Driver:
    """Runs one core until it exits. ``environment`` is what commands inherit."""

    def __init__(
        self, core: Core, address: AgentAddress, environment: Mapping[str, str], name: str
    ) -> None:
        self._core = core
        self._address = address
        self._environment = environment
        self._name = name
        self._inbox: SimpleQueue[Event] = SimpleQueue()
        self._streams: dict[StreamId, Stream] = {}
        self._caller = Caller(address, self._inbox.put)
        self._task: processes.Child | None = None
        # What comes of an action at once, and is looked at before all else.
        self._ahead: deque[Event] = deque([Started()])

    def run(self) -> NoReturn:
        """Until the core says so, and then this process ends."""
        while True:
            event = self._next_event()
            for action in self._core.step(event, _now()):
                self.perform(action)

    def put(self, event: Event) -> None:
        """Something has happened; from any thread."""
        self._inbox.put(event)

    def _next_event(self) -> Event:
        if self._ahead:
            return self._ahead.popleft()
        due_ms = self._core.deadline_ms()
        if due_ms is None:
            return self._inbox.get()
        wait_ms = min(max(0, due_ms - _now().ms), _WAIT_MS_MAX)
        try:
            # What is due does not wait for an inbox that is never empty.
            return self._inbox.get(timeout=wait_ms / _MS_PER_SECOND) if wait_ms else Tick()
        except Empty:
            return Tick()

    def perform(self, action: Action) -> None:
        """Do what the core wants."""
        match action:
            case OpenStream():
                stream = Stream(self._address, action.stream, action.subscribe, self._inbox.put)
                self._streams = {action.stream: stream}
            case CloseStream():
                closed = self._streams.pop(action.stream, None)
                if closed is not None:
                    closed.close()
            case Send():
                self._caller.send(action.stream, action.call)
            case StartTask():
                self._start_task(action.command, action.environment)
            case SignalTask():
                if self._task is not None:
                    self._task.signal(action.number)
            case RunCheck():
                checks.start(action, self._environment, self._inbox.put)
            case Note():
                self._log(action.text)
            case Exit():
                leave(action.status)
            case _:
                invariant(False, "no core of this driver asks for this", action=action)

    def _start_task(self, command: mesos_pb2.CommandInfo, environment: Mapping[str, str]) -> None:
        try:
            self._task = processes.spawn(command, {**self._environment, **environment})
        except OSError as error:
            # The child of Mesos has forked by then, and exits.
            processes.complain(command, error)
            self._ahead += [TaskStarted(0), TaskExited(processes.CANNOT_EXECUTE)]
            return
        self._ahead.append(TaskStarted(self._task.pid))
        threading.Thread(target=self._reap, args=(self._task,), name="task", daemon=True).start()

    def _reap(self, task: processes.Child) -> None:
        self._inbox.put(TaskExited(task.wait()))

    def _log(self, text: str) -> None:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        try:
            sys.stderr.write(f"{stamp} {self._name}: {text}\n")
            sys.stderr.flush()
        except OSError:
            pass  # The disk is full, or whoever read it has gone: the task goes on.


def leave(status: int) -> NoReturn:
    """End at once: the threads of this process wait for what will not come."""
    try:
        sys.stderr.flush()
    except OSError:
        pass  # Nothing can be done about it, or told.
    os._exit(status)


def _now() -> Now:
    return Now(time.monotonic_ns() // _NS_PER_MS, time.time_ns())
