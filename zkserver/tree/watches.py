"""Watch tables: who wants to be told what about which path.

Source: ``WatchManager`` and ``DataTree`` of Apache ZooKeeper. There are two tables: data
watches (set by exists and getData) and child watches (set by getChildren); addWatch
enters a persistent watch into both and a recursive one into the data table. A watcher
is a connection, here any hashable object. The modes that a watcher has on one path are
kept apart, so removing one leaves the others (Apache 3.10; before, the last one won).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

from zkserver.wire.opcodes import EventType, WatcherType

W = TypeVar("W", bound=Hashable)


class Mode:
    """How long a watch lasts and how far it reaches; bits of an int.

    No enum: its arithmetic costs a microsecond, and a thousand watchers may wait.
    """

    STANDARD: Final = 1
    PERSISTENT: Final = 2
    RECURSIVE: Final = 4


_ALL: Final = Mode.STANDARD | Mode.PERSISTENT | Mode.RECURSIVE


class WatchTable(Generic[W]):
    """Path -> watcher -> modes, and back."""

    def __init__(self) -> None:
        self.paths: dict[bytes, dict[W, int]] = {}
        self.watchers: dict[W, dict[bytes, None]] = {}
        #: How many recursive watches there are; 0 spares the walk to the root.
        self.recursive = 0

    def add(self, path: bytes, watcher: W, mode: int) -> None:
        """Register; repeating changes nothing."""
        at = self.paths.setdefault(path, {})
        before = at.get(watcher, 0)
        at[watcher] = before | mode
        if mode & Mode.RECURSIVE and not before & Mode.RECURSIVE:
            self.recursive += 1
        if not before:
            self.watchers.setdefault(watcher, {})[path] = None

    def modes(self, path: bytes, watcher: W) -> int:
        """The modes that ``watcher`` has on exactly this path, 0 for none."""
        return self.paths.get(path, {}).get(watcher, 0)

    def remove(self, path: bytes, watcher: W, modes: int = _ALL) -> bool:
        """Take ``modes`` away; returns whether there was one of them."""
        at = self.paths.get(path)
        before = at.get(watcher, 0) if at else 0
        if at is None or not before & modes:
            return False
        if before & modes & Mode.RECURSIVE:
            self.recursive -= 1
        after = before & ~modes
        if after:
            at[watcher] = after
        else:
            del at[watcher]
            if not at:
                del self.paths[path]
            own = self.watchers[watcher]
            del own[path]
            if not own:
                del self.watchers[watcher]
        return True

    def drop(self, watcher: W) -> None:
        """Forget everything about a watcher whose connection is gone."""
        for path in tuple(self.watchers.get(watcher, ())):
            self.remove(path, watcher)

    def fire(self, path: bytes, *, seen: dict[W, None] | None = None) -> dict[W, None]:
        """Who is to be told of a change of ``path``; standard watches are used up.

        ``seen`` are watchers that were told already and get nothing more, though their
        watches are used up all the same.
        """
        told: dict[W, None] = {}
        at = self.paths.get(path)
        if at is not None:
            kept: dict[W, int] = {}
            watchers = self.watchers
            for watcher, modes in at.items():
                told[watcher] = None
                left = modes & ~Mode.STANDARD
                if left:
                    kept[watcher] = left
                else:
                    own = watchers[watcher]
                    del own[path]
                    if not own:
                        del watchers[watcher]
            if kept:
                self.paths[path] = kept
            else:
                del self.paths[path]
        if self.recursive:
            for ancestor in _ancestors(path):
                for watcher, modes in self.paths.get(ancestor, {}).items():
                    if modes & Mode.RECURSIVE:
                        told[watcher] = None
        for watcher in seen or ():
            told.pop(watcher, None)
        return told


class Watches(Generic[W]):
    """Both tables, and which of them a change of the tree concerns."""

    def __init__(self) -> None:
        self.data: WatchTable[W] = WatchTable()
        self.children: WatchTable[W] = WatchTable()

    def __bool__(self) -> bool:
        return bool(self.data.paths or self.children.paths)

    def add(self, path: bytes, watcher: W, *, recursive: bool) -> None:
        """addWatch: a persistent watch, or a persistent recursive one."""
        if recursive:
            self.data.add(path, watcher, Mode.RECURSIVE)
        else:
            self.data.add(path, watcher, Mode.PERSISTENT)
            self.children.add(path, watcher, Mode.PERSISTENT)

    def has(self, path: bytes, watcher: W, kind: WatcherType) -> bool:
        """checkWatches: whether ``watcher`` has a watch of that kind on this path."""
        data, child = _masks(kind)
        return bool(
            self.data.modes(path, watcher) & data or self.children.modes(path, watcher) & child
        )

    def remove(self, path: bytes, watcher: W, kind: WatcherType) -> bool:
        """removeWatches; returns whether there was one."""
        data, child = _masks(kind)
        in_data = bool(data) and self.data.remove(path, watcher, data)
        in_children = bool(child) and self.children.remove(path, watcher, child)
        return in_data or in_children

    def drop(self, watcher: W) -> None:
        """Forget a watcher whose connection is gone."""
        self.data.drop(watcher)
        self.children.drop(watcher)

    def fire(
        self, event: EventType, path: bytes
    ) -> Iterator[tuple[EventType, bytes, dict[W, None]]]:
        """Who is told of ``event`` on ``path``, in the order in which it is sent.

        A deletion concerns the watchers of the znode in both tables, each told once;
        the change among the parent's children is an event of its own.
        """
        if event is EventType.NODE_CHILDREN_CHANGED:
            told = self.children.fire(path)
            if told:
                yield event, path, told
            return
        told = self.data.fire(path)
        if told:
            yield event, path, told
        if event is EventType.NODE_DELETED:
            rest = self.children.fire(path, seen=told)
            if rest:
                yield event, path, rest


def _ancestors(path: bytes) -> Iterator[bytes]:
    """The paths above ``path``, nearest first, the root as ``/``."""
    while path != b"/":
        path = path[: path.rfind(b"/")] or b"/"
        yield path


def _masks(kind: WatcherType) -> tuple[int, int]:
    """Which modes of the data table and of the child table ``kind`` means."""
    return {
        WatcherType.CHILDREN: (0, Mode.STANDARD),
        WatcherType.DATA: (Mode.STANDARD, 0),
        WatcherType.ANY: (_ALL, _ALL),
        WatcherType.PERSISTENT: (Mode.PERSISTENT, Mode.PERSISTENT),
        WatcherType.PERSISTENT_RECURSIVE: (Mode.RECURSIVE, 0),
    }[kind]
