"""Between Apache's tree and our state, and the name of an imported state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from zlib import crc32

from zkserver.apache.znodes import ROOT, ApacheTree, MissingAcl, Znode
from zkserver.errors import invariant
from zkserver.replica.apache_passwords import apache_password
from zkserver.replica.state import State
from zkserver.tree.acl import OPEN, AclList
from zkserver.tree.node import Stat, data_of, pack_record, stat_of, wrap32
from zkserver.tree.sessions import Session
from zkserver.wire.jute import INT, LONG, pack_buffer
from zkserver.wire.records import pack_acl

if TYPE_CHECKING:
    from zkserver.tree.tree import ZnodeTree

#: No server has the connection of an imported session before its client comes back.
_NO_SERVER: Final = 0
_DIGEST_MASK: Final = (1 << 64) - 1
_CONFIG: Final = b"/zookeeper/config"
#: As long as an ensemble's id is.
_NAME_BYTES: Final = 16


def to_state(tree: ApacheTree, zxid: int) -> State:
    """Our state from Apache's at ``zxid``; equal ones become equal, byte for byte.

    Each member of an ensemble writes ``/zookeeper/config`` at its start, with the time of its own
    clock (``initConfigInZKDatabase``). That time is not taken over.
    """
    nodes: dict[bytes, bytes] = {}
    created: dict[bytes, int] = {}
    special: dict[bytes, int] = {}
    acls: dict[bytes, AclList] = {}
    digest = 0
    for path in sorted(tree.nodes):
        node = tree.nodes[path]
        record = nodes[path] = _record(tree, node, mtime=0 if path == _CONFIG else node.mtime)
        digest += crc32(record, crc32(path))
        if node.cversion:
            created[path] = node.cversion
        if node.owner and not tree.is_session(node.owner):
            special[path] = node.owner
        if not isinstance(node.acl, MissingAcl) and node.acl != OPEN:
            acls[path] = node.acl
    if ROOT in acls:
        # The root stands in our tree under both its names.
        acls[b"/"] = acls[ROOT]
    sessions = {
        session_id: Session(session_id, timeout_ms, apache_password(session_id), _NO_SERVER)
        for session_id, timeout_ms in sorted(tree.sessions.items())
    }
    return State(
        nodes,
        created,
        special,
        acls,
        sessions,
        digest & _DIGEST_MASK,
        _name(zxid, nodes, created, special, acls, sessions),
        0,
        b"",
    )


def _record(tree: ApacheTree, node: Znode, mtime: int) -> bytes:
    children = len(node.children or ())
    owner = node.owner if tree.is_session(node.owner) else 0
    return pack_record(
        node.data,
        Stat(
            node.czxid,
            node.mzxid,
            node.ctime,
            mtime,
            node.version,
            # Clients are shown every creation and every deletion counted (DataNode.copyStat).
            wrap32(2 * node.cversion - children),
            node.aversion,
            owner,
            0,
            children,
            node.pzxid,
        ),
    )


def _name(
    zxid: int,
    nodes: Mapping[bytes, bytes],
    created: Mapping[bytes, int],
    special: Mapping[bytes, int],
    acls: Mapping[bytes, AclList],
    sessions: Mapping[int, Session],
) -> bytes:
    """A hash of all that the state holds: whose states have one name, they are the same."""
    found = hashlib.sha256(LONG.pack(zxid))
    for session in sessions.values():
        found.update(LONG.pack(session.session_id) + INT.pack(session.timeout_ms))
    for path, record in nodes.items():
        found.update(pack_buffer(path) + pack_buffer(record) + INT.pack(created.get(path, 0)))
        if path in special:
            found.update(LONG.pack(special[path]))
        if path in acls:
            found.update(pack_acl(acls[path]))
    return found.digest()[:_NAME_BYTES]


def from_tree(tree: ZnodeTree | State, sessions: Mapping[int, Session]) -> ApacheTree:
    """Apache's tree from ours."""
    apache = ApacheTree()
    apache.sessions = {one.session_id: one.timeout_ms for one in sessions.values()}
    for path in sorted(path for path in tree.nodes if path != b"/"):
        record = tree.nodes[path]
        stat = stat_of(record)
        node = Znode(
            data_of(record),
            tree.acls.get(path, OPEN),
            stat.czxid,
            stat.mzxid,
            stat.ctime,
            stat.mtime,
            stat.version,
            tree.created.get(path, 0),
            stat.aversion,
            tree.special.get(path, stat.ephemeral_owner),
            stat.pzxid,
        )
        invariant(apache.load(path, node), "a znode without a parent", path=path)
    return apache
