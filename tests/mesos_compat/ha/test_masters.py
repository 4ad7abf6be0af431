"""Election and detection on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mesos_compat.errors import DecodeError, FlagError
from mesos_compat.ha.address import ZooKeeperAddress
from mesos_compat.ha.masters import Contender, Detector, pack_master, read_master, sequence_of
from mesos_compat.ha.session import ZooKeeperSession
from mesos_compat.wire.json_dialect import loads
from mesos_compat.wire.v1 import mesos_pb2
from zkserver.testing import EmbeddedServer

GOLDEN = Path(__file__).parents[1] / "golden" / "ha"


def master(name: str, port: int = 5050) -> mesos_pb2.MasterInfo:
    info = mesos_pb2.MasterInfo(
        id=name, ip=16777343, port=port, pid=f"master@127.0.0.1:{port}", hostname="h", version="1"
    )
    info.address.hostname, info.address.ip, info.address.port = "h", "127.0.0.1", port
    return info


class Watcher:
    """What a detector has told, to wait for."""

    def __init__(self) -> None:
        self.told: list[str | None] = []
        self.news = asyncio.Event()

    def __call__(self, info: mesos_pb2.MasterInfo | None) -> None:
        self.told.append(None if info is None else info.id)
        self.news.set()

    async def wait(self, is_enough: Callable[[list[str | None]], bool]) -> list[str | None]:
        async with asyncio.timeout(15):
            while not is_enough(self.told):
                self.news.clear()
                await self.news.wait()
        return self.told


@asynccontextmanager
async def session(
    server: EmbeddedServer, credentials: str = "", path: str = "/a/mesos"
) -> AsyncIterator[ZooKeeperSession]:
    made = ZooKeeperSession(ZooKeeperAddress(server.address, path, credentials), 4.0)
    made.start()
    try:
        yield made
    finally:
        await made.stop()


@pytest.mark.asyncio
async def test_the_first_to_stand_leads_and_the_next_one_follows_it(
    zk_server: EmbeddedServer,
) -> None:
    lost: list[str] = []
    seen = Watcher()
    async with session(zk_server) as watching:
        detector = Detector(watching, seen)
        detector.start()
        await seen.wait(lambda told: told == [None])
        async with session(zk_server) as one:
            first = Contender(one, master("one"), lambda: lost.append("one"))
            first.start()
            await seen.wait(lambda told: told[-1:] == ["one"])
            async with session(zk_server) as two:
                second = Contender(two, master("two"), lambda: lost.append("two"))
                second.start()
                await first.stop()
                await one.stop()
                await seen.wait(lambda told: told[-1:] == ["two"])
                await second.stop()
        await detector.stop()
    assert [leader for leader in seen.told if leader is not None] == ["one", "two"]
    assert seen.told[0] is None
    assert lost == []


@pytest.mark.asyncio
async def test_who_loses_its_session_is_told_and_stands_again(zk_server: EmbeddedServer) -> None:
    lost = asyncio.Event()
    seen = Watcher()
    async with session(zk_server) as one, session(zk_server) as watching:
        detector = Detector(watching, seen)
        detector.start()
        contender = Contender(one, master("one"), lost.set)
        contender.start()
        await seen.wait(lambda told: told[-1:] == ["one"])
        client_id = one.client.client_id
        assert client_id is not None
        zk_server.expire(client_id[0])
        async with asyncio.timeout(15):
            await lost.wait()
        await seen.wait(lambda told: told.count("one") == 2)
        await contender.stop()
        await detector.stop()


@pytest.mark.asyncio
async def test_other_znodes_at_the_path_are_not_candidates(zk_server: EmbeddedServer) -> None:
    seen = Watcher()
    async with session(zk_server) as one:
        contender = Contender(one, master("one"), lambda: None)
        contender.start()
        detector = Detector(one, seen)
        detector.start()
        await seen.wait(lambda told: told[-1:] == ["one"])
        for name in ("log_replicas", "registry", "a_", "json.info_x"):
            await one.call(one.client.create, f"/a/mesos/{name}", b"")
        await contender.stop()
        await detector.stop()
    assert seen.told[-1] == "one"


@pytest.mark.asyncio
async def test_znodes_are_protected_where_there_is_a_password(zk_server: EmbeddedServer) -> None:
    seen = Watcher()
    async with session(zk_server, "me:secret") as one:
        contender = Contender(one, master("one"), lambda: None)
        contender.start()
        async with session(zk_server) as other:
            detector = Detector(other, seen)
            detector.start()
            await seen.wait(lambda told: told[-1:] == ["one"])
            names = await other.call(other.client.get_children, "/a/mesos")
            acl, _ = await other.call(other.client.get_acls, f"/a/mesos/{names[0]}")
            assert {entry.id.scheme for entry in acl} == {"digest", "world"}
            await detector.stop()
        await contender.stop()


def test_znode_is_as_apache_s() -> None:
    recorded = (GOLDEN / "znode.data").read_bytes().strip()
    assert pack_master(loads(recorded, mesos_pb2.MasterInfo)) == recorded


def test_masters_of_all_ages_are_understood() -> None:
    info = master("one", 6000)
    assert read_master("json.info_0000000001", pack_master(info)) == info
    assert read_master("info_0000000001", info.SerializeToString()) == info
    old = read_master("0000000001", b"master@10.0.0.1:5050")
    assert (old.address.hostname, old.address.port, old.pid) == (
        "10.0.0.1",
        5050,
        "master@10.0.0.1:5050",
    )


@pytest.mark.parametrize("name", ["json.info_1", "info_1", "0000000001"])
def test_damaged_candidates_are_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        read_master(name, b"\xff{")


def test_sequence_numbers_are_numbers() -> None:
    assert sequence_of("json.info_0000000012") == 12
    assert sequence_of("0000000012") == 12
    assert sequence_of("log_replicas") is None
    assert sequence_of("registry") is None


def test_addresses_are_read() -> None:
    read = ZooKeeperAddress.parse("zk://me:se@cret@a:1,b:2/x/y/")
    assert read == ZooKeeperAddress("a:1,b:2", "/x/y", "me:se@cret")
    assert str(read) == "zk://a:1,b:2/x/y"
    assert ZooKeeperAddress.parse("zk://a").child("b") == "/b"


def test_address_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "zk").write_text("zk://a:1/m\n")
    assert ZooKeeperAddress.parse(f"file://{tmp_path}/zk").path == "/m"


@pytest.mark.parametrize("text", ["a:1", "zk:///m", "zk://me@a/m", "file:///nowhere"])
def test_bad_addresses_are_refused(text: str) -> None:
    with pytest.raises(FlagError):
        ZooKeeperAddress.parse(text)
