"""The kinds of error that this package knows besides values and events.

A client's mistake is a value, a failing disk or link an event. What is left are bytes that
are no message (:class:`DecodeError`), settings that make no sense (:class:`FlagError`), and
our own bugs, which :func:`invariant` stops loudly.
"""

from __future__ import annotations


class DecodeError(ValueError):
    """The text or bytes are not what they should be; the message says why, in Mesos's words."""


class FlagError(ValueError):
    """A flag, a file named by one, or a variable cannot be obeyed; the message names it."""


class InvariantBroken(RuntimeError):  # noqa: N818 - names the state found
    """Something is not as this program's author believed."""


def invariant(condition: object, why: str, **facts: object) -> None:
    """Stop loudly when ``condition`` does not hold. Not ``assert``, which ``-O`` removes."""
    if not condition:
        shown = ", ".join(f"{name}={value!r}" for name, value in facts.items())
        raise InvariantBroken(f"{why} ({shown})" if shown else why)
