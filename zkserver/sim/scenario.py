"""A scenario: all that a run depends on, drawn from a seed or read from a file.

The file is for people as well::

    mesozoic-sim 1
    seed 17 servers 3 clients 4 end 4000
    knob heartbeat_ms 30
    fault 1200 power 2 1 340 0
    op 1250 0 set /r1 0

A ``fault`` names its time in ms, kind, server, other server, duration in ms and a number;
an ``op`` its time, client, kind, path and a number.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from zkserver.sim.faults import Fault, draw_faults
from zkserver.sim.knobs import Knobs
from zkserver.sim.knobs import draw as draw_knobs
from zkserver.sim.requests import Operation
from zkserver.sim.workload import draw_operations

_HEAD: Final = "mesozoic-sim 1"
#: Time for a first leader before clients come, milliseconds.
_BEGIN_MS: Final = 400


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a run is a function of."""

    seed: int
    servers: int
    clients: int
    #: When faults are over and healing begins, milliseconds.
    end_ms: int
    knobs: Knobs
    faults: tuple[Fault, ...]
    operations: tuple[Operation, ...]

    def text(self) -> str:
        """The scenario as a file."""
        lines = [
            _HEAD,
            f"seed {self.seed} servers {self.servers} clients {self.clients} end {self.end_ms}",
            *(f"knob {line}" for line in self.knobs.lines()),
            *(fault.line() for fault in self.faults),
            *(operation.line() for operation in self.operations),
        ]
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> Scenario:
        """The scenario in a file; raises ``ValueError``."""
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        if len(lines) < 2 or lines[0] != _HEAD:
            raise ValueError(f"a scenario begins with the line {_HEAD!r}")
        words = lines[1].split()
        head = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        knobs: list[tuple[str, int]] = []
        faults: list[Fault] = []
        operations: list[Operation] = []
        for line in lines[2:]:
            kind, *rest = line.split()
            if kind == "knob":
                knobs.append((rest[0], int(rest[1])))
            elif kind == "fault":
                faults.append(Fault.parse(rest))
            elif kind == "op":
                operations.append(Operation.parse(rest))
            else:
                raise ValueError(f"a scenario has no line {kind!r}")
        return cls(
            head["seed"],
            head["servers"],
            head["clients"],
            head["end"],
            Knobs.parse(knobs),
            tuple(faults),
            tuple(operations),
        )


def draw(seed: int, servers: int, *, with_faults: bool = True) -> Scenario:
    """The scenario of a seed."""
    dice = random.Random(f"scenario {seed} {servers}")
    knobs = draw_knobs(dice)
    end_ms = dice.choice((1200, 2200, 2200, 4500))
    clients = dice.randint(2, 6)
    operations = draw_operations(dice, clients, dice.choice((60, 200, 350)), _BEGIN_MS, end_ms)
    count = dice.choice((1, 3, 6, 6, 12)) if with_faults else 0
    faults = draw_faults(dice, servers, count, _BEGIN_MS // 2, end_ms - 200)
    return Scenario(seed, servers, clients, end_ms, knobs, faults, operations)
