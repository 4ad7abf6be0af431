"""A plan without a cluster: offers, statuses and time by hand, and a store that is a dictionary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from mesos_compat.resources import Resources, attributes
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework import Service, Task
from mesozoic.framework.planning import actions, events
from mesozoic.framework.planning.core import PlanningCore
from mesozoic.framework.planning.instances import Instance
from mesozoic.framework.planning.state import State

BEGIN_MS = 1_700_000_000_000
_T = TypeVar("_T")


def offer(
    offer_id: str,
    agent: str = "a1",
    resources: str = "cpus:4;mem:1024;ports:[31000-31009]",
    having: str = "",
) -> mesos_pb2.Offer:
    """An offer of an agent, whose host is called like it; ``having`` are its attributes."""
    made = mesos_pb2.Offer(
        hostname=f"{agent}.example", resources=Resources.parse(resources).allocate("*")
    )
    made.id.value = offer_id
    made.agent_id.value = agent
    made.framework_id.value = "f"
    made.attributes.extend(attributes.parse(having))
    return made


def status(task_id: str, state: str, *, uuid: bytes = b"", **members: Any) -> mesos_pb2.TaskStatus:
    made = mesos_pb2.TaskStatus(state=state, uuid=uuid, **members)
    made.task_id.value = task_id
    return made


def service(name: str = "s", **members: Any) -> Service:
    return Service(name, "run", **{"resources": {"cpus": 1, "mem": 32}} | members)


def task(name: str = "t", **members: Any) -> Task:
    return Task(name, "run", **{"resources": {"cpus": 1, "mem": 32}} | members)


class Stage:
    """Steps a core; writes are done at once unless ``holds_writes``."""

    def __init__(self, *declared: Task | Service, subscribed: bool = True) -> None:
        self.now_ms = BEGIN_MS
        self.epoch = 0
        self.records: dict[str, bytes] = {}
        self.holds_writes = False
        self.writes: list[actions.Write] = []
        self.done: list[actions.Action] = []
        self.start()
        if subscribed:
            self.step(events.Subscribed())
        self.declare(*declared)
        self.done.clear()

    def start(self) -> None:
        """A process begins with what is kept; what was before is dead."""
        self.epoch += 1
        self.writes.clear()
        self.core = PlanningCore(self.epoch, State.of_records(self.records), lambda _: 0)

    def step(self, event: events.Event) -> None:
        for action in self.core.step(event, self.now_ms):
            if isinstance(action, actions.Write):
                self.writes.append(action)
            else:
                self.done.append(action)
        if not self.holds_writes and self.writes:
            self.write()

    def write(self) -> None:
        """Do the oldest write."""
        write = self.writes.pop(0)
        self.apply(write)
        self.step(events.Written(write.token))

    def apply(self, write: actions.Write) -> None:
        for change in write.changes:
            if isinstance(change, actions.Put):
                self.records[change.key] = change.data
            else:
                self.records.pop(change.key, None)

    def declare(self, *declared: Task | Service) -> None:
        for one in declared:
            self.step(events.Declared(one.spec()))

    def offers(self, *offers: mesos_pb2.Offer) -> None:
        self.step(events.OffersCame(offers))

    def status(self, task_id: str, state: str, **members: Any) -> None:
        self.step(events.StatusCame(status(task_id, state, **members)))

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
        self.step(events.Tick())

    def take(self, kind: type[_T]) -> list[_T]:
        """What was asked for of a kind, once."""
        found: list[_T] = [one for one in self.done if isinstance(one, kind)]
        self.done = [one for one in self.done if not isinstance(one, kind)]
        return found

    def launched(self) -> list[str]:
        """The ids of the tasks that were launched since this was asked last."""
        return [one.task_id.value for launch in self.take(actions.Launch) for one in launch.tasks]

    def killed(self) -> list[str]:
        return [one.task_id for one in self.take(actions.Kill)]

    def run(self, count: int = 1, agent: str = "a1", offer_id: str | None = None) -> list[str]:
        """Offer an agent, and let what is launched run; returns the ids."""
        self.offers(offer(offer_id or f"o{self.now_ms}{len(self.records)}", agent))
        ids = self.launched()
        assert len(ids) == count
        for task_id in ids:
            self.status(task_id, "TASK_RUNNING")
        return ids

    def run_in(self, agent: str, having: str) -> list[str]:
        """Offer room for one instance on an agent with these attributes, and let it run."""
        self.offers(offer(f"o-{agent}", agent, "cpus:1;mem:32", having))
        ids = self.launched()
        for task_id in ids:
            self.status(task_id, "TASK_RUNNING")
        return ids

    def instance(self, name: str = "s", slot: int = 0) -> Instance:
        return next(one for one in self.core.instances(name) if one.slot == slot)

    def live_ids(self) -> Iterable[str]:
        return sorted(one.task_id for one in self.core.live())
