"""From files below ``<work_dir>/meta`` to what an earlier agent knew.

Source: ``slave/state.cpp`` of Mesos. What cannot be read is left out and named in ``errors``;
whether the agent may start then is decided by ``--strict``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.message import Message

from mesos_compat.agent import checkpoint, paths
from mesos_compat.errors import DecodeError
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

M = TypeVar("M", bound=Message)


@dataclass(slots=True)
class RecoveredTask:
    """A task, with its statuses in the order in which they came."""

    message: mesos_pb2.Task
    updates: list[link_pb2.Call.StatusUpdate] = field(default_factory=list)
    acknowledged: dict[bytes, None] = field(default_factory=dict)


@dataclass(slots=True)
class RecoveredExecutor:
    """An executor, and its last run."""

    info: mesos_pb2.ExecutorInfo
    # Whether the agent has made it for one command task.
    is_generated: bool
    # None when it was never launched.
    container_id: str | None
    # Whether the last run is over and nothing is left to be told.
    is_completed: bool
    tasks: list[RecoveredTask] = field(default_factory=list)
    # Container ids of runs before the last.
    older_runs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RecoveredFramework:
    """A framework that checkpoints."""

    info: mesos_pb2.FrameworkInfo
    executors: list[RecoveredExecutor] = field(default_factory=list)


@dataclass(slots=True)
class RecoveredState:
    """All that an earlier agent has checkpointed; empty where there was none."""

    boot_id: str | None = None
    # Of the last agent, with its id.
    info: mesos_pb2.AgentInfo | None = None
    drain_config: mesos_pb2.DrainConfig | None = None
    frameworks: list[RecoveredFramework] = field(default_factory=list)
    resources: link_pb2.Call.UpdateAgent | None = None
    # Ids of agents before the last.
    older_agents: list[str] = field(default_factory=list)
    # What must be written before anything else is: files without their torn ends.
    repairs: list[checkpoint.Record] = field(default_factory=list)
    # What could not be read, and why.
    errors: list[str] = field(default_factory=list)


def read_state(files: Mapping[str, bytes], links: Mapping[str, str]) -> RecoveredState:
    """From the contents of files and the targets of links, by paths relative to ``<work_dir>``."""
    return _Reader(files, links).read()


class _Reader:
    """Reads one state."""

    def __init__(self, files: Mapping[str, bytes], links: Mapping[str, str]) -> None:
        self._files, self._links = files, links
        # The names in each directory, sorted: two agents read the same state from the same disk.
        found: dict[str, dict[str, None]] = {}
        for path in sorted((*files, *links)):
            while "/" in path:
                path, _, name = path.rpartition("/")
                found.setdefault(path, {})[name] = None
        self._names = found
        self._state = RecoveredState()

    def read(self) -> RecoveredState:
        state = self._state
        if paths.BOOT_ID in self._files:
            state.boot_id = self._files[paths.BOOT_ID].decode(errors="replace").strip()
        state.resources = self._message(paths.RESOURCES, link_pb2.Call.UpdateAgent)
        latest = self._links.get(paths.LATEST_AGENT)
        for agent_id in self._below(paths.AGENTS):
            if agent_id != latest:
                state.older_agents.append(agent_id)
        if latest is None:
            return state
        where = paths.meta(paths.agent(latest))
        state.info = self._message(f"{where}/{paths.AGENT_INFO}", mesos_pb2.AgentInfo)
        if state.info is None:
            # It had not come so far that anything could run.
            state.older_agents.append(latest)
            return state
        state.drain_config = self._message(f"{where}/{paths.DRAIN_CONFIG}", mesos_pb2.DrainConfig)
        for framework_id in self._below(f"{where}/frameworks"):
            self._read_framework(f"{where}/frameworks/{framework_id}")
        return state

    def _read_framework(self, where: str) -> None:
        info = self._message(f"{where}/{paths.FRAMEWORK_INFO}", mesos_pb2.FrameworkInfo)
        if info is None:
            return
        framework = RecoveredFramework(info)
        self._state.frameworks.append(framework)
        for executor_id in self._below(f"{where}/executors"):
            executor = self._read_executor(f"{where}/executors/{executor_id}")
            if executor is not None:
                framework.executors.append(executor)

    def _read_executor(self, where: str) -> RecoveredExecutor | None:
        info = self._message(f"{where}/{paths.EXECUTOR_INFO}", mesos_pb2.ExecutorInfo)
        if info is None:
            return None
        container_id = self._links.get(f"{where}/runs/{paths.LATEST}")
        run = f"{where}/runs/{container_id}"
        executor = RecoveredExecutor(
            info,
            is_generated=self._files.get(f"{where}/{paths.GENERATED}") == b"1",
            container_id=container_id,
            is_completed=f"{run}/{paths.SENTINEL}" in self._files,
            older_runs=[one for one in self._below(f"{where}/runs") if one != container_id],
        )
        if container_id is not None and not executor.is_completed:
            for task_id in self._below(f"{run}/tasks"):
                task = self._read_task(f"{run}/tasks/{task_id}")
                if task is not None:
                    executor.tasks.append(task)
        return executor

    def _read_task(self, where: str) -> RecoveredTask | None:
        message = self._message(f"{where}/{paths.TASK_INFO}", mesos_pb2.Task)
        if message is None:
            return None
        task = RecoveredTask(message)
        path = f"{where}/{paths.TASK_UPDATES}"
        data = self._files.get(path, b"")
        try:
            found = checkpoint.read_updates(data)
        except DecodeError as error:
            self._state.errors.append(f"{path}: {error}")
            return task
        for entry in found.entries:
            if isinstance(entry, bytes):
                task.acknowledged[entry] = None
            else:
                task.updates.append(entry)
        if found.whole_bytes < len(data):
            whole = checkpoint.WriteFile(path, data[: found.whole_bytes])
            self._state.repairs.append(whole)
        return task

    def _below(self, directory: str) -> list[str]:
        """The directories below one, without the link to the latest."""
        return [
            name
            for name in self._names.get(directory, ())
            if name != paths.LATEST and f"{directory}/{name}" in self._names
        ]

    def _message(self, path: str, cls: type[M]) -> M | None:
        data = self._files.get(path)
        if data is None:
            return None
        try:
            return cls.FromString(data)
        except ProtobufError as error:
            self._state.errors.append(f"{path}: {error}")
            return None
