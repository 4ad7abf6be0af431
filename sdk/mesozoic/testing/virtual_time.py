"""An event loop whose clock stands still unless it is advanced."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

_Ready = list[tuple[selectors.SelectorKey, int]]


class _IdleSelector(selectors.BaseSelector):
    """Asks the loop what to do instead of waiting."""

    def __init__(self) -> None:
        self._inner = selectors.DefaultSelector()
        self.loop: VirtualLoop | None = None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def select(self, timeout: float | None = None) -> _Ready:
        ready: _Ready = self._inner.select(0)
        if not ready and timeout != 0 and self.loop is not None:
            self.loop.idle(timeout)
        return ready

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs until there is nothing to do, or nothing before a time; seconds count from 0.

    What is done in other threads is not waited for.
    """

    def __init__(self) -> None:
        selector = _IdleSelector()
        self._now_s = 0.0
        self._until_s = 0.0
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now_s

    def idle(self, timeout: float | None) -> None:
        """There is nothing to do for so long: go there at once, or stop."""
        if timeout is None or self._now_s + timeout > self._until_s:
            self._now_s = self._until_s
            self.stop()
        else:
            self._now_s += timeout

    def advance(self, seconds: float = 0.0) -> None:
        """Do all that is due within ``seconds``, by default all that is due now."""
        self._until_s = self._now_s + seconds
        self.run_forever()
