"""What was held back until the disk had it is told only while it is still true."""

from __future__ import annotations

import pytest

from zkserver.paxos.ballot import NO_BALLOT, Ballot
from zkserver.paxos.durable import may_be_told
from zkserver.paxos.messages import Accepted, PaxosMessage, Prepare, Promise, Refusal

LOW, HIGH = Ballot(0, 1, 1), Ballot(0, 2, 2)


@pytest.mark.parametrize(
    "message",
    [Prepare(LOW, NO_BALLOT, 0, 0), Promise(LOW, NO_BALLOT, 0, 0, ()), Accepted(LOW, 1)],
)
def test_nothing_is_told_of_a_ballot_that_was_left_meanwhile(message: PaxosMessage) -> None:
    assert may_be_told(message, LOW)
    assert not may_be_told(message, HIGH)


def test_a_refusal_stays_true() -> None:
    assert may_be_told(Refusal(LOW), HIGH)
