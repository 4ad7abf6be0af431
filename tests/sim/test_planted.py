"""Faults planted in the code under test are found; the slow ones by ``zkserver.sim.planted``."""

from __future__ import annotations

import pytest

from zkserver.paxos.node import PaxosNode
from zkserver.sim.planted import PLANTED, found_after, planted

QUICK = {
    "accept-twice": "",
    "decided-back": "decided",
    "follower-expires": "expiry",
    "read-not-held": "order",
    "snapshot-without-sessions": "",
}


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_fault_is_found(name: str) -> None:
    number, why = found_after(name, range(25), 3)
    assert number, "no seed found it"
    assert why.startswith(QUICK[name])


def test_planting_is_undone() -> None:
    before = PaxosNode.learn
    with planted("decided-back"):
        assert PaxosNode.learn is not before
    assert PaxosNode.learn is before


def test_every_quick_one_exists() -> None:
    assert set(QUICK) <= set(PLANTED)
