"""Random histories: links break, disks are slow, agents and executors die.

Whatever happens, what an executor was told to be safe reaches the framework, in its order; and
every task that the agent has taken gets a last status.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.core import AgentCore
from mesos_compat.agent.recovered import read_state
from mesos_compat.agent.settings import AgentSettings
from mesos_compat.agent.state import TERMINAL_STATES
from mesos_compat.containers.spec import ContainerId, Termination
from mesos_compat.containers.spec import Recovered as RecoveredContainer
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from tests.mesos_compat.agent.harness import (
    AGENT_ID,
    FRAMEWORK_ID,
    Disk,
    called,
    command_task,
    run_task,
)

_Event = executor_pb2.Event
_MASTER = mesos_pb2.MasterInfo(id="m", ip=1, port=5050)


class Executor:
    """A command executor: tells three statuses, and keeps those that are not safe."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.route: ev.Route | None = None
        self.has_task = False
        self.told = 0
        self.unsafe: list[mesos_pb2.TaskStatus] = []
        self.safe: list[bytes] = []

    STATES = (mesos_pb2.TASK_STARTING, mesos_pb2.TASK_RUNNING, mesos_pb2.TASK_FINISHED)

    def subscribe(self) -> executor_pb2.Call:
        """SUBSCRIBE."""
        call = called(self.task_id, executor_pb2.Call.SUBSCRIBE)
        call.subscribe.SetInParent()
        if self.has_task and not self.safe:
            call.subscribe.unacknowledged_tasks.add().CopyFrom(command_task(self.task_id))
        for status in self.unsafe:
            call.subscribe.unacknowledged_updates.add().status.CopyFrom(status)
        return call

    def next_status(self) -> mesos_pb2.TaskStatus:
        """What it tells next."""
        status = mesos_pb2.TaskStatus(
            state=self.STATES[self.told],
            source=mesos_pb2.TaskStatus.SOURCE_EXECUTOR,
            uuid=f"{self.task_id:>12}{self.told:04}".encode(),
        )
        status.task_id.value = self.task_id
        self.told += 1
        self.unsafe.append(status)
        return status


class World:
    """An agent, its disk, its executors, and a master with one framework."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.disk = Disk()
        self.now_ms = 1_000
        self.routes = 0
        self.links = 0
        self.tasks = 0
        self.link: ev.Link | None = None
        self.registered = False
        self.executors: dict[str, Executor] = {}
        # Containers that run, by id; the task that they are for.
        self.running: dict[ContainerId, str] = {}
        self.waiting: list[act.Checkpoint] = []
        # What the framework has got, by task: uuids in the order in which they first came.
        self.got: dict[str, list[bytes]] = {}
        self.states: dict[str, list[int]] = {}
        self.sent: dict[str, bool] = {}
        self.unacknowledged: list[tuple[str, bytes]] = []
        # What executors were told to be safe.
        self.must_come: list[tuple[str, bytes]] = []
        # What happens next.
        self.later: list[ev.Event] = []
        self.boot()

    # The agent.

    def boot(self) -> None:
        """A new agent on what is on the disk."""
        self.link, self.registered, self.waiting = None, False, []
        for executor in self.executors.values():
            executor.route = None
        info = mesos_pb2.AgentInfo(
            hostname="host", port=5051, resources=Resources.parse("cpus:64;mem:8192")
        )
        settings = AgentSettings(
            work_dir="/w",
            address=mesos_pb2.Address(hostname="host", ip="10.0.0.1", port=5051),
            version="1.11.0",
            command_executor=("command",),
            default_executor=("default",),
        )
        self.core = AgentCore(settings, info, self.random.randrange, self.random.randbytes)
        self.step(ev.Recovered(read_state(self.disk.files, self.disk.links), "boot"))
        self.step(ev.MasterDetected(_MASTER))

    def step(self, event: ev.Event) -> None:
        """Step, and do what comes of it."""
        for action in self.core.step(event, ev.Now(self.now_ms, self.now_ms * 1_000_000)):
            self.do(action)
        self.core.check()

    def do(self, action: act.Action) -> None:
        """What a shell would do."""
        match action:
            case act.Checkpoint():
                self.waiting.append(action)
            case act.OpenLink():
                self.link, self.registered = action.link, False
            case act.CloseLink():
                self.link = None
            case act.SendToMaster():
                if action.link == self.link and action.call.HasField("status_update"):
                    self.take(action.call.status_update.status)
            case act.SendToExecutor():
                self.to_executor(action)
            case act.LaunchContainer():
                container_id = action.spec.container_id
                task_id = action.spec.environment["MESOS_EXECUTOR_ID"]
                self.running[container_id] = task_id
                self.executors[task_id] = Executor(task_id)
            case act.RecoverContainers():
                self.recover(action.containers)
            case act.DestroyContainer():
                self.end(action.container_id)
            case act.Stop():
                raise AssertionError(action.why)

    def recover(self, known: Iterable[ContainerId]) -> None:
        """Containers that run are found, orphans are destroyed."""
        known = list(known)
        for container_id in list(self.running):
            if container_id not in known:
                del self.executors[self.running.pop(container_id)]
        found = [RecoveredContainer(one, 7, running=one in self.running) for one in known]
        self.later = [
            ev.ContainersRecovered(tuple(found)),
            *(
                ev.ContainerExited(one, Termination(None))
                for one in known
                if one not in self.running
            ),
        ]

    def end(self, container_id: ContainerId) -> None:
        """A container ends."""
        task_id = self.running.pop(container_id, None)
        if task_id is not None:
            del self.executors[task_id]
            self.later.append(ev.ContainerExited(container_id, Termination(9)))

    def to_executor(self, action: act.SendToExecutor) -> None:
        """An executor hears."""
        for executor in self.executors.values():
            if executor.route != action.route:
                continue
            if action.event.type == _Event.LAUNCH:
                executor.has_task = True
            elif action.event.type == _Event.ACKNOWLEDGED:
                uuid = action.event.acknowledged.uuid
                executor.unsafe = [one for one in executor.unsafe if one.uuid != uuid]
                executor.safe.append(uuid)
                self.must_come.append((executor.task_id, uuid))

    def take(self, status: mesos_pb2.TaskStatus) -> None:
        """The framework gets a status."""
        task_id = status.task_id.value
        got = self.got.setdefault(task_id, [])
        if status.uuid not in got:
            got.append(status.uuid)
            self.states.setdefault(task_id, []).append(status.state)
        self.unacknowledged.append((task_id, status.uuid))

    # What may happen.

    def happen(self) -> None:
        """Something happens."""
        if self.later:
            self.step(self.later.pop(0))
            return
        things = (
            (self.launch, 3),
            (self.flush, 12),
            (self.subscribe, 6),
            (self.tell, 8),
            (self.acknowledge, 6),
            (self.kill, 1),
            (self.lose_stream, 1),
            (self.lose_link, 1),
            (self.die, 1),
            (self.exit, 4),
            (self.tick, 6),
            (self.register, 6),
        )
        weights = [weight for _thing, weight in things]
        (thing,) = self.random.choices([one for one, _weight in things], weights)
        thing()

    def say(self, event: link_pb2.Event) -> None:
        """The master says something, if it can."""
        if self.link is not None and self.registered:
            self.step(ev.LinkEvent(self.link, event))

    def launch(self) -> None:
        if self.registered and self.tasks < 8:
            self.tasks += 1
            task_id = f"t{self.tasks}"
            self.sent[task_id] = True
            self.say(run_task(command_task(task_id), checkpoint=True))

    def flush(self) -> None:
        if self.waiting:
            checkpoint = self.waiting.pop(0)
            self.disk.write(checkpoint.records)
            self.step(ev.Checkpointed(checkpoint.token))

    def subscribe(self) -> None:
        for executor in self.executors.values():
            if executor.route is None and self.core.state.is_reconnecting:
                self.routes += 1
                executor.route = ev.Route(self.routes)
                self.step(ev.ExecutorSubscribed(executor.route, executor.subscribe()))
                return

    def tell(self) -> None:
        ready = [
            one
            for one in self.executors.values()
            if one.route is not None and one.has_task and one.told < 3
        ]
        if ready and self.core.is_recovered:
            executor = self.random.choice(ready)
            call = called(executor.task_id, executor_pb2.Call.UPDATE)
            call.update.status.CopyFrom(executor.next_status())
            self.routes += 1
            self.step(ev.ExecutorCalled(ev.Route(self.routes), call))

    def acknowledge(self) -> None:
        if not (self.unacknowledged and self.registered):
            return
        task_id, uuid = self.unacknowledged.pop(0)
        if self.random.random() < 0.2:
            return
        event = link_pb2.Event(type=link_pb2.Event.ACKNOWLEDGE)
        event.acknowledge.framework_id.value = FRAMEWORK_ID
        event.acknowledge.task_id.value = task_id
        event.acknowledge.uuid = uuid
        self.say(event)

    def kill(self) -> None:
        # A master knows which tasks are over, and answers itself.
        live = [
            one
            for one in self.sent
            if not any(state in TERMINAL_STATES for state in self.states.get(one, ()))
        ]
        if live:
            event = link_pb2.Event(type=link_pb2.Event.KILL_TASK)
            event.kill_task.framework_id.value = FRAMEWORK_ID
            event.kill_task.task_id.value = self.random.choice(live)
            self.say(event)

    def lose_stream(self) -> None:
        for executor in self.executors.values():
            if executor.route is not None and self.random.random() < 0.5:
                route, executor.route = executor.route, None
                self.step(ev.ExecutorLost(route))
                return

    def lose_link(self) -> None:
        if self.link is not None:
            link, self.link, self.registered = self.link, None, False
            self.step(ev.LinkLost(link, "chance"))

    def die(self) -> None:
        """The agent dies, with what had not come to the disk."""
        if self.random.random() < 0.5:
            self.boot()

    def exit(self) -> None:
        """An executor that has told all ends; sometimes another, too."""
        for container_id, task_id in self.running.items():
            executor = self.executors[task_id]
            is_done = executor.told == 3 and not executor.unsafe
            if is_done or self.random.random() < 0.05:
                self.end(container_id)
                return

    def tick(self) -> None:
        self.now_ms += self.random.choice((1, 100, 1_000, 20_000))
        self.step(ev.Tick())

    def register(self) -> None:
        if self.link is not None and not self.registered:
            event = link_pb2.Event(type=link_pb2.Event.REREGISTERED)
            event.registered.agent_id.value = AGENT_ID
            event.registered.ping_timeout_seconds = 1e6
            self.registered = True
            self.step(ev.LinkEvent(self.link, event))

    def heal(self) -> None:
        """From now on nothing bad happens, until nothing happens at all."""
        for _ in range(600):
            while self.later:
                self.step(self.later.pop(0))
            while self.waiting:
                self.flush()
            self.register()
            self.subscribe()
            self.tell()
            for container_id, task_id in list(self.running.items()):
                executor = self.executors[task_id]
                if executor.told == 3 and not executor.unsafe:
                    self.end(container_id)
            while self.unacknowledged and self.registered:
                task_id, uuid = self.unacknowledged.pop(0)
                event = link_pb2.Event(type=link_pb2.Event.ACKNOWLEDGE)
                event.acknowledge.framework_id.value = FRAMEWORK_ID
                event.acknowledge.task_id.value = task_id
                event.acknowledge.uuid = uuid
                self.say(event)
            self.now_ms += 2_000
            self.step(ev.Tick())


@pytest.mark.parametrize("seed", range(60))
def test_nothing_that_was_safe_is_lost(seed: int) -> None:
    world = World(seed)
    for _ in range(400):
        world.happen()
    taken = dict.fromkeys(
        task_id
        for framework in world.core.state.frameworks.values()
        for task_id in framework.holders
    )
    world.heal()
    for task_id, uuid in world.must_come:
        assert uuid in world.got.get(task_id, []), (task_id, uuid)
    for task_id, states in world.states.items():
        ends = [state for state in states if state in TERMINAL_STATES]
        assert len(ends) <= 1, (task_id, states)
        own = [uuid for uuid in world.got[task_id] if uuid.startswith(f"{task_id:>12}".encode())]
        assert own == sorted(own)
    for task_id in taken:
        assert any(state in TERMINAL_STATES for state in world.states.get(task_id, [])), task_id
    assert world.core.state.frameworks == {}
    assert world.core.state.update_streams == {}
