"""Attaching to a container's standard streams: the agent's end of its switchboard.

See :mod:`mesos_compat.containers.switchboard` for the other end, which outlives the agent. A
container has one if it has a terminal or is a debug container.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Literal, NamedTuple

from mesos_compat.containers import switchboard


class AttachError(Exception):
    """One cannot attach to this container; the message says why, in Mesos's words."""


class Output(NamedTuple):
    """Something that a container has written."""

    stream: Literal["stdout", "stderr"]
    data: bytes


async def _connect(runtime: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    directory = os.open(runtime, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        # By way of a descriptor, since a socket's path may have 107 bytes only.
        path = b"/proc/self/fd/%d/%s" % (directory, switchboard.SOCKET_NAME)
        await asyncio.get_running_loop().sock_connect(connection, path)
        return await asyncio.open_unix_connection(sock=connection)
    except OSError as error:
        connection.close()
        raise AttachError("I/O switchboard server was disabled for this container") from error
    finally:
        os.close(directory)


class Outputs:
    """What a container writes from when one has attached, until it has ended.

    The container waits for a reader that is slow.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def attached(cls, runtime: str) -> Outputs:
        """Attach to the container of that runtime directory. Raises AttachError."""
        reader, writer = await _connect(runtime)
        writer.write(switchboard.HEAD.pack(switchboard.ATTACH_OUTPUT, 0))
        return cls(reader, writer)

    def __aiter__(self) -> Outputs:
        return self

    async def __anext__(self) -> Output:
        try:
            kind, length = switchboard.HEAD.unpack(
                await self._reader.readexactly(switchboard.HEAD.size)
            )
            data = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.aclose()
            raise StopAsyncIteration from None
        return Output("stdout" if kind == switchboard.STDOUT else "stderr", data)

    async def aclose(self) -> None:
        """Detach."""
        self._writer.close()


class Input:
    """Somebody who writes to a container's standard input."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Nothing is read, but a stream whose reader is collected is closed.
        self._reader = reader
        self._writer = writer

    @classmethod
    async def attached(cls, runtime: str) -> Input:
        """Attach to the container of that runtime directory. Raises AttachError."""
        return cls(*await _connect(runtime))

    async def _send(self, kind: bytes, content: bytes) -> None:
        self._writer.write(switchboard.HEAD.pack(kind, len(content)) + content)
        try:
            await self._writer.drain()
        except ConnectionError:
            pass  # The container has ended; whoever reads its output learns of it.

    async def write(self, data: bytes) -> None:
        """Write; waits while the container does not read. Nothing is the end of the input."""
        if not data:
            await self.end()
            return
        for start in range(0, len(data), switchboard.FRAME_BYTES_MAX):
            await self._send(switchboard.INPUT, data[start : start + switchboard.FRAME_BYTES_MAX])

    async def end(self) -> None:
        """Say that no more will come: the command reads the end of its input."""
        await self._send(switchboard.INPUT, b"")

    async def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size."""
        size = switchboard.WINDOW_SIZE.pack(min(rows, 0xFFFF), min(columns, 0xFFFF))
        await self._send(switchboard.WINDOW, size)

    def close(self) -> None:
        """Detach."""
        self._writer.close()
