"""An ensemble in this process: real links, real clients, and faults on demand."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from zkserver.testing import Ensemble


@pytest.fixture
def ensemble() -> Iterator[Ensemble]:
    with Ensemble(3) as started:
        yield started


def wait_until(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Look again and again; fails when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it has not come to that"
        time.sleep(0.01)


@contextlib.contextmanager
def client_of(ensemble: Ensemble, *servers: int) -> Iterator[KazooClient]:
    """A kazoo client of some of the members."""
    hosts = ",".join(map(ensemble.address, servers or ensemble.ids))
    client = KazooClient(hosts, timeout=10.0, connection_retry={"max_tries": -1, "delay": 0.02})
    client.start(timeout=15)
    try:
        yield client
    finally:
        client.stop()
        client.close()


def test_what_is_written_on_one_server_is_read_on_the_others(ensemble: Ensemble) -> None:
    with (
        client_of(ensemble, 1) as one,
        client_of(ensemble, 2) as two,
        client_of(ensemble, 3) as three,
    ):
        one.create("/a", b"x")
        for client in (two, three):
            client.sync("/a")
            assert client.get("/a")[0] == b"x"
        two.set("/a", b"y")
        three.sync("/a")
        assert three.get("/a")[0] == b"y"


def test_writes_go_on_after_the_leader_was_killed(ensemble: Ensemble) -> None:
    leader = ensemble.wait_serving()
    follower = next(i for i in ensemble.ids if i != leader)
    with client_of(ensemble, follower) as client:
        client.create("/a", b"0")
        ensemble.kill(leader)
        client.set("/a", b"1")
        assert client.connected
        ensemble.restart(leader)
        ensemble.wait_serving()
        with client_of(ensemble, leader) as back:
            back.sync("/a")
            assert back.get("/a")[0] == b"1"


def test_a_session_and_its_ephemerals_survive_the_server_it_was_on(ensemble: Ensemble) -> None:
    with client_of(ensemble) as client, client_of(ensemble) as observer:
        client.create("/mine", b"", ephemeral=True)
        session = client.client_id[0]
        ensemble.kill(session >> 56)
        assert client.retry(client.exists, "/mine") is not None
        assert client.client_id[0] == session
        assert observer.retry(observer.exists, "/mine").ephemeralOwner == session


def test_ephemerals_go_with_a_session_that_expires(ensemble: Ensemble) -> None:
    with client_of(ensemble, 1) as client, client_of(ensemble, 2) as other:
        client.create("/mine", b"", ephemeral=True)
        assert ensemble.expire(client.client_id[0])
        other.sync("/")
        assert other.exists("/mine") is None


def test_a_minority_takes_no_writes_and_catches_up_afterwards(ensemble: Ensemble) -> None:
    leader = ensemble.wait_serving()
    others = [i for i in ensemble.ids if i != leader]
    with client_of(ensemble, leader) as cut, client_of(ensemble, others[0]) as rest:
        rest.create("/a", b"0")
        for other in others:
            ensemble.partition(leader, other)
        pending = cut.set_async("/a", b"lost or not")
        rest.retry(rest.set, "/a", b"1")
        assert not pending.ready()
        ensemble.heal()
        ensemble.wait_serving()
        with contextlib.suppress(KazooException):
            pending.get(timeout=15)
        cut.retry(cut.sync, "/a")
        rest.sync("/a")
        assert cut.get("/a") == rest.get("/a")


def test_a_sync_waits_until_it_is_known_who_leads(ensemble: Ensemble) -> None:
    leader = ensemble.wait_serving()
    others = [i for i in ensemble.ids if i != leader]
    with client_of(ensemble, leader) as cut, client_of(ensemble, others[0]) as rest:
        rest.create("/a", b"0")
        cut.sync("/a")
        for other in others:
            ensemble.partition(leader, other)
        synced = cut.sync_async("/a")
        rest.retry(rest.set, "/a", b"1")
        # Somebody else leads, of which the server that used to does not know.
        assert not synced.ready()
        ensemble.heal()
        ensemble.wait_serving()
        with contextlib.suppress(KazooException):
            synced.get(timeout=15)
        cut.retry(cut.sync, "/a")
        assert cut.get("/a")[0] == b"1"


def test_a_bridge_keeps_serving(ensemble: Ensemble) -> None:
    leader = ensemble.wait_serving()
    middle, far = (i for i in ensemble.ids if i != leader)
    with client_of(ensemble, middle) as client:
        client.create("/a", b"0")
        ensemble.partition(leader, far)
        client.retry(client.set, "/a", b"1")
        assert client.get("/a")[0] == b"1"


def test_a_paused_leader_is_replaced_and_follows_when_it_comes_back(ensemble: Ensemble) -> None:
    leader = ensemble.wait_serving()
    other = next(i for i in ensemble.ids if i != leader)
    with client_of(ensemble, other) as client:
        client.create("/a", b"0")
        ensemble.pause(leader)
        client.retry(client.set, "/a", b"1")
        ensemble.resume(leader)
        assert ensemble.wait_serving() != leader
        with client_of(ensemble, leader) as back:
            back.sync("/a")
            assert back.get("/a")[0] == b"1"


def test_a_slow_disk_of_one_server_does_not_hold_up_the_others(ensemble: Ensemble) -> None:
    leader = ensemble.wait_serving()
    follower = next(i for i in ensemble.ids if i != leader)
    ensemble.slow_disk(follower, 50)
    with client_of(ensemble, leader) as client:
        client.create("/a", b"")
        for number in range(20):
            client.set("/a", b"%d" % number)
        assert client.get("/a")[1].version == 20


def test_a_server_that_was_away_for_long_gets_a_snapshot() -> None:
    with Ensemble(3, settings={"snapCount": "100"}) as ensemble:
        leader = ensemble.wait_serving()
        away = next(i for i in ensemble.ids if i != leader)
        ensemble.kill(away)
        with client_of(ensemble, leader) as client:
            client.create("/a")
            for number in range(800):
                client.create_async(f"/a/{number}", b"x" * 1000)
            client.sync("/a")
            # Snapshots are looked after now and then, and give the log up behind them.
            wait_until(lambda: ensemble.server(leader).log_start > 0)
            ensemble.restart(away)
            ensemble.wait_serving()
            with client_of(ensemble, away) as back:
                back.sync("/a")
                assert len(back.get_children("/a")) == 800


def test_members_are_added_and_removed_under_their_clients() -> None:
    settings = {"reconfigEnabled": "true", "skipACL": "yes"}
    with Ensemble(3, settings=settings) as ensemble:
        leader = ensemble.wait_serving()
        leaves = next(i for i in ensemble.ids if i != leader)
        with client_of(ensemble, leader) as client:
            client.create("/a", b"0")
            config, stat = client.get("/zookeeper/config")
            before = config.decode().splitlines()
            # The version of the first membership is the beginning of the term that it began with.
            term, counter = divmod(stat.mzxid, 1 << 32)
            assert term > 0 and counter == 0
            assert before[-1] == f"version={stat.mzxid:x}"
            data, _ = client.reconfig(joining=None, leaving=str(leaves), new_members=None)
            assert f"server.{leaves}=" not in data.decode()
            client.retry(client.set, "/a", b"1")
            line = next(line for line in before if line.startswith(f"server.{leaves}="))
            data, _ = client.retry(client.reconfig, joining=line, leaving=None, new_members=None)
            assert line in data.decode().splitlines()
            client.retry(client.set, "/a", b"2")
            with client_of(ensemble, leaves) as back:
                back.sync("/a")
                assert back.get("/a")[0] == b"2"
