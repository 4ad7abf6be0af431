"""Storms: whatever happens, one value for each position, and progress once it is over.

``pytest tests/paxos --storms 2000`` runs more of them than are run every time.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.paxos.storm import Storm
from zkserver.paxos import leader

STEPS = 2500


@pytest.fixture(params=[False, True], ids=["", "small_messages"])
def small_messages(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Messages and windows as they are, or so small that hardly anything fits."""
    kept = leader.MESSAGE_BYTES, leader.WINDOW_BYTES
    if request.param:
        vars(leader).update(MESSAGE_BYTES=6, WINDOW_BYTES=16)
    yield request.param
    vars(leader).update(MESSAGE_BYTES=kept[0], WINDOW_BYTES=kept[1])


@pytest.mark.usefixtures("small_messages")
def test_all_agree_and_go_on_after_a_storm(storm_seed: int) -> None:
    storm = Storm(storm_seed)
    storm.run(STEPS)
    storm.calm()
    storm.expect_progress()


@pytest.mark.usefixtures("small_messages")
def test_one_server_that_reaches_a_majority_is_enough(storm_seed: int) -> None:
    storm = Storm(storm_seed)
    storm.run(STEPS)
    storm.calm_in_part()
    storm.expect_decisions()


def test_all_agree_whoever_belongs_to_it(storm_seed: int) -> None:
    storm = Storm(storm_seed, reconfigures=True)
    storm.run(STEPS)
    storm.calm()
    storm.cluster.settle(3000)
