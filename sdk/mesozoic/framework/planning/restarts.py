"""When a slot gets its next instance. Pure.

* What certainly never ran is started again after the initial wait, under every policy: this is
  not a second start. It does not count as a failure.
* What was lost with its agent is not the program's fault: it is replaced after the initial
  wait unless the policy is ``never``, and does not count as a failure either.
* What has ended by itself is replaced as the policy says. The wait doubles with each such end,
  until an instance has run for longer than the longest wait (at least 10 s).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesozoic.framework.planning.instances import Ending
from mesozoic.framework.planning.specs import Backoff, Restart

_MS: Final = 1_000
#: An instance that has run for so long has begun well, however short waits are.
_LASTED_MS_MIN: Final = 10_000
_DOUBLINGS_MAX: Final = 30
#: Of so many failures the times are kept.
_FAILURES_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Next:
    """What follows an end. ``due_ms`` is None when nothing does."""

    due_ms: int | None
    failures: tuple[int, ...]
    streak: int


def wait_ms(backoff: Backoff, streak: int, below: Callable[[int], int]) -> int:
    """The wait before a restart, after so many ends in a row."""
    doublings = min(max(streak - 1, 0), _DOUBLINGS_MAX)
    seconds: float = min(backoff.initial_seconds * 2**doublings, backoff.maximum_seconds)
    waiting = round(seconds * _MS)
    return waiting + below(round(waiting * backoff.jitter) + 1)


def after(
    restart: Restart,
    ending: Ending,
    before: Next,
    launched_ms: int,
    now_ms: int,
    below: Callable[[int], int],
) -> Next:
    """What follows ``ending``; ``before`` has the failures and the streak until then."""
    failures, streak = before.failures, before.streak
    if ending is Ending.STOPPED:
        return Next(now_ms, (), 0)
    if ending in (Ending.NEVER_STARTED, Ending.LOST):
        if ending is Ending.LOST and restart.when == "never":
            return Next(None, failures, streak)
        return Next(now_ms + wait_ms(restart.backoff, 1, below), failures, streak)
    if restart.when == "never" or (ending is Ending.FINISHED and restart.when != "always"):
        return Next(None, failures, streak)
    lasted_ms = max(round(restart.backoff.maximum_seconds * _MS), _LASTED_MS_MIN)
    streak = 1 if now_ms - launched_ms >= lasted_ms else streak + 1
    since_ms = now_ms - round(restart.within_seconds * _MS)
    recent = (*(one for one in failures if one > since_ms), now_ms)[-_FAILURES_MAX:]
    if restart.attempts is not None and len(recent) >= restart.attempts:
        return Next(None, recent, streak)
    return Next(now_ms + wait_ms(restart.backoff, streak, below), recent, streak)
