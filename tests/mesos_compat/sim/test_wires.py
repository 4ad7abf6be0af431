"""What simulated connections deliver, and what they lose."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from mesos_compat.sim.trace import Trace
from mesos_compat.sim.wires import Ear, Network, Side, Wire
from mesos_compat.sim.world import Violation, World


class Pair:
    """A wire, and what comes out at its ends."""

    def __init__(self) -> None:
        self.world = World(1, Trace())
        self.network = Network(self.world, 10)
        self.wire = self.dial()
        self.heard: tuple[list[object], list[object]] = ([], [])
        self.ended: list[Side] = []
        for side in Side:
            self.wire.ears[side] = Ear(self.heard[side].append, self._ender(side))

    def dial(self) -> Wire:
        return self.network.dial("a0")

    def _ender(self, side: Side) -> Callable[[], None]:
        return lambda: self.ended.append(side)


def test_messages_come_in_the_order_in_which_they_were_sent() -> None:
    pair = Pair()
    for number in range(50):
        pair.wire.send(Side.SERVER, number)
    pair.world.run_until(1_000)
    assert pair.heard == ([], list(range(50)))


def test_what_is_under_way_is_lost_when_a_wire_is_cut() -> None:
    pair = Pair()
    pair.wire.send(Side.SERVER, "first")
    pair.world.run_until(100)
    pair.wire.send(Side.SERVER, "second")
    pair.network.cut("a0", random.Random(0), 50)
    pair.wire.send(Side.SERVER, "third")
    pair.world.run_until(1_000)
    assert pair.heard[Side.SERVER] == ["first"]
    assert sorted(pair.ended) == [Side.CLIENT, Side.SERVER]


def test_a_blocked_direction_delivers_in_one_burst_when_it_opens_again() -> None:
    pair = Pair()
    pair.network.block("a0", Side.SERVER)
    for side in Side:
        pair.wire.send(side, 1)
        pair.wire.send(side, 2)
    pair.world.run_until(100)
    assert pair.heard == ([1, 2], [])
    pair.network.unblock("a0", Side.SERVER)
    assert pair.heard == ([1, 2], [1, 2])


def test_two_blocks_are_undone_one_by_one() -> None:
    pair = Pair()
    pair.network.block("a0", Side.SERVER)
    pair.network.block("a0", Side.SERVER)
    pair.wire.send(Side.SERVER, 1)
    pair.world.run_until(100)
    pair.network.unblock("a0", Side.SERVER)
    assert not pair.heard[Side.SERVER]
    pair.network.unblock("a0", Side.SERVER)
    assert pair.heard[Side.SERVER] == [1]


def test_who_hangs_up_is_heard_to_the_end_and_hears_no_more() -> None:
    pair = Pair()
    pair.wire.send(Side.SERVER, "last")
    pair.wire.send(Side.CLIENT, "too late")
    pair.wire.hang_up(Side.CLIENT)
    pair.world.run_until(1_000)
    assert pair.heard == ([], ["last"])
    assert pair.ended == [Side.SERVER]


def test_that_a_host_has_no_power_is_found_out_late() -> None:
    pair = Pair()
    pair.wire.vanish(Side.CLIENT)
    pair.wire.send(Side.CLIENT, "anybody?")
    pair.world.run_until(1_900)
    assert not pair.ended
    pair.world.run_until(20_000)
    assert pair.heard == ([], [])
    assert pair.ended == [Side.SERVER]


def test_healing_delivers_what_was_held() -> None:
    pair = Pair()
    pair.network.slow_down("a0", 40)
    pair.network.block("a0", Side.CLIENT)
    pair.wire.send(Side.CLIENT, 1)
    pair.world.run_until(1_000)
    pair.network.heal()
    assert pair.heard[Side.CLIENT] == [1]


def test_a_run_that_never_rests_is_stopped() -> None:
    world = World(1, Trace())

    def again() -> None:
        world.after(0, again)

    again()
    with pytest.raises(Violation, match="livelock"):
        world.run_until(1)
