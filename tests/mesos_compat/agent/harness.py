"""An agent core with a disk, a master and containers that do as they are told.

What a shell would do with the actions is done at once: records reach the disk and are reported,
unless ``disk.is_slow``. Everything else is kept in ``actions`` and looked at by the tests.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, TypeVar

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.checkpoint import AppendFile, Record, RemoveFile, WriteFile, WriteLink
from mesos_compat.agent.core import AgentCore
from mesos_compat.agent.recovered import read_state
from mesos_compat.agent.settings import AgentSettings
from mesos_compat.agent.state import Phase
from mesos_compat.containers.spec import Recovered as RecoveredContainer
from mesos_compat.containers.spec import Termination
from mesos_compat.master.authorization import Authorizer, parse_acls
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

A = TypeVar("A")

AGENT_ID = "m-S0"
FRAMEWORK_ID = "m-0000"
_Call = executor_pb2.Call


class Disk:
    """The files and links below the work directory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.is_slow = False

    def write(self, records: Iterable[Record]) -> None:
        """Make records durable."""
        for record in records:
            if isinstance(record, WriteFile):
                self.files[record.path] = record.data
            elif isinstance(record, AppendFile):
                self.files[record.path] = self.files.get(record.path, b"") + record.data
            elif isinstance(record, WriteLink):
                self.links[record.path] = record.target
            elif isinstance(record, RemoveFile):
                self.files.pop(record.path, None)
                self.links.pop(record.path, None)


class Harness:
    """One agent, and the time."""

    def __init__(self, disk: Disk | None = None, **settings: Any) -> None:
        self.disk = disk or Disk()
        self.now_ms = 1_000
        self.actions: list[act.Action] = []
        self.next_route = 1
        #: Checkpoints that a slow disk has not made.
        self.waiting: list[act.Checkpoint] = []
        seeded = random.Random(1)
        self.resources = Resources.parse(
            settings.pop("resources", "cpus:4;mem:4096;disk:10240;ports:[31000-32000]")
        )
        info = mesos_pb2.AgentInfo(hostname="host", port=5051, resources=self.resources)
        acls = settings.pop("acls", "{}")
        text = settings.pop("attributes", "")
        if text:
            info.attributes.add(name=text, type=mesos_pb2.Value.TEXT).text.value = text
        self.core = AgentCore(
            AgentSettings(
                work_dir="/w",
                address=mesos_pb2.Address(hostname="host", ip="10.0.0.1", port=5051),
                version="1.11.0",
                command_executor=("/bin/command-executor", "run"),
                default_executor=("/bin/default-executor",),
                **settings,
            ),
            info,
            seeded.randrange,
            seeded.randbytes,
            Authorizer(parse_acls(acls)),
        )

    # Stepping.

    def step(self, event: ev.Event) -> list[act.Action]:
        """Step with an event; what it came to, also after what it stored was durable."""
        made = self.core.step(event, ev.Now(self.now_ms, self.now_ms * 1_000_000))
        self.core.check()
        done: list[act.Action] = []
        for action in made:
            if isinstance(action, act.Checkpoint):
                self.waiting.append(action)
            else:
                done.append(action)
        self.actions += done
        if not self.disk.is_slow:
            done += self.flush()
        return done

    def flush(self) -> list[act.Action]:
        """The disk does what it was asked for."""
        done: list[act.Action] = []
        while self.waiting:
            checkpoint = self.waiting.pop(0)
            self.disk.write(checkpoint.records)
            done += self.step(ev.Checkpointed(checkpoint.token))
        return done

    def wait(self, ms: int) -> list[act.Action]:
        """Let time pass, with the ticks that the core asks for."""
        until_ms = self.now_ms + ms
        done: list[act.Action] = []
        while (due_ms := self.core.next_due_ms()) <= until_ms:
            self.now_ms = max(self.now_ms, due_ms)
            done += self.step(ev.Tick())
        self.now_ms = until_ms
        return done

    @property
    def link_id(self) -> ev.Link:
        """The link that is open."""
        link = self.core.state.link
        assert link is not None
        return link

    @property
    def phase(self) -> Phase:
        """How far the agent is."""
        return self.core.state.phase

    def link(self, event: link_pb2.Event) -> list[act.Action]:
        """The master says something."""
        return self.step(ev.LinkEvent(self.link_id, event))

    def route(self) -> ev.Route:
        """A number for a request."""
        self.next_route += 1
        return ev.Route(self.next_route)

    # The usual course of things.

    def recover(self, running: Iterable[str] = (), boot_id: str = "boot") -> list[act.Action]:
        """Start, with what is on the disk; containers ``running`` are found running."""
        done = self.step(ev.Recovered(read_state(self.disk.files, self.disk.links), boot_id))
        found = [RecoveredContainer((one,), 77, running=True) for one in running]
        return done + self.step(ev.ContainersRecovered(tuple(found)))

    def subscribe(self) -> act.OpenLink:
        """Hear of a master and open the link to it."""
        self.step(ev.MasterDetected(mesos_pb2.MasterInfo(id="m", ip=1, port=5050)))
        (opened,) = of(self.wait(1_000), act.OpenLink)
        return opened

    def register(self, *, is_back: bool = False) -> list[act.Action]:
        """Open a link and be registered on it."""
        self.subscribe()
        event = link_pb2.Event(type=link_pb2.Event.REGISTERED)
        if is_back:
            event.type = link_pb2.Event.REREGISTERED
        event.registered.agent_id.value = AGENT_ID
        event.registered.ping_timeout_seconds = 75
        return self.link(event)

    def start(self) -> Harness:
        """An agent without a past, registered."""
        self.recover()
        self.register()
        return self

    def run_task(self, info: mesos_pb2.TaskInfo, **about: Any) -> list[act.Action]:
        """RUN_TASK; see :func:`run_task`."""
        return self.link(run_task(info, **about))

    def executor(
        self, executor_id: str, *tasks: str, updates: Iterable[mesos_pb2.TaskStatus] = ()
    ) -> tuple[ev.Route, list[act.Action]]:
        """An executor subscribes, with tasks and updates that were not acknowledged."""
        route, call = self.route(), called(executor_id, _Call.SUBSCRIBE)
        call.subscribe.SetInParent()
        for task_id in tasks:
            call.subscribe.unacknowledged_tasks.add().CopyFrom(command_task(task_id))
        for status in updates:
            call.subscribe.unacknowledged_updates.add().status.CopyFrom(status)
        return route, self.step(ev.ExecutorSubscribed(route, call))

    def update(self, executor_id: str, status: mesos_pb2.TaskStatus) -> list[act.Action]:
        """An executor tells a status."""
        call = called(executor_id, _Call.UPDATE)
        call.update.status.CopyFrom(status)
        return self.step(ev.ExecutorCalled(self.route(), call))

    def acknowledge(self, task_id: str, uuid: bytes) -> list[act.Action]:
        """The framework acknowledges a status."""
        event = link_pb2.Event(type=link_pb2.Event.ACKNOWLEDGE)
        event.acknowledge.framework_id.value = FRAMEWORK_ID
        event.acknowledge.task_id.value = task_id
        event.acknowledge.uuid = uuid
        return self.link(event)

    def kill(self, task_id: str) -> list[act.Action]:
        """KILL_TASK."""
        event = link_pb2.Event(type=link_pb2.Event.KILL_TASK)
        event.kill_task.framework_id.value = FRAMEWORK_ID
        event.kill_task.task_id.value = task_id
        return self.link(event)

    def launched(self, spec: act.LaunchContainer, pid: int = 42) -> list[act.Action]:
        """A container's command runs."""
        return self.step(ev.ContainerLaunched(spec.spec.container_id, pid))

    def exited(self, container_id: tuple[str, ...], status: int | None = 0) -> list[act.Action]:
        """A container has ended."""
        return self.step(ev.ContainerExited(container_id, Termination(status)))

    def running(self, task_id: str = "t1", **about: Any) -> act.LaunchContainer:
        """A command task that its executor has got."""
        (launch,) = of(self.run_task(command_task(task_id), **about), act.LaunchContainer)
        self.launched(launch)
        self.executor(task_id)
        return launch


# What is looked for.


def of(actions: Iterable[act.Action], kind: type[A]) -> list[A]:
    """The actions of one kind."""
    return [one for one in actions if isinstance(one, kind)]


def to_master(actions: Iterable[act.Action]) -> list[link_pb2.Call]:
    """What the master is told."""
    return [one.call for one in of(actions, act.SendToMaster)]


def told(actions: Iterable[act.Action]) -> list[mesos_pb2.TaskStatus]:
    """The statuses that go to the master."""
    return [one.status_update.status for one in to_master(actions) if one.HasField("status_update")]


def to_executor(actions: Iterable[act.Action]) -> list[str]:
    """The types of the events that executors get."""
    return [executor_pb2.Event.Type.Name(one.event.type) for one in of(actions, act.SendToExecutor)]


# Messages.


def framework_info(*, checkpoint: bool = False, aware: bool = True) -> mesos_pb2.FrameworkInfo:
    """A framework."""
    info = mesos_pb2.FrameworkInfo(
        user="nobody",
        name="fw",
        id=mesos_pb2.FrameworkID(value=FRAMEWORK_ID),
        checkpoint=checkpoint,
        roles=["*"],
    )
    if aware:
        info.capabilities.add(type=mesos_pb2.FrameworkInfo.Capability.PARTITION_AWARE)
    return info


def resources(text: str = "cpus:0.1;mem:32") -> list[mesos_pb2.Resource]:
    """Resources allocated to the role ``*``."""
    return list(Resources.parse(text).allocate("*"))


def command_task(task_id: str = "t1", value: str = "sleep 1") -> mesos_pb2.TaskInfo:
    """A task with a command."""
    info = task(task_id)
    info.command.value = value
    return info


def task(task_id: str) -> mesos_pb2.TaskInfo:
    """A task with neither command nor executor."""
    return mesos_pb2.TaskInfo(
        name=task_id,
        task_id=mesos_pb2.TaskID(value=task_id),
        agent_id=mesos_pb2.AgentID(value=AGENT_ID),
        resources=resources(),
    )


def executor_info(executor_id: str = "e1") -> mesos_pb2.ExecutorInfo:
    """A custom executor."""
    info = mesos_pb2.ExecutorInfo(
        type=mesos_pb2.ExecutorInfo.CUSTOM,
        executor_id=mesos_pb2.ExecutorID(value=executor_id),
        framework_id=mesos_pb2.FrameworkID(value=FRAMEWORK_ID),
        name="exname",
        source="src",
        resources=resources(),
    )
    info.command.value = "./executor"
    return info


def custom_task(task_id: str, executor_id: str = "e1") -> mesos_pb2.TaskInfo:
    """A task for a custom executor."""
    info = task(task_id)
    info.executor.CopyFrom(executor_info(executor_id))
    return info


def run_task(
    info: mesos_pb2.TaskInfo,
    *,
    checkpoint: bool = False,
    aware: bool = True,
    launch_executor: bool = True,
    version: bytes | None = None,
) -> link_pb2.Event:
    """RUN_TASK."""
    event = link_pb2.Event(type=link_pb2.Event.RUN_TASK)
    event.run_task.framework.CopyFrom(framework_info(checkpoint=checkpoint, aware=aware))
    event.run_task.task.CopyFrom(info)
    event.run_task.launch_executor = launch_executor
    if version is not None:
        event.run_task.resource_version = version
    return event


def run_group(*task_ids: str, launch_executor: bool = True) -> link_pb2.Event:
    """RUN_TASK_GROUP for a default executor."""
    event = link_pb2.Event(type=link_pb2.Event.RUN_TASK_GROUP)
    made = event.run_task_group
    made.framework.CopyFrom(framework_info())
    made.executor.CopyFrom(executor_info())
    made.executor.type = mesos_pb2.ExecutorInfo.DEFAULT
    made.executor.ClearField("command")
    for task_id in task_ids:
        info = made.task_group.tasks.add()
        info.CopyFrom(command_task(task_id))
        info.executor.CopyFrom(made.executor)
    made.launch_executor = launch_executor
    return event


def called(executor_id: str, kind: executor_pb2.Call.Type) -> executor_pb2.Call:
    """The beginning of an executor's call."""
    call = executor_pb2.Call(type=kind)
    call.executor_id.value = executor_id
    call.framework_id.value = FRAMEWORK_ID
    return call


def status(
    task_id: str, state: mesos_pb2.TaskState, number: int = 0, **about: Any
) -> mesos_pb2.TaskStatus:
    """A status of an executor; ``number`` makes its uuid."""
    return mesos_pb2.TaskStatus(
        task_id=mesos_pb2.TaskID(value=task_id),
        state=state,
        source=mesos_pb2.TaskStatus.SOURCE_EXECUTOR,
        uuid=uuid_of(state, number),
        timestamp=5.0,
        **about,
    )


def uuid_of(state: mesos_pb2.TaskState, number: int = 0) -> bytes:
    """The uuid of :func:`status`."""
    return bytes([state, number, *range(14)])
