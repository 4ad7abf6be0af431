"""The tree of the past, and what each entry of the log did to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from zkserver.history.kept import Kept
from zkserver.history.points import Point
from zkserver.paxos.node import alone
from zkserver.replica.batch import frame_starts, logged_runs, origin
from zkserver.replica.connection import Caller
from zkserver.replica.core import ReplicaCore
from zkserver.replica.settings import ReplicaSettings
from zkserver.replica.state import load
from zkserver.storage.segments import LogRecord
from zkserver.tree.acl import OPEN, AclList
from zkserver.tree.node import stat_of
from zkserver.wire.opcodes import Op
from zkserver.wire.records import REQUEST_HEAD

#: A time that never matters: nothing expires while the log is executed.
_NOW_MS: Final = 0
#: The root's other name, under which it is not shown.
_ROOT_AGAIN: Final = b""
_OPERATIONS: Final = {int(op): op.name.lower() for op in Op}


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one znode; a record is its data and Stat, ``None`` where there is none."""

    path: bytes
    before: bytes | None
    after: bytes | None

    @property
    def kind(self) -> str:
        """``created``, ``deleted``, ``data``, ``acl``, or ``children``."""
        if self.before is None:
            return "created"
        if self.after is None:
            return "deleted"
        old, new = stat_of(self.before), stat_of(self.after)
        if old.mzxid != new.mzxid:
            return "data"
        return "acl" if old.aversion != new.aversion else "children"


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as it was executed."""

    zxid: int
    #: Milliseconds since 1970, by the clock of the leader.
    time_ms: int
    #: 0: a server, not a client.
    session_id: int
    #: Where the client was connected from; empty for a server's own.
    address: str
    #: ``scheme:id`` of whoever it had proved to be.
    identities: tuple[str, ...]
    operation: str
    changes: tuple[Change, ...]


class Past:
    """A core that goes through the log; ``core.tree`` is the tree as of ``zxid``."""

    def __init__(self, kept: Kept) -> None:
        self.core = ReplicaCore(ReplicaSettings(), 0, bytes)
        self._records = kept.records()
        self._length = 0
        #: The first zxid and the time as of which there is a tree.
        self.oldest_zxid, self.oldest_ms = 0, 0
        if kept.snapshot is not None:
            load(self.core, kept.blocks())
            self.core.zxid = self.oldest_zxid = kept.snapshot.zxid
            self._length = kept.snapshot.index
            self.oldest_ms = kept.snapshot.time_ms
        self.time_ms = self.oldest_ms
        self._current: LogRecord | None = None
        #: How many entries of that one are executed.
        self._done = 0

    @property
    def zxid(self) -> int:
        """The last entry that was executed."""
        return self.core.zxid

    @property
    def nodes(self) -> dict[bytes, bytes]:
        """The tree, by path."""
        return {path: record for path, record in self.core.tree.nodes.items() if path}

    def acl(self, path: bytes) -> AclList:
        """Of a znode that is there."""
        return self.core.tree.acls.get(path, OPEN)

    def go_to(self, point: Point) -> None:
        """Execute everything up to ``point``, which has to lie ahead."""
        while (record := self._next()) is not None:
            if point.is_before(record.zxid + self._done, record.time_ms):
                return
            # A batch has one time, but each of its entries a zxid.
            upto = record.count
            if point.zxid is not None:
                upto = min(upto, point.zxid - record.zxid + 1)
            self._execute(record, upto)
            if upto < record.count:
                return

    def entries(self) -> Iterator[Entry]:
        """Execute the rest of the log entry by entry."""
        while (record := self._next()) is not None:
            requests = list(_requests(record.payload))
            while self._done < record.count:
                number = self._done
                self.core.tree.digest.fold(self.core.tree.nodes)
                self._execute(record, number + 1)
                yield _entry(record, number, *requests[number], self._changes())

    def _next(self) -> LogRecord | None:
        """The record that is to be executed next, from entry ``_done`` on."""
        record = self._current
        while record is None or self._done >= record.count:
            record = next(self._records, None)
            if record is None:
                self._current = None
                return None
            self._done = max(0, self._length - record.index)
            if self.core.cluster_id and record.zxid + self._done <= self.core.zxid:
                # What is decided came in a snapshot from another server.
                self._done = record.count
        self._current = record
        return record

    def _execute(self, record: LogRecord, upto: int) -> None:
        core = self.core
        if core.cluster_id and core.ensemble is None:
            # Only then is a reconfig executed.
            node = alone(core.settings.server_id, 0, core.zxid)
            core.join(node, patience_ms=0, touch_ms=0, now_ms=_NOW_MS)
        core.flags, _, core.origin, _ = origin(record.payload)
        core.replay(record.payload, record.zxid, record.time_ms, first=self._done, count=upto)
        self._done = upto
        self.time_ms = record.time_ms

    def _changes(self) -> tuple[Change, ...]:
        nodes = self.core.tree.nodes
        return tuple(
            Change(path, before, nodes.get(path))
            for path, before in self.core.tree.digest.touched.items()
            if path != _ROOT_AGAIN and before is not nodes.get(path)
        )


def _entry(
    record: LogRecord, number: int, caller: Caller, operation: str, changes: tuple[Change, ...]
) -> Entry:
    return Entry(
        record.zxid + number,
        record.time_ms,
        caller.session_id,
        _address(caller),
        tuple(
            f"{scheme.decode()}:{ident.decode('utf-8', 'replace')}"
            for scheme, ident in caller.identities
            if scheme != b"ip"
        ),
        operation,
        changes,
    )


def _requests(payload: bytes) -> Iterator[tuple[Caller, str]]:
    """Who asked for what, in the order of the entries."""
    for caller, frames in logged_runs(payload):
        for start in frame_starts(frames)[:-1]:
            op = REQUEST_HEAD.unpack_from(frames, start)[2]
            yield caller, _OPERATIONS.get(op, str(op))


def _address(caller: Caller) -> str:
    return next((ident.decode() for scheme, ident in caller.identities if scheme == b"ip"), "")
