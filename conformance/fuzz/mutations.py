"""Changes to byte strings that a decoder may trip over."""

from __future__ import annotations

import random
import struct

#: Integers at which length, count and flag handling tends to go wrong.
_EDGES = (
    -1,
    0,
    1,
    2,
    127,
    255,
    65_535,
    1_048_575,
    1_048_576,
    2**31 - 1,
    -(2**31),
    -2,
    -11,
    0x7F7F7F7F,
)
_EDGE_BYTES = tuple(struct.pack(">i", edge) for edge in _EDGES)
#: What replaces a piece of text: broken UTF-8, surrogates, control and non-BMP characters.
_TEXTS = (
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\0",
    b"\xf0\x9f\x90\xa2",
    b"/../",
    b"//",
    b"\x7f",
    b"%s%n",
)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """``data`` after one to four random changes; of any length, also 0."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change(changed, rng)
    return bytes(changed)


def _change(data: bytearray, rng: random.Random) -> None:
    size = len(data)
    at = rng.randrange(size + 1)
    match rng.randrange(9):
        case 0 if size:
            data[at % size] ^= 1 << rng.randrange(8)
        case 1 if size:
            data[at % size] = rng.randrange(256)
        case 2 | 3:
            # Fields are often aligned to four bytes, seen from the start of the record.
            at -= at % 4
            data[at : at + 4] = rng.choice(_EDGE_BYTES)
        case 4:
            data[at:at] = rng.randbytes(rng.choice((1, 4, 16, 300)))
        case 5:
            del data[at : at + rng.choice((1, 4, 16))]
        case 6:
            data[at:at] = data[at : at + rng.choice((4, 8, 64))]
        case 7:
            text = rng.choice(_TEXTS)
            data[at : at + len(text)] = text
        case _:
            del data[at:]
