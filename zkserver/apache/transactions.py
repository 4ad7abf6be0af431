"""The transactions of Apache's log: what is in an entry's bytes.

Source: ``zookeeper.jute`` (module ``org.apache.zookeeper.txn``) and
``SerializeUtils.deserializeTxn``.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from zkserver.tree.acl import AclList
from zkserver.tree.node import CONTAINER_MARKER, ttl_marker
from zkserver.wire.jute import DecodeError, Reader
from zkserver.wire.opcodes import Op
from zkserver.wire.records import read_acl

#: Session, cxid, zxid, time in milliseconds, type.
HEADER: Final = struct.Struct(">qiqqi")
#: Version of the digest's rule, digest of the tree behind the transaction.
DIGEST: Final = struct.Struct(">iq")
#: The only version that was ever written into logs.
DIGEST_VERSION: Final = 2
#: What stands for "one more than now", where an old entry does not say it.
CVERSION_UNKNOWN: Final = -1


class Create(NamedTuple):
    """create, create2, createContainer and createTTL."""

    path: bytes
    data: bytes | None
    acl: AclList
    #: 0, the session of an ephemeral, or the marker of a container or TTL znode.
    owner: int
    #: The parent's count of creations behind this one.
    parent_cversion: int


class Delete(NamedTuple):
    """delete and deleteContainer."""

    path: bytes


class SetData(NamedTuple):
    """setData and reconfig."""

    path: bytes
    data: bytes | None
    #: The one behind it.
    version: int


class SetAcl(NamedTuple):
    """setACL."""

    path: bytes
    acl: AclList
    #: The one behind it.
    aversion: int


class CreateSession(NamedTuple):
    """createSession."""

    timeout_ms: int


class CloseSession(NamedTuple):
    """closeSession; before 3.6 without the paths of its ephemerals."""

    paths: tuple[bytes, ...]


class Multi(NamedTuple):
    """multi, in which everything succeeded."""

    parts: tuple[Change, ...]


class Nothing(NamedTuple):
    """What used a zxid and changed nothing: a refused write, or a check."""


Change = Create | Delete | SetData | SetAcl | CreateSession | CloseSession | Multi | Nothing


class Transaction(NamedTuple):
    """One entry of a log."""

    session_id: int
    zxid: int
    time_ms: int
    change: Change
    #: The tree's digest behind it; None where it was not written.
    digest: int | None


_NOTHING: Final = Nothing()


def read_transaction(entry: bytes) -> Transaction:
    """Decode an entry; raises :class:`DecodeError`, also for a type that nobody writes."""
    if len(entry) < HEADER.size:
        raise DecodeError(f"{len(entry)} bytes are too short for a transaction")
    session_id, _, zxid, time_ms, kind = HEADER.unpack_from(entry)
    reader = Reader(entry, HEADER.size)
    change = _read_change(kind, reader, session_id, top=True)
    digest = None
    if reader.left >= DIGEST.size:
        version, value = DIGEST.unpack_from(entry, reader.pos)
        digest = value if version == DIGEST_VERSION else None
    return Transaction(session_id, zxid, time_ms, change, digest)


def _read_change(kind: int, reader: Reader, session_id: int, *, top: bool) -> Change:
    if kind in (Op.CREATE, Op.CREATE2, Op.CREATE_CONTAINER, Op.CREATE_TTL):
        return _read_create(kind, reader, session_id)
    if kind in (Op.DELETE, Op.DELETE_CONTAINER):
        return Delete(reader.needed_string())
    if kind in (Op.SET_DATA, Op.RECONFIG):
        return SetData(reader.needed_string(), reader.buffer(), reader.int32())
    if kind == Op.ERROR:
        reader.int32()
        return _NOTHING
    if kind == Op.CHECK:
        reader.needed_string()
        reader.int32()
        return _NOTHING
    if top and kind == Op.SET_ACL:
        return SetAcl(reader.needed_string(), stored_acl(reader), reader.int32())
    if top and kind == Op.CREATE_SESSION:
        return CreateSession(reader.int32())
    if top and kind == Op.CLOSE_SESSION:
        # A digest alone behind the header is no vector: paths are longer than that.
        is_bare = reader.left in (0, DIGEST.size)
        return CloseSession(() if is_bare else tuple(reader.strings()))
    if top and kind == Op.MULTI:
        return _read_multi(reader, session_id)
    raise DecodeError(f"a transaction of type {kind}")


def _read_create(kind: int, reader: Reader, session_id: int) -> Create:
    path, data = reader.needed_string(), reader.buffer()
    acl = stored_acl(reader)
    owner = 0
    if kind in (Op.CREATE, Op.CREATE2):
        owner = session_id if reader.boolean() else 0
    elif kind == Op.CREATE_CONTAINER:
        owner = CONTAINER_MARKER
    # The first releases of 3.3 did not write it.
    cversion = reader.int32() if reader.left >= 4 else CVERSION_UNKNOWN
    if kind == Op.CREATE_TTL:
        owner = ttl_marker(reader.int64())
    return Create(path, data, acl, owner, cversion)


def _read_multi(reader: Reader, session_id: int) -> Change:
    """``DataTree.processTxn``, OpCode.multi: with one error in it nothing of it happened."""
    parts: list[Change] = []
    has_failed = False
    for _ in range(reader.count()):
        kind, record = reader.int32(), reader.buffer() or b""
        has_failed = has_failed or kind == Op.ERROR
        parts.append(_read_change(kind, Reader(record), session_id, top=False))
    return _NOTHING if has_failed else Multi(tuple(parts))


def stored_acl(reader: Reader) -> AclList:
    """An ACL as the server wrote it."""
    return tuple((perms, scheme or b"", ident or b"") for perms, scheme, ident in read_acl(reader))
