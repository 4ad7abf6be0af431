"""The follower: what it refuses, keeps, and says of itself."""

from __future__ import annotations

import pytest

from zkserver.paxos.ballot import NO_BALLOT, Ballot
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.durable import WriteRecord, WriteSync
from zkserver.paxos.election import Timing
from zkserver.paxos.log import Log, Record
from zkserver.paxos.messages import (
    Accept,
    Accepted,
    AcceptSync,
    OneShort,
    PaxosMessage,
    Prepare,
    PrepareRequest,
    Promise,
    Refusal,
)
from zkserver.paxos.node import PaxosNode

LOW, HIGH = Ballot(0, 1, 1), Ballot(0, 2, 2)
A, B, C = (Record(at, 1, at + 1, 0, b"\0") for at in range(3))


def node(*records: Record, promised: Ballot = LOW, accepted: Ballot = LOW) -> PaxosNode:
    """Server 3 with these records, linked to 1 and 2."""
    log = Log(0, 0)
    log.extend(records)
    made = PaxosNode(
        3, Configuration(0, (1, 2, 3)), log, promised, accepted, Timing(), lambda count: count - 1
    )
    for peer in (1, 2):
        made.linked(peer, 0)
    made.take_outbox()
    return made


def told(one: PaxosNode) -> list[tuple[int, PaxosMessage]]:
    """What the node says to 1 and 2 once its disk is done."""
    said = one.take_outbox()
    persist = one.take_persist()
    if persist is not None:
        one.persisted(persist, 0)
        said += one.take_outbox()
    return said


def test_a_lower_ballot_is_refused_whatever_it_says() -> None:
    one = node(A, promised=HIGH)
    for message in (
        Prepare(LOW, LOW, 0, 1),
        AcceptSync(LOW, 0, (), 0, 0),
        Accept(LOW, (B,), 1),
    ):
        one.received(1, message, 0)
        assert told(one) == [(1, Refusal(HIGH))]
    assert one.log.records == [A]


def test_a_promise_waits_for_the_disk() -> None:
    one = node(A)
    one.received(2, Prepare(HIGH, LOW, 0, 0), 0)
    assert one.take_outbox() == []
    assert told(one) == [(2, Promise(HIGH, LOW, 0, 1, (A,)))]


@pytest.mark.parametrize(
    ("accepted", "length", "records"),
    [(NO_BALLOT, 0, (A, B)), (LOW, 1, (B,)), (LOW, 2, ()), (Ballot(0, 1, 2), 0, ())],
)
def test_a_promise_holds_what_the_leader_may_lack(
    accepted: Ballot, length: int, records: tuple[Record, ...]
) -> None:
    one = node(A, B)
    one.received(2, Prepare(HIGH, accepted, 0, length), 0)
    assert told(one) == [(2, Promise(HIGH, LOW, 0, 2, records))]


def test_a_sync_replaces_the_suffix_in_one_write() -> None:
    one = node(A, B)
    one.received(2, Prepare(HIGH, HIGH, 0, 3), 0)
    told(one)
    other = B._replace(zxid=9), C._replace(zxid=10)
    one.received(2, AcceptSync(HIGH, 1, other, 1, 3), 0)
    persist = one.take_persist()
    assert persist is not None
    assert persist.writes == [WriteSync(HIGH, other)]
    one.persisted(persist, 0)
    assert one.take_outbox() == [(2, Accepted(HIGH, 3))]
    assert (one.log.records, one.decided) == ([A, *other], 1)


def test_a_second_sync_of_the_same_ballot_cuts_nothing() -> None:
    one = node(A, B, C)
    one.received(1, Prepare(LOW, LOW, 0, 3), 0)
    one.received(1, AcceptSync(LOW, 1, (B,), 0, 2), 0)
    assert one.log.records == [A, B, C]
    assert told(one)[-1] == (1, Accepted(LOW, 3))


def test_what_is_decided_is_never_replaced() -> None:
    one = node(A, B)
    one.learn(2)
    one.received(2, Prepare(HIGH, LOW, 2, 2), 0)
    told(one)
    one.received(2, AcceptSync(HIGH, 1, (B._replace(zxid=9),), 0, 2), 0)
    assert told(one) == [(2, PrepareRequest(HIGH))]
    assert one.log.records == [A, B]


def test_a_gap_is_answered_by_asking_to_begin_anew() -> None:
    one = node()
    one.received(1, Prepare(LOW, LOW, 0, 0), 0)
    one.received(1, AcceptSync(LOW, 0, (), 0, 0), 0)
    told(one)
    one.received(1, Accept(LOW, (B,), 0), 0)
    assert told(one) == [(1, PrepareRequest(LOW))]
    one.received(1, Accept(LOW, (A,), 0), 0)
    assert one.log.records == []


def test_records_come_once_however_often_they_are_sent() -> None:
    one = node()
    one.received(1, Prepare(LOW, LOW, 0, 0), 0)
    one.received(1, AcceptSync(LOW, 0, (A,), 0, 1), 0)
    told(one)
    one.received(1, Accept(LOW, (A, B), 0), 0)
    persist = one.take_persist()
    assert persist is not None
    assert [write for write in persist.writes if isinstance(write, WriteRecord)] == [
        WriteRecord(LOW, B)
    ]


def test_phase_two_without_phase_one_is_answered_by_a_request() -> None:
    one = node()
    one.received(1, Accept(LOW, (A,), 0), 0)
    assert told(one) == [(1, PrepareRequest(LOW))]


def synced() -> PaxosNode:
    """A follower of server 1 that has accepted nothing yet."""
    one = node()
    one.received(1, Prepare(HIGHER, LOW, 0, 0), 0)
    told(one)
    one.received(1, AcceptSync(HIGHER, 0, (), 0, 0), 0)
    told(one)
    return one


HIGHER = Ballot(0, 2, 1)


def test_what_is_one_short_is_decided_by_its_own_disk() -> None:
    one = synced()
    one.received(1, Accept(HIGHER, (A, B), 0), 0)
    one.received(1, OneShort(HIGHER, 1), 0)
    assert one.decided == 0
    assert told(one) == [(1, Accepted(HIGHER, 2))]
    assert one.decided == 1, "the leader's disk has no more"
    one.received(1, OneShort(HIGHER, 3), 0)
    assert one.decided == 2, "there is no more here"


def test_one_short_in_a_ballot_that_was_left_decides_nothing() -> None:
    one = synced()
    one.received(1, Accept(HIGHER, (A,), 0), 0)
    higher = Ballot(0, 3, 2)
    one.received(2, Prepare(higher, LOW, 0, 0), 0)
    one.received(1, OneShort(HIGHER, 1), 0)
    assert (1, Refusal(higher)) in told(one)
    assert one.decided == 0
