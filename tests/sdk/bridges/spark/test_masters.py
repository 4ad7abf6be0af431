"""The Java driver finds the leading master through ZooKeeper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from mesos_compat.wire.v1 import mesos_pb2
from tests.sdk.bridges.spark.conftest import NewDriver
from tests.sdk.bridges.spark.scripted_master import FRAMEWORK_ID, ScriptedMaster
from zkserver.testing import EmbeddedServer

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("zookeeper")) as running:
        yield running


@pytest.fixture
def zookeeper(server: EmbeddedServer) -> Iterator[KazooClient]:
    client = KazooClient(server.address)
    client.start()
    yield client
    client.delete("/mesos", recursive=True)
    client.stop()
    client.close()


@pytest.fixture
def master() -> Iterator[ScriptedMaster]:
    with ScriptedMaster() as running:
        yield running


def candidate(zookeeper: KazooClient, master: ScriptedMaster) -> str:
    """The path of the znode by which ``master`` stands for election from now on."""
    host, _, port = master.address.partition(":")
    info = {"address": {"ip": host, "port": int(port), "hostname": "h"}, "pid": "master@h:1"}
    data = json.dumps(info).encode()
    return str(zookeeper.create("/mesos/json.info_", data, sequence=True, makepath=True))


def test_lowest_candidate_is_followed_and_then_the_next(
    new_driver: NewDriver, server: EmbeddedServer, zookeeper: KazooClient, master: ScriptedMaster
) -> None:
    zookeeper.create("/mesos/log_replicas", b"", makepath=True)
    first = candidate(zookeeper, master)
    with ScriptedMaster() as other:
        other.name = "master-2"
        candidate(zookeeper, other)
        driver = new_driver(f"zk://{server.address}/mesos")
        assert driver.next() == f"registered {FRAMEWORK_ID} master-1"
        # The stream of the first one lives on; it is not the master that ends it.
        zookeeper.delete(first)
        assert driver.next() == "disconnected"
        assert driver.next() == "reregistered master-2"
        driver.tell("revive")
        other.asked("SUBSCRIBE")
        other.asked("REVIVE")


def test_masters_may_come_later_than_the_driver(
    new_driver: NewDriver,
    server: EmbeddedServer,
    zookeeper: KazooClient,
    master: ScriptedMaster,
    tmp_path: Path,
) -> None:
    (tmp_path / "address").write_text(f"zk://{server.address}/mesos\n")
    driver = new_driver(f"file://{tmp_path}/address")
    path = candidate(zookeeper, master)
    assert driver.next() == f"registered {FRAMEWORK_ID} master-1"
    zookeeper.delete(path)
    assert driver.next() == "disconnected"
    candidate(zookeeper, master)
    assert driver.next() == "reregistered master-1"


def test_driver_survives_the_loss_of_its_zookeeper_session(
    new_driver: NewDriver, server: EmbeddedServer, zookeeper: KazooClient, master: ScriptedMaster
) -> None:
    first = candidate(zookeeper, master)
    driver = new_driver(f"zk://{server.address}/mesos")
    assert driver.next() == f"registered {FRAMEWORK_ID} master-1"
    ours = zookeeper.client_id[0]
    sessions = {int(one, 16) for one in re.findall("sid=0x([0-9a-f]+)", zookeeper.command(b"cons"))}
    assert len(sessions) == 2
    for session in sessions - {ours}:
        server.expire(session)
    with ScriptedMaster() as other:
        other.name = "master-2"
        candidate(zookeeper, other)
        zookeeper.delete(first)
        assert driver.next() == "disconnected"
        assert driver.next() == "reregistered master-2"


def test_credentials_of_the_address_open_protected_znodes(
    new_driver: NewDriver, server: EmbeddedServer, zookeeper: KazooClient, master: ScriptedMaster
) -> None:
    path = candidate(zookeeper, master)
    only_me = [make_digest_acl("me", "secret", all=True)]
    for node in (path, "/mesos"):
        zookeeper.set_acls(node, only_me)
    try:
        driver = new_driver(f"zk://me:secret@{server.address}/mesos")
        assert driver.next() == f"registered {FRAMEWORK_ID} master-1"
    finally:
        zookeeper.add_auth("digest", "me:secret")


@pytest.mark.parametrize("label", ["info_", ""])
def test_znodes_of_older_masters_are_understood(
    new_driver: NewDriver,
    server: EmbeddedServer,
    zookeeper: KazooClient,
    master: ScriptedMaster,
    label: str,
) -> None:
    host, _, port = master.address.partition(":")
    pid = f"master@{master.address}"
    info = mesos_pb2.MasterInfo(id="m", ip=0, port=int(port), hostname=host, pid=pid)
    data = info.SerializeToString() if label else pid.encode()
    zookeeper.create(f"/mesos/{label}", data, sequence=True, makepath=True)
    driver = new_driver(f"zk://{server.address}/mesos")
    assert driver.next() == f"registered {FRAMEWORK_ID} master-1"
