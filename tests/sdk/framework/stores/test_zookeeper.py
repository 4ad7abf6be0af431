"""The store in ZooKeeper: fencing, lost sessions, and connections that break within a write."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss, NoAuthError

from mesozoic.framework import Deposed, StoreFailed
from mesozoic.framework.planning.actions import Delete, Put
from mesozoic.framework.stores.zookeeper import ZooKeeperStore, ZooKeeperTenure
from zkserver.testing import EmbeddedServer

WAIT_S = 30.0


def store(server: EmbeddedServer, session_seconds: float = 4.0) -> ZooKeeperStore:
    return ZooKeeperStore(f"zk://{server.address}/shop", session_seconds=session_seconds)


def session_of(tenure: ZooKeeperTenure) -> int:
    session_id: int = tenure._client.client_id[0]
    return session_id


@pytest.mark.asyncio
async def test_lost_session_ends_the_tenure_and_lets_the_standby_lead(
    zk_server: EmbeddedServer,
) -> None:
    async with asyncio.timeout(WAIT_S):
        first = await store(zk_server).lead()
        await first.write([Put("framework", b"1")])
        waiting = asyncio.ensure_future(store(zk_server).lead())
        zk_server.expire(session_of(first))
        await first.wait_deposed()
        with pytest.raises(Deposed):
            await first.write([Put("framework", b"2")])
        second = await waiting
        assert second.contents == {"framework": b"1"}
        await first.close()
        await second.close()


@pytest.mark.asyncio
async def test_deposed_tenure_cannot_write_though_it_does_not_know(
    zk_server: EmbeddedServer, zk_client: KazooClient
) -> None:
    async with asyncio.timeout(WAIT_S):
        first = await store(zk_server).lead()
        await first.write([Put("framework", b"1")])
        # What a new leader does first; the lock is of no use to one that was paused.
        zk_client.set("/shop/epoch", b"99")
        with pytest.raises(Deposed):
            await first.write([Put("framework", b"2")])
        await first.wait_deposed()
        assert zk_client.get("/shop/framework")[0] == b"1"
        await first.close()
        second = await store(zk_server).lead()
        assert second.epoch == 100
        await second.close()


@pytest.mark.asyncio
async def test_tenure_outlives_a_restart_of_the_server(zk_server: EmbeddedServer) -> None:
    async with asyncio.timeout(WAIT_S):
        tenure = await store(zk_server).lead()
        await asyncio.to_thread(zk_server.restart)
        await tenure.write([Put("specs/a", b"1")])
        await tenure.close()
        again = await store(zk_server).lead()
        assert again.contents == {"specs/a": b"1"}
        await again.close()


@pytest.mark.asyncio
async def test_silence_of_zookeeper_ends_the_tenure(zk_server: EmbeddedServer) -> None:
    async with asyncio.timeout(WAIT_S):
        tenure = await store(zk_server, session_seconds=0.5).lead()
        back = threading.Event()
        zk_server.hang(back)
        try:
            with pytest.raises(Deposed):
                await tenure.write([Put("specs/a", b"1")])
            await tenure.wait_deposed()
        finally:
            back.set()
        await tenure.close()


class _Breaking:
    """A client whose connection breaks once, within a multi: before it is done, or behind."""

    def __init__(self, client: Any, *, is_done: bool) -> None:
        self._client = client
        self._is_done = is_done
        self._has_broken = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transaction(self) -> Any:
        multi = self._client.transaction()
        commit = multi.commit

        def break_once() -> Sequence[Any]:
            if self._has_broken:
                return list(commit())
            self._has_broken = True
            if self._is_done:
                commit()
            raise ConnectionLoss

        multi.commit = break_once
        return multi


@pytest.mark.asyncio
@pytest.mark.parametrize("is_done", [True, False])
async def test_write_with_a_broken_connection_is_done_once(
    zk_server: EmbeddedServer, zk_client: KazooClient, is_done: bool
) -> None:
    async with asyncio.timeout(WAIT_S):
        tenure = await store(zk_server).lead()
        await tenure.write([Put("specs/a", b"1"), Put("specs/b", b"1")])
        tenure._client = _Breaking(tenure._client, is_done=is_done)
        await tenure.write([Delete("specs/a"), Put("specs/b", b"2"), Put("specs/c", b"3")])
        await tenure.write([Put("specs/c", b"4"), Delete("specs/b")])
        assert zk_client.get_children("/shop/specs") == ["c"]
        assert zk_client.get("/shop/specs/c")[0] == b"4"
        await tenure.close()


@pytest.mark.asyncio
async def test_write_is_all_or_nothing_and_says_why_it_failed(
    zk_server: EmbeddedServer, zk_client: KazooClient
) -> None:
    async with asyncio.timeout(WAIT_S):
        tenure = await store(zk_server).lead()
        zk_client.create("/shop/specs/b")
        with pytest.raises(StoreFailed, match="NodeExists"):
            await tenure.write([Put("specs/a", b"1"), Put("specs/b", b"1"), Put("specs/c", b"1")])
        assert zk_client.get_children("/shop/specs") == ["b"]
        await tenure.close()


@pytest.mark.asyncio
async def test_with_credentials_others_cannot_look(
    zk_server: EmbeddedServer, zk_client: KazooClient
) -> None:
    async with asyncio.timeout(WAIT_S):
        private = ZooKeeperStore(f"zk://me:secret@{zk_server.address}/shop")
        tenure = await private.lead()
        await tenure.write([Put("framework", b"1")])
        with pytest.raises(NoAuthError):
            zk_client.get("/shop/framework")
        await tenure.close()


@pytest.mark.asyncio
async def test_store_waits_for_zookeeper_to_be_there(zk_server: EmbeddedServer) -> None:
    later = store(zk_server)
    with zk_server.outage():
        waiting = asyncio.ensure_future(later.lead())
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
    async with asyncio.timeout(WAIT_S):
        tenure = await waiting
        await tenure.close()
