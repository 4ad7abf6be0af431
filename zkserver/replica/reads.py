"""Answers that need no log: reads, watches, and what concerns only the connection.

A handler takes the connection and the request's record, and returns the reply's body or
an error code. The plainest of get, exists and getChildren are answered in
:meth:`zkserver.replica.core.ReplicaCore.serve` without coming here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from zkserver.limits import LISTING_BYTES, LISTINGS_MAX
from zkserver.replica.connection import Connection
from zkserver.tree.acl import OPEN, SUPER, allows, masked
from zkserver.tree.node import STAT_BYTES, stat_of
from zkserver.tree.tree import ROOT, ZnodeTree
from zkserver.tree.watches import Mode
from zkserver.wire.jute import INT, DecodeError, Reader, java_text, pack_buffer, pack_strings
from zkserver.wire.opcodes import Code, EventType, Op, Perm, WatcherType
from zkserver.wire.records import (
    MULTI_END,
    MULTI_HEAD,
    pack_acl,
    pack_ids,
    pack_notification,
)

if TYPE_CHECKING:
    from zkserver.replica.core import ReplicaCore

Answer = bytes | int

#: What Java's String.trim() takes off.
_JAVA_TRIMS: Final = bytes(range(0x21))


def _exists(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    path, watch = reader.needed_string(), reader.boolean()
    if b"\0" in path:
        return Code.BAD_ARGUMENTS
    record = core.tree.nodes.get(path)
    if record is not None and not core.tree.permits(path, Perm.READ, conn.caller.identities):
        return Code.NO_AUTH
    if watch:
        _watch(core, core.watches.data.add, path, conn)
    return Code.NO_NODE if record is None else record[-STAT_BYTES:]


def _get_data(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    path, watch = reader.needed_string(), reader.boolean()
    record = _readable(core.tree, conn, path)
    if isinstance(record, int):
        return record
    if watch:
        _watch(core, core.watches.data.add, path, conn)
    return record


def _get_children(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    path, watch = reader.needed_string(), reader.boolean()
    record = _readable(core.tree, conn, path)
    if isinstance(record, int):
        return record
    if watch:
        _watch(core, core.watches.children.add, path, conn)
    return listing(core.tree, path)


def _get_children2(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    names = _get_children(core, conn, Reader(reader.data, reader.pos, reader.end))
    if isinstance(names, int):
        return names
    return names + core.tree.nodes[reader.needed_string()][-STAT_BYTES:]


def _readable(tree: ZnodeTree, conn: Connection, path: bytes) -> bytes | int:
    """The record of a znode that the caller may read, or the error code."""
    record = tree.nodes.get(path)
    if record is None:
        return Code.NO_NODE
    if not tree.permits(path, Perm.READ, conn.caller.identities):
        return Code.NO_AUTH
    return record


def _watched_path(path: bytes | None) -> bytes:
    """A path as watches are kept: as text that was decoded and encoded again.

    Java does so with every path, and two malformed ones may become the same one.
    """
    return b"" if path is None else java_text(path)


def _watch(
    core: ReplicaCore, add: Callable[[bytes, Connection, int], None], path: bytes, conn: Connection
) -> None:
    conn.watching = True
    # As it was named: the empty path reads the root, but nothing ever happens to "".
    add(_watched_path(path), conn, Mode.STANDARD)


def listing(tree: ZnodeTree, path: bytes) -> bytes:
    """The encoded names of the children of an existing znode."""
    known = tree.listings.get(path)
    if known is not None:
        return known
    packed = pack_strings(tree.children.get(ROOT if path == b"/" else path) or {})
    if len(packed) <= LISTING_BYTES:
        if len(tree.listings) >= LISTINGS_MAX:
            tree.listings.clear()
        tree.listings[path] = packed
    return packed


def _get_acl(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    path = reader.needed_string()
    tree, identities = core.tree, conn.caller.identities
    record = tree.nodes.get(path)
    if record is None:
        return Code.NO_NODE
    acl = tree.acls.get(path, OPEN)
    may_administer = tree.rules.skip_acl or allows(acl, Perm.ADMIN, identities)
    if not may_administer:
        if not allows(acl, Perm.READ, identities):
            return Code.NO_AUTH
        acl = masked(acl)
    return pack_acl(acl) + record[-STAT_BYTES:]


def _get_all_children_number(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    path = reader.needed_string()
    record = _readable(core.tree, conn, path)
    if isinstance(record, int):
        return record
    if path == b"/":
        # The root stands in the table twice, and does not count itself.
        return INT.pack(len(core.tree.nodes) - 2)
    if path == ROOT:
        # By its other name it counts "/" as a descendant.
        return INT.pack(len(core.tree.nodes) - 1)
    return INT.pack(core.tree.usage(path)[0] - 1)


def _get_ephemerals(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    prefix = reader.string() or b""
    own = core.tree.ephemerals.get(conn.session_id, {})
    if not prefix.strip() or prefix.strip(_JAVA_TRIMS) == b"/":
        return pack_strings(list(own))
    return pack_strings([path for path in own if path.startswith(prefix)])


def _sync(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    # With a quorum of one, all that was acknowledged is executed: there is nothing to
    # wait for but the session's own writes, and those the caller has waited for.
    path = reader.string()
    return pack_buffer(None if path is None else _watched_path(path))


def _who_am_i(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    shown = []
    for scheme, ident in conn.caller.identities:
        user = ident.partition(b":")[0] if scheme == b"digest" else ident
        shown.append((scheme, b"" if scheme == SUPER else user))
    return pack_ids(tuple(shown))


def _set_watches(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    """Catch up after a reconnect (``DataTree.setWatches``): events before the reply."""
    zxid = reader.int64()
    data, exist, child = _paths(reader), _paths(reader), _paths(reader)
    _catch_up(core, conn, zxid, data, exist, child)
    return b""


def _set_watches2(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    zxid = reader.int64()
    data, exist, child = _paths(reader), _paths(reader), _paths(reader)
    persistent, recursive = _paths(reader), _paths(reader)
    _catch_up(core, conn, zxid, data, exist, child)
    for path in persistent:
        core.watches.add(path, conn, recursive=False)
    for path in recursive:
        core.watches.add(path, conn, recursive=True)
    return b""


def _paths(reader: Reader) -> list[bytes]:
    return [_watched_path(path) for path in reader.strings()]


def _catch_up(
    core: ReplicaCore,
    conn: Connection,
    zxid: int,
    data: list[bytes],
    exist: list[bytes],
    child: list[bytes],
) -> None:
    nodes, watches = core.tree.nodes, core.watches
    conn.watching = True

    def tell(event: EventType, path: bytes) -> None:
        conn.out.append(pack_notification(event, path, -1))

    for path in data:
        record = nodes.get(path)
        if record is None:
            tell(EventType.NODE_DELETED, path)
        elif stat_of(record).mzxid > zxid:
            tell(EventType.NODE_DATA_CHANGED, path)
        else:
            watches.data.add(path, conn, Mode.STANDARD)
    for path in exist:
        if path in nodes:
            tell(EventType.NODE_CREATED, path)
        else:
            watches.data.add(path, conn, Mode.STANDARD)
    for path in child:
        record = nodes.get(path)
        if record is None:
            tell(EventType.NODE_DELETED, path)
        elif stat_of(record).pzxid > zxid:
            tell(EventType.NODE_CHILDREN_CHANGED, path)
        else:
            watches.children.add(path, conn, Mode.STANDARD)


def _add_watch(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    path, mode = _watched_path(reader.string()), reader.int32()
    if mode not in (0, 1):
        return Code.MARSHALLING_ERROR
    conn.watching = True
    core.watches.add(path, conn, recursive=mode == 1)
    return INT.pack(0)


def _check_watches(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    path, kind = _watch_kind(reader)
    return b"" if core.watches.has(path, conn, kind) else Code.NO_WATCHER


def _remove_watches(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    path, kind = _watch_kind(reader)
    return b"" if core.watches.remove(path, conn, kind) else Code.NO_WATCHER


def _watch_kind(reader: Reader) -> tuple[bytes, WatcherType]:
    # A null path is one that nobody watches.
    path, kind = _watched_path(reader.string()), reader.int32()
    try:
        return path, WatcherType(kind)
    except ValueError:
        raise DecodeError(f"watcher type {kind}") from None


def _multi_read(core: ReplicaCore, conn: Connection, reader: Reader) -> Answer:
    """getData and getChildren together; each has its own result, and no watch is set."""
    reads: list[tuple[int, bytes]] = []
    while True:
        kind, done = reader.int32(), reader.boolean()
        reader.int32()
        if done:
            break
        if kind not in (Op.GET_DATA, Op.GET_CHILDREN):
            return Code.MARSHALLING_ERROR
        reads.append((kind, reader.needed_string()))
        reader.boolean()
    parts: list[bytes] = []
    for kind, path in reads:
        record = _readable(core.tree, conn, path)
        if isinstance(record, int):
            parts.append(MULTI_HEAD.pack(Op.ERROR, 0, record) + INT.pack(record))
        else:
            parts.append(MULTI_HEAD.pack(kind, 0, 0))
            parts.append(record if kind == Op.GET_DATA else listing(core.tree, path))
    parts.append(MULTI_END)
    return b"".join(parts)


#: Operation -> handler. PING, AUTH and SASL are answered by the core itself.
HANDLERS: Final[dict[int, Callable[[ReplicaCore, Connection, Reader], Answer]]] = {
    Op.EXISTS: _exists,
    Op.GET_DATA: _get_data,
    Op.GET_ACL: _get_acl,
    Op.GET_CHILDREN: _get_children,
    Op.GET_CHILDREN2: _get_children2,
    Op.SYNC: _sync,
    Op.MULTI_READ: _multi_read,
    Op.CHECK_WATCHES: _check_watches,
    Op.REMOVE_WATCHES: _remove_watches,
    Op.SET_WATCHES: _set_watches,
    Op.SET_WATCHES2: _set_watches2,
    Op.ADD_WATCH: _add_watch,
    Op.GET_EPHEMERALS: _get_ephemerals,
    Op.GET_ALL_CHILDREN_NUMBER: _get_all_children_number,
    Op.WHO_AM_I: _who_am_i,
}
