"""Executes logged requests, in log order, on the tree.

Every replica runs exactly this on every entry, and so does recovery. A handler takes
the request's record and returns the reply's body, or an error code; the events of a
successful one are collected in ``Execution.events`` and fired before the reply.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from zkserver.replica.connection import Caller
from zkserver.tree.acl import OPEN, GivenAcl
from zkserver.tree.node import NULL_DATA
from zkserver.tree.paths import parent_of
from zkserver.wire.jute import INT, DecodeError, Reader, pack_buffer
from zkserver.wire.opcodes import TTL_MODES, Code, CreateMode, EventType, Op
from zkserver.wire.records import (
    MULTI_END,
    MULTI_HEAD,
    pack_acl,
    read_acl,
    read_create,
)

if TYPE_CHECKING:
    from zkserver.tree.tree import ZnodeTree

Event = tuple[EventType, bytes]
_CREATES_WITH_STAT: Final = (Op.CREATE2, Op.CREATE_CONTAINER, Op.CREATE_TTL)
_ERROR_BODY: Final = struct.Struct(">i")
_int: Final = INT.unpack_from
_int_pack: Final = INT.pack
#: ``world:anyone`` with all permissions, as nearly every create carries it.
_OPEN_ACL: Final = pack_acl(OPEN)
_OPEN_ACL_BYTES: Final = len(_OPEN_ACL)


class Execution:
    """One entry while it is executed: the tree, who asks, and the entry's zxid and time."""

    __slots__ = ("caller", "events", "time_ms", "tree", "zxid")

    def __init__(self, tree: ZnodeTree, caller: Caller, zxid: int, time_ms: int) -> None:
        self.tree = tree
        self.caller = caller
        self.zxid = zxid
        self.time_ms = time_ms
        self.events: list[Event] = []

    def run(self, op: int, reader: Reader) -> bytes | int:
        """Execute one operation; a record that cannot be decoded is a marshalling error."""
        handler = HANDLERS.get(op)
        if handler is None:
            return Code.UNIMPLEMENTED
        try:
            return handler(self, op, reader)
        except (DecodeError, struct.error):
            # An entry that cannot be decoded is in the log already: whatever it is, it
            # must have the same harmless result now and at every recovery.
            return Code.MARSHALLING_ERROR


def _create(execution: Execution, op: int, reader: Reader) -> bytes | int:
    request = read_create(reader, with_ttl=op == Op.CREATE_TTL)
    caller = execution.caller
    made = execution.tree.create(
        op,
        request.path,
        request.data,
        request.acl,
        request.flags,
        request.ttl_ms,
        caller.session_id,
        caller.identities,
        execution.zxid,
        execution.time_ms,
    )
    if isinstance(made, int):
        return made
    path, stat = made
    execution.events.append((EventType.NODE_CREATED, path))
    execution.events.append((EventType.NODE_CHILDREN_CHANGED, parent_of(path) or b"/"))
    body = pack_buffer(path)
    return body + stat if op in _CREATES_WITH_STAT else body


def _delete(execution: Execution, op: int, reader: Reader) -> bytes | int:
    path, version = reader.needed_string(), reader.int32()
    done = execution.tree.delete(path, version, execution.caller.identities, execution.zxid)
    if not isinstance(done, int):
        deleted(execution.events, path)
    return done


def _delete_container(execution: Execution, op: int, reader: Reader) -> bytes | int:
    path = reader.needed_string()
    done = execution.tree.delete_container(path, execution.zxid)
    if not isinstance(done, int):
        deleted(execution.events, path)
    return done


def deleted(events: list[Event], path: bytes) -> None:
    """Note the events of a deletion."""
    events.append((EventType.NODE_DELETED, path))
    events.append((EventType.NODE_CHILDREN_CHANGED, parent_of(path) or b"/"))


def _set_acl(execution: Execution, op: int, reader: Reader) -> bytes | int:
    # A null path is a bad path here, not a malformed record as for create and delete.
    path, acl = reader.string() or b"", read_acl(reader)
    return execution.tree.set_acl(path, acl, reader.int32(), execution.caller.identities)


def _check(execution: Execution, op: int, reader: Reader) -> bytes | int:
    path, version = reader.string() or b"", reader.int32()
    return execution.tree.check(path, version, execution.caller.identities)


def _reconfig(execution: Execution, op: int, reader: Reader) -> bytes | int:
    # A standalone server has no membership to change; being switched off is said first.
    for _ in range(3):
        reader.string()
    reader.int64()
    rules = execution.tree.rules
    return Code.UNIMPLEMENTED if rules.reconfig_enabled else Code.RECONFIG_DISABLED


_MULTI_OPS: Final[dict[int, Callable[[Execution, int, Reader], bytes | int]]] = {
    Op.CREATE: _create,
    Op.CREATE_CONTAINER: _create,
    Op.CREATE_TTL: _create,
    Op.DELETE: _delete,
    Op.CHECK: _check,
}
#: The header before the result of each kind of operation.
_HEAD_OF_RESULT: Final = {
    op: MULTI_HEAD.pack(Op.CREATE2 if op in _CREATES_WITH_STAT else op, 0, 0)
    for op in (*_MULTI_OPS, Op.SET_DATA)
}


def _skip_record(op: int, reader: Reader) -> int:
    """Step over the record of a sub-operation; returns what Apache takes it for.

    The flags of a create decide and not its number (``org.apache.zookeeper.Op.Create``):
    it becomes a container by mode 4 and a TTL znode by modes 5 and 6. Raises
    ``DecodeError`` when it is no operation of a multi.
    """
    if op in (Op.CREATE, Op.CREATE2, Op.CREATE_CONTAINER, Op.CREATE_TTL):
        flags = read_create(reader, with_ttl=op == Op.CREATE_TTL).flags
        if flags in TTL_MODES:
            return Op.CREATE_TTL
        return Op.CREATE_CONTAINER if flags == CreateMode.CONTAINER else Op.CREATE
    if op not in (Op.DELETE, Op.CHECK):
        raise DecodeError(f"operation {op} in a multi")
    reader.string()
    reader.int32()
    return op


def _multi(execution: Execution, op: int, reader: Reader) -> bytes | int:
    """All or nothing (``MultiOperationRecord``, ``PrepRequestProcessor`` OpCode.multi).

    The whole request is decoded before any of it runs. After a failure the answer lists
    every operation: code 0 before the failing one, its code, and
    RuntimeInconsistency for those behind it.
    """
    ops = decode_multi(reader.data, reader.pos, reader.end)
    tree, caller, frames = execution.tree, execution.caller, reader.data
    zxid, time_ms, events = execution.zxid, execution.time_ms, execution.events
    parts: list[bytes] = []
    tree.begin()
    for position, (kind, start, end) in enumerate(ops):
        try:
            if kind == Op.SET_DATA:
                path, result = _set_data_in_place(tree, caller, frames, start, end, zxid, time_ms)
                events.append((EventType.NODE_DATA_CHANGED, path))
            else:
                result = _MULTI_OPS[kind](execution, kind, Reader(frames, start, end))
        except (DecodeError, struct.error):
            result = Code.MARSHALLING_ERROR
        if isinstance(result, int):
            tree.rollback()
            events.clear()
            if result == Code.MARSHALLING_ERROR:
                # What Apache trips over while it runs an operation fails the request.
                return result
            return _multi_failure(len(ops), position, result)
        parts.append(_HEAD_OF_RESULT[kind])
        parts.append(result)
    tree.commit()
    parts.append(MULTI_END)
    return b"".join(parts)


def decode_multi(frames: bytes, pos: int, end: int) -> list[tuple[int, int, int]]:
    """Kind, start and end of each operation's record; raises ``DecodeError``."""
    ops: list[tuple[int, int, int]] = []
    while True:
        start = pos + MULTI_HEAD.size
        if start > end:
            raise DecodeError("a multi ends without its end")
        kind, done, _ = MULTI_HEAD.unpack_from(frames, pos)
        if done:
            return ops
        if frames[start : start + 4] == NULL_DATA:
            # Apache looks all paths up before it runs anything, and trips over a null one.
            raise DecodeError("a null path in a multi")
        if kind == Op.SET_DATA:
            pos = _set_data_end(frames, start, end)
        else:
            reader = Reader(frames, start, end)
            kind = _skip_record(kind, reader)
            pos = reader.pos
        ops.append((kind, start, pos))


def _set_data_end(frames: bytes, pos: int, end: int) -> int:
    """Where the record of a setData in a multi ends; a null path is malformed there."""
    for least in (0, -1):
        size = _int(frames, pos)[0] if pos + 4 <= end else -2
        if size < least:
            raise DecodeError("setData is shorter than it says")
        pos += 4 + (size if size > 0 else 0)
    if pos + 4 > end:
        raise DecodeError("setData without a version")
    return pos + 4


def _multi_failure(count: int, position: int, code: int) -> bytes:
    parts = []
    for at in range(count):
        told = 0 if at < position else code if at == position else Code.RUNTIME_INCONSISTENCY
        parts.append(MULTI_HEAD.pack(Op.ERROR, 0, told) + _ERROR_BODY.pack(told))
    parts.append(MULTI_END)
    return b"".join(parts)


#: Operation -> handler, for what goes through the log and is not in ``IN_PLACE``, but for
#: the starts and ends of sessions.
def _sync(execution: Execution, op: int, reader: Reader) -> bytes | int:
    # Its place in the sequence is all there is to it.
    del execution, op
    return pack_buffer(reader.string())


HANDLERS: Final[dict[int, Callable[[Execution, int, Reader], bytes | int]]] = {
    Op.CREATE2: _create,
    Op.CREATE_CONTAINER: _create,
    Op.CREATE_TTL: _create,
    Op.DELETE_CONTAINER: _delete_container,
    Op.SET_ACL: _set_acl,
    Op.MULTI: _multi,
    Op.RECONFIG: _reconfig,
    Op.SYNC: _sync,
}


def _set_data_in_place(
    tree: ZnodeTree, caller: Caller, frames: bytes, pos: int, end: int, zxid: int, time_ms: int
) -> tuple[bytes, bytes | int]:
    path_size = _int(frames, pos)[0]
    # A null path (-1) is a bad path here, as an empty one is.
    path_end = pos + 4 + (path_size if path_size != -1 else 0)
    size = _int(frames, path_end)[0]
    data_end = path_end + 4 + (size if size > 0 else 0)
    if path_end < pos + 4 or size < -1 or data_end + 4 > end:
        raise DecodeError("setData is shorter than it says")
    path = frames[pos + 4 : path_end]
    return path, tree.set_data(
        path,
        frames[path_end:data_end],
        _int(frames, data_end)[0],
        caller.identities,
        zxid,
        time_ms,
    )


def _create_in_place(
    tree: ZnodeTree, caller: Caller, frames: bytes, pos: int, end: int, zxid: int, time_ms: int
) -> tuple[bytes, bytes | int]:
    path_end = pos + 4 + _int(frames, pos)[0]
    size = _int(frames, path_end)[0]
    data_end = path_end + 4 + (size if size > 0 else 0)
    flags_at = data_end + _OPEN_ACL_BYTES
    if frames.startswith(_OPEN_ACL, data_end) and flags_at + 4 <= end and path_end >= pos + 4:
        if size < -1:
            raise DecodeError("create with a negative length")
        path: bytes | None = frames[pos + 4 : path_end]
        acl: GivenAcl = OPEN
        data = None if size < 0 else frames[path_end + 4 : data_end]
        flags = _int(frames, flags_at)[0]
    else:
        request = read_create(Reader(frames, pos, end), with_ttl=False)
        path, data, acl, flags = request.path, request.data, request.acl, request.flags
    made = tree.create(
        Op.CREATE,
        path,
        data,
        acl,
        flags,
        0,
        caller.session_id,
        caller.identities,
        zxid,
        time_ms,
    )
    if isinstance(made, int):
        return b"", made
    return made[0], _int_pack(len(made[0])) + made[0]


def _delete_in_place(
    tree: ZnodeTree, caller: Caller, frames: bytes, pos: int, end: int, zxid: int, time_ms: int
) -> tuple[bytes, bytes | int]:
    path_end = pos + 4 + _int(frames, pos)[0]
    if path_end < pos + 4 or path_end + 4 > end:
        raise DecodeError("delete is shorter than it says")
    path, version = frames[pos + 4 : path_end], _int(frames, path_end)[0]
    return path, tree.delete(path, version, caller.identities, zxid)


#: The writes that are decoded where they lie: record to (path, body or error code). Called
#: with tree, caller, frames, start and end of the record, zxid and time. A malformed record
#: raises ``DecodeError`` or ``struct.error``.
IN_PLACE: Final = {
    int(Op.SET_DATA): _set_data_in_place,
    int(Op.CREATE): _create_in_place,
    int(Op.DELETE): _delete_in_place,
}


def events_of(op: int, path: bytes) -> list[Event]:
    """The events of a successful write of :data:`IN_PLACE`."""
    if op == Op.SET_DATA:
        return [(EventType.NODE_DATA_CHANGED, path)]
    kind = EventType.NODE_CREATED if op == Op.CREATE else EventType.NODE_DELETED
    return [(kind, path), (EventType.NODE_CHILDREN_CHANGED, parent_of(path) or b"/")]
