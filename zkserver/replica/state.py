"""The replicated state as a stream of blocks, for snapshots.

A block is one kind byte and then entries until it ends; the kinds come in order. Znodes
carry their record as it is in the tree, so writing and loading copy bytes and compute
next to nothing. Children and ephemerals are not stored: they follow from the paths and
the records.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zkserver.errors import StartError
from zkserver.limits import SNAPSHOT_BLOCK_BYTES
from zkserver.replica.membership import Membership
from zkserver.tree import quota
from zkserver.tree.acl import AclList
from zkserver.tree.node import STAT_BYTES, stat_of
from zkserver.tree.sessions import Session
from zkserver.tree.tree import ROOT, ZnodeTree
from zkserver.wire.jute import INT, Reader, pack_buffer
from zkserver.wire.records import pack_acl, read_acl

if TYPE_CHECKING:
    from zkserver.replica.core import ReplicaCore

#: Id, timeout, owner, length of the password.
_SESSION: Final = struct.Struct(">qiii")
_PAIR: Final = struct.Struct(">ii")
_PATH_NUMBER: Final = struct.Struct(">iq")
_DIGEST, _SESSIONS, _NODES, _ENSEMBLE = b"D", b"S", b"N", b"E"
_CREATED, _ACLS, _SPECIAL = b"C", b"A", b"M"
_NO_OWNER: Final = bytes(8)

#: Version of the layout described here; the first block says it.
FORMAT: Final = 2
_HEAD: Final = b"F" + struct.pack(">i", FORMAT)


@dataclass(frozen=True, slots=True)
class State:
    """The dictionaries that make up the state, shared with the core or copies of them."""

    nodes: dict[bytes, bytes]
    created: dict[bytes, int]
    special: dict[bytes, int]
    acls: dict[bytes, AclList]
    sessions: dict[int, Session]
    #: The tree's digest, settled.
    digest: int
    cluster_id: bytes
    #: Number of the configuration in force.
    configuration: int
    #: As ``/zookeeper/config`` shows it, unless somebody has written into that.
    membership: bytes

    @classmethod
    def of(cls, core: ReplicaCore, *, copied: bool) -> State:
        """The core's state; ``copied`` when the core goes on while it is written out.

        The values are immutable, so copying the dictionaries is enough.
        """
        tree = core.tree
        digest = tree.digest.fold(tree.nodes)
        state = cls(
            tree.nodes,
            tree.created,
            tree.special,
            tree.acls,
            core.sessions,
            digest,
            core.cluster_id,
            core.node.configuration.number,
            b"" if core.membership is None else core.membership.text(),
        )
        return state.copy() if copied else state

    def copy(self) -> State:
        """A state of its own."""
        return State(
            self.nodes.copy(),
            self.created.copy(),
            self.special.copy(),
            self.acls.copy(),
            self.sessions.copy(),
            self.digest,
            self.cluster_id,
            self.configuration,
            self.membership,
        )


def dump(tree: State) -> Iterator[bytes]:
    """The state as blocks of about ``SNAPSHOT_BLOCK_BYTES``."""
    yield _HEAD
    yield _DIGEST + tree.digest.to_bytes(8, "big")
    identity = pack_buffer(tree.cluster_id) + pack_buffer(tree.membership)
    yield _ENSEMBLE + INT.pack(tree.configuration) + identity
    sessions = tree.sessions
    yield from _blocks(
        _SESSIONS,
        (
            _SESSION.pack(s.session_id, s.timeout_ms, s.owner, len(s.password)) + s.password
            for s in sessions.values()
        ),
    )
    pack = _PAIR.pack
    yield from _blocks(
        _NODES,
        (
            pack(len(path), len(record)) + path + record
            for path, record in tree.nodes.items()
            if path != b"/"
        ),
    )
    for kind, table in ((_CREATED, tree.created), (_SPECIAL, tree.special)):
        yield from _blocks(
            kind,
            (_PATH_NUMBER.pack(len(path), number) + path for path, number in table.items()),
        )
    yield from _blocks(
        _ACLS,
        (
            pack(len(path), len(packed)) + path + packed
            for path, packed in ((path, pack_acl(acl)) for path, acl in tree.acls.items())
        ),
    )


def _blocks(kind: bytes, entries: Iterable[bytes]) -> Iterator[bytes]:
    parts, size = [kind], 0
    for entry in entries:
        parts.append(entry)
        size += len(entry)
        if size >= SNAPSHOT_BLOCK_BYTES:
            yield b"".join(parts)
            parts, size = [kind], 0
    if size:
        yield b"".join(parts)


def load(core: ReplicaCore, blocks: Iterable[bytes]) -> None:
    """Replace the core's state by a dumped one; raises ``StartError`` on another format."""
    tree = core.tree
    for table in (tree.nodes, tree.children, tree.created, tree.acls, tree.special):
        table.clear()
    for other in (tree.ephemerals, tree.quotas, tree.listings, core.sessions):
        other.clear()
    tree.digest.touched.clear()
    for block in blocks:
        kind = block[:1]
        if kind == b"F":
            if block != _HEAD:
                raise StartError(
                    f"the snapshot has state format {int.from_bytes(block[1:5], 'big')},"
                    f" this version reads {FORMAT}"
                )
        elif kind == _DIGEST:
            tree.digest.value = int.from_bytes(block[1:], "big")
        elif kind == _ENSEMBLE:
            reader = Reader(block, 1)
            core.configuration_number = reader.int32()
            core.cluster_id = reader.buffer() or b""
            text = reader.buffer()
            core.membership = Membership.parse(text) if text else None
        elif kind == _NODES:
            _load_nodes(tree, block)
        elif kind == _SESSIONS:
            _load_sessions(core.sessions, block)
        elif kind == _ACLS:
            pos = 1
            while pos < len(block):
                path_size, size = _PAIR.unpack_from(block, pos)
                start = pos + _PAIR.size + path_size
                path = block[pos + _PAIR.size : start]
                given = read_acl(Reader(block, start, start + size))
                tree.acls[path] = tuple((p, s or b"", i or b"") for p, s, i in given)
                pos = start + size
        else:
            _load_numbers(tree.created if kind == _CREATED else tree.special, block)
    tree.nodes[b"/"] = tree.nodes[ROOT]
    _index(tree)


def _load_nodes(tree: ZnodeTree, block: bytes) -> None:
    nodes, children, ephemerals = tree.nodes, tree.children, tree.ephemerals
    unpack, head = _PAIR.unpack_from, _PAIR.size
    pos, end = 1, len(block)
    while pos < end:
        path_size, size = unpack(block, pos)
        start = pos + head + path_size
        path = block[pos + head : start]
        pos = start + size
        record = nodes[path] = block[start:pos]
        slash = path.rfind(b"/")
        if slash >= 0:
            parent = path[:slash]
            names = children.get(parent)
            if names is None:
                names = children[parent] = {}
            names[path[slash + 1 :]] = None
        if record[-24:-16] != _NO_OWNER:
            ephemerals.setdefault(stat_of(record).ephemeral_owner, {})[path] = None


def _load_sessions(sessions: dict[int, Session], block: bytes) -> None:
    pos = 1
    while pos < len(block):
        session_id, timeout_ms, owner, size = _SESSION.unpack_from(block, pos)
        pos += _SESSION.size
        sessions[session_id] = Session(session_id, timeout_ms, block[pos : pos + size], owner)
        pos += size


def _load_numbers(table: dict[bytes, int], block: bytes) -> None:
    pos = 1
    while pos < len(block):
        size, number = _PATH_NUMBER.unpack_from(block, pos)
        pos += _PATH_NUMBER.size
        table[block[pos : pos + size]] = number
        pos += size


def _index(tree: ZnodeTree) -> None:
    """Compute what follows from the znodes: sizes, and the paths that have quotas."""
    total = 0
    for path, record in tree.nodes.items():
        total += len(path) + max(0, len(record) - STAT_BYTES - 4)
    tree.data_bytes = total - 1 - max(0, len(tree.nodes[ROOT]) - STAT_BYTES - 4)
    suffix = b"/" + quota.LIMITS
    below = len(quota.QUOTA_ROOT)
    for path in tree.nodes:
        if path.startswith(quota.QUOTA_ROOT) and path.endswith(suffix):
            covered = path[below : -len(suffix)]
            if covered:
                tree.quotas[covered] = None
