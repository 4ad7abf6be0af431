"""The normal form of what a server sends: decoded, and rid of what may differ.

What may differ: session ids (they become the session's name), the clock (it becomes
"the time of that zxid", which must be one time), and orders that ZooKeeper leaves open
(children, ephemerals, identities, what ``auth`` expands to). Nothing else is dropped; bytes
behind a record or bytes that cannot be decoded stay in the form as they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from conformance.differential.operations import Request
from conformance.rawclient import (
    HEADER_BYTES,
    NOTIFICATION_XID,
    PING_OP,
    PING_XID,
    Cursor,
    ShortRecordError,
    Stat,
    read_header,
)
from zkserver.wire.opcodes import Op

#: A decoded body: plain values, tuples and dictionaries of them.
Value = object

_STAT_RESULTS: Final = frozenset((Op.CREATE2, Op.CREATE_CONTAINER, Op.CREATE_TTL))


class Reply(NamedTuple):
    """A reply and the request that it answers (``None`` if no request fits)."""

    request: Request | None
    xid: int
    zxid: int
    err: int
    body: Value


class Notification(NamedTuple):
    """A watch event."""

    zxid: int
    type: int
    state: int
    path: bytes | None


class Ended(NamedTuple):
    """How a stream ended: the server closed it, or fell silent."""

    how: str


Item = Reply | Notification | Ended


@dataclass(slots=True)
class Normalizer:
    """Decodes what one server sends; ``sessions`` names its session ids."""

    sessions: dict[int, str]
    #: zxid to the time in milliseconds that was first seen with it.
    times: dict[int, int]
    _decoders: dict[int, Callable[[Cursor], Value]] = field(init=False)

    def __post_init__(self) -> None:
        self._decoders = self._decoder_table()

    def items(self, frames: list[bytes], sent: list[tuple[int, Request]]) -> list[Item]:
        """The frames of one step; ``sent`` are the requests with the xids that they carried."""
        waiting = list(sent)
        items: list[Item] = []
        for payload in frames:
            try:
                items.append(self._item(payload, waiting))
            except ShortRecordError as error:
                items.append(Ended(f"undecodable frame {payload.hex()}: {error}"))
        return items

    def _item(self, payload: bytes, waiting: list[tuple[int, Request]]) -> Item:
        header = read_header(payload)
        cursor = Cursor(payload, HEADER_BYTES)
        if header.xid == NOTIFICATION_XID:
            event = Notification(header.zxid, cursor.i32(), cursor.i32(), cursor.buffer())
            if cursor.rest:
                raise ShortRecordError("bytes behind a notification")
            return event
        request = _answered(header.xid, waiting)
        body = self._body(request, cursor)
        return Reply(request, header.xid, header.zxid, header.err, body)

    def _body(self, request: Request | None, cursor: Cursor) -> Value:
        if not cursor.rest:
            return None
        decode = None if request is None else self._decoders.get(request.op)
        if decode is None:
            return ("bytes", cursor.rest)
        start = cursor.position
        try:
            value = decode(cursor)
        except ShortRecordError:
            return ("undecodable", cursor.data[start:])
        return ("followed by", value, cursor.rest) if cursor.rest else value

    def _decoder_table(self) -> dict[int, Callable[[Cursor], Value]]:
        return {
            Op.CREATE: Cursor.buffer,
            Op.SYNC: Cursor.buffer,
            Op.SASL: Cursor.buffer,
            Op.EXISTS: self._stat,
            Op.SET_DATA: self._stat,
            Op.SET_ACL: self._stat,
            Op.GET_DATA: self._bytes_and_stat,
            Op.RECONFIG: self._bytes_and_stat,
            Op.CREATE2: self._bytes_and_stat,
            Op.CREATE_CONTAINER: self._bytes_and_stat,
            Op.CREATE_TTL: self._bytes_and_stat,
            Op.GET_ACL: self._acl_and_stat,
            Op.GET_CHILDREN: _sorted_strings,
            Op.GET_EPHEMERALS: _sorted_strings,
            Op.GET_CHILDREN2: lambda cursor: (_sorted_strings(cursor), self._stat(cursor)),
            Op.GET_ALL_CHILDREN_NUMBER: Cursor.i32,
            Op.ADD_WATCH: Cursor.i32,
            Op.WHO_AM_I: _identities,
            Op.MULTI: self._results,
            Op.MULTI_READ: self._results,
        }

    def _stat(self, cursor: Cursor) -> Value:
        stat = cursor.stat()
        return {
            **stat._asdict(),
            "ctime": self._time(stat.czxid, stat.ctime),
            "mtime": self._time(stat.mzxid, stat.mtime),
            "ephemeral_owner": self._owner(stat),
        }

    def _time(self, zxid: int, time_ms: int) -> str:
        if time_ms == 0:
            return "zero"
        same = self.times.setdefault(zxid, time_ms) == time_ms
        return "of the zxid" if same else "another than before for this zxid"

    def _owner(self, stat: Stat) -> Value:
        owner = stat.ephemeral_owner
        return self.sessions.get(owner, f"unknown session {owner:#x}") if owner else 0

    def _bytes_and_stat(self, cursor: Cursor) -> Value:
        return cursor.buffer(), self._stat(cursor)

    def _acl_and_stat(self, cursor: Cursor) -> Value:
        entries = [(cursor.i32(), cursor.buffer(), cursor.buffer()) for _ in _counted(cursor)]
        ordered: list[tuple[int, bytes | None, bytes | None]] = []
        # The entries that one ``auth`` became stand in the order of a hash set.
        for key, run in itertools.groupby(entries, lambda entry: entry[:2]):
            same = list(run)
            ordered += sorted(same, key=repr) if key[1] == b"digest" else same
        return tuple(ordered), self._stat(cursor)

    def _results(self, cursor: Cursor) -> Value:
        results: list[Value] = []
        while True:
            kind, done, err = cursor.i32(), cursor.flag(), cursor.i32()
            results.append((kind, done, err, None if done else self._result(kind, cursor)))
            if done:
                return tuple(results)

    def _result(self, kind: int, cursor: Cursor) -> Value:
        if kind == Op.ERROR:
            return cursor.i32()
        if kind in (Op.DELETE, Op.CHECK):
            return None
        decode = self._decoders.get(kind)
        if decode is None or kind in (Op.MULTI, Op.MULTI_READ):
            raise ShortRecordError(f"a result of type {kind}")
        return decode(cursor)


def _answered(xid: int, waiting: list[tuple[int, Request]]) -> Request | None:
    """The first waiting request with ``xid``; those before it got no answer."""
    for index, (sent_xid, request) in enumerate(waiting):
        if sent_xid == xid or (xid == PING_XID and request.op == PING_OP):
            del waiting[: index + 1]
            return request
    return None


def _counted(cursor: Cursor) -> range:
    return range(cursor.i32())


def _sorted_strings(cursor: Cursor) -> Value:
    return tuple(sorted((cursor.buffer() for _ in _counted(cursor)), key=repr))


def _identities(cursor: Cursor) -> Value:
    return tuple(sorted(((cursor.buffer(), cursor.buffer()) for _ in _counted(cursor)), key=repr))


def in_any_order(items: list[Item]) -> list[Item]:
    """Runs of notifications sorted: a closing session deletes its znodes in no given order."""
    ordered: list[Item] = []
    for is_event, run in itertools.groupby(items, lambda item: isinstance(item, Notification)):
        same = list(run)
        ordered += sorted(same, key=_path_and_type) if is_event else same
    return ordered


def _path_and_type(item: Item) -> str:
    # Not the zxid, which 3.8.0 does not tell.
    return repr((item.path, item.type)) if isinstance(item, Notification) else ""
