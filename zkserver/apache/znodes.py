"""Apache's tree as its files mean it, and what its transactions do to it.

This is not :mod:`zkserver.tree`: there a write is a request that is checked and decided, here
a transaction says what came out of it. Source of every rule: ``DataTree.processTxn`` and the
methods it calls, in the form of 3.9.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple
from zlib import crc32

from zkserver.apache.transactions import (
    CVERSION_UNKNOWN,
    Change,
    CloseSession,
    Create,
    CreateSession,
    Delete,
    Multi,
    SetAcl,
    SetData,
    Transaction,
)
from zkserver.tree import quota
from zkserver.tree.acl import AclList
from zkserver.tree.node import CONTAINER_MARKER, wrap32
from zkserver.tree.paths import parent_of

ROOT: Final = b""
_EXTENDED: Final = -(1 << 56)
_DIGEST_STAT: Final = struct.Struct(">qqqqqiiiq")
_SYSTEM: Final = b"/zookeeper/"
_DIGEST_MASK: Final = (1 << 64) - 1
_LIMITS_END: Final = b"/" + quota.LIMITS


class MissingAcl(NamedTuple):
    """The key of an ACL that the snapshot does not hold; the log has to bring it."""

    key: int


class Znode:
    """A znode with what is stored of its Stat (``StatPersisted``)."""

    __slots__ = (
        "acl",
        "aversion",
        "children",
        "ctime",
        "cversion",
        "czxid",
        "data",
        "mtime",
        "mzxid",
        "owner",
        "pzxid",
        "version",
    )

    def __init__(
        self,
        data: bytes | None,
        acl: AclList | MissingAcl,
        czxid: int = 0,
        mzxid: int = 0,
        ctime: int = 0,
        mtime: int = 0,
        version: int = 0,
        cversion: int = 0,
        aversion: int = 0,
        owner: int = 0,
        pzxid: int = 0,
    ) -> None:
        self.data = data
        self.acl = acl
        self.czxid = czxid
        self.mzxid = mzxid
        #: Milliseconds since 1970, as mtime.
        self.ctime = ctime
        self.mtime = mtime
        self.version = version
        #: How many children were ever created, which is not what clients see.
        self.cversion = cversion
        self.aversion = aversion
        #: Of an ephemeral its session, else a marker, or 0.
        self.owner = owner
        self.pzxid = pzxid
        #: Names; None as long as there was none.
        self.children: dict[bytes, None] | None = None

    @property
    def stat(self) -> tuple[int, int, int, int, int, int, int, int, int]:
        """The fields of ``StatPersisted`` in their order."""
        return (
            self.czxid,
            self.mzxid,
            self.ctime,
            self.mtime,
            self.version,
            self.cversion,
            self.aversion,
            self.owner,
            self.pzxid,
        )


class ApacheTree:
    """Znodes by path (the root is the empty one), and the sessions with their timeouts."""

    def __init__(self, *, extended_types: bool = True) -> None:
        self.nodes: dict[bytes, Znode] = {}
        #: Session -> timeout in milliseconds.
        self.sessions: dict[int, int] = {}
        #: Session -> paths of its ephemerals.
        self.ephemerals: dict[int, dict[bytes, None]] = {}
        self._quotas: dict[bytes, None] = {}
        self._extended_types = extended_types

    def load(self, path: bytes, node: Znode) -> bool:
        """Put a znode of a snapshot into its place; False when there is no parent for it."""
        if path != ROOT:
            slash = path.rfind(b"/")
            parent = self.nodes.get(path[:slash]) if slash >= 0 else None
            if parent is None:
                return False
            _add(parent, path[slash + 1 :])
        self.nodes[path] = node
        if self.is_session(node.owner):
            self.ephemerals.setdefault(node.owner, {})[path] = None
        return True

    def is_session(self, owner: int) -> bool:
        """Whether an ephemeralOwner is a session (``EphemeralType.get``)."""
        if not owner or owner == CONTAINER_MARKER:
            return False
        return not (self._extended_types and owner & _EXTENDED == _EXTENDED)

    def settle_quotas(self) -> None:
        """Count what every quota governs, as Apache does at each start (``setupQuota``)."""
        for path in [p for p in self.nodes if p.startswith(quota.QUOTA_ROOT)]:
            if path.endswith(_LIMITS_END) and not self.nodes[path].children:
                covered = path[len(quota.QUOTA_ROOT) : path.index(_LIMITS_END)]
                self._count_usage(covered)
                self._quotas[covered] = None

    def apply(self, transaction: Transaction) -> None:
        """Do what a transaction says, as far as it is not done already."""
        self._apply(transaction.change, transaction)

    def _apply(self, change: Change, at: Transaction) -> None:
        if isinstance(change, SetData):
            self._set_data(change, at)
        elif isinstance(change, Create):
            self._create(change, at)
        elif isinstance(change, Delete):
            self.delete(change.path, at.zxid)
        elif isinstance(change, Multi):
            for part in change.parts:
                self._apply(part, at)
        elif isinstance(change, SetAcl):
            node = self.nodes.get(ROOT if change.path == b"/" else change.path)
            if node is not None:
                node.acl, node.aversion = change.acl, change.aversion
        elif isinstance(change, CreateSession):
            self.sessions[at.session_id] = change.timeout_ms
        elif isinstance(change, CloseSession):
            self.sessions.pop(at.session_id, None)
            self.end_session(at.session_id, at.zxid, change.paths)

    def _create(self, change: Create, at: Transaction) -> None:
        path = change.path
        slash = path.rfind(b"/")
        parent = self.nodes.get(path[:slash]) if slash >= 0 else None
        if parent is None:
            return
        there = self.nodes.get(path)
        if there is not None:
            # It came into the snapshot before its ACL could.
            there.acl = change.acl
        cversion = change.parent_cversion
        if cversion == CVERSION_UNKNOWN:
            cversion = wrap32(parent.cversion + 1)
        # Where the child was removed and created again while the snapshot was written, the
        # parent is older than the child. Apache mends that for the oldest kind of create only.
        if cversion > parent.cversion:
            parent.cversion, parent.pzxid = cversion, at.zxid
        if there is not None:
            return
        _add(parent, path[slash + 1 :])
        self.nodes[path] = Znode(
            change.data,
            change.acl,
            at.zxid,
            at.zxid,
            at.time_ms,
            at.time_ms,
            owner=change.owner,
            pzxid=at.zxid,
        )
        if self.is_session(change.owner):
            self.ephemerals.setdefault(change.owner, {})[path] = None
        above = path[:slash]
        if above.startswith(quota.QUOTA_ROOT):
            covered = quota.covered_path(above)
            if path[slash + 1 :] == quota.LIMITS:
                self._quotas[covered] = None
            elif path[slash + 1 :] == quota.STATS:
                self._count_usage(covered)
        self._account(path, len(change.data or b""), 1)

    def delete(self, path: bytes, zxid: int) -> None:
        """Remove a znode if it is there; its parent is changed in any case."""
        slash = path.rfind(b"/")
        parent = self.nodes.get(path[:slash]) if slash >= 0 else None
        if parent is None:
            return
        if parent.children is not None:
            parent.children.pop(path[slash + 1 :], None)
        parent.pzxid = max(parent.pzxid, zxid)
        node = self.nodes.pop(path, None)
        if node is None:
            return
        if self.is_session(node.owner):
            self.ephemerals.get(node.owner, {}).pop(path, None)
        above = path[:slash]
        if above.startswith(quota.QUOTA_ROOT) and path[slash + 1 :] == quota.LIMITS:
            self._quotas.pop(quota.covered_path(above), None)
        self._account(path, -len(node.data or b""), -1)

    def _set_data(self, change: SetData, at: Transaction) -> None:
        path = ROOT if change.path == b"/" else change.path
        node = self.nodes.get(path)
        if node is None:
            return
        more = len(change.data or b"") - len(node.data or b"")
        node.data, node.version = change.data, change.version
        node.mtime, node.mzxid = at.time_ms, at.zxid
        self._account(path, more, 0)

    def end_session(self, session_id: int, zxid: int, paths: tuple[bytes, ...] = ()) -> None:
        """Delete ``paths`` and what else the session owns (``DataTree.killSession``)."""
        for path in dict.fromkeys((*paths, *self.ephemerals.pop(session_id, ()))):
            self.delete(path, zxid)

    def end_lost_sessions(self, zxid: int) -> int:
        """Delete the ephemerals of sessions that are no more, as Apache does when it starts.

        Returns how many sessions these were.
        """
        lost = [one for one in self.ephemerals if one not in self.sessions]
        with_paths = [one for one in lost if self.ephemerals[one]]
        for session_id in lost:
            self.end_session(session_id, zxid)
        return len(with_paths)

    def digest(self) -> int:
        """The digest by Apache's rule (``DigestCalculator``), as a signed 64 bit integer."""
        total, pack = 0, _DIGEST_STAT.pack
        for path, node in self.nodes.items():
            if path.startswith(_SYSTEM):
                continue
            czxid, mzxid, ctime, mtime, version, cversion, aversion, owner, pzxid = node.stat
            stat = pack(czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, owner)
            total += crc32(stat, crc32(node.data or b"", crc32(path)))
        total &= _DIGEST_MASK
        return total - (1 << 64) if total >> 63 else total

    # Quotas.

    def _account(self, path: bytes, bytes_more: int, count_more: int) -> None:
        governed = quota.governing(path, self._quotas) if self._quotas else None
        node = None if governed is None else self.nodes.get(quota.stats_path(governed))
        if node is None:
            return
        used = quota.parse(node.data)
        used["count"] = used.get("count", -1) + count_more
        used["bytes"] = used.get("bytes", -1) + bytes_more
        node.data = quota.render(used)

    def _count_usage(self, covered: bytes) -> None:
        stats = self.nodes.get(quota.stats_path(covered))
        if stats is None:
            return
        count = size = 0
        waiting = [covered] if covered in self.nodes else []
        while waiting:
            at = waiting.pop()
            node = self.nodes[at]
            count += 1
            size += len(node.data or b"")
            waiting.extend(at + b"/" + name for name in node.children or ())
        stats.data = quota.render({"count": count, "bytes": size})


def _add(parent: Znode, name: bytes) -> None:
    if parent.children is None:
        parent.children = {}
    parent.children[name] = None


def orphan(tree: ApacheTree) -> bytes | None:
    """The path of a znode without a parent, which no sound directory leads to; None mostly."""
    for path in tree.nodes:
        if path != ROOT and parent_of(path) not in tree.nodes:
            return path
    return None
