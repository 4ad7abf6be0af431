"""The kinds of error that are not values.

A client's mistake is a value (an error code in a reply) and never an exception, and a client
that breaks the protocol has its connection ended by ``ReplicaCore.end``. What remains: a
server that cannot start, another server that breaks the protocol, and we ourselves being
wrong.
"""

from __future__ import annotations


class InvariantBrokenError(RuntimeError):
    """The program is in a state that its author held to be impossible."""


class StartError(RuntimeError):
    """The server cannot start; the text says why and what to do about it."""


class PeerProtocolError(Exception):
    """Another server sent what it must not; the link it came over is closed, no other."""


def invariant(holds: bool, why: str, **facts: object) -> None:
    """Stop loudly when ``holds`` is false; unlike ``assert`` this survives ``python -O``.

    Raises :class:`InvariantBrokenError` with ``why`` and the facts that were given.
    """
    if not holds:
        told = ", ".join(f"{name}={value!r}" for name, value in facts.items())
        raise InvariantBrokenError(f"{why} ({told})" if told else why)
