"""Faults planted in the code under test are found; ``mesos_compat.sim.planted`` has them all."""

from __future__ import annotations

import pytest

from mesos_compat.agent import status_updates
from mesos_compat.sim.planted import PLANTED, found_after, planted

QUICK = {
    "acknowledged-by-master": "acknowledged",
    "status-given-up": "forgotten",
    "quota-unbounded": "quota",
    "offers-kept": "books",
}


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_fault_is_found(name: str) -> None:
    number, why = found_after(name, range(25))
    assert number, "no seed found it"
    assert why.startswith(QUICK[name])


def test_planting_is_undone() -> None:
    before = status_updates.retry
    with planted("status-given-up"):
        assert status_updates.retry is not before
    assert status_updates.retry is before


def test_every_quick_one_exists() -> None:
    assert set(QUICK) <= set(PLANTED)
