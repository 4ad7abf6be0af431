"""How many sessions may be opened or resumed, with a bucket of tokens and chance.

A ConnectRequest takes tokens, which come back with time; without enough of them the connection is
closed. So that clients who come back all at once do not drain the bucket together, requests are
also refused by chance: the drop probability grows while the bucket is found empty, and shrinks
while it is rather full (BLUE: W. Feng et al., "The BLUE active queue management algorithms").

Source: ``BlueThrottle`` of Apache ZooKeeper, and its administrator's guide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_CHANCES: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """The keys ``connection_throttle_*``. Without tokens nothing is throttled."""

    tokens: int = 0
    #: In ``fill_time_ms`` come ``fill_count`` tokens.
    fill_time_ms: int = 1
    fill_count: int = 1
    #: Between two changes of the drop probability; -1: nothing is dropped by chance.
    freeze_time_ms: int = -1
    drop_increase: float = 0.02
    drop_decrease: float = 0.002
    #: The share of tokens in use up to which the probability shrinks.
    decrease_ratio: float = 0.0
    #: Tokens for a new session, and for one that is resumed.
    new_weight: int = 1
    renew_weight: int = 1


class ConnectionThrottle:
    """See the module. ``random_bytes`` draws so many bytes."""

    __slots__ = ("_drop", "_frozen_ms", "_random_bytes", "_refilled_ms", "_settings", "_tokens")

    def __init__(self, settings: ThrottleSettings, random_bytes: Callable[[int], bytes]) -> None:
        self._settings = settings
        self._random_bytes = random_bytes
        self._tokens = settings.tokens
        self._drop = 0.0
        self._refilled_ms = self._frozen_ms = 0

    @property
    def drop_probability(self) -> float:
        """Of a request that there are tokens for."""
        return self._drop

    def admits(self, now_ms: int, *, renews: bool) -> bool:
        """Whether a ConnectRequest may go on; it has its tokens then."""
        settings = self._settings
        if not settings.tokens:
            return True
        self._refill(now_ms)
        if settings.freeze_time_ms >= 0 and self._is_dropped(now_ms):
            return False
        weight = settings.renew_weight if renews else settings.new_weight
        if self._tokens < weight:
            return False
        self._tokens -= weight
        return True

    def _refill(self, now_ms: int) -> None:
        settings = self._settings
        passed_ms = now_ms - self._refilled_ms
        if passed_ms <= settings.fill_time_ms:
            return
        more = passed_ms * settings.fill_count // settings.fill_time_ms
        self._tokens = min(self._tokens + more, settings.tokens)
        self._refilled_ms = now_ms

    def _is_dropped(self, now_ms: int) -> bool:
        settings = self._settings
        if now_ms - self._frozen_ms > settings.freeze_time_ms:
            used = settings.tokens - self._tokens
            if used == settings.tokens:
                self._drop = min(self._drop + settings.drop_increase, 1.0)
            elif used <= round(settings.tokens * settings.decrease_ratio):
                self._drop = max(self._drop - settings.drop_decrease, 0.0)
            self._frozen_ms = now_ms
        drawn = int.from_bytes(self._random_bytes(4), "big") / _CHANCES
        return drawn < self._drop
