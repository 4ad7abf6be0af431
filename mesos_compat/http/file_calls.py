"""LIST_FILES and READ_FILE, which masters' and agents' operator APIs share."""

from __future__ import annotations

import asyncio
from typing import Final

from mesos_compat.http.answers import Answer, not_there, said, told
from mesos_compat.http.files import Attached, FileInfo, Hidden
from mesos_compat.http.requests import Principal
from mesos_compat.wire.v1 import agent_pb2, master_pb2, mesos_pb2

#: Of one answer; a caller that wants more asks for the next part.
_READ_BYTES_MAX: Final = 16 * 1024 * 1024


async def list_files(
    attached: Attached, path: str, asker: Principal | None
) -> list[mesos_pb2.FileInfo] | Answer:
    """What LIST_FILES gives, or why not."""
    opened = attached.open(path, asker)
    if isinstance(opened, Hidden):
        return _hidden(opened)
    with opened:
        return [_message(one) for one in await asyncio.to_thread(opened.entries, path)]


def _hidden(why: Hidden) -> Answer:
    if why is Hidden.FORBIDDEN:
        return said(403)
    return not_there()


def _message(info: FileInfo) -> mesos_pb2.FileInfo:
    made = mesos_pb2.FileInfo(
        path=info.path,
        nlink=info.nlink,
        size=info.size,
        mode=info.mode,
        uid=info.uid,
        gid=info.gid,
    )
    made.mtime.nanoseconds = info.mtime_s * 1_000_000_000
    return made


async def read_file(
    attached: Attached,
    call: master_pb2.Call.ReadFile | agent_pb2.Call.ReadFile,
    asker: Principal | None,
) -> tuple[int, bytes] | Answer:
    """The size of the file, and the part that READ_FILE asks for; or why not."""
    opened = attached.open(call.path, asker)
    if isinstance(opened, Hidden):
        return _hidden(opened)
    with opened:
        if opened.is_directory:
            return told(400, "Cannot read a directory.\n")
        wanted = call.length if call.HasField("length") else _READ_BYTES_MAX
        try:
            data = await asyncio.to_thread(opened.read, call.offset, min(wanted, _READ_BYTES_MAX))
        except OSError as error:
            return told(500, f"Failed to read '{call.path}': {error.strerror}.\n")
        return opened.size, data
