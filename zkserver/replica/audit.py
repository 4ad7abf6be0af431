"""The audit log: who has changed what, one line for each write of a client of this server.

What was asked stands in the frames of a batch, what came of it in the replies that its
connections got; so nothing is done for it while a batch runs, and nothing at all where it
is off. The replies are read from behind what a connection had to send before.

Source: ``AuditHelper``, ``AuditEvent`` and ``DataTree.deleteNodes`` of Apache ZooKeeper, and the
lines of a running 3.8.0. As there, a multi that succeeds is its operations, one by one, and the
ephemerals of a session that ends are told by every server, as done by the server's own user.
Meant difference: a write whose connection was ended in the middle of its batch is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from zkserver.replica.batch import frame_starts
from zkserver.replica.connection import Caller, Connection
from zkserver.replica.writes import decode_multi
from zkserver.tree.node import STAT_BYTES
from zkserver.wire.jute import DecodeError, Reader
from zkserver.wire.opcodes import XID_NOTIFICATION, CreateMode, Op
from zkserver.wire.records import MULTI_HEAD, REPLY_HEAD, REQUEST_HEAD, read_acl, read_create

if TYPE_CHECKING:
    from zkserver.replica.batch import Batch

#: Key and value pairs of one line, in their order.
Event = list[tuple[str, str]]

_NAMES: Final = {
    Op.CREATE: "create",
    Op.CREATE2: "create",
    Op.CREATE_CONTAINER: "create",
    Op.CREATE_TTL: "create",
    Op.DELETE: "delete",
    Op.SET_DATA: "setData",
    Op.SET_ACL: "setAcl",
    Op.MULTI: "multiOperation",
    Op.RECONFIG: "reconfig",
}
_CREATES: Final = frozenset(op for op, name in _NAMES.items() if name == "create")
#: What stands behind an operation's head in the answer to a multi.
_WITH_PATH: Final = frozenset((Op.CREATE, Op.CREATE_CONTAINER, Op.CREATE_TTL))
_LETTERS: Final = ((4, "c"), (8, "d"), (1, "r"), (2, "w"), (16, "a"))
_EPHEMERAL_GONE: Final = "ephemeralZNodeDeletionOnSessionCloseOrExpire"


class Audit:
    """Tells ``write`` of every change; ``server_user`` is whom the server runs as."""

    def __init__(self, write: Callable[[Event], None], server_user: str) -> None:
        self.write = write
        self.server_user = server_user
        #: Where the replies to the batch that is executed begin, in each connection's output.
        self._marks: dict[Connection, int] = {}

    def server(self, operation: str, result: str) -> None:
        """``serverStart`` or ``serverStop``."""
        self.write([("user", self.server_user), ("operation", operation), ("result", result)])

    def before(self, batch: Batch) -> None:
        """A batch of this server's clients is about to be executed."""
        self._marks = {run[0]: len(run[0].out) for run in batch.runs if run[0] is not None}

    def after(self, batch: Batch) -> None:
        """It was executed: tell what came of it."""
        replies = {conn: _replies(conn, mark) for conn, mark in self._marks.items()}
        self._marks.clear()
        for conn, caller, frames, _, _, _ in batch.runs:
            if conn is not None:
                self._tell(caller, frames, replies[conn])

    def ended(self, session_id: int, paths: list[bytes]) -> None:
        """A session has ended, and these ephemerals of it with it."""
        for path in paths:
            self.write(
                [
                    ("session", _session(session_id)),
                    ("user", self.server_user),
                    ("operation", _EPHEMERAL_GONE),
                    ("znode", _text(path)),
                    ("result", "success"),
                ]
            )

    def _tell(self, caller: Caller, frames: bytes, replies: Iterator[tuple[int, bytes]]) -> None:
        starts = frame_starts(frames)
        for start, end in pairwise(starts):
            op = REQUEST_HEAD.unpack_from(frames, start)[2]
            reply = next(replies, None)
            if reply is None:
                return
            if op not in _NAMES:
                continue
            code, body = reply
            who = _who(caller)
            try:
                told = list(_events(op, frames, start + REQUEST_HEAD.size, end, code, body))
            except DecodeError:
                told = [[("operation", _NAMES[Op(op)]), ("result", "failure")]]
            for event in told:
                self.write(who + event)


def _replies(conn: Connection, mark: int) -> Iterator[tuple[int, bytes]]:
    """Code and body of the replies in a connection's output from a place on."""
    data = b"".join(conn.out[mark:])
    pos = 0
    while pos + REPLY_HEAD.size <= len(data):
        size, xid, _, code = REPLY_HEAD.unpack_from(data, pos)
        end = pos + 4 + size
        if xid != XID_NOTIFICATION:
            yield code, data[pos + REPLY_HEAD.size : end]
        pos = end


def _events(op: int, frames: bytes, pos: int, end: int, code: int, body: bytes) -> Iterator[Event]:
    """What one request and its reply tell; raises ``DecodeError``."""
    if op == Op.MULTI:
        yield from _multi(frames, pos, end, code, body)
        return
    created = Reader(body).string() if op in _CREATES and not code else None
    if op == Op.RECONFIG:
        yield [("operation", "reconfig"), _result(code)]
    else:
        yield _event(op, Reader(frames, pos, end), created, code)


def _multi(frames: bytes, pos: int, end: int, code: int, body: bytes) -> Iterator[Event]:
    if code or MULTI_HEAD.unpack_from(body)[0] == Op.ERROR:
        yield [("operation", "multiOperation"), _result(-1)]
        return
    reader = Reader(body)
    for op, start, after in decode_multi(frames, pos, end):
        reader.pos += MULTI_HEAD.size
        created = reader.string() if op in _WITH_PATH or op == Op.CREATE2 else None
        if op in (Op.CREATE2, Op.SET_DATA):
            reader.pos += STAT_BYTES
        if op in _NAMES:
            told = _event(op, Reader(frames, start, after), created, 0)
            if created is not None and created != Reader(frames, start, after).string():
                # Apache looks the kind up by the name that was asked for.
                told = [pair for pair in told if pair[0] != "znode_type"]
            yield told


def _event(op: int, reader: Reader, created: bytes | None, code: int) -> Event:
    event: Event = [("operation", _NAMES[Op(op)])]
    if op in _CREATES:
        request = read_create(reader, with_ttl=op == Op.CREATE_TTL)
        event.append(("znode", _text(created or request.path or b"")))
        known = request.flags in CreateMode.__members__.values()
        kind = CreateMode(request.flags).name.lower() if known else str(request.flags)
        event.append(("znode_type", kind))
    else:
        event.append(("znode", _text(reader.string() or b"")))
        if op == Op.SET_ACL:
            event.append(("acl", "".join(map(_acl_text, read_acl(reader)))))
    event.append(_result(code))
    return event


def _acl_text(entry: tuple[int, bytes | None, bytes | None]) -> str:
    perms, scheme, ident = entry
    letters = "".join(letter for bit, letter in _LETTERS if perms & bit)
    return f"{_text(scheme or b'')}:{_text(ident or b'')}:{letters}"


def _who(caller: Caller) -> Event:
    """Session, users and address; of a digest only the name counts as the user."""
    address = next((ident for scheme, ident in caller.identities if scheme == b"ip"), b"")
    users = [
        ident.partition(b":")[0] if scheme == b"digest" else ident
        for scheme, ident in sorted(caller.identities, key=lambda one: one[0] == b"ip")
        if ident
    ]
    return [
        ("session", _session(caller.session_id)),
        ("user", ",".join(map(_text, dict.fromkeys(users)))),
        ("ip", _text(address)),
    ]


def _result(code: int) -> tuple[str, str]:
    return "result", "failure" if code else "success"


def _session(session_id: int) -> str:
    return f"0x{session_id & 0xFFFF_FFFF_FFFF_FFFF:x}"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
