"""epoll, or poll where there is no epoll: the same three calls, the same masks."""

from __future__ import annotations

import select
from typing import Final, Protocol

READABLE: Final = select.POLLIN
WRITABLE: Final = select.POLLOUT


class Poller(Protocol):
    """What the loop needs of epoll."""

    def register(self, fd: int, eventmask: int, /) -> None:
        """Begin to watch ``fd``."""

    def modify(self, fd: int, eventmask: int, /) -> None:
        """Watch ``fd`` for something else."""

    def unregister(self, fd: int, /) -> None:
        """Stop watching ``fd``."""

    def wait(self, timeout_ms: int) -> list[tuple[int, int]]:
        """(fd, mask) of what is ready, after at most ``timeout_ms``."""

    def close(self) -> None:
        """Give it back."""


class _Epoll:
    def __init__(self) -> None:
        epoll = select.epoll()
        self.register = epoll.register
        self.modify = epoll.modify
        self.unregister = epoll.unregister
        self.close = epoll.close
        self._poll = epoll.poll

    def wait(self, timeout_ms: int) -> list[tuple[int, int]]:
        return self._poll(timeout_ms / 1000)


class _Poll:
    def __init__(self) -> None:
        poll = select.poll()
        self.register = poll.register
        self.modify = poll.modify
        self.unregister = poll.unregister
        self.wait = poll.poll

    def close(self) -> None:
        """A poll object holds nothing."""


def new_poller() -> Poller:
    """The best poller of this system."""
    return _Epoll() if hasattr(select, "epoll") else _Poll()
