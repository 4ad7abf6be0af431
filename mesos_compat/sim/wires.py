"""Connections: each direction in order, and all that is under way is lost when one is cut.

A blocked direction delivers nothing: messages pile up, and come in one burst when it opens
again, unless the connection was cut meanwhile. Whoever is at an end learns of the other's
going late; when the other's host has lost its power, only when the own kernel gives up.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from mesos_compat.sim.world import World

M = TypeVar("M", bound=Message)


class Side(IntEnum):
    """An end of a wire: who has dialled, or who was."""

    CLIENT = 0
    SERVER = 1


@dataclass(frozen=True, slots=True)
class Ear:
    """What an end does with what comes, and when nothing will come any more."""

    heard: Callable[[Any], None]
    ended: Callable[[], None]


#: When a kernel gives up a connection on which nobody answers; real ones take minutes.
_GIVES_UP_MS: Final = (2_000, 15_000)


class _End:
    """The last thing that comes on a wire."""


_END: Final = _End()


def copied(message: M) -> M:
    """As it comes over a wire: nothing of it is shared with the sender."""
    made = type(message)()
    made.MergeFromString(message.SerializeToString())
    return made


class Wire:
    """One connection of ``host`` to somebody."""

    __slots__ = ("_dice", "_held", "_last_ms", "_network", "ears", "host", "is_cut")

    def __init__(self, network: Network, host: str, dice: random.Random) -> None:
        self.host = host
        self.is_cut = False
        self._network = network
        self._dice = dice
        self.ears: list[Ear | None] = [None, None]
        self._held: tuple[deque[Any], deque[Any]] = (deque(), deque())
        self._last_ms = [0, 0]

    def send(self, to: Side, message: Any) -> None:
        """Put a message on its way, behind those before."""
        if self.is_cut:
            return
        world = self._network.world
        at_ms = max(world.now_ms + self._network.delay_ms(self), self._last_ms[to])
        self._last_ms[to] = at_ms
        world.after(at_ms - world.now_ms, self._arrive, to, message)

    def hang_up(self, side: Side) -> None:
        """End it from ``side``, behind what was said there; that side hears no more."""
        self.ears[side] = None
        self.send(Side(1 - side), _END)

    def vanish(self, side: Side) -> None:
        """The host at ``side`` has no power any more; nobody says so.

        The kernel of the other host gives up in the end, since what it sends (heartbeats, pings)
        is not acknowledged. Without that, a framework whose host is gone would stay for ever.
        """
        self.ears[side] = None
        delay_ms = self.draw(*_GIVES_UP_MS)
        self._network.world.after(delay_ms, self._give_up)

    def _give_up(self) -> None:
        self.cut((0, 0))

    def cut(self, notice_ms: tuple[int, int]) -> None:
        """Lose all that is under way; each side finds out after so long."""
        if self.is_cut:
            return
        self.is_cut = True
        self._network.forget(self)
        for side in Side:
            self._held[side].clear()
            self._network.world.after(notice_ms[side], self._notice, side)

    def _notice(self, side: Side) -> None:
        ear = self.ears[side]
        if ear is not None:
            self.ears[side] = None
            ear.ended()

    def _arrive(self, to: Side, message: Any) -> None:
        if self.is_cut:
            return
        if self._held[to] or self._network.is_blocked(self.host, to):
            self._held[to].append(message)
        else:
            self._hand_over(to, message)

    def _hand_over(self, to: Side, message: Any) -> None:
        ear = self.ears[to]
        if message is _END:
            self.is_cut = True
            self._network.forget(self)
            self._notice(to)
        elif ear is not None:
            ear.heard(message)

    def release(self, to: Side) -> None:
        """Deliver what has waited for a direction, in one burst."""
        held = self._held[to]
        while held and not self.is_cut and not self._network.is_blocked(self.host, to):
            self._hand_over(to, held.popleft())

    def draw(self, low: int, high: int) -> int:
        """A number of this wire's own random stream."""
        return self._dice.randint(low, high)


class Network:
    """All wires, by the host that has dialled."""

    def __init__(self, world: World, usual_delay_ms: int) -> None:
        self.world = world
        self._usual_delay_ms = usual_delay_ms
        self._wires: dict[str, dict[Wire, None]] = {}
        self._blocked: dict[tuple[str, Side], int] = {}
        self._slowness: dict[str, int] = {}
        self._dice: dict[str, random.Random] = {}

    def dial(self, host: str) -> Wire:
        """A new connection of ``host``; who is at its ends is told by setting ``ears``."""
        dice = self._dice.get(host)
        if dice is None:
            dice = self._dice[host] = self.world.stream(f"wire {host}")
        wire = Wire(self, host, dice)
        self._wires.setdefault(host, {})[wire] = None
        return wire

    def forget(self, wire: Wire) -> None:
        """A connection is over."""
        self._wires[wire.host].pop(wire, None)

    def delay_ms(self, wire: Wire) -> int:
        """How long the next message takes."""
        usual = self._usual_delay_ms
        return wire.draw(usual // 2, usual + usual // 2) * self._slowness.get(wire.host, 1)

    def is_blocked(self, host: str, to: Side) -> bool:
        """Whether nothing gets through to that side of the wires of ``host``."""
        return bool(self._blocked.get((host, to)))

    # Faults.

    def cut(self, host: str, dice: random.Random, notice_ms_max: int) -> None:
        """Cut some or all connections of a host."""
        wires = list(self._wires.get(host, ()))
        if len(wires) > 1 and dice.random() < 0.5:
            wires = dice.sample(wires, 1)
        for wire in wires:
            wire.cut((dice.randint(0, notice_ms_max), dice.randint(0, notice_ms_max)))

    def cut_all(self, host: str, notice_ms: int) -> None:
        """Cut all connections of a host, which both sides find out in so long."""
        for wire in list(self._wires.get(host, ())):
            wire.cut((notice_ms, notice_ms))

    def block(self, host: str, to: Side) -> None:
        """Let nothing through to that side."""
        self._blocked[host, to] = self._blocked.get((host, to), 0) + 1

    def unblock(self, host: str, to: Side) -> None:
        """Undo one :meth:`block`."""
        left = max(0, self._blocked.get((host, to), 0) - 1)
        self._blocked[host, to] = left
        if not left:
            for wire in list(self._wires.get(host, ())):
                wire.release(to)

    def slow_down(self, host: str, factor: int) -> None:
        """Let messages of a host take ``factor`` times as long; 1 for as long as usual."""
        self._slowness[host] = factor

    def heal(self) -> None:
        """Undo all faults."""
        self._slowness.clear()
        for (host, to), count in list(self._blocked.items()):
            if count:
                self._blocked[host, to] = 1
                self.unblock(host, to)
