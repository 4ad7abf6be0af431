"""Short ways to call the tree, for the tests that care about one argument at a time."""

from __future__ import annotations

from zkserver.tree.acl import OPEN, AclList, Identities
from zkserver.tree.node import Stat, data_of, stat_of
from zkserver.tree.tree import ZnodeTree
from zkserver.wire.jute import pack_buffer
from zkserver.wire.opcodes import Op

ME: Identities = ((b"ip", b"127.0.0.1"),)


def create(
    tree: ZnodeTree,
    path: bytes,
    data: bytes | None = b"",
    *,
    acl: AclList = OPEN,
    flags: int = 0,
    op: int = Op.CREATE,
    ttl_ms: int = 0,
    session_id: int = 1,
    identities: Identities = ME,
    zxid: int = 1,
    time_ms: int = 1,
) -> bytes | int:
    """The final path, or the error code."""
    made = tree.create(
        op, path, data, acl, flags, ttl_ms, session_id, identities, zxid, time_ms
    )  # fmt: skip
    return made if isinstance(made, int) else made[0]


def set_data(
    tree: ZnodeTree,
    path: bytes,
    data: bytes | None,
    *,
    version: int = -1,
    identities: Identities = ME,
    zxid: int = 1,
    time_ms: int = 1,
) -> int:
    """0 or the error code."""
    done = tree.set_data(path, pack_buffer(data), version, identities, zxid, time_ms)
    return done if isinstance(done, int) else 0


def delete(
    tree: ZnodeTree, path: bytes, *, version: int = -1, identities: Identities = ME, zxid: int = 1
) -> int:
    """0 or the error code."""
    done = tree.delete(path, version, identities, zxid)
    return done if isinstance(done, int) else 0


def set_acl(
    tree: ZnodeTree, path: bytes, acl: AclList, *, version: int = -1, identities: Identities = ME
) -> int:
    """0 or the error code."""
    done = tree.set_acl(path, acl, version, identities)
    return done if isinstance(done, int) else 0


def check(tree: ZnodeTree, path: bytes, version: int = -1, identities: Identities = ME) -> int:
    """0 or the error code."""
    done = tree.check(path, version, identities)
    return done if isinstance(done, int) else 0


def stat(tree: ZnodeTree, path: bytes) -> Stat:
    """The Stat of an existing znode."""
    return stat_of(tree.nodes[path])


def data(tree: ZnodeTree, path: bytes) -> bytes | None:
    """The data of an existing znode."""
    return data_of(tree.nodes[path])
