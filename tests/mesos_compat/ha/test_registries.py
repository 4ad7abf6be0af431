"""A registry that was stored is found again, and only one master writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesos_compat.ha.address import ZooKeeperAddress
from mesos_compat.ha.registries import (
    FileRegistry,
    MemoryRegistry,
    RegistryFailedError,
    RegistryLostError,
    ZooKeeperRegistry,
)
from mesos_compat.ha.session import ZooKeeperSession
from mesos_compat.wire import link_pb2
from zkserver.testing import EmbeddedServer


def registry(agents: int, mark: str = "") -> link_pb2.Registry:
    made = link_pb2.Registry()
    for number in range(agents):
        one = made.agents.add()
        one.info.hostname = f"host{number}{mark}" + "x" * 200
        one.info.id.value = f"m-S{number}"
    return made


@pytest.mark.asyncio
async def test_memory_keeps_a_copy() -> None:
    store, made = MemoryRegistry(), registry(2)
    assert await store.fetch() == link_pb2.Registry()
    await store.store(made)
    made.agents.add().info.hostname = "later"
    assert await store.fetch() == registry(2)


@pytest.mark.asyncio
async def test_file_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "work" / "registry"
    assert await FileRegistry(path).fetch() == link_pb2.Registry()
    await FileRegistry(path).store(registry(3))
    await FileRegistry(path).store(registry(4))
    assert await FileRegistry(path).fetch() == registry(4)


@pytest.mark.asyncio
@pytest.mark.parametrize("at", [0, 10, 30, 200], ids=["format", "head", "checksum", "body"])
async def test_damaged_file_is_refused_by_name(tmp_path: Path, at: int) -> None:
    path = tmp_path / "registry"
    await FileRegistry(path).store(registry(3))
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    if at == 10:
        path.write_bytes(data[:10])
    with pytest.raises(RegistryFailedError, match="registry"):
        await FileRegistry(path).fetch()


@pytest.mark.asyncio
async def test_large_registry_is_found_by_the_next_master(zk_server: EmbeddedServer) -> None:
    session = ZooKeeperSession(ZooKeeperAddress(zk_server.address, "/mesos"), 4.0)
    session.start()
    try:
        one = ZooKeeperRegistry(session)
        assert await one.fetch() == link_pb2.Registry()
        await one.store(registry(10_000))
        await one.store(registry(9_000))
        assert await ZooKeeperRegistry(session).fetch() == registry(9_000)
        names = await session.call(session.client.get_children, "/mesos/registry")
        assert len({name.partition(".")[0] for name in names}) == 1, "parts of old writes go"
    finally:
        await session.stop()


@pytest.mark.asyncio
async def test_deposed_master_writes_nothing_any_more(zk_server: EmbeddedServer) -> None:
    session = ZooKeeperSession(ZooKeeperAddress(zk_server.address, "/mesos"), 4.0)
    session.start()
    try:
        old, new = ZooKeeperRegistry(session), ZooKeeperRegistry(session)
        await old.fetch()
        await old.store(registry(1))
        assert await new.fetch() == registry(1)
        with pytest.raises(RegistryLostError):
            await old.store(registry(2, "old"))
        await new.store(registry(3, "new"))
        with pytest.raises(RegistryLostError):
            await old.store(registry(4, "old"))
        assert await ZooKeeperRegistry(session).fetch() == registry(3, "new")
    finally:
        await session.stop()
