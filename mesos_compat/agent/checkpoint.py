"""What is written below ``<work_dir>``, and how: records for the disk, as plain values.

The layout is that of Mesos (:mod:`~mesos_compat.agent.paths`); the contents are protobuf messages
of the v1 API. ``task.updates`` grows at its end: each entry is a letter, the length of what
follows in four bytes, and that; a torn last entry is as if it had never been written, since
nobody has been told of it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError as ProtobufError

from mesos_compat.agent import paths
from mesos_compat.errors import DecodeError
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Replace a file, all at once; its directories are made."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class AppendFile:
    """Write to the end of a file, which is made with its directories if it is not there."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class WriteLink:
    """Let ``path`` be a symbolic link to ``target``, instead of whatever it was."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Remove a file or a link; missing is fine."""

    path: str


Record = WriteFile | AppendFile | WriteLink | RemoveFile
"""All paths are relative to ``<work_dir>``."""

_HEAD: Final = struct.Struct(">cI")
_UPDATE: Final = b"U"
_ACKNOWLEDGEMENT: Final = b"A"


def boot_id(text: str) -> WriteFile:
    """Which boot of the host containers belong to."""
    return WriteFile(paths.BOOT_ID, text.encode())


def agent_info(info: mesos_pb2.AgentInfo) -> tuple[Record, ...]:
    """The agent, registered: its id is there."""
    where = paths.meta(paths.agent(info.id.value))
    return (
        WriteFile(f"{where}/{paths.AGENT_INFO}", info.SerializeToString()),
        WriteLink(paths.LATEST_AGENT, info.id.value),
    )


def drain_config(agent_id: str, config: mesos_pb2.DrainConfig | None) -> Record:
    """How the agent is being drained; None when it is not any more."""
    path = f"{paths.meta(paths.agent(agent_id))}/{paths.DRAIN_CONFIG}"
    return RemoveFile(path) if config is None else WriteFile(path, config.SerializeToString())


def resources(update: link_pb2.Call.UpdateAgent) -> WriteFile:
    """Reservations and volumes, and operations whose status is not acknowledged."""
    return WriteFile(paths.RESOURCES, update.SerializeToString())


def framework_info(agent_id: str, info: mesos_pb2.FrameworkInfo) -> WriteFile:
    """A framework that checkpoints."""
    where = paths.meta(paths.framework(agent_id, info.id.value))
    return WriteFile(f"{where}/{paths.FRAMEWORK_INFO}", info.SerializeToString())


def executor_info(
    run_path: str, info: mesos_pb2.ExecutorInfo, *, is_generated: bool
) -> tuple[Record, ...]:
    """An executor that is to be launched as the run at ``run_path``."""
    executor_path, _, container_id = run_path.rpartition("/runs/")
    where = paths.meta(executor_path)
    return (
        WriteFile(f"{where}/{paths.GENERATED}", b"1" if is_generated else b"0"),
        WriteFile(f"{where}/{paths.EXECUTOR_INFO}", info.SerializeToString()),
        WriteLink(f"{where}/runs/{paths.LATEST}", container_id),
    )


def executor_ended(run_path: str) -> WriteFile:
    """The run at ``run_path`` is over, and all that had to be told of it was."""
    return WriteFile(f"{paths.meta(run_path)}/{paths.SENTINEL}", b"")


def task_info(run_path: str, task: mesos_pb2.Task) -> WriteFile:
    """A task that an executor is about to get."""
    where = paths.task(run_path, task.task_id.value)
    return WriteFile(f"{where}/{paths.TASK_INFO}", task.SerializeToString())


def status_update(run_path: str, update: link_pb2.Call.StatusUpdate) -> AppendFile:
    """A status that the framework is to acknowledge."""
    where = paths.task(run_path, update.status.task_id.value)
    body = update.SerializeToString()
    return AppendFile(f"{where}/{paths.TASK_UPDATES}", _HEAD.pack(_UPDATE, len(body)) + body)


def acknowledgement(run_path: str, task_id: str, uuid: bytes) -> AppendFile:
    """A status that the framework has acknowledged."""
    where = paths.task(run_path, task_id)
    return AppendFile(
        f"{where}/{paths.TASK_UPDATES}", _HEAD.pack(_ACKNOWLEDGEMENT, len(uuid)) + uuid
    )


@dataclass(frozen=True, slots=True)
class Updates:
    """What ``task.updates`` says."""

    # Statuses, and the uuids of those acknowledged, in their order.
    entries: list[link_pb2.Call.StatusUpdate | bytes]
    # How many bytes of the file are whole entries; behind them nothing may be appended.
    whole_bytes: int


def read_updates(data: bytes) -> Updates:
    """The entries of ``task.updates`` up to one that was not written to its end.

    Raises :class:`~mesos_compat.errors.DecodeError` for what was never written so.
    """
    entries: list[link_pb2.Call.StatusUpdate | bytes] = []
    position = 0
    while position + _HEAD.size <= len(data):
        letter, length = _HEAD.unpack_from(data, position)
        if letter not in (_UPDATE, _ACKNOWLEDGEMENT):
            if not any(data[position:]):
                # A file that had grown before its contents came to the disk.
                break
            raise DecodeError(f"an entry begins with {letter!r}")
        begin = position + _HEAD.size
        body = data[begin : begin + length]
        if len(body) < length:
            break
        position = begin + length
        if letter == _ACKNOWLEDGEMENT:
            entries.append(body)
            continue
        try:
            entries.append(link_pb2.Call.StatusUpdate.FromString(body))
        except ProtobufError:
            raise DecodeError("an entry is no status update") from None
    return Updates(entries, position)
