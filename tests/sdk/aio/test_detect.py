"""Finding the leader."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio.detect import ListDetector, ZooKeeperDetector, detector_of, master_url, url_of
from mesozoic.aio.zookeeper_address import ZooKeeperAddress
from mesozoic.errors import BadAddress
from tests.sdk.aio.scenes import WAIT_S
from zkserver.testing import EmbeddedServer

JSON = (
    b'{"address":{"hostname":"one","ip":"10.0.0.1","port":5050},"hostname":"one","id":"m",'
    b'"ip":16777226,"pid":"master@10.0.0.1:5050","port":5050,"version":"1.11.0"}'
)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("host:5050", "http://host:5050"),
        ("master@10.0.0.1:5050", "http://10.0.0.1:5050"),
        ("https://host:5050/", "https://host:5050"),
        ("http://proxy/mesos/", "http://proxy/mesos"),
        ("[::1]:5050", "http://[::1]:5050"),
    ],
)
def test_addresses_are_urls(address: str, url: str) -> None:
    assert url_of(address) == url


def test_hosts_are_https_where_there_is_tls() -> None:
    assert url_of("host:5050", is_tls=True) == "https://host:5050"
    assert url_of("http://host:5050", is_tls=True) == "http://host:5050"


@pytest.mark.parametrize("address", ["", "host", "host:", "host:http", ":5050", "zk:///mesos"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        detector_of(address)


def test_kind_of_detector_is_that_of_the_address() -> None:
    assert isinstance(detector_of("a:1,b:2"), ListDetector)
    assert isinstance(detector_of(["a:1"]), ListDetector)
    assert isinstance(detector_of("zk://a:1/mesos"), ZooKeeperDetector)
    own = ListDetector(["a:1"])
    assert detector_of(own) is own


def test_zookeeper_addresses_have_credentials_hosts_and_a_path(tmp_path: Path) -> None:
    address = ZooKeeperAddress.parse("zk://user:pa@ss@a:1,b:2/some/path/")
    assert address == ZooKeeperAddress("a:1,b:2", "/some/path", "user:pa@ss")
    assert "pa@ss" not in str(address)
    assert ZooKeeperAddress.parse("zk://a").child("x") == "/x"
    file = tmp_path / "zk"
    file.write_text("zk://a:1/mesos\n")
    assert ZooKeeperAddress.parse(f"file://{file}").child("x") == "/mesos/x"
    for bad in ("http://a", "zk://user@a/mesos", "zk:///mesos", f"file://{tmp_path}/none"):
        with pytest.raises(BadAddress):
            ZooKeeperAddress.parse(bad)


def test_list_is_gone_through_and_begins_again() -> None:
    told: list[str | None] = []
    detector = ListDetector(["a:1", "b:2"])
    detector.start(told.append)
    detector.failed("http://a:1")
    detector.failed("http://a:1")
    detector.failed("http://b:2")
    assert told == ["http://a:1", "http://b:2", "http://a:1"]


def test_znodes_of_all_versions_are_read() -> None:
    info = mesos_pb2.MasterInfo(
        id="m", ip=16777226, port=5050, pid="master@10.0.0.1:5050", hostname="one"
    )
    assert master_url("json.info_0000000001", JSON) == "http://10.0.0.1:5050"
    assert master_url("json.info_0000000001", JSON, is_tls=True) == "https://one:5050"
    assert master_url("info_0000000001", info.SerializeToString()) == "http://10.0.0.1:5050"
    assert master_url("0000000001", b"master@10.0.0.1:5050") == "http://10.0.0.1:5050"
    for name, data in (("json.info_1", b"{"), ("info_1", b"\xff"), ("1", b"who?")):
        with pytest.raises(ValueError):
            master_url(name, data)


@pytest.mark.asyncio
async def test_lowest_candidate_leads_and_changes_are_told(tmp_path: Path) -> None:
    server = await asyncio.to_thread(EmbeddedServer(tmp_path).start)
    client = KazooClient(server.address)
    await asyncio.to_thread(client.start)
    told: asyncio.Queue[str | None] = asyncio.Queue()
    detector = ZooKeeperDetector(f"zk://{server.address}/mesos")

    def candidate(port: int) -> str:
        data = JSON.replace(b"5050", str(port).encode())
        path: str = client.create(
            "/mesos/json.info_", data, ephemeral=True, sequence=True, makepath=True
        )
        return path

    try:
        async with asyncio.timeout(WAIT_S):
            # The path is not there yet.
            detector.start(told.put_nowait)
            first = await asyncio.to_thread(candidate, 5051)
            assert await told.get() == "http://10.0.0.1:5051"
            await asyncio.to_thread(client.create, "/mesos/log_replicas")
            second = await asyncio.to_thread(candidate, 5052)
            await asyncio.to_thread(client.delete, first)
            assert await told.get() == "http://10.0.0.1:5052"
            await asyncio.to_thread(client.delete, second)
            assert await told.get() is None
    finally:
        await detector.stop()
        await asyncio.to_thread(client.stop)
        await asyncio.to_thread(client.close)
        await asyncio.to_thread(server.stop)
