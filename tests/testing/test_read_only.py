"""Who serves whom, over sockets and with kazoo: without a quorum, as the leader, as observer."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import NotReadOnlyCallError
from kazoo.protocol.states import KeeperState

from conformance import rawclient as raw
from zkserver.admin.status_query import ask
from zkserver.testing import Ensemble

#: Short, so that a server soon gives up to wait for a leader.
_IMPATIENT = {"syncLimit": "5"}


def wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Look again and again; fails when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it has not come to that"
        time.sleep(0.01)


def word(ensemble: Ensemble, server_id: int, name: str) -> str:
    """The answer of one member to a four letter word."""
    host, _, port = ensemble.address(server_id).partition(":")
    return ask(host, int(port), name, 5)


def figures(ensemble: Ensemble, server_id: int) -> dict[str, str]:
    """What ``mntr`` says."""
    lines = word(ensemble, server_id, "mntr").splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


@contextlib.contextmanager
def client_of(ensemble: Ensemble, *servers: int, read_only: bool = False) -> Iterator[KazooClient]:
    """A started kazoo client of some of the members."""
    hosts = ",".join(map(ensemble.address, servers))
    retry = {"max_tries": -1, "delay": 0.02}
    client = KazooClient(hosts, timeout=10.0, connection_retry=retry, read_only=read_only)
    client.start(timeout=20)
    try:
        yield client
    finally:
        client.stop()
        client.close()


def is_refused(ensemble: Ensemble, server_id: int) -> bool:
    """Whether a client that wants to write gets no session there."""
    host, _, port = ensemble.address(server_id).partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(raw.pack_connect(read_only=False))
        return connection.recv(1024) == b""


def test_a_server_without_quorum_serves_reads_until_there_is_a_leader_again() -> None:
    with Ensemble(3, settings={**_IMPATIENT, "readonlymode.enabled": "true"}) as ensemble:
        last, *others = ensemble.ids
        with client_of(ensemble, last) as writer:
            writer.create("/a", b"x")
        for other in others:
            ensemble.kill(other)
        wait_until(lambda: word(ensemble, last, "isro") == "ro")
        assert "Mode: read-only\n" in word(ensemble, last, "srvr")
        assert figures(ensemble, last)["zk_server_state"] == "read-only"
        assert is_refused(ensemble, last)
        with client_of(ensemble, last, read_only=True) as reader:
            assert reader.client_state == KeeperState.CONNECTED_RO
            session = reader.client_id[0]
            seen: list[KazooState] = []
            reader.add_listener(seen.append)
            assert reader.get("/a")[0] == b"x"
            assert set(reader.get_children("/")) == {"a", "zookeeper"}
            with pytest.raises(NotReadOnlyCallError):
                reader.set("/a", b"y")
            with pytest.raises(NotReadOnlyCallError):
                reader.create("/b", ephemeral=True)
            assert figures(ensemble, last)["zk_local_sessions"] == "1"
            for other in others:
                ensemble.restart(other)
            wait_until(lambda: reader.client_state == KeeperState.CONNECTED)
            # The session was of the read-only server alone.
            assert KazooState.LOST in seen
            assert reader.client_id[0] != session
            assert reader.retry(reader.set, "/a", b"y").version == 1
        assert word(ensemble, last, "isro") == "rw"


def test_a_leader_that_is_cut_off_refuses_clients() -> None:
    with Ensemble(3, settings=_IMPATIENT) as ensemble:
        leader = ensemble.wait_serving()
        with client_of(ensemble, leader) as client:
            client.create("/a")
            for other in ensemble.ids:
                if other != leader:
                    ensemble.partition(leader, other)
            wait_until(lambda: not client.connected)
            assert is_refused(ensemble, leader)
            assert word(ensemble, leader, "isro") == "null"
            ensemble.heal()
            wait_until(lambda: client.connected)
            assert client.retry(client.exists, "/a")


def test_a_leader_that_shall_not_serve_leaves_clients_to_the_others() -> None:
    with Ensemble(3, settings={"leaderServes": "no"}) as ensemble:
        leader = ensemble.wait_serving()
        others = [i for i in ensemble.ids if i != leader]
        assert is_refused(ensemble, leader)
        assert "not currently serving" in word(ensemble, leader, "srvr")
        with client_of(ensemble, *others) as client:
            client.create("/a", b"x")
            session = client.client_id[0]
            ensemble.kill(leader)
            # One of the two leads now and sends its clients to the other one.
            new = ensemble.wait_serving()
            (serving,) = (i for i in others if i != new)
            wait_until(lambda: client.client_state == KeeperState.CONNECTED)
            client.retry(client.set, "/a", b"y")
            assert client.client_id[0] == session
            assert figures(ensemble, serving)["zk_server_state"] == "follower"
            assert is_refused(ensemble, new)


def test_what_the_members_say_of_themselves() -> None:
    with Ensemble(3, observers=1) as ensemble:
        leader = ensemble.wait_serving()
        (observer,) = ensemble.observers
        with client_of(ensemble, leader) as client:
            client.create("/a", b"x" * 1000)
            session = client.client_id[0]
            led = figures(ensemble, leader)
            head = list(led)[:3]
            assert head == ["zk_version", "zk_server_state", "zk_peer_state"]
            assert [led[key] for key in head[1:]] == ["leader", "leading - broadcast"]
            expected = {
                "zk_quorum_size": "3",
                "zk_learners": "3",
                "zk_synced_followers": "2",
                "zk_synced_observers": "1",
                "zk_synced_non_voting_followers": "0",
                "zk_pending_syncs": "0",
            }
            assert {key: led[key] for key in expected} == expected
            assert int(led["zk_leader_uptime"]) > 0
            assert int(led["zk_max_proposal_size"]) > 1000
            sizes = [led[f"zk_{which}_proposal_size"] for which in ("last", "min", "max")]
            assert f"Proposal sizes last/min/max: {'/'.join(sizes)}\n" in word(
                ensemble, leader, "srvr"
            )
            client.sync("/")
            config = client.get("/zookeeper/config")[0].decode()
            conf = word(ensemble, observer, "conf")
            assert conf.endswith(f"\npeerType=1\nmembership: \n{config}")
            assert "\ninitLimit=100\nsyncLimit=50\nelectionAlg=3\nelectionPort=" in conf
            observed = figures(ensemble, observer)
            assert observed["zk_peer_state"] == "observing - broadcast"
            assert observed["zk_observer_master_id"] == str(leader)
            assert "zk_learners" not in observed
            wait_until(lambda: f"{session:#x}\t10000ms\n" in word(ensemble, observer, "dump"))
            assert "Session Sets (1)/(1):\n" in word(ensemble, leader, "dump")
            assert "Mode: observer\n" in word(ensemble, observer, "srvr")


def test_an_observer_serves_and_has_no_vote() -> None:
    with Ensemble(2, observers=1) as ensemble:
        (observer,) = ensemble.observers
        leader = ensemble.wait_serving()
        (follower,) = (i for i in ensemble.ids if i not in (leader, observer))
        with client_of(ensemble, observer) as client:
            client.create("/a", b"0")
            assert client.get("/a")[0] == b"0"
            # The leader and the observer are two of three servers, but one of two voters.
            ensemble.kill(follower)
            pending = client.set_async("/a", b"1")
            wait_until(lambda: set(ensemble.states().values()) == {"looking"})
            assert not pending.successful()
            ensemble.restart(follower)
            ensemble.wait_serving()
            wait_until(lambda: client.connected)
            client.retry(client.set, "/a", b"2")
            assert client.get("/a")[0] == b"2"
