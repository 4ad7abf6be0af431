"""The leader: what it adopts, counts, and sends."""

from __future__ import annotations

import pytest

from zkserver.errors import InvariantBrokenError
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.election import Timing
from zkserver.paxos.log import STOP, Log, Record
from zkserver.paxos.messages import (
    Accept,
    Accepted,
    AcceptSync,
    Assurance,
    OneShort,
    Prepare,
    Promise,
    Question,
    Refusal,
)
from zkserver.paxos.node import PaxosNode

LOW, MIDDLE = Ballot(0, 1, 1), Ballot(0, 1, 2)
A, B, C = (Record(at, 1, at + 1, 0, b"\0") for at in range(3))


def leader(*records: Record, accepted: Ballot = LOW, voters: int = 3) -> PaxosNode:
    """Server 1, preparing; its own promise is on disk."""
    log = Log(0, 0)
    log.extend(records)
    everybody = tuple(range(1, voters + 1))
    one = PaxosNode(
        1, Configuration(0, everybody), log, accepted, accepted, Timing(), lambda count: count - 1
    )
    for peer in everybody[1:]:
        one.linked(peer, 0)
    one.election.stand(0)
    one.election.leader = one.election.own
    one.tick(0)
    flush(one)
    one.take_outbox()
    return one


def flush(one: PaxosNode) -> None:
    persist = one.take_persist()
    if persist is not None:
        one.persisted(persist, 0)


def promise(one: PaxosNode, accepted: Ballot, *records: Record, decided: int = 0) -> Promise:
    return Promise(one.promised, accepted, decided, records[-1].end if records else 0, records)


def test_it_leads_only_with_a_majority_of_promises() -> None:
    one = leader(voters=5)
    one.received(2, promise(one, LOW), 0)
    assert not one.leads
    one.received(3, promise(one, LOW), 0)
    assert one.leads


def test_the_higher_ballot_is_adopted_before_the_greater_length() -> None:
    one = leader(A, B, C)
    other = A._replace(zxid=7)
    one.received(2, promise(one, MIDDLE, other), 0)
    assert one.log.records == [other]
    assert one.accepted == one.promised


def test_of_one_ballot_the_longer_sequence_is_adopted() -> None:
    one = leader(A)
    one.received(2, Promise(one.promised, LOW, 0, 3, (B, C)), 0)
    assert one.log.records == [A, B, C]


def test_who_lacks_what_others_have_given_up_resigns() -> None:
    one = leader(A)
    one.received(2, Promise(one.promised, MIDDLE, 2, 3, (), is_cut=True), 0)
    assert one.leader is None
    assert not one.election.is_able
    assert one.log.records == [A]


def test_a_sync_holds_all_that_was_adopted() -> None:
    one = leader(A, B)
    one.received(2, promise(one, Ballot(0, 0, 0)), 0)
    assert one.take_outbox() == [(2, AcceptSync(one.promised, 0, (A, B), 0, 2))]


def test_nothing_is_decided_before_a_majority_of_disks_has_it() -> None:
    one = leader()
    one.received(2, promise(one, LOW), 0)
    one.propose(A)
    one.received(2, Accepted(one.promised, 1), 0)
    assert one.decided == 0, "its own disk has not"
    flush(one)
    assert one.decided == 1


def test_an_acknowledgement_without_a_sync_counts_for_nothing() -> None:
    one = leader()
    one.received(2, promise(one, LOW), 0)
    one.propose(A)
    flush(one)
    one.received(3, Accepted(one.promised, 1), 0)
    assert one.decided == 0


def test_a_voice_from_another_ballot_is_not_counted() -> None:
    one = leader()
    one.received(2, Promise(MIDDLE, LOW, 0, 0, ()), 0)
    assert not one.leads


def test_nothing_goes_behind_a_record_that_may_end_the_configuration() -> None:
    one = leader()
    one.received(2, promise(one, LOW), 0)
    one.propose(A._replace(payload=STOP))
    assert not one.leads
    with pytest.raises(InvariantBrokenError):
        one.propose(B)


def test_nothing_is_proposed_in_a_ballot_that_is_used_up_even_while_nobody_else_can_lead() -> None:
    one = leader()
    one.received(2, promise(one, LOW), 0)
    used_up = one.promised
    # No heartbeat was ever heard here: the next ballot has to wait for a majority.
    one.begin_epoch(0)
    assert one.promised == used_up
    assert one.election.own > used_up
    assert not one.leads
    with pytest.raises(InvariantBrokenError):
        one.propose(A)


def test_who_has_promised_another_is_not_synced_any_more() -> None:
    one = leader()
    one.received(2, promise(one, LOW), 0)
    assert one.leader is not None
    assert one.leader.synced == [2]
    one.received(2, Refusal(Ballot(0, 9, 3)), 0)
    assert one.leader.synced == []


def test_a_link_that_comes_back_begins_with_prepare() -> None:
    one = leader()
    one.received(2, promise(one, LOW), 0)
    one.unlinked(2, 0)
    one.linked(2, 0)
    flush(one)
    assert (2, Prepare(one.promised, one.promised, 0, 0)) in one.take_outbox()


def patient() -> PaxosNode:
    """It leads two followers that have all, and A is decided, which they have not heard."""
    one = leader()
    one.is_patient = True
    for peer in (2, 3):
        one.received(peer, promise(one, LOW), 0)
    one.propose(A)
    one.take_outbox()
    flush(one)
    one.received(2, Accepted(one.promised, 1), 0)
    assert one.decided == 1
    return one


def test_news_that_nobody_waits_for_goes_with_the_next_records() -> None:
    one = patient()
    assert one.take_outbox() == []
    assert one.leader is not None and one.leader.has_news
    one.propose(B)
    told = Accept(one.promised, (B,), 1)
    assert one.take_outbox() == [(2, told), (3, told)]
    assert not one.leader.has_news


def test_news_goes_at_once_to_whom_somebody_waits_at() -> None:
    one = leader()
    one.is_patient = True
    for peer in (2, 3):
        one.received(peer, promise(one, LOW), 0)
    one.propose(A)
    assert one.leader is not None
    one.leader.awaited(3)
    one.take_outbox()
    flush(one)
    one.received(2, Accepted(one.promised, 1), 0)
    assert one.take_outbox() == [(3, Accept(one.promised, (), 1))]
    assert one.leader.has_news, "for server 2"


def awaited(*, at: int, voters: int = 3, record: Record = A) -> PaxosNode:
    """A leader with one proposal; somebody waits for it at server ``at``."""
    one = leader(voters=voters)
    one.is_patient = True
    for peer in range(2, voters + 1):
        one.received(peer, promise(one, LOW), 0)
    one.take_outbox()
    one.propose(record)
    assert one.leader is not None
    one.leader.awaited(at)
    assert all(isinstance(message, Accept) for _, message in one.take_outbox())
    return one


def test_one_who_waits_is_told_that_only_its_own_disk_is_missing() -> None:
    one = awaited(at=3)
    assert one.leader is not None and one.leader.covering_length == 0
    flush(one)
    assert one.take_outbox() == [(3, OneShort(one.promised, 1))]
    assert one.decided == 0
    # It may have told its client by now, so a sync has to wait for that.
    assert one.leader.covering_length == 1
    one.received(3, Accepted(one.promised, 1), 0)
    assert one.decided == 1
    assert one.take_outbox() == [], "it knows"


def test_among_five_another_disk_than_the_leader_s_has_to_have_it_too() -> None:
    one = awaited(at=3, voters=5)
    flush(one)
    assert one.take_outbox() == []
    one.received(4, Accepted(one.promised, 1), 0)
    assert one.take_outbox() == [(3, OneShort(one.promised, 1))]
    one.received(5, Accepted(one.promised, 1), 0)
    assert one.take_outbox() == [(3, Accept(one.promised, (), 1))], "its disk may be slow"


def test_how_a_configuration_ends_the_leader_knows_first() -> None:
    one = awaited(at=3, record=A._replace(payload=STOP))
    flush(one)
    assert one.take_outbox() == []
    one.received(2, Accepted(one.promised, 1), 0)
    assert one.take_outbox() == [(3, Accept(one.promised, (), 1))]


def test_news_goes_to_everybody_when_told_so() -> None:
    one = patient()
    one.take_outbox()
    assert one.leader is not None
    one.leader.tell()
    told = Accept(one.promised, (), 1)
    assert one.take_outbox() == [(2, told), (3, told)]
    assert not one.leader.has_news


def test_followers_hear_of_the_end_of_a_configuration_without_asking() -> None:
    one = patient()
    one.take_outbox()
    one.enter(Configuration(1, (1, 2, 3)), 0)
    told = [(peer, message) for peer, message in one.outbox if isinstance(message, Accept)]
    assert told == [(peer, Accept(one.promised, (), 1)) for peer in (2, 3)]


def test_who_knows_of_more_than_was_adopted_is_in_a_later_configuration() -> None:
    one = leader(A)
    one.received(2, promise(one, LOW, A), 0)
    one.take_outbox()
    one.received(3, Promise(one.promised, MIDDLE, 3, 3, (B, C)), 0)
    assert one.take_outbox() == []
    assert one.leader is not None and 3 not in one.leader.followers


def test_it_is_assured_by_a_majority_and_not_by_less() -> None:
    one = leader(voters=5)
    for peer in (2, 3, 4):
        one.received(peer, promise(one, LOW), 0)
    assert one.leader is not None
    one.take_outbox()
    question = one.leader.ask_whether_we_lead()
    assert one.take_outbox() == [(peer, Question(one.promised, question)) for peer in (2, 3, 4)]
    one.received(2, Assurance(one.promised, question), 0)
    assert one.leader.assured < question
    one.received(3, Assurance(MIDDLE, question), 0)
    assert one.leader.assured < question
    one.received(3, Assurance(one.promised, question), 0)
    assert one.leader.assured == question


def test_a_voter_that_is_back_is_asked_again() -> None:
    one = leader()
    one.received(2, promise(one, LOW), 0)
    assert one.leader is not None
    question = one.leader.ask_whether_we_lead()
    one.unlinked(2, 0)
    one.linked(2, 0)
    one.take_outbox()
    one.received(2, promise(one, LOW), 0)
    assert (2, Question(one.promised, question)) in one.take_outbox()


def test_who_has_promised_somebody_else_does_not_assure() -> None:
    follower = PaxosNode(
        2, Configuration(0, (1, 2, 3)), Log(0, 0), LOW, LOW, Timing(), lambda count: count - 1
    )
    follower.linked(1, 0)
    follower.linked(3, 0)
    first, second = Ballot(0, 5, 1), Ballot(0, 6, 3)
    follower.received(1, Prepare(first, LOW, 0, 0), 0)
    follower.received(1, Question(first, 1), 0)
    assert (1, Assurance(first, 1)) in follower.take_outbox()
    follower.received(3, Prepare(second, LOW, 0, 0), 0)
    follower.received(1, Question(first, 2), 0)
    assert follower.take_outbox() == [(1, Refusal(second))]


def test_what_it_adopted_may_have_been_acknowledged() -> None:
    one = leader(A, B)
    one.received(2, promise(one, LOW), 0)
    assert one.leader is not None
    assert one.decided == 0
    assert one.leader.covering_length == 2
