"""HTTP by hand: nothing between the test and the bytes adds, folds or hides a header."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from conformance.mesos.recorded.recordings import Answer, Request, find_header, split_head

_ANSWER_S: Final = 20.0
_EVENT_S: Final = 10.0


def write_request(request: Request) -> bytes:
    """The bytes of a request; its Content-Length is what its body now has."""
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    for name, value in request.headers:
        length = str(len(request.body)) if name.lower() == "content-length" else value
        lines.append(f"{name}: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body


async def _read_head(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    first, headers, _ = split_head(head)
    return Answer(first.partition(" ")[2], headers, b"")


async def _read_chunk(reader: asyncio.StreamReader) -> bytes:
    size = int((await reader.readline()).strip() or b"0", 16)
    data = await reader.readexactly(size)
    await reader.readexactly(2)
    return data


async def ask(port: int, request: Request) -> Answer:
    """One request and its answer, on a connection of its own; raises ``TimeoutError``."""
    async with asyncio.timeout(_ANSWER_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(write_request(request))
            answer = await _read_head(reader)
            if request.method == "HEAD":
                body = b""
            elif find_header(answer.headers, "transfer-encoding") == "chunked":
                parts = []
                while part := await _read_chunk(reader):
                    parts.append(part)
                body = b"".join(parts)
            else:
                body = await reader.readexactly(int(answer.header("content-length") or 0))
            return Answer(answer.status, answer.headers, body)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class EventStream:
    """The answer to a SUBSCRIBE: a head, and then records for as long as both sides stay."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pending = bytearray()
        self.answer: Answer

    @classmethod
    async def open(cls, port: int, request: Request) -> EventStream:
        """Ask; the head is there when this returns; raises ``TimeoutError``."""
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stream = cls(reader, writer)
            writer.write(write_request(request))
            stream.answer = await _read_head(reader)
            return stream

    async def read(self) -> bytes | None:
        """The next record, or None when the server has ended the stream."""
        while b"\n" not in self._pending:
            if not await self._fill():
                return None
        length, _, _ = self._pending.partition(b"\n")
        end = len(length) + 1 + int(length)
        while len(self._pending) < end:
            if not await self._fill():
                return None
        record = bytes(self._pending[len(length) + 1 : end])
        del self._pending[:end]
        return record

    async def read_soon(self) -> bytes | None:
        """The same; raises ``TimeoutError`` when nothing comes in ten seconds."""
        async with asyncio.timeout(_EVENT_S):
            return await self.read()

    async def _fill(self) -> bool:
        try:
            data = await _read_chunk(self._reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        self._pending += data
        return bool(data)

    async def close(self) -> None:
        """Leave, as a scheduler that ends would."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
