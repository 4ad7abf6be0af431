"""What every store promises: writes are whole, one leads at a time, and epochs grow."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from mesozoic.framework import Deposed, StoreFailed
from mesozoic.framework.planning.actions import Delete, Put
from mesozoic.framework.stores import Store
from mesozoic.framework.stores.file import FileStore
from mesozoic.framework.stores.memory import MemoryStore
from mesozoic.framework.stores.zookeeper import ZooKeeperStore
from zkserver.testing import EmbeddedServer

WAIT_S = 30.0
#: Another look at the same records, as by another process.
Stores: TypeAlias = Callable[[], Store]


@pytest.fixture(params=["memory", "file", "zookeeper"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    match request.param:
        case "memory":
            memory = MemoryStore()
            yield lambda: memory
        case "file":
            yield lambda: FileStore(tmp_path / "state")
        case _:
            with EmbeddedServer() as server:
                yield lambda: ZooKeeperStore(f"zk://{server.address}/a/b", session_seconds=4)


@pytest.mark.asyncio
async def test_next_tenure_reads_what_was_written_and_has_a_larger_epoch(stores: Stores) -> None:
    async with asyncio.timeout(WAIT_S):
        first = await stores().lead()
        assert first.contents == {}
        await first.write([Put("framework", b"f"), Put("specs/a", b"1"), Put("specs/b", b"2")])
        await first.write([Delete("specs/a"), Put("specs/b", b"3"), Put("instances/b.0", b"\x00")])
        await first.write([Delete("specs/unknown")])
        await first.close()
        second = await stores().lead()
        kept = {"framework": b"f", "specs/b": b"3", "instances/b.0": b"\x00"}
        assert second.contents == kept
        assert second.before["framework"] == b"f"
        assert second.epoch > first.epoch
        await second.close()


@pytest.mark.asyncio
async def test_standby_waits_for_the_end_of_the_tenure_and_knows_how_it_was_before(
    stores: Stores,
) -> None:
    async with asyncio.timeout(WAIT_S):
        first = await stores().lead()
        await first.write([Put("framework", b"1")])
        standby = stores()
        waiting = asyncio.ensure_future(standby.lead())
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
        await first.close()
        second = await waiting
        assert second.before.get("framework", b"1") == b"1"
        assert second.contents == {"framework": b"1"}
        await second.close()


@pytest.mark.asyncio
async def test_nothing_can_be_written_after_the_end(stores: Stores) -> None:
    async with asyncio.timeout(WAIT_S):
        tenure = await stores().lead()
        await tenure.close()
        with pytest.raises(Deposed):
            await tenure.write([Put("specs/a", b"1")])
        with pytest.raises(Deposed):
            await tenure.write([])
        again = await stores().lead()
        assert again.contents == {}
        await again.close()


@pytest.mark.asyncio
async def test_waiting_can_be_cancelled_and_leaves_nothing_behind(stores: Stores) -> None:
    async with asyncio.timeout(WAIT_S):
        first = await stores().lead()
        waiting = asyncio.ensure_future(stores().lead())
        await asyncio.wait({waiting}, timeout=0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await first.close()
        second = await stores().lead()
        await second.close()


@pytest.mark.asyncio
async def test_file_write_is_all_or_nothing(tmp_path: Path) -> None:
    tenure = await FileStore(tmp_path / "state").lead()
    not_bytes: bytes = object()  # type: ignore[assignment]
    with pytest.raises(StoreFailed):
        await tenure.write([Put("specs/a", b"1"), Put("specs/b", not_bytes)])
    await tenure.close()
    again = await FileStore(tmp_path / "state").lead()
    assert again.contents == {}
    await again.close()


@pytest.mark.asyncio
async def test_closing_a_file_waits_for_what_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "state"
    tenure = await FileStore(path).lead()
    writing = asyncio.ensure_future(tenure.write([Put("specs/a", b"1" * 1_000_000)]))
    # Let it begin.
    await asyncio.sleep(0)
    writing.cancel()
    await tenure.close()
    with sqlite3.connect(path) as database:
        ((size,),) = database.execute("SELECT length(data) FROM records WHERE key = 'specs/a'")
    database.close()
    assert size == 1_000_000


@pytest.mark.asyncio
async def test_file_in_no_directory_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="nowhere"):
        await FileStore(tmp_path / "nowhere" / "state").lead()
