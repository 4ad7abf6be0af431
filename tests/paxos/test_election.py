"""Ballot leader election between a few servers, by heartbeats alone."""

from __future__ import annotations

import pytest

from tests.paxos.cluster import Cluster
from zkserver.paxos.ballot import NO_BALLOT, Ballot
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.election import Election, Timing
from zkserver.paxos.messages import Heartbeat

THREE = Configuration(0, (1, 2, 3))


def election(configuration: Configuration = THREE, server: int = 1) -> Election:
    return Election(server, configuration, NO_BALLOT, Timing(50, 300), lambda count: count - 1)


def beat(number: int, echo: int, **said: object) -> Heartbeat:
    values: dict[str, object] = {
        "ballot": NO_BALLOT,
        "leader": NO_BALLOT,
        "hears_leader": False,
        "quorum_connected": True,
    }
    return Heartbeat(number, echo, **{**values, **said})  # type: ignore[arg-type]


def test_who_is_heard_but_does_not_hear_us_is_not_connected() -> None:
    one = election()
    one.tick(0)
    one.heard(2, beat(1, 0), 10)
    assert not one.is_connected(2, 10)
    one.heard(2, beat(2, 1), 20)
    assert one.is_connected(2, 20)
    assert one.is_quorum_connected


def test_silence_ends_a_connection() -> None:
    one = election()
    one.tick(0)
    one.heard(2, beat(1, 1), 10)
    assert one.is_connected(2, 300)
    assert not one.is_connected(2, 301)


def test_nobody_stands_without_a_majority() -> None:
    one = election()
    for now_ms in range(0, 3000, 50):
        one.tick(now_ms)
    assert one.own.server_id == 0
    assert one.leader == NO_BALLOT


def test_the_only_voter_elects_itself() -> None:
    one = election(Configuration(0, (1,)))
    for now_ms in range(0, 200, 50):
        one.tick(now_ms)
    assert one.leader == Ballot(0, 1, 1)


def test_an_observer_never_stands() -> None:
    one = election(Configuration(0, (2, 3), (1,)))
    one.tick(0)
    for now_ms in range(10, 200, 10):
        one.heard(2, beat(now_ms, 1), now_ms)
        one.heard(3, beat(now_ms, 1), now_ms)
    assert one.is_quorum_connected
    assert one.own.server_id == 0


def test_the_highest_connected_candidate_is_elected() -> None:
    one = election()
    one.tick(0)
    one.heard(2, beat(1, 1, ballot=Ballot(0, 4, 2)), 10)
    assert one.leader == Ballot(0, 4, 2)


def test_a_candidate_that_hears_no_majority_is_not_elected() -> None:
    one = election()
    one.tick(0)
    one.heard(2, beat(1, 1, ballot=Ballot(0, 4, 2), quorum_connected=False), 10)
    assert one.leader == NO_BALLOT


def test_a_candidate_of_another_configuration_is_not_elected() -> None:
    one = election()
    one.tick(0)
    one.heard(2, beat(1, 1, ballot=Ballot(1, 4, 2)), 10)
    assert one.leader == NO_BALLOT


def test_a_new_configuration_outbids_all_ballots_of_the_old_one() -> None:
    one = election()
    one.promised(Ballot(0, 9, 3))
    one.enter(Configuration(1, (1, 2)), 10)
    one.stand(10)
    assert one.own == Ballot(1, 10, 1)
    assert one.own > Ballot(0, 9, 3)


def test_what_a_lost_link_said_counts_no_more() -> None:
    one = election()
    one.tick(0)
    one.heard(2, beat(1, 1), 10)
    one.lost(2, 11)
    assert not one.is_connected(2, 11)
    assert not one.is_quorum_connected


@pytest.mark.parametrize(
    "piled_up",
    [
        250,
        300,
    ],
)
def test_heartbeats_that_piled_up_are_answered_in_the_end(piled_up: int) -> None:
    cluster = Cluster(3)
    cluster.settle(1000)
    for _ in range(piled_up):
        # Server 3 stands still; the others hear each other.
        cluster.now_ms += 50
        for server in (1, 2):
            cluster.tick(server)
        for link in ((1, 2), (2, 1)):
            while cluster.links[link]:
                cluster.deliver(link)
    delivered = 0
    while any(cluster.links.values()) and delivered < 20 * piled_up:
        for link in tuple(cluster.links):
            for _ in range(len(cluster.links[link])):
                cluster.deliver(link)
                delivered += 1
    assert not any(cluster.links.values())
