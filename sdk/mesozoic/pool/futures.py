"""The futures of a pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class MesosFuture(Future[T]):
    """As :class:`concurrent.futures.Future`; and it can be awaited, and killed while it runs."""

    def __init__(self, number: int, on_unwanted: Callable[[MesosFuture[Any], bool], None]) -> None:
        """``on_unwanted`` hears of a cancellation, and with True of a kill."""
        super().__init__()
        #: Of the call, in its pool.
        self.number = number
        self._on_unwanted = on_unwanted

    def cancel(self) -> bool:
        """Cancel the call if it has not been sent to a worker; returns whether it is cancelled."""
        is_cancelled = super().cancel()
        if is_cancelled:
            self._on_unwanted(self, False)
        return is_cancelled

    def kill(self) -> None:
        """Cancel the call, and if it was sent to a worker end that worker.

        Then ``result()`` raises ``CancelledError``, unless the call has ended meanwhile. What
        else the worker had to do is done by others.
        """
        if not self.cancel() and not self.done():
            self._on_unwanted(self, True)

    def __await__(self) -> Generator[Any, None, T]:
        """Wait on any event loop; to cancel the waiting cancels the call."""
        return asyncio.wrap_future(self).__await__()
