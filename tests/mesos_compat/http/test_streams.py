"""Streams of records, and readers that are slower than writers."""

from __future__ import annotations

import asyncio

import pytest

from mesos_compat.http.streams import WAITING_BYTES_MAX, RecordStream
from mesos_compat.wire.media import ContentType

pytestmark = pytest.mark.asyncio

PIECE = bytes(1 << 20)


async def test_writer_that_waits_for_room_loses_nothing_of_more_than_may_wait() -> None:
    stream = RecordStream(1, ContentType.PROTOBUF)
    count = 2 * WAITING_BYTES_MAX // len(PIECE)

    async def write() -> None:
        for _ in range(count):
            stream.send_record(PIECE)
            assert await stream.wait_room()
        stream.close()

    writer = asyncio.create_task(write())
    taken = 0
    while await stream.wait_next() is not None:
        taken += 1
    await writer
    assert taken == count


async def test_writer_hears_that_its_reader_has_gone() -> None:
    stream = RecordStream(1, ContentType.PROTOBUF)
    stream.send_record(PIECE + PIECE)
    waiting = asyncio.create_task(stream.wait_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    stream.cut()
    assert not await waiting


async def test_reader_that_takes_nothing_is_cut_off() -> None:
    stream = RecordStream(1, ContentType.PROTOBUF)
    for _ in range(WAITING_BYTES_MAX // len(PIECE) + 2):
        stream.send_record(PIECE)
    assert stream.is_closed
    assert await stream.wait_next() is None
