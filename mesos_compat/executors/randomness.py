"""Random numbers of the operating system; the module ``random`` takes long to import."""

from __future__ import annotations

import os
from typing import Final

_BYTES: Final = 8


def below(bound: int) -> int:
    """A number from 0 to ``bound`` - 1, where that is far below 2**64."""
    return int.from_bytes(os.urandom(_BYTES), "big") % bound
