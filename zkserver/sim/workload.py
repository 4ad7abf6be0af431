"""What the clients of a run do, drawn from its seed.

Registers (``/r0`` ...) are written, deleted, and read behind a sync; their histories are
searched for a linear order. Below ``/d0`` ... grow sequential and ephemeral znodes, ``/m0``
... belong to multis. Every write carries data of its own, so a reader knows whose it saw.

Some clients write nothing: no write of theirs that nobody answers keeps them from reading on
at a server that was cut off.
"""

from __future__ import annotations

import random
from typing import Final

from zkserver.sim.requests import Operation

#: How often each kind is drawn, for the three families of paths.
_REGISTER_KINDS: Final = (
    ("set", 10), ("cset", 4), ("create", 5), ("delete", 3), ("syncget", 6), ("get", 3),
    ("getw", 3), ("exists", 1), ("existsw", 2),
)  # fmt: skip
_READER_KINDS: Final = (("syncget", 6), ("get", 1), ("getw", 2), ("existsw", 1))
_DIRECTORY_KINDS: Final = (
    ("screate", 4), ("secreate", 3), ("ecreate", 4), ("ls", 3), ("lsw", 3), ("create", 2),
    ("delete", 3), ("getw", 1), ("existsw", 2),
)  # fmt: skip
_MULTI_KINDS: Final = (("multi", 8), ("get", 2), ("getw", 1), ("ls", 1))
_FAMILIES: Final = (("register", 11), ("directory", 6), ("multi", 3), ("connection", 2))
_CONNECTION_KINDS: Final = (
    ("sync", 2), ("close", 1), ("move", 3), ("garbage", 1), ("stall", 2), ("broken", 2),
)  # fmt: skip
_REGISTERS: Final = 4
_DIRECTORIES: Final = 2
_NAMES: Final = 5


def _pick(dice: random.Random, weighted: tuple[tuple[str, int], ...]) -> str:
    return dice.choices([name for name, _ in weighted], [weight for _, weight in weighted])[0]


def draw_operations(
    dice: random.Random, clients: int, count: int, begin_ms: int, end_ms: int
) -> tuple[Operation, ...]:
    """``count`` operations of ``clients`` clients between two times, in their order."""
    found = [Operation(begin_ms, dice.randrange(clients), "create", f"/d{n}") for n in range(2)]
    share = dice.choice((0.0, 0.2, 0.7))
    readers = {client for client in range(clients) if dice.random() < share}
    bursts = [dice.randint(begin_ms, end_ms) for _ in range(3)]
    for _ in range(count):
        at_ms = dice.randint(begin_ms, end_ms)
        if dice.random() < 0.2:
            at_ms = dice.choice(bursts) + dice.randint(0, 20)
        client = dice.randrange(clients)
        draw_one = _draw_reading if client in readers else _draw_one
        found.append(draw_one(dice, at_ms, client))
    found.sort(key=lambda one: one.at_ms)
    return tuple(found)


def _draw_reading(dice: random.Random, at_ms: int, client: int) -> Operation:
    path = f"/r{dice.randrange(_REGISTERS)}"
    return Operation(at_ms, client, _pick(dice, _READER_KINDS), path, dice.randint(0, 4))


def _draw_one(dice: random.Random, at_ms: int, client: int) -> Operation:
    family = _pick(dice, _FAMILIES)
    if family == "register":
        kind = _pick(dice, _REGISTER_KINDS)
        return Operation(at_ms, client, kind, f"/r{dice.randrange(_REGISTERS)}", dice.randint(0, 4))
    if family == "directory":
        kind, path = _pick(dice, _DIRECTORY_KINDS), f"/d{dice.randrange(_DIRECTORIES)}"
        if kind in ("screate", "secreate"):
            path += "/n"
        elif kind not in ("ls", "lsw"):
            path += f"/e{dice.randrange(_NAMES)}"
        return Operation(at_ms, client, kind, path)
    if family == "multi":
        return Operation(
            at_ms, client, _pick(dice, _MULTI_KINDS), f"/m{dice.randrange(2)}", dice.randrange(4)
        )
    kind = _pick(dice, _CONNECTION_KINDS)
    number = dice.randint(10, 600) if kind == "stall" else dice.randrange(4)
    return Operation(at_ms, client, kind, "/r0", number)
