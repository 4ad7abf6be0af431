"""A scheduler's core, and what a script makes happen to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesozoic.core import actions, events, notices
from mesozoic.core.scheduler import SchedulerCore
from mesozoic.core.settings import SchedulerSettings

A = TypeVar("A")
MasterEvent = scheduler_pb2.Event
MASTER = "http://one:5050"
ID = "the-framework"


def framework(*roles: str, **members: Any) -> mesos_pb2.FrameworkInfo:
    capability = mesos_pb2.FrameworkInfo.Capability
    return mesos_pb2.FrameworkInfo(
        user="root",
        name="test",
        roles=roles or ["r"],
        capabilities=[capability(type=capability.MULTI_ROLE)],
        **members,
    )


def offer(number: int, agent: str = "a1") -> mesos_pb2.Offer:
    return mesos_pb2.Offer(
        id=mesos_pb2.OfferID(value=f"O{number}"),
        framework_id=mesos_pb2.FrameworkID(value=ID),
        agent_id=mesos_pb2.AgentID(value=agent),
        hostname=agent,
    )


def task(name: str, agent: str = "a1") -> mesos_pb2.TaskInfo:
    return mesos_pb2.TaskInfo(
        name=name,
        task_id=mesos_pb2.TaskID(value=name),
        agent_id=mesos_pb2.AgentID(value=agent),
    )


def status(
    name: str,
    state: mesos_pb2.TaskState = mesos_pb2.TASK_RUNNING,
    uuid: bytes | None = None,
    agent: str = "a1",
) -> mesos_pb2.TaskStatus:
    made = mesos_pb2.TaskStatus(
        task_id=mesos_pb2.TaskID(value=name),
        state=state,
        agent_id=mesos_pb2.AgentID(value=agent),
    )
    if uuid is not None:
        made.uuid = uuid
    return made


class Script:
    """Steps a core, and keeps all that it wanted done. ``below`` draws the largest by default."""

    def __init__(self, *roles: str, subscribe: bool = True, **arguments: Any) -> None:
        settings = arguments.pop("settings", SchedulerSettings())
        below = arguments.pop("below", lambda bound: bound - 1)
        self.core = SchedulerCore(framework(*roles), settings, below, **arguments)
        self.now_ms = 1_000
        self.done: list[actions.Action] = []
        self.token = 0
        self.happens(events.Started(None))
        if subscribe:
            self.happens(events.MasterDetected(MASTER))
            self.tick()
            self.subscribed()

    def happens(self, event: events.Event) -> list[actions.Action]:
        """One step; gives what it wants done."""
        done = self.core.step(event, self.now_ms)
        self.done += done
        return done

    def tick(self) -> list[actions.Action]:
        """Let the time come that the core waits for."""
        due_ms = self.core.next_due_ms()
        assert due_ms is not None
        self.now_ms = max(self.now_ms, due_ms)
        return self.happens(events.Tick())

    def passes(self, ms: int) -> list[actions.Action]:
        """Let time go by, with a Tick whenever one is due."""
        until_ms = self.now_ms + ms
        done = []
        while (due_ms := self.core.next_due_ms()) is not None and due_ms <= until_ms:
            done += self.tick()
        self.now_ms = until_ms
        return done

    @property
    def stream(self) -> int:
        """The last one that was opened."""
        return self.all(actions.Connect)[-1].stream

    def all(self, kind: type[A]) -> list[A]:
        return [one for one in self.done if isinstance(one, kind)]

    def says(self, event: scheduler_pb2.Event) -> list[actions.Action]:
        return self.happens(events.Received(self.stream, event))

    def subscribed(self, framework_id: str = ID) -> list[actions.Action]:
        """The master answers SUBSCRIBE, and the id is saved."""
        said = MasterEvent(
            type=MasterEvent.SUBSCRIBED,
            subscribed=MasterEvent.Subscribed(
                framework_id=mesos_pb2.FrameworkID(value=framework_id),
                heartbeat_interval_seconds=15.0,
            ),
        )
        done = self.happens(events.StreamOpened(self.stream))
        done += self.says(said)
        for save in [one for one in done if isinstance(one, actions.SaveFrameworkId)]:
            done += self.happens(events.FrameworkIdSaved(save.framework_id))
        return done

    def heartbeat(self) -> list[actions.Action]:
        return self.says(MasterEvent(type=MasterEvent.HEARTBEAT))

    def offers(
        self, *offered: mesos_pb2.Offer, shown: bool = True, told: bool = True
    ) -> list[actions.Action]:
        said = MasterEvent(type=MasterEvent.OFFERS, offers=MasterEvent.Offers(offers=offered))
        done = self.says(said)
        if shown:
            done += self.happens(events.OffersShown(tuple(one.id.value for one in offered)))
            if told:
                done += self.happens(events.Told(notices.OffersReceived(offered)))
        return done

    def updates(self, *statuses: mesos_pb2.TaskStatus) -> list[actions.Action]:
        done = []
        for one in statuses:
            member = MasterEvent.Update(status=one)
            done += self.says(MasterEvent(type=MasterEvent.UPDATE, update=member))
        return done

    def handled(self, done: Iterable[actions.Action]) -> list[actions.Action]:
        """The author's handlers of what was told return."""
        answer = []
        for one in list(done):
            if isinstance(one, actions.Tell):
                answer += self.happens(events.Told(one.notice))
        return answer

    def calls(self, call: Call) -> list[actions.Action]:
        self.token += 1
        return self.happens(events.CallRequested(self.token, call))

    def answers(self, send: actions.Send, status: int = 202, text: str = "") -> list[Any]:
        return list(
            self.happens(events.CallAnswered(send.stream, send.token, send.call, status, text))
        )

    def lost(self, why: str = "gone", status: int | None = None) -> list[actions.Action]:
        return self.happens(events.StreamLost(self.stream, why, status))


def sent(done: Iterable[actions.Action], kind: int | None = None) -> list[Call]:
    """The calls among what is wanted done."""
    return [
        one.call
        for one in done
        if isinstance(one, actions.Send) and (kind is None or one.call.type == kind)
    ]


def told(done: Iterable[actions.Action]) -> list[notices.Notice]:
    return [one.notice for one in done if isinstance(one, actions.Tell)]


def settled(done: Iterable[actions.Action]) -> list[actions.Settle]:
    return [one for one in done if isinstance(one, actions.Settle)]
