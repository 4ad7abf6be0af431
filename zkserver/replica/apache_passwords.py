"""The passwords that Apache's servers give to sessions.

Source: ``ZooKeeperServer.generatePasswd``: the first 16 bytes of a ``java.util.Random`` whose
seed is the session's id, changed by a constant that everybody knows. So whoever knows an id
knows the password; what it is good for is that a session can move between Apache's servers
and ours.
"""

from __future__ import annotations

from typing import Final

_SECRET: Final = 0xB3415C00
_MULTIPLIER: Final = 0x5DEECE66D
_MASK: Final = (1 << 48) - 1
_WORDS: Final = 4


def apache_password(session_id: int) -> bytes:
    """The 16 bytes by which Apache's servers know the client of a session again."""
    state = (session_id ^ _SECRET ^ _MULTIPLIER) & _MASK
    words = []
    for _ in range(_WORDS):
        state = (state * _MULTIPLIER + 0xB) & _MASK
        words.append((state >> 16).to_bytes(4, "little"))
    return b"".join(words)
