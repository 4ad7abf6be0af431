"""A scenario: all that a run depends on, drawn from a seed or read from a file.

The file is for people as well::

    mesozoic-mesos-sim 1
    seed 17 end 8000 allocator drf
    knob link_ms 20
    at 1200 agent-crash 0 340 0

A line ``at`` names a time in ms, what happens, to whom, for how long in ms, and a number.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from mesos_compat.sim import happenings
from mesos_compat.sim import knobs as knobs_of
from mesos_compat.sim.happenings import Happening
from mesos_compat.sim.knobs import Knobs

_HEAD: Final = "mesozoic-mesos-sim 1"
#: Time for the first master, agents and schedulers to find each other, milliseconds.
_BEGIN_MS: Final = 300
ALLOCATORS: Final = ("drf", "fcfs", "lrf", "capacity")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a run is a function of."""

    seed: int
    #: When nothing goes wrong any more, and healing begins, milliseconds.
    end_ms: int
    allocator: str
    knobs: Knobs
    happenings: tuple[Happening, ...]

    def text(self) -> str:
        """The scenario as a file."""
        lines = [
            _HEAD,
            f"seed {self.seed} end {self.end_ms} allocator {self.allocator}",
            *(f"knob {line}" for line in self.knobs.lines()),
            *(f"at {one.line()}" for one in self.happenings),
        ]
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> Scenario:
        """The scenario in a file; raises ``ValueError``."""
        try:
            return cls._parse(text)
        except (KeyError, IndexError) as error:
            raise ValueError(f"a line of a scenario lacks something: {error}") from None

    @classmethod
    def _parse(cls, text: str) -> Scenario:
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        if len(lines) < 2 or lines[0] != _HEAD:
            raise ValueError(f"a scenario begins with the line {_HEAD!r}")
        words = lines[1].split()
        head = dict(zip(words[::2], words[1::2], strict=True))
        knobs: list[tuple[str, int]] = []
        found: list[Happening] = []
        for line in lines[2:]:
            kind, *rest = line.split()
            if kind == "knob":
                knobs.append((rest[0], int(rest[1])))
            elif kind == "at":
                found.append(Happening.parse(rest))
            else:
                raise ValueError(f"a scenario has no line {kind!r}")
        return cls(
            int(head["seed"]), int(head["end"]), head["allocator"], Knobs.parse(knobs), tuple(found)
        )


def draw(seed: int, allocator: str | None = None, *, with_faults: bool = True) -> Scenario:
    """The scenario of a seed; without an allocator given it is drawn, mostly "drf"."""
    dice = random.Random(f"scenario {seed}")
    drawn = dice.choice((*ALLOCATORS, "drf", "drf", "drf"))
    knobs = knobs_of.draw(dice)
    end_ms = dice.choice((3_000, 6_000, 6_000, 12_000))
    faults, wishes = dice.choice((1, 3, 5, 8)), dice.choice((0, 2, 2, 6))
    found = happenings.draw(dice, faults, wishes, _BEGIN_MS, end_ms - 200)
    return Scenario(seed, end_ms, allocator or drawn, knobs, found if with_faults else ())
