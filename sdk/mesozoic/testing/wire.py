"""The master's part of a script: it takes calls, and says what the script tells it to say."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call, Event
from mesozoic import aio
from mesozoic.core import actions, events

MASTER: Final = "http://master.example:5050"
_HEARTBEAT_S: Final = 15.0
_ACCEPTED: Final = 202

Operation = mesos_pb2.Offer.Operation


class PlayedMaster:
    """Who subscribes, what is offered, and what was called. Also finds itself, as a detector."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._on_master: Callable[[str | None], None] | None = None
        self._driver: PlayedDriver | None = None
        # Of the subscription; None without one.
        self._stream: int | None = None
        #: Whether it answers.
        self.is_up = True
        #: Calls that nobody has expected yet, but for SUBSCRIBE.
        self.calls: deque[Call] = deque()
        #: The last SUBSCRIBE.
        self.subscribed_with: Call.Subscribe | None = None
        #: The offers that are out, by id.
        self.offers: dict[str, mesos_pb2.Offer] = {}
        #: Status and text of the answers to the next calls; 202 where there are none.
        self.answers: deque[tuple[int, str]] = deque()
        #: What a real master would have refused.
        self.mistakes: list[str] = []

    # As a detector.

    def start(self, on_master: Callable[[str | None], None]) -> None:
        """See :class:`~mesozoic.aio.detect.Detector`."""
        self._on_master = on_master
        on_master(MASTER if self.is_up else None)

    def failed(self, master: str) -> None:
        """See :class:`~mesozoic.aio.detect.Detector`; there is no other."""

    async def stop(self) -> None:
        """See :class:`~mesozoic.aio.detect.Detector`."""
        self._on_master = None

    # As the script wants it.

    def go_down(self) -> None:
        """The connection breaks, and nobody leads."""
        self.is_up = False
        self._lose("the master is gone")
        if self._on_master is not None:
            self._on_master(None)

    def come_up(self) -> None:
        """It leads again."""
        self.is_up = True
        if self._on_master is not None:
            self._on_master(MASTER)

    def cut(self) -> None:
        """The connection breaks, and that is all."""
        self._lose("the connection was cut")

    def _lose(self, why: str) -> None:
        stream, self._stream = self._stream, None
        self.offers.clear()
        if stream is not None and self._driver is not None:
            self._driver.step(events.StreamLost(stream, why))

    @property
    def is_subscribed(self) -> bool:
        """Whether there is somebody to be told something."""
        return self._stream is not None

    def say(self, event: Event) -> None:
        """Send an event to who is subscribed."""
        if self._stream is not None and self._driver is not None:
            self._driver.step(events.Received(self._stream, event))

    # As the driver sees it.

    def connected(self, driver: PlayedDriver, action: actions.Connect) -> None:
        """SUBSCRIBE has come."""
        if not self.is_up:
            driver.step(events.StreamLost(action.stream, "nobody is there"))
            return
        self._driver, self._stream = driver, action.stream
        subscribe = action.call.subscribe
        self.subscribed_with = subscribe
        known = action.call.framework_id.value or subscribe.framework_info.id.value
        self._tell(f"the framework subscribes as {known or 'a new one'}")
        driver.step(events.StreamOpened(action.stream))
        said = Event(type=Event.SUBSCRIBED)
        said.subscribed.framework_id.value = known or "framework-1"
        said.subscribed.heartbeat_interval_seconds = _HEARTBEAT_S
        said.subscribed.master_info.CopyFrom(mesos_pb2.MasterInfo(id="master", ip=0, port=5050))
        self.say(said)
        driver.later(_HEARTBEAT_S, lambda: self._beat(driver, action.stream))

    def _beat(self, driver: PlayedDriver, stream: int) -> None:
        if self._stream == stream and self._driver is driver:
            self.say(Event(type=Event.HEARTBEAT))
            driver.later(_HEARTBEAT_S, lambda: self._beat(driver, stream))

    def disconnected(self, stream: int) -> None:
        """The framework has closed its stream."""
        if stream == self._stream:
            self._stream = None
            self.offers.clear()

    def called(self, driver: PlayedDriver, action: actions.Send) -> None:
        """A call has come, and is answered."""
        call = action.call
        self._tell(f"the framework calls {describe(call)}")
        self.calls.append(call)
        status, text = self.answers.popleft() if self.answers else (_ACCEPTED, "")
        if status == _ACCEPTED:
            self._note(call)
        driver.step(events.CallAnswered(action.stream, action.token, call, status, text))

    def _note(self, call: Call) -> None:
        """What the call does to the offers that are out."""
        used = [*call.accept.offer_ids, *call.decline.offer_ids]
        # Declining what is void already does no harm, and happens.
        missing = [one.value for one in call.accept.offer_ids if one.value not in self.offers]
        if missing:
            self.mistakes.append(f"{', '.join(missing)}: no offer that is still there")
        offered = [self.offers.pop(one.value) for one in used if one.value in self.offers]
        operations = call.accept.operations
        if operations and all(one.type == Operation.LAUNCH for one in operations):
            self._check_room(offered, [t for one in operations for t in one.launch.task_infos])

    def _check_room(self, offered: list[mesos_pb2.Offer], tasks: list[mesos_pb2.TaskInfo]) -> None:
        room = Resources(one for offer in offered for one in offer.resources).unallocate()
        needed = Resources(one for task in tasks for one in task.resources).unallocate()
        if not room.contains(needed):
            names = ", ".join(task.task_id.value for task in tasks)
            self.mistakes.append(f"{names} need {needed}, and {room} was offered")


class PlayedDriver(aio.SchedulerDriver):
    """The real driver, with a played master in the place of a connection."""

    def __init__(self, master: PlayedMaster, *arguments: Any, **named: Any) -> None:
        super().__init__(master, *arguments, **named)
        self._played = master

    def step(self, event: events.Event) -> None:
        """Something comes from the master, behind what it has said before."""
        self._step(event)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do something then, while this driver runs."""
        asyncio.get_running_loop().call_later(seconds, work)

    def _perform(self, action: actions.Action) -> None:
        match action:
            case actions.Connect():
                self._played.connected(self, action)
            case actions.Disconnect(stream):
                self._played.disconnected(stream)
            case actions.Send():
                self._played.called(self, action)
            case _:
                super()._perform(action)


def describe(call: Call) -> str:
    """A call in a line."""
    kind = Call.Type.Name(call.type)
    match call.type:
        case Call.ACCEPT:
            offers = ", ".join(one.value for one in call.accept.offer_ids)
            return f"ACCEPT of {offers} for {_operations(call) or 'nothing'}"
        case Call.DECLINE:
            refused = call.decline.filters.refuse_seconds
            return f"DECLINE of {', '.join(o.value for o in call.decline.offer_ids)} ({refused:g}s)"
        case Call.ACKNOWLEDGE:
            return f"ACKNOWLEDGE of {call.acknowledge.task_id.value}"
        case Call.KILL:
            return f"KILL of {call.kill.task_id.value}"
        case Call.RECONCILE:
            tasks = ", ".join(one.task_id.value for one in call.reconcile.tasks)
            return f"RECONCILE of {tasks or 'everything'}"
        case Call.MESSAGE:
            return f"MESSAGE to {call.message.executor_id.value}: {call.message.data!r}"
        case _:
            return kind


def _operations(call: Call) -> str:
    said = []
    for one in call.accept.operations:
        kind = Operation.Type.Name(one.type)
        tasks = [*one.launch.task_infos, *one.launch_group.task_group.tasks]
        names = ", ".join(task.task_id.value for task in tasks)
        said.append(f"{kind} of {names}" if names else kind)
    return "; ".join(said)
