"""What the sequence means: a plain model of the tree and the sessions, with its past.

The first server that executes a record hands it over; the model executes it too, slowly
and simply. It remembers what each znode and each list of children was at every zxid, so
that a reply which names the zxid that it shows can be compared exactly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from zkserver.paxos.log import Record
from zkserver.replica.batch import frame_starts, logged_runs, origin
from zkserver.wire.jute import DecodeError, Reader
from zkserver.wire.opcodes import Code, CreateMode, Op
from zkserver.wire.records import read_create

_SEQUENTIAL: Final = (CreateMode.PERSISTENT_SEQUENTIAL, CreateMode.EPHEMERAL_SEQUENTIAL)
_EPHEMERAL: Final = (CreateMode.EPHEMERAL, CreateMode.EPHEMERAL_SEQUENTIAL)


@dataclass(slots=True)
class Znode:
    """A znode as far as the workload can tell."""

    data: bytes
    mzxid: int
    version: int = 0
    owner: int = 0
    #: Counts the children that were ever created: the number of the next sequential one.
    created: int = 0
    children: dict[bytes, None] = field(default_factory=dict)


class Seen(NamedTuple):
    """What getData shows of a znode."""

    data: bytes
    mzxid: int
    version: int


class Outcome(NamedTuple):
    """What became of an entry."""

    session_id: int
    xid: int
    op: int
    #: Its error code, 0 for success.
    code: int


@dataclass(slots=True)
class ModelSession:
    """A session as the sequence knows it."""

    timeout_ms: int
    password: bytes
    #: Id of the server whose batch opened or attached it last.
    owner: int


class History:
    """Values over zxids: each holds from its zxid on until the next one."""

    __slots__ = ("values", "zxids")

    def __init__(self) -> None:
        self.zxids: list[int] = []
        self.values: list[object] = []

    def put(self, zxid: int, value: object) -> None:
        """The value from ``zxid`` on; several in one multi leave the last."""
        if self.zxids and self.zxids[-1] == zxid:
            self.values[-1] = value
        else:
            self.zxids.append(zxid)
            self.values.append(value)

    def at(self, zxid: int) -> object:
        """The value as of ``zxid``; ``None`` before the first one."""
        place = bisect_right(self.zxids, zxid)
        return self.values[place - 1] if place else None

    def changes(self, after: int, until: int) -> bool:
        """Whether anything changed behind ``after`` and up to ``until``."""
        place = bisect_right(self.zxids, after)
        return place < len(self.zxids) and self.zxids[place] <= until


class Refused(Exception):  # noqa: N818 - an operation of the model ends with this code
    """An operation fails with ``code``."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class Model:
    """The tree and the sessions behind the last record that was handed over."""

    def __init__(self) -> None:
        self.nodes: dict[bytes, Znode] = {b"": Znode(b"", 0)}
        self.sessions: dict[int, ModelSession] = {}
        #: Sessions that are over -> the zxid of their end, and the timeout they had.
        self.ended: dict[int, int] = {}
        self.ended_timeouts: dict[int, int] = {}
        self.znodes: dict[bytes, History] = {}
        self.listings: dict[bytes, History] = {}
        self.outcomes: dict[int, Outcome] = {}
        #: zxids of entries that expired a session -> the session.
        self.expired: dict[int, int] = {}
        #: (session, xid) of every request in the sequence -> its zxid.
        self.requests: dict[tuple[int, int], int] = {}
        #: Session -> the xid of the last of its requests that had a chance to take effect.
        self.last_xid: dict[int, int] = {}
        #: What the checkers are told: requests that came twice or out of order.
        self.complaints: list[str] = []

    # Execution.

    def execute(self, record: Record) -> None:
        """Execute the entries of the next record."""
        _, _, sender, _ = origin(record.payload)
        zxid = record.zxid
        for session_id, xid, op, body in entries(record.payload):
            code = self._execute(session_id, xid, op, body, sender, zxid)
            self.outcomes[zxid] = Outcome(session_id, xid, op, code)
            zxid += 1

    def _execute(
        self, session_id: int, xid: int, op: int, body: bytes, sender: int, zxid: int
    ) -> int:
        session = self.sessions.get(session_id)
        if xid > 0:
            before = self.requests.setdefault((session_id, xid), zxid)
            if before != zxid:
                self.complaints.append(
                    f"request {xid} of session {session_id:#x} is in the sequence twice:"
                    f" {before:#x} and {zxid:#x}"
                )
        if op == Op.ATTACH_SESSION:
            if session is not None and session.password == body[8:]:
                session.owner = sender
                session.timeout_ms = int.from_bytes(body[:4], "big")
            return 0
        if op == Op.EXPIRE_SESSION:
            if int.from_bytes(body, "big") != zxid >> 32:
                return 0
            if session is not None:
                self.expired[zxid] = session_id
            self._end(session_id, zxid)
            return 0
        if op == Op.CREATE_SESSION:
            timeout_ms = int.from_bytes(body[:4], "big")
            self.sessions[session_id] = ModelSession(timeout_ms, body[8:], sender)
            return 0
        is_moved = session is not None and session.owner != sender
        if op == Op.CLOSE_SESSION:
            if not is_moved:
                self._end(session_id, zxid)
            return 0
        if session_id and (session is None or is_moved):
            return Code.SESSION_EXPIRED
        if xid > 0:
            if xid <= self.last_xid.get(session_id, 0):
                self.complaints.append(
                    f"request {xid} of session {session_id:#x} takes effect at {zxid:#x} behind"
                    f" its request {self.last_xid[session_id]}"
                )
            self.last_xid[session_id] = xid
        return self._change(op, body, session_id, zxid)

    def _end(self, session_id: int, zxid: int) -> None:
        session = self.sessions.pop(session_id, None)
        if session is None:
            return
        self.ended[session_id] = zxid
        self.ended_timeouts[session_id] = session.timeout_ms
        for path in [path for path, node in self.nodes.items() if node.owner == session_id]:
            self._remove(path, zxid)

    def _change(self, op: int, body: bytes, session_id: int, zxid: int) -> int:
        try:
            reader = Reader(body)
            if op == Op.MULTI:
                self._multi(reader, session_id, zxid)
            else:
                self._one(op, reader, session_id, zxid)
        except Refused as refusal:
            return refusal.code
        except DecodeError:
            return Code.MARSHALLING_ERROR
        return 0

    def _one(self, op: int, reader: Reader, session_id: int, zxid: int) -> None:
        if op in (Op.CREATE, Op.CREATE2):
            request = read_create(reader, with_ttl=False)
            self._create(request.path or b"", request.data or b"", request.flags, session_id, zxid)
        elif op == Op.DELETE:
            self._delete(reader.needed_string(), reader.int32(), zxid)
        elif op == Op.SET_DATA:
            path, data = reader.needed_string(), reader.buffer() or b""
            self._set(path, data, reader.int32(), zxid)
        elif op == Op.CHECK:
            self._check(reader.needed_string(), reader.int32())

    def _multi(self, reader: Reader, session_id: int, zxid: int) -> None:
        """All or nothing: what it does is undone by keeping copies of what it touches."""
        saved = {path: _copy(node) for path, node in self.nodes.items()}
        marks = {
            id(history): len(history.zxids)
            for table in (self.znodes, self.listings)
            for history in table.values()
        }
        try:
            while True:
                kind, done = reader.int32(), reader.boolean()
                reader.int32()
                if done:
                    return
                self._one(kind, reader, session_id, zxid)
        except (Refused, DecodeError):
            self.nodes = saved
            for table in (self.znodes, self.listings):
                for history in table.values():
                    length = marks.get(id(history), 0)
                    del history.zxids[length:], history.values[length:]
            raise

    # Operations.

    def _node(self, path: bytes) -> Znode:
        node = self.nodes.get(path)
        if node is None:
            raise Refused(Code.NO_NODE)
        return node

    def _create(self, path: bytes, data: bytes, flags: int, session_id: int, zxid: int) -> None:
        parent_path = path[: path.rfind(b"/")]
        parent = self._node(parent_path)
        if flags in _SEQUENTIAL:
            path += b"%010d" % parent.created
        if path in self.nodes:
            raise Refused(Code.NODE_EXISTS)
        if parent.owner:
            raise Refused(Code.NO_CHILDREN_FOR_EPHEMERALS)
        owner = session_id if flags in _EPHEMERAL else 0
        self.nodes[path] = Znode(data, zxid, owner=owner)
        parent.created += 1
        parent.children[path[len(parent_path) + 1 :]] = None
        self._note(path, zxid)
        self._note_listing(parent_path, zxid)
        self._note_listing(path, zxid)

    def _delete(self, path: bytes, version: int, zxid: int) -> None:
        node = self._node(path)
        if version not in (-1, node.version):
            raise Refused(Code.BAD_VERSION)
        if node.children:
            raise Refused(Code.NOT_EMPTY)
        self._remove(path, zxid)

    def _remove(self, path: bytes, zxid: int) -> None:
        del self.nodes[path]
        parent_path = path[: path.rfind(b"/")]
        parent = self.nodes[parent_path]
        parent.children.pop(path[len(parent_path) + 1 :], None)
        self._note(path, zxid)
        self._note_listing(parent_path, zxid)
        self._note_listing(path, zxid)

    def _set(self, path: bytes, data: bytes, version: int, zxid: int) -> None:
        node = self._node(path)
        self._check(path, version)
        node.data, node.mzxid = data, zxid
        node.version += 1
        self._note(path, zxid)

    def _check(self, path: bytes, version: int) -> None:
        if version not in (-1, self._node(path).version):
            raise Refused(Code.BAD_VERSION)

    # The past.

    def _note(self, path: bytes, zxid: int) -> None:
        node = self.nodes.get(path)
        seen = None if node is None else Seen(node.data, node.mzxid, node.version)
        self.znodes.setdefault(path, History()).put(zxid, seen)

    def _note_listing(self, path: bytes, zxid: int) -> None:
        node = self.nodes.get(path)
        names = None if node is None else tuple(sorted(node.children))
        self.listings.setdefault(path, History()).put(zxid, names)

    def znode_at(self, path: bytes, zxid: int) -> object:
        """:class:`Seen` of a znode as of ``zxid``, ``None`` if there was none."""
        history = self.znodes.get(path)
        return None if history is None else history.at(zxid)

    def names_at(self, path: bytes, zxid: int) -> object:
        """The sorted names of the children as of ``zxid``; ``None`` without such a znode."""
        history = self.listings.get(path)
        return None if history is None else history.at(zxid)


def _copy(node: Znode) -> Znode:
    return Znode(
        node.data, node.mzxid, node.version, node.owner, node.created, node.children.copy()
    )


def entries(payload: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Session, xid, operation and body of each entry of a record, in order."""
    for caller, frames in logged_runs(payload):
        starts = frame_starts(frames)
        for start, end in pairwise(starts):
            xid = int.from_bytes(frames[start + 4 : start + 8], "big", signed=True)
            op = int.from_bytes(frames[start + 8 : start + 12], "big", signed=True)
            yield caller.session_id, xid, op, frames[start + 12 : end]
