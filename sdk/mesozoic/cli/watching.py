"""What happens to a znode, or to a tree of them, told by ZooKeeper's watches.

A watch tells once that something has changed, not what it is now. So each event makes this look
again, with a new watch, and what it tells is the difference to what it saw before.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from kazoo.exceptions import NoNodeError
from kazoo.protocol.states import WatchedEvent

Kind = Literal["CREATED", "CHANGED", "DELETED"]
#: What happened, to which znode, and what that holds; None for one that is gone.
Change = tuple[Kind, str, str | None]


def text_of(data: bytes | None) -> str:
    """Data as text; bytes that are none of UTF-8 are escaped."""
    return (data or b"").decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class _Seen:
    data: str
    #: Two znodes of one path, one after the other, differ in this.
    czxid: int
    mzxid: int
    children: frozenset[str]


class Watching:
    """Watches ``path`` and its children, or with ``recursive`` all that is below."""

    def __init__(self, client: Any, path: str, *, recursive: bool) -> None:
        """``client`` is a started kazoo client. Raises what that does."""
        self._client = client
        self._root = path
        self._is_recursive = recursive
        self._events: queue.Queue[WatchedEvent] = queue.Queue()
        self._seen: dict[str, _Seen] = {}
        # What is there already is no change.
        for _ in self._look(path):
            pass

    def changes(self) -> Iterator[Change]:
        """For ever; raises what the client does."""
        while True:
            event = self._events.get()
            if event.path:
                yield from self._look(event.path)

    def _look(self, path: str) -> Iterator[Change]:
        before, now = self._seen.get(path), self._read(path)
        if now is None:
            if before is not None:
                yield from self._forget(path)
            return
        self._seen[path] = now
        if before is not None and before.czxid != now.czxid:
            yield "DELETED", path, None
            before = None
        if before is None:
            yield "CREATED", path, now.data
        elif before.mzxid != now.mzxid:
            yield "CHANGED", path, now.data
        if self._is_recursive or path == self._root:
            old = frozenset() if before is None else before.children
            for name in sorted(old - now.children):
                yield from self._forget(_join(path, name))
            for name in sorted(now.children - old):
                yield from self._look(_join(path, name))

    def _read(self, path: str) -> _Seen | None:
        """What is there now, with watches for what comes; None when nothing is."""
        put = self._events.put
        try:
            data, stat = self._client.get(path, watch=put)
            children: list[str] = []
            if self._is_recursive or path == self._root:
                children = self._client.get_children(path, watch=put)
        except NoNodeError:
            if path == self._root and self._client.exists(path, watch=put) is not None:
                return self._read(path)
            return None
        return _Seen(text_of(data), stat.czxid, stat.mzxid, frozenset(children))

    def _forget(self, path: str) -> Iterator[Change]:
        """A znode is gone, with all that was below it."""
        seen = self._seen.pop(path, None)
        if seen is None:
            return
        for name in sorted(seen.children):
            yield from self._forget(_join(path, name))
        yield "DELETED", path, None


def _join(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"
