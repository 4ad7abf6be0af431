"""The znode tree: its state, and what every write does to it.

Each write takes what its log entry holds (arguments, identities, zxid, time) and
returns the body of the reply, or the error code as an ``int`` when it is refused; a
refused write changes nothing. The order of the checks is Apache's
(``PrepRequestProcessor.pRequest2Txn``), since clients see the first one that fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from zkserver.errors import invariant
from zkserver.tree import quota
from zkserver.tree.acl import OPEN, READABLE, AclList, Identities, allows, fix_acl
from zkserver.tree.digest import TreeDigest
from zkserver.tree.node import (
    CHILDREN_TAIL_BYTES,
    CONTAINER_MARKER,
    NULL_DATA,
    STAT,
    STAT_BYTES,
    STAT_FOR_CHILDREN,
    STAT_FOR_DATA,
    TTL_MAX_MS,
    Stat,
    data_of,
    pack_record,
    stat_of,
    ttl_marker,
    wrap32,
)
from zkserver.tree.paths import is_valid, is_weakly_valid, parent_of
from zkserver.wire.opcodes import Code, CreateMode, Op, Perm

ROOT: Final = b""
CONFIG_PATH: Final = b"/zookeeper/config"
#: Paths that cannot be deleted (``PrepRequestProcessor.pRequest2Txn``, OpCode.delete).
SYSTEM_PATHS: Final = frozenset((b"/", b"/zookeeper", b"/zookeeper/quota", CONFIG_PATH))

_TTL_MODES: Final = (CreateMode.PERSISTENT_WITH_TTL, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL)
_SEQUENTIAL: Final = (
    CreateMode.PERSISTENT_SEQUENTIAL,
    CreateMode.EPHEMERAL_SEQUENTIAL,
    CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL,
)
_EPHEMERAL: Final = (CreateMode.EPHEMERAL, CreateMode.EPHEMERAL_SEQUENTIAL)
_ABSENT: Final = object()
_ZERO_LENGTH: Final = b"\0\0\0\0"


@dataclass(frozen=True, slots=True)
class TreeRules:
    """The settings that decide what writes do; all replicas need the same ones."""

    #: TTL znodes may be created (``extendedTypesEnabled``).
    extended_types: bool = True
    #: Hard quotas refuse writes (``enforceQuota``).
    enforce_quota: bool = False
    #: No permission is checked (``skipACL``).
    skip_acl: bool = False
    #: reconfig may be asked for (``reconfigEnabled``).
    reconfig_enabled: bool = False
    #: The schemes that an ACL entry may name, besides world and auth.
    schemes: frozenset[bytes] = frozenset((b"digest", b"ip"))


class ZnodeTree:
    """All znodes. See the package's docstring for the parts and their invariants."""

    def __init__(self, rules: TreeRules | None = None) -> None:
        self.rules = rules or TreeRules()
        self.nodes: dict[bytes, bytes] = {}
        self.children: dict[bytes, dict[bytes, None]] = {}
        self.created: dict[bytes, int] = {}
        self.acls: dict[bytes, AclList] = {}
        self.special: dict[bytes, int] = {}
        #: Session id -> the paths of its ephemerals, in the order of their creation.
        self.ephemerals: dict[int, dict[bytes, None]] = {}
        #: The paths that have limits below /zookeeper/quota.
        self.quotas: dict[bytes, None] = {}
        #: Encoded answers of getChildren; dropped when the children change.
        self.listings: dict[bytes, bytes] = {}
        #: Sum over all znodes of path and data lengths in bytes (approximate_data_size).
        self.data_bytes = 0
        self.digest = TreeDigest()
        #: While a multi runs: what to put back, as (dictionary, key, old value).
        self._journal: list[tuple[dict[Any, Any], Any, Any]] | None = None
        self._data_bytes_before = 0
        self._plant()

    def _plant(self) -> None:
        zero = Stat(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        empty = pack_record(b"", zero)
        self.nodes[ROOT] = self.nodes[b"/"] = pack_record(
            b"", zero._replace(cversion=-1, num_children=1)
        )
        self.nodes[b"/zookeeper"] = pack_record(b"", zero._replace(cversion=-2, num_children=2))
        self.nodes[b"/zookeeper/quota"] = empty
        self.nodes[CONFIG_PATH] = pack_record(b"", zero._replace(aversion=-1))
        self.acls[CONFIG_PATH] = READABLE
        self.children[ROOT] = {b"zookeeper": None}
        self.children[b"/zookeeper"] = {b"config": None, b"quota": None}
        self.data_bytes = sum(map(len, (b"/zookeeper", b"/zookeeper/quota", CONFIG_PATH)))

    def permits(self, path: bytes, perm: int, identities: Identities) -> bool:
        """Whether ``identities`` may do ``perm`` on the existing znode ``path``."""
        acl = self.acls.get(path)
        return acl is None or self.rules.skip_acl or allows(acl, perm, identities)

    # Writes.

    def create(
        self,
        op: int,
        path: bytes,
        data: bytes | None,
        acl: AclList,
        flags: int,
        ttl_ms: int,
        session_id: int,
        identities: Identities,
        zxid: int,
        time_ms: int,
    ) -> tuple[bytes, bytes] | int:
        """Create a znode; returns its final path and its Stat, or an error code.

        ``op`` decides what is made (a container, a TTL znode, or by ``flags``), as in
        ``PrepRequestProcessor.pRequest2TxnCreate``.
        """
        if refusal := self._refuse_mode(op, flags, ttl_ms):
            return refusal
        if not is_weakly_valid(path):
            return Code.BAD_ARGUMENTS
        fixed = fix_acl(acl, identities, self.rules.schemes)
        if fixed is None:
            return Code.INVALID_ACL
        parent = parent_of(path)
        parent_record = self.nodes.get(parent)
        if parent_record is None:
            return Code.NO_NODE
        if parent in self.acls and not self.permits(parent, Perm.CREATE, identities):
            return Code.NO_AUTH
        created = self.created.get(parent, 0)
        if flags in _SEQUENTIAL:
            path += b"%010d" % created
        if not is_valid(path):
            return Code.BAD_ARGUMENTS
        if path in self.nodes:
            return Code.NODE_EXISTS
        if parent_record[-24:-16] != b"\0\0\0\0\0\0\0\0":
            return Code.NO_CHILDREN_FOR_EPHEMERALS
        size = 0 if data is None else len(data)
        if self.rules.enforce_quota and self._over_quota(path, size, 1):
            return Code.QUOTA_EXCEEDED
        owner = 0
        if op in (Op.CREATE, Op.CREATE2):
            owner = session_id if flags in _EPHEMERAL else 0
        else:
            marker = CONTAINER_MARKER if op == Op.CREATE_CONTAINER else ttl_marker(ttl_ms)
            self._assign(self.special, path, marker)
        stat = STAT.pack(zxid, zxid, time_ms, time_ms, 0, 0, 0, owner, size, 0, zxid)
        self._insert(path, parent, parent_record, data, stat, owner, fixed, created, zxid)
        return path, stat

    def _refuse_mode(self, op: int, flags: int, ttl_ms: int) -> int:
        """The error of a create's flags and ttl, 0 when they are fine."""
        if not 0 <= flags <= CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL:
            return Code.BAD_ARGUMENTS
        if flags in _TTL_MODES:
            if not self.rules.extended_types:
                return Code.UNIMPLEMENTED
            if op != Op.CREATE_TTL or not 0 < ttl_ms <= TTL_MAX_MS:
                return Code.BAD_ARGUMENTS
        elif op == Op.CREATE_TTL:
            # Apache lets a negative ttl of another mode pass here and fails while it
            # applies the transaction; the client sees an error either way.
            return Code.BAD_ARGUMENTS
        return 0

    def _insert(
        self,
        path: bytes,
        parent: bytes,
        parent_record: bytes,
        data: bytes | None,
        stat: bytes,
        owner: int,
        acl: AclList,
        created: int,
        zxid: int,
    ) -> None:
        """Put a checked znode into the tree, with its parent's Stat and all side tables."""
        head = NULL_DATA if data is None else _length(data) + data
        size = len(head) - 4
        self._put(path, head + stat, None)
        if owner:
            own = self.ephemerals.get(owner)
            if own is None:
                own = {}
                self._assign(self.ephemerals, owner, own)
            self._assign(own, path, None)
        if acl is not OPEN:
            self._assign(self.acls, path, acl)
        names = self.children.get(parent)
        if names is None:
            names = {}
            self._assign(self.children, parent, names)
        self._assign(names, path[len(parent) + 1 :], None)
        self._assign(self.created, parent, wrap32(created + 1))
        self._put_parent(parent, parent_record, 1, zxid)
        self.data_bytes += len(path) + size
        if parent.startswith(quota.QUOTA_ROOT):
            self._quota_node_created(parent, path[len(parent) + 1 :])
        if self.quotas:
            self._account(path, size, 1)

    def delete(self, path: bytes, version: int, identities: Identities, zxid: int) -> bytes | int:
        """Delete a znode; ``version`` -1 means any. Returns an empty body or an error code."""
        if not is_weakly_valid(path) or path in SYSTEM_PATHS:
            return Code.BAD_ARGUMENTS
        parent = parent_of(path)
        if parent not in self.nodes:
            return Code.NO_NODE
        if parent in self.acls and not self.permits(parent, Perm.DELETE, identities):
            return Code.NO_AUTH
        record = self.nodes.get(path)
        if record is None or not path:
            return Code.NO_NODE
        if version not in (-1, stat_of(record).version):
            return Code.BAD_VERSION
        if self.children.get(path):
            return Code.NOT_EMPTY
        self._remove(path, parent, record, zxid)
        return b""

    def delete_container(self, path: bytes, zxid: int) -> bytes | int:
        """Delete an empty container or TTL znode, on behalf of the server itself."""
        if path not in self.nodes:
            return Code.NO_NODE
        if self.children.get(path):
            return Code.NOT_EMPTY
        if path not in self.special:
            return Code.BAD_VERSION
        self._remove(path, parent_of(path), self.nodes[path], zxid)
        return b""

    def _remove(self, path: bytes, parent: bytes, record: bytes, zxid: int) -> None:
        """Take an existing leaf out of the tree and of all side tables."""
        stat = stat_of(record)
        if parent.startswith(quota.QUOTA_ROOT) and path.endswith(b"/" + quota.LIMITS):
            self._discard(self.quotas, quota.covered_path(parent))
        self._put(path, None, record)
        if stat.ephemeral_owner:
            own = self.ephemerals[stat.ephemeral_owner]
            self._discard(own, path)
            if not own:
                self._discard(self.ephemerals, stat.ephemeral_owner)
        for table in (self.acls, self.special, self.created, self.children):
            if path in table:
                self._discard(table, path)
        self.listings.pop(path, None)
        self._discard(self.children[parent], path[len(parent) + 1 :])
        self._put_parent(parent, self.nodes[parent], -1, zxid)
        self.data_bytes -= len(path) + stat.data_length
        if self.quotas:
            self._account(path, -stat.data_length, -1)

    def set_data(
        self,
        path: bytes,
        raw: bytes,
        version: int,
        identities: Identities,
        zxid: int,
        time_ms: int,
    ) -> bytes | int:
        """Replace the data of a znode; ``raw`` is a jute buffer, its length included.

        Returns the new Stat, or an error code.
        """
        nodes = self.nodes
        record = nodes.get(path)
        if record is None or not path:
            return Code.NO_NODE if is_valid(path) else Code.BAD_ARGUMENTS
        if path in self.acls and not self.permits(path, Perm.WRITE, identities):
            return Code.NO_AUTH
        length = len(record)
        czxid, _, ctime, _, current, middle, old_size, tail = STAT_FOR_DATA.unpack_from(
            record, length - STAT_BYTES
        )
        size = len(raw) - 4
        if self.rules.enforce_quota and self._over_quota(path, size - old_size, 0):
            return Code.QUOTA_EXCEEDED
        if version != current and version != -1:
            return Code.BAD_VERSION
        following = current + 1
        if following == -1:
            # -1 would mean "any version" to the next writer, so it is skipped.
            following = 0
        elif following > 0x7FFFFFFF:
            following = -0x80000000
        stat = STAT_FOR_DATA.pack(czxid, zxid, ctime, time_ms, following, middle, size, tail)
        nodes[path] = raw + stat
        touched = self.digest.touched
        if path not in touched:
            touched[path] = record
        if path == b"/":
            nodes[ROOT] = nodes[path]
        if self._journal is not None:
            self._journal.append((nodes, path, record))
            if path == b"/":
                self._journal.append((nodes, ROOT, record))
        self.data_bytes += size - old_size
        if self.quotas:
            self._account(path, size - old_size, 0)
        return stat

    def set_acl(
        self, path: bytes, acl: AclList, version: int, identities: Identities
    ) -> bytes | int:
        """Replace the ACL of a znode; only aversion changes. Returns the Stat or an error code."""
        if not is_valid(path):
            return Code.BAD_ARGUMENTS
        fixed = fix_acl(acl, identities, self.rules.schemes)
        if fixed is None:
            return Code.INVALID_ACL
        record = self.nodes.get(path)
        if record is None:
            return Code.NO_NODE
        if not self.permits(path, Perm.ADMIN, identities):
            return Code.NO_AUTH
        stat = stat_of(record)
        if version not in (-1, stat.aversion):
            return Code.BAD_VERSION
        stat = stat._replace(aversion=wrap32(stat.aversion + 1))
        self._put(path, record[:-STAT_BYTES] + STAT.pack(*stat), record)
        for alias in (ROOT, b"/") if path == b"/" else (path,):
            if fixed is OPEN or fixed == OPEN:
                self._discard(self.acls, alias)
            else:
                self._assign(self.acls, alias, fixed)
        return STAT.pack(*stat)

    def check(self, path: bytes, version: int, identities: Identities) -> bytes | int:
        """The check operation of a multi. Returns an empty body or an error code."""
        if not is_valid(path):
            return Code.BAD_ARGUMENTS
        record = self.nodes.get(path)
        if record is None:
            return Code.NO_NODE
        if not self.permits(path, Perm.READ, identities):
            return Code.NO_AUTH
        return b"" if version in (-1, stat_of(record).version) else Code.BAD_VERSION

    def end_session(self, session_id: int, zxid: int) -> list[bytes]:
        """Delete the ephemerals of a session (``DataTree.killSession``); returns their paths."""
        paths = list(self.ephemerals.get(session_id, ()))
        for path in paths:
            self._remove(path, parent_of(path), self.nodes[path], zxid)
        return paths

    # Multi: all or nothing.

    def begin(self) -> None:
        """Remember from here on what to put back if the multi fails."""
        invariant(self._journal is None, "a multi inside a multi")
        self._journal = []
        self._data_bytes_before = self.data_bytes

    def commit(self) -> None:
        """Keep what was done since :meth:`begin`."""
        self._journal = None

    def rollback(self) -> None:
        """Undo everything since :meth:`begin`."""
        journal, self._journal = self._journal, None
        for table, key, old in reversed(journal or ()):
            if old is _ABSENT:
                table.pop(key, None)
            else:
                table[key] = old
        self.data_bytes = self._data_bytes_before
        self.listings.clear()

    # The primitives, which all changes go through.

    def _put(self, path: bytes, record: bytes | None, old: bytes | None) -> None:
        """Set or (``None``) remove the record of ``path``, whose record was ``old``."""
        touched = self.digest.touched
        if path not in touched:
            touched[path] = old
        aliases = (ROOT, b"/") if path in (ROOT, b"/") else (path,)
        for alias in aliases:
            if self._journal is not None:
                self._journal.append((self.nodes, alias, _ABSENT if old is None else old))
            if record is None:
                del self.nodes[alias]
            else:
                self.nodes[alias] = record

    def _put_parent(self, parent: bytes, record: bytes, more: int, zxid: int) -> None:
        """Count one child more or less in the parent's Stat."""
        cversion, middle, children, _ = STAT_FOR_CHILDREN.unpack_from(
            record, len(record) - CHILDREN_TAIL_BYTES
        )
        changed = record[:-CHILDREN_TAIL_BYTES] + STAT_FOR_CHILDREN.pack(
            cversion + 1 if cversion < 0x7FFFFFFF else -0x80000000, middle, children + more, zxid
        )
        self.listings.pop(parent, None)
        if parent == ROOT:
            self.listings.pop(b"/", None)
        self._put(parent, changed, record)

    def _assign(self, table: dict[Any, Any], key: object, value: object) -> None:
        if self._journal is not None:
            self._journal.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def _discard(self, table: dict[Any, Any], key: object) -> None:
        if key in table:
            if self._journal is not None:
                self._journal.append((table, key, table[key]))
            del table[key]

    # Quotas.

    def _over_quota(self, path: bytes, bytes_more: int, count_more: int) -> bool:
        governed = quota.governing(path, self.quotas)
        if governed is None:
            return False
        limits = self.nodes.get(quota.limits_path(governed))
        used = self.nodes.get(quota.stats_path(governed))
        if limits is None or used is None:
            return False
        limit_values, used_values = quota.parse(data_of(limits)), quota.parse(data_of(used))
        return quota.exceeds(limit_values, used_values, bytes_more, count_more)

    def _account(self, path: bytes, bytes_more: int, count_more: int) -> None:
        """Rewrite the usage of the quota that governs ``path``."""
        governed = quota.governing(path, self.quotas)
        if governed is None:
            return
        record = self.nodes.get(quota.stats_path(governed))
        if record is None:
            return
        used = quota.parse(data_of(record))
        used["count"] = used.get("count", -1) + count_more
        used["bytes"] = used.get("bytes", -1) + bytes_more
        self._put_usage(governed, record, quota.render(used))

    def _quota_node_created(self, parent: bytes, name: bytes) -> None:
        covered = quota.covered_path(parent)
        if name == quota.LIMITS and covered:
            self._assign(self.quotas, covered, None)
        elif name == quota.STATS:
            count, size = self.usage(covered)
            text = quota.render({"count": count, "bytes": size})
            self._put_usage(covered, self.nodes[parent + b"/" + name], text)

    def _put_usage(self, covered: bytes, record: bytes, text: bytes) -> None:
        stat = stat_of(record)
        self.data_bytes += len(text) - stat.data_length
        self._put(quota.stats_path(covered), pack_record(text, stat), record)

    def usage(self, path: bytes) -> tuple[int, int]:
        """How many znodes ``path`` and its descendants are, and the bytes of their data."""
        count = size = 0
        waiting = [path] if path in self.nodes else []
        while waiting:
            at = waiting.pop()
            count += 1
            size += stat_of(self.nodes[at]).data_length
            waiting.extend(at + b"/" + name for name in self.children.get(at, ()))
        return count, size

    def check_invariants(self) -> None:
        """Verify the invariants of the package's docstring; raises ``InvariantBrokenError``."""
        for path, record in self.nodes.items():
            stat = stat_of(record)
            own = self.children.get(ROOT if path == b"/" else path, {})
            invariant(stat.num_children == len(own), "numChildren is wrong", path=path)
            invariant(stat.data_length == max(0, len(record) - 72), "length", path=path)
            if stat.ephemeral_owner:
                listed = path in self.ephemerals.get(stat.ephemeral_owner, ())
                invariant(listed, "an ephemeral is not listed", path=path)
            if path not in (ROOT, b"/"):
                names = self.children.get(parent_of(path), {})
                invariant(path.rpartition(b"/")[2] in names, "not among children", path=path)
        total = sum(
            len(path) + stat_of(record).data_length
            for path, record in self.nodes.items()
            if path != b"/"
        )
        invariant(total == self.data_bytes, "data_bytes", told=self.data_bytes, real=total)


def _length(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") if data else _ZERO_LENGTH
