"""The plan in worlds of dice: crashes, lost calls, lost agents, and what must hold all the time."""

from __future__ import annotations

import pytest

from mesozoic.framework import Backoff, Restart, group_by, unique
from mesozoic.framework.planning.instances import Ending
from tests.sdk.framework.scripted import service, task
from tests.sdk.framework.world import World

QUICK = Backoff(0.5, 4.0)
SERVICE = service("s", count=2, restart=Restart("always", QUICK, unreachable_seconds=5))
PATIENT = service("p", count=2, restart=Restart("always", QUICK))
APART = service(
    "u",
    count=2,
    constraints=[unique("hostname")],
    restart=Restart("always", QUICK, unreachable_seconds=0),
)
SPREAD = service("g", count=2, constraints=[group_by("hostname")], restart=Restart("always", QUICK))
ONCE = task("o", count=2, restart="never")
TASK = task("t", count=2, restart=Restart("on_failure", QUICK))


@pytest.mark.parametrize("seed", range(150))
def test_nothing_is_started_twice_and_all_that_is_wanted_runs_in_the_end(seed: int) -> None:
    world = World(seed, SERVICE, PATIENT, APART, SPREAD, ONCE, TASK)
    for _ in range(400):
        world.step()
        # What waits for the unreachable never has two of a slot.
        doubled = [
            slot for slot, n in world.live_by_slot().items() if n > 1 and slot[0] not in "su"
        ]
        assert not doubled
        starts = [one.rpartition(".")[0] for one in world.starts if one.startswith("o.")]
        assert len(starts) == len(set(starts)), "never means at most once"
    world.settle()
    wanted = {
        f"{name}.{slot}": 1
        for name, standing in world.core.standings.items()
        for slot in range(standing.count)
        if standing.spec.is_service
    }
    assert dict(world.live_by_slot()) == wanted
    for name in ("o", "t"):
        assert world.core.is_settled(name)
    ends = [one.end.ending for one in world.core.instances("t") if one.end is not None]
    assert ends == [Ending.FINISHED] * 2
    kept = sum(key.startswith("instances/") for key in world.records)
    assert kept == sum(wanted.values()) + 4


def test_one_history_is_the_same_again() -> None:
    def run() -> tuple[dict[str, bytes], int]:
        world = World(7, SERVICE, PATIENT, APART, SPREAD, ONCE, TASK)
        for _ in range(300):
            world.step()
        return world.records, world.now_ms

    assert run() == run()
