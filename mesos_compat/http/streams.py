"""Event streams: answers that go on, a record in a chunk.

A core names a stream by its route, a number. Whoever writes to one that is gone writes to
nobody. A reader that takes nothing is cut off when too much waits for it, as a framework that
is no longer there would be; whoever can wait for slow readers asks :meth:`RecordStream.wait_room`
before it writes, and loses none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from google.protobuf.message import Message

from mesos_compat.wire.media import ContentType, encode
from mesos_compat.wire.recordio import encode as record

#: So much may wait for a reader, in bytes. A master of many thousand tasks sends its whole
#: state in one record, which counts for itself only.
WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
#: With more than this ahead of its reader a stream has no room for those who wait for it.
_ROOM_BYTES: Final = 1024 * 1024


class RecordStream:
    """A stream to one client; written to from the event loop's thread."""

    def __init__(
        self,
        route: int,
        content_type: ContentType,
        headers: dict[str, str] | None = None,
        *,
        media_type: str | None = None,
    ) -> None:
        self.route = route
        self.content_type = content_type
        self.media_type = media_type or content_type.value
        self.headers = dict(headers or {})
        self.is_closed = False
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def send(self, message: Message) -> None:
        """Send a message as the next record."""
        self.send_record(encode(message, self.content_type))

    def send_record(self, data: bytes) -> None:
        """Send the bytes of a message that was encoded before."""
        if self.is_closed:
            return
        if self._waiting and self._waiting_bytes > WAITING_BYTES_MAX:
            self.cut()
            return
        framed = record(data)
        self._waiting.append(framed)
        self._waiting_bytes += len(framed)
        if self._waiting_bytes > _ROOM_BYTES:
            self._room.clear()
        self._news.set()

    def close(self) -> None:
        """End the stream behind what was sent."""
        self.is_closed = True
        self._news.set()
        self._room.set()

    def cut(self) -> None:
        """End the stream now."""
        self._waiting.clear()
        self._waiting_bytes = 0
        self.close()

    async def wait_room(self) -> bool:
        """Wait until the reader has taken most of what was sent; False when the stream is over."""
        await self._room.wait()
        return not self.is_closed

    async def wait_next(self) -> bytes | None:
        """The next record with its length; None at the end."""
        while not self._waiting:
            if self.is_closed:
                return None
            self._news.clear()
            await self._news.wait()
        framed = self._waiting.popleft()
        self._waiting_bytes -= len(framed)
        if self._waiting_bytes <= _ROOM_BYTES:
            self._room.set()
        return framed
