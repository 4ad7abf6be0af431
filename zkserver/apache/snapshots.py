"""Apache's snapshots: read into an :class:`ApacheTree`, and written from one.

::

    header    "ZKSN"  int 2  long dbid
    sessions  int count,  count * (long id, int timeout)
    ACLs      int count,  count * (long key, ACL)
    znodes    (string path, buffer data, long ACL key, StatPersisted)...   string "/"
    seal      long adler32 of everything before, string "/"
    digest    long zxid, int 2, long digest     seal        (3.6 and later)
    last zxid long                              seal        (3.9 and later, if so configured)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from zkserver.apache.streams import SnapshotStream
from zkserver.apache.transactions import DIGEST_VERSION, stored_acl
from zkserver.apache.znodes import ApacheTree, MissingAcl, Znode
from zkserver.tree.acl import OPEN, AclList
from zkserver.wire.jute import INT, LONG, Reader, pack_buffer
from zkserver.wire.records import pack_acl

MAGIC: Final = b"ZKSN"
_VERSION: Final = 2
_HEADER: Final = struct.Struct(">4siq")
_SESSION: Final = struct.Struct(">qi")
#: ACL key, then StatPersisted: czxid mzxid ctime mtime, version cversion aversion, owner pzxid.
_NODE_TAIL: Final = struct.Struct(">qqqqqiiiqq")
#: The key of the ACL that is not in the map (``OPEN_UNSAFE_ACL_ID``).
_OPEN_KEY: Final = -1
_NODES_END: Final = b"/"
_DBID: Final = -1
#: Pieces are gathered to this size before they are given out.
_PIECE_BYTES: Final = 1 << 20


class DigestNote(NamedTuple):
    """What a snapshot says about the tree's digest: its zxid is not always that of the file."""

    zxid: int
    value: int


class Snapshot(NamedTuple):
    """What was read from a snapshot file."""

    tree: ApacheTree
    digest: DigestNote | None


def read_snapshot(path: str, *, extended_types: bool = True) -> Snapshot:
    """Read a snapshot file as a whole.

    ``extended_types`` says whether owners can stand for TTLs, as with Apache's setting of
    that name. Raises :class:`DamagedFileError` and ``OSError``.
    """
    with SnapshotStream(path) as stream:
        magic, _, _ = _HEADER.unpack(stream.take(_HEADER.size))
        if magic != MAGIC:
            raise stream.damage("this is no snapshot: it begins otherwise")
        tree = ApacheTree(extended_types=extended_types)
        for _ in range(_count(stream)):
            session_id, timeout_ms = _SESSION.unpack(stream.take(_SESSION.size))
            tree.sessions[session_id] = timeout_ms
        acls = {_long(stream): _read_acl(stream) for _ in range(_count(stream))}
        acls[_OPEN_KEY] = OPEN
        _read_nodes(stream, tree, acls)
        _check_seal(stream)
        return Snapshot(tree, _read_digest(stream))


def _read_nodes(stream: SnapshotStream, tree: ApacheTree, acls: Mapping[int, AclList]) -> None:
    take, buffer, unpack, size = stream.take, stream.buffer, _NODE_TAIL.unpack, _NODE_TAIL.size
    while (path := buffer()) != _NODES_END:
        if path is None:
            raise stream.damage("a znode without a path")
        data = buffer()
        key, *stat = unpack(take(size))
        # The map was written before the znodes: one that came meanwhile may have a newer ACL.
        acl = acls[key] if key in acls else MissingAcl(key)
        if not tree.load(path, Znode(data, acl, *stat)):
            raise stream.damage(f"the parent of {path.decode(errors='replace')} is missing")
    if not tree.nodes:
        raise stream.damage("there is no root")


def _read_digest(stream: SnapshotStream) -> DigestNote | None:
    if not stream.has(1):
        return None
    zxid, version = _long(stream), _int(stream)
    if version < DIGEST_VERSION:
        # A development version wrote hexadecimal text, by another rule.
        stream.buffer()
        found = None
    else:
        value = _long(stream)
        # Before its first transaction a server writes a digest of nothing.
        found = DigestNote(zxid, value) if zxid > 0 else None
    _check_seal(stream)
    if stream.has(1):
        _long(stream)
        _check_seal(stream)
    return found


def _check_seal(stream: SnapshotStream) -> None:
    expected = stream.adler
    start = stream.offset
    found = _long(stream)
    if found != expected or stream.buffer() != _NODES_END:
        raise stream.damage(f"the seal at {start} does not match what is before it")


def _read_acl(stream: SnapshotStream) -> AclList:
    count = stream.take(INT.size)
    parts = [count]
    for _ in range(max(0, INT.unpack(count)[0])):
        parts.append(stream.take(INT.size))
        parts += [pack_buffer(stream.buffer()), pack_buffer(stream.buffer())]
    return stored_acl(Reader(b"".join(parts)))


def _int(stream: SnapshotStream) -> int:
    value: int = INT.unpack(stream.take(INT.size))[0]
    return value


def _long(stream: SnapshotStream) -> int:
    value: int = LONG.unpack(stream.take(LONG.size))[0]
    return value


def _count(stream: SnapshotStream) -> int:
    count = _int(stream)
    if count < 0:
        raise stream.damage(f"a count of {count}")
    return count


def dump_snapshot(tree: ApacheTree, zxid: int) -> Iterator[bytes]:
    """The bytes of a snapshot of ``tree`` as of ``zxid``, in pieces, as 3.6 and later write it.

    Older versions stop reading before the digest. Znodes come in the order of their paths.
    """
    adler, gathered, size = 1, [], 0
    for part in _parts(tree):
        gathered.append(part)
        size += len(part)
        if size >= _PIECE_BYTES:
            piece = b"".join(gathered)
            adler = zlib.adler32(piece, adler)
            yield piece
            gathered, size = [], 0
    piece = b"".join(gathered)
    adler = zlib.adler32(piece, adler)
    yield piece
    seal = _seal(adler)
    note = LONG.pack(zxid) + INT.pack(DIGEST_VERSION) + LONG.pack(tree.digest())
    yield seal + note + _seal(zlib.adler32(seal + note, adler))


def _seal(adler: int) -> bytes:
    return LONG.pack(adler) + pack_buffer(_NODES_END)


def _parts(tree: ApacheTree) -> Iterator[bytes]:
    yield _HEADER.pack(MAGIC, _VERSION, _DBID)
    yield INT.pack(len(tree.sessions))
    for session_id, timeout_ms in tree.sessions.items():
        yield _SESSION.pack(session_id, timeout_ms)
    keys: dict[AclList | MissingAcl, int] = {}
    for node in tree.nodes.values():
        if node.acl != OPEN and node.acl not in keys:
            keys[node.acl] = len(keys) + 1
    yield INT.pack(len(keys))
    for acl, key in keys.items():
        if not isinstance(acl, MissingAcl):
            yield LONG.pack(key) + pack_acl(acl)
    keys[OPEN] = _OPEN_KEY
    for path in sorted(tree.nodes):
        node = tree.nodes[path]
        yield pack_buffer(path) + pack_buffer(node.data)
        yield _NODE_TAIL.pack(keys[node.acl], *node.stat)
    yield pack_buffer(_NODES_END)
