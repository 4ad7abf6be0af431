"""``mesos-execute``: run one task, or one group of tasks, and tell how it goes."""

from __future__ import annotations

import asyncio
import base64
import getpass
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import aiohttp
from google.protobuf.message import Message

from mesos_compat.cli.scheduler_link import MasterRefusedError, SchedulerLink, find_master
from mesos_compat.errors import DecodeError, FlagError
from mesos_compat.flags import execute as table
from mesos_compat.flags.loading import Flags, load, usage
from mesos_compat.http.failures import reason
from mesos_compat.http.tls import TlsSettings
from mesos_compat.resources import Resources
from mesos_compat.wire.json_dialect import loads
from mesos_compat.wire.media import ContentType
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_TERMINAL: Final = (
    mesos_pb2.TASK_FINISHED,
    mesos_pb2.TASK_FAILED,
    mesos_pb2.TASK_KILLED,
    mesos_pb2.TASK_ERROR,
    mesos_pb2.TASK_LOST,
    mesos_pb2.TASK_DROPPED,
    mesos_pb2.TASK_GONE,
    mesos_pb2.TASK_GONE_BY_OPERATOR,
)
_TYPES: Final = {"json": ContentType.JSON, "protobuf": ContentType.PROTOBUF}
#: How long a lost master is looked for, and how often.
_RECONNECT_S: Final = 75.0
_RETRY_S: Final = 0.5
_EXECUTOR_RESOURCES: Final = "cpus:0.1;mem:32;disk:32"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run."""

    framework: mesos_pb2.FrameworkInfo
    tasks: tuple[mesos_pb2.TaskInfo, ...]
    is_group: bool
    kill_after_s: float | None

    @property
    def needs(self) -> Resources:
        """All that has to be in one offer."""
        needed = Resources()
        for task in self.tasks:
            needed += Resources(task.resources)
        return needed + Resources.parse(_EXECUTOR_RESOURCES) if self.is_group else needed


def make_plan(flags: Flags) -> Plan:
    """What the flags ask for; raises :class:`FlagError`."""
    given = [name for name in ("task", "task_group", "command") if flags.text(name) is not None]
    if flags.text("docker_image") is not None:
        raise FlagError("Failed to load flag 'docker_image': agents here run no images")
    if flags.text("task") is None and flags.text("task_group") is None:
        if flags.text("name") is None:
            raise FlagError("Flag 'name' is required, unless --task or --task_group is given")
        if flags.text("command") is None:
            raise FlagError("Flag 'command' is required, unless --task or --task_group is given")
        tasks: Sequence[mesos_pb2.TaskInfo] = [_command_task(flags)]
    elif len(given) > 1:
        raise FlagError(f"Only one of {', '.join('--' + name for name in given)} may be given")
    elif flags.text("task") is not None:
        tasks = [_read(flags, "task", mesos_pb2.TaskInfo)]
    else:
        tasks = _read(flags, "task_group", mesos_pb2.TaskGroupInfo).tasks
        if not tasks:
            raise FlagError("Failed to load flag 'task_group': it has no tasks")
    kill_after = flags.number("kill_after")
    return Plan(
        _framework(flags),
        tuple(tasks),
        flags.text("task_group") is not None,
        None if kill_after is None else kill_after / 1e9,
    )


M = TypeVar("M", bound=Message)


def _read(flags: Flags, name: str, cls: type[M]) -> M:
    try:
        return loads(flags.text(name) or "", cls)
    except DecodeError as error:
        raise FlagError(f"Failed to load flag '{name}': {error}") from error


def _command_task(flags: Flags) -> mesos_pb2.TaskInfo:
    name = flags.text("name") or ""
    task = mesos_pb2.TaskInfo(name=name)
    task.task_id.value = name
    task.agent_id.value = ""
    task.command.value = flags.text("command") or ""
    task.command.shell = flags.is_set("shell")
    try:
        task.resources.extend(Resources.parse(flags.text("resources") or ""))
    except ValueError as error:
        raise FlagError(f"Failed to load flag 'resources': {error}") from error
    for variable, value in _environment(flags).items():
        task.command.environment.variables.add(name=variable, value=value)
    return task


def _environment(flags: Flags) -> dict[str, str]:
    name = "env" if flags.text("env") is not None else "environment"
    text = flags.text(name)
    if text is None:
        return {}
    try:
        given = json.loads(text)
    except ValueError as error:
        raise FlagError(f"Failed to load flag '{name}': {error}") from error
    if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
        raise FlagError(f"Failed to load flag '{name}': not an object of strings")
    return given


def _framework(flags: Flags) -> mesos_pb2.FrameworkInfo:
    info = mesos_pb2.FrameworkInfo(user=getpass.getuser(), name="mesos-execute instance")
    info.checkpoint = flags.is_set("checkpoint")
    info.roles.append(flags.text("role") or "*")
    known = mesos_pb2.FrameworkInfo.Capability.Type.keys()
    wanted = {"MULTI_ROLE": None, "RESERVATION_REFINEMENT": None}
    for name in filter(None, (flags.text("framework_capabilities") or "").split(",")):
        if name.strip() not in known:
            raise FlagError(f"Failed to load flag 'framework_capabilities': unknown '{name}'")
        wanted[name.strip()] = None
    for name in wanted:
        info.capabilities.add(type=name)
    principal = flags.text("principal")
    if principal is not None:
        info.principal = principal
    return info


class Executing:
    """One run: launches once, acknowledges all, ends when every task has ended.

    :meth:`run` may be called again when the master was lost; what was launched goes on.
    """

    def __init__(self, plan: Plan, link: SchedulerLink) -> None:
        self._plan = plan
        self._link = link
        self._is_launched = False
        self._open = {task.task_id.value: None for task in plan.tasks}
        self._all_finished = True
        self._kills: list[asyncio.Task[None]] = []

    async def run(self) -> bool:
        """Whether all tasks finished; raises :class:`MasterRefusedError`."""
        event_type = scheduler_pb2.Event
        try:
            async for event in self._link.subscribe(self._plan.framework):
                if event.type == event_type.SUBSCRIBED:
                    print(f"Subscribed with ID {event.subscribed.framework_id.value}", flush=True)
                elif event.type == event_type.OFFERS:
                    for offer in event.offers.offers:
                        await self._offered(offer)
                elif event.type == event_type.UPDATE:
                    await self._updated(event.update.status)
                elif event.type == event_type.ERROR:
                    raise MasterRefusedError(event.error.message)
                if not self._open:
                    await self._link.call(scheduler_pb2.Call(type=scheduler_pb2.Call.TEARDOWN))
                    return self._all_finished
        finally:
            for kill in self._kills:
                kill.cancel()
        raise ConnectionError("the master has ended the subscription")

    async def _offered(self, offer: mesos_pb2.Offer) -> None:
        offered = Resources(offer.resources)
        needs = self._plan.needs.allocate(offer.allocation_info.role)
        if self._is_launched or not offered.contains(needs):
            call = scheduler_pb2.Call(type=scheduler_pb2.Call.DECLINE)
            call.decline.offer_ids.append(offer.id)
            if self._is_launched:
                call.decline.filters.refuse_seconds = 24 * 3600.0
            await self._link.call(call)
            return
        self._is_launched = True
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.ACCEPT)
        call.accept.offer_ids.append(offer.id)
        operation = call.accept.operations.add()
        tasks = [self._placed(task, offer) for task in self._plan.tasks]
        if self._plan.is_group:
            operation.type = mesos_pb2.Offer.Operation.LAUNCH_GROUP
            operation.launch_group.task_group.tasks.extend(tasks)
            executor = operation.launch_group.executor
            executor.type = mesos_pb2.ExecutorInfo.DEFAULT
            executor.executor_id.value = "default-executor"
            executor.framework_id.CopyFrom(offer.framework_id)
            executor.resources.extend(Resources.parse(_EXECUTOR_RESOURCES))
        else:
            operation.type = mesos_pb2.Offer.Operation.LAUNCH
            operation.launch.task_infos.extend(tasks)
        await self._link.call(call)
        agent = offer.agent_id.value
        if self._plan.is_group:
            names = ", ".join(task.task_id.value for task in tasks)
            print(f"Submitted task group with tasks [ {names} ] to agent '{agent}'", flush=True)
        else:
            print(f"Submitted task '{tasks[0].name}' to agent '{agent}'", flush=True)

    @staticmethod
    def _placed(task: mesos_pb2.TaskInfo, offer: mesos_pb2.Offer) -> mesos_pb2.TaskInfo:
        placed = mesos_pb2.TaskInfo()
        placed.CopyFrom(task)
        placed.agent_id.CopyFrom(offer.agent_id)
        return placed

    async def _updated(self, status: mesos_pb2.TaskStatus) -> None:
        task_id = status.task_id.value
        print(
            f"Received status update {mesos_pb2.TaskState.Name(status.state)} for task '{task_id}'"
        )
        if status.HasField("message"):
            print(f"  message: '{status.message}'")
        if status.HasField("source"):
            print(f"  source: {mesos_pb2.TaskStatus.Source.Name(status.source)}")
        if status.HasField("reason"):
            print(f"  reason: {mesos_pb2.TaskStatus.Reason.Name(status.reason)}")
        if status.HasField("healthy"):
            print(f"  healthy?: {'true' if status.healthy else 'false'}")
        sys.stdout.flush()
        if status.HasField("uuid"):
            call = scheduler_pb2.Call(type=scheduler_pb2.Call.ACKNOWLEDGE)
            call.acknowledge.agent_id.CopyFrom(status.agent_id)
            call.acknowledge.task_id.CopyFrom(status.task_id)
            call.acknowledge.uuid = status.uuid
            await self._link.call(call)
        if status.state == mesos_pb2.TASK_RUNNING and self._plan.kill_after_s is not None:
            self._kills.append(asyncio.create_task(self._kill(status, self._plan.kill_after_s)))
        if status.state in _TERMINAL:
            self._open.pop(task_id, None)
            if status.state != mesos_pb2.TASK_FINISHED:
                self._all_finished = False

    async def _kill(self, status: mesos_pb2.TaskStatus, after_s: float) -> None:
        await asyncio.sleep(after_s)
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.KILL)
        call.kill.task_id.CopyFrom(status.task_id)
        call.kill.agent_id.CopyFrom(status.agent_id)
        print(f"Asked to kill task '{status.task_id.value}'", flush=True)
        await self._link.call(call)


async def execute(flags: Flags) -> int:
    """Run; returns the exit status. Raises :class:`FlagError`."""
    master = flags.text("master")
    if master is None:
        raise FlagError("Flag 'master' is required: --master=host:port or --master=zk://...")
    plan = make_plan(flags)
    content_type = _TYPES.get(flags.text("content_type") or "")
    if content_type is None:
        raise FlagError("Failed to load flag 'content_type': neither json nor protobuf")
    authorization = None
    if flags.text("principal") is not None and flags.text("secret") is not None:
        pair = f"{flags.text('principal')}:{flags.text('secret')}".encode()
        authorization = f"Basic {base64.b64encode(pair).decode()}"
    tls = TlsSettings(os.environ).client()
    place = await find_master(master)
    async with SchedulerLink(place, content_type, authorization=authorization, tls=tls) as link:
        try:
            return 0 if await _run(Executing(plan, link), link, master) else 1
        except (MasterRefusedError, aiohttp.ClientError, OSError) as error:
            print(f"mesos-execute: the master at {place}: {reason(error)}", file=sys.stderr)
            return 1


async def _run(executing: Executing, link: SchedulerLink, master: str) -> bool:
    """Run to the end, also through losses of the master; raises what ends it."""
    lost_s = 0.0
    while True:
        try:
            return await executing.run()
        except (aiohttp.ClientError, OSError) as error:
            now_s = asyncio.get_running_loop().time()
            if link.was_open:
                lost_s = now_s
            if not link.has_subscribed or now_s - lost_s > _RECONNECT_S:
                raise
            print(
                f"Lost the master ({reason(error)}); looking for the one that leads",
                file=sys.stderr,
            )
        await asyncio.sleep(_RETRY_S)
        link.move(await find_master(master))


def main() -> None:
    """The console script."""
    try:
        flags = load(table.FLAGS, sys.argv[1:], os.environ)
        if flags.is_set("help"):
            print(usage("mesos-execute", table.FLAGS), end="")
            return
        sys.exit(asyncio.run(execute(flags)))
    except FlagError as error:
        print(f"mesos-execute: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
