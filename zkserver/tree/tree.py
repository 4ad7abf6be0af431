"""The znode tree: its state, and what every write does to it.

Each write takes what its log entry holds (arguments, identities, zxid, time) and
returns the body of the reply, or the error code as an ``int`` when it is refused; a
refused write changes nothing. The order of the checks is Apache's
(``PrepRequestProcessor.pRequest2Txn``), since clients see the first one that fails.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from zkserver.errors import invariant
from zkserver.tree import quota
from zkserver.tree.acl import (
    OPEN,
    READABLE,
    AclList,
    GivenAcl,
    Identities,
    allows,
    fix_acl,
)
from zkserver.tree.digest import TreeDigest
from zkserver.tree.node import (
    CHILDREN_TAIL_BYTES,
    CONTAINER_MARKER,
    LENGTH,
    NULL_DATA,
    STAT,
    STAT_BYTES,
    STAT_FOR_CHILDREN,
    STAT_FOR_DATA,
    TTL_MAX_MS,
    VERSION,
    Stat,
    data_of,
    pack_record,
    stat_of,
    ttl_marker,
    wrap32,
)
from zkserver.tree.paths import is_valid, is_valid_name, parent_of
from zkserver.wire.opcodes import TTL_MODES, Code, CreateMode, Op, Perm

ROOT: Final = b""
CONFIG_PATH: Final = b"/zookeeper/config"
#: Paths that cannot be deleted (``PrepRequestProcessor.pRequest2Txn``, OpCode.delete).
SYSTEM_PATHS: Final = frozenset((b"/", b"/zookeeper", b"/zookeeper/quota", CONFIG_PATH))

_SEQUENTIAL: Final = (
    CreateMode.PERSISTENT_SEQUENTIAL,
    CreateMode.EPHEMERAL_SEQUENTIAL,
    CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL,
)
_EPHEMERAL: Final = (CreateMode.EPHEMERAL, CreateMode.EPHEMERAL_SEQUENTIAL)
_PLAIN: Final = (Op.CREATE, Op.CREATE2)
_NO_OWNER: Final = bytes(8)
_WITH_DIGEST: Final = frozenset((b"digest", b"ip"))
_X509: Final = frozenset((b"x509",))
_SASL: Final = frozenset((b"sasl",))
_WITHOUT_DIGEST: Final = frozenset((b"ip",))


@dataclass(frozen=True, slots=True)
class TreeRules:
    """The settings that decide what writes do.

    They belong to a write as the leader took it, and travel with it: replicas that are
    configured differently, and this server when it replays its log after a change of its
    configuration, come to the same result.
    """

    #: TTL znodes may be created (``extendedTypesEnabled``).
    extended_types: bool = True
    #: Hard quotas refuse writes (``enforceQuota``).
    enforce_quota: bool = False
    #: No permission is checked (``skipACL``).
    skip_acl: bool = False
    #: reconfig may be asked for (``reconfigEnabled``).
    reconfig_enabled: bool = False
    #: The last two voters may not become one (``standaloneEnabled``).
    standalone_enabled: bool = True
    #: ACL entries may name users by their digest.
    digest_scheme: bool = True
    #: ACL entries may name users by their certificates.
    x509_scheme: bool = False
    #: ACL entries may name users who log in by SASL.
    sasl_scheme: bool = False

    @property
    def schemes(self) -> frozenset[bytes]:
        """The schemes that an ACL entry may name, besides world and auth."""
        schemes = _WITH_DIGEST if self.digest_scheme else _WITHOUT_DIGEST
        if self.x509_scheme:
            schemes |= _X509
        return schemes | _SASL if self.sasl_scheme else schemes

    def packed(self) -> int:
        """A byte with a bit for each rule, in their order."""
        return sum(
            getattr(self, one.name) << bit for bit, one in enumerate(dataclasses.fields(self))
        )

    @classmethod
    def unpacked(cls, bits: int) -> TreeRules:
        """The rules of a byte; those of higher bits are none of ours."""
        names = (one.name for one in dataclasses.fields(cls))
        return cls(**{name: bool(bits >> bit & 1) for bit, name in enumerate(names)})


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
        #: Tables that hold something about few znodes, keyed by path.
        self._side_tables: tuple[dict[bytes, Any], ...] = (
            self.acls,
            self.special,
            self.created,
            self.children,
            self.listings,
        )
        #: ACLs of znodes that are gone, kept until their events are sent.
        self.removed_acls: dict[bytes, AclList] = {}
        #: While a multi runs: what undoes its changes, in their order.
        self._journal: list[tuple[Callable[..., object], tuple[Any, ...]]] | None = None
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
        path: bytes | None,
        data: bytes | None,
        acl: GivenAcl,
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
        refusal = self._refuse_mode(op, flags, ttl_ms) if flags or op not in _PLAIN else 0
        if refusal:
            return refusal
        place = self._place(path, acl, flags, identities)
        if isinstance(place, int):
            return place
        path, parent, fixed = place
        size = 0 if data is None else len(data)
        if self.rules.enforce_quota and self._over_quota(path, size, 1):
            return Code.QUOTA_EXCEEDED
        owner = 0
        if op in _PLAIN:
            owner = session_id if flags in _EPHEMERAL else 0
        else:
            self.special[path] = (
                CONTAINER_MARKER if op == Op.CREATE_CONTAINER else ttl_marker(ttl_ms)
            )
        stat = STAT.pack(zxid, zxid, time_ms, time_ms, 0, 0, 0, owner, size, 0, zxid)
        record = (NULL_DATA if data is None else LENGTH.pack(size) + data) + stat
        if fixed is not OPEN and fixed != OPEN:
            self.acls[path] = fixed
        if owner:
            self.ephemerals.setdefault(owner, {})[path] = None
        self._insert(path, record, parent, zxid)
        self.data_bytes += len(path) + size
        if parent.startswith(quota.QUOTA_ROOT):
            self._quota_node_created(parent, path[len(parent) + 1 :])
        if self.quotas:
            self._account(path, size, 1)
        return path, stat

    def _place(
        self, path: bytes | None, acl: GivenAcl, flags: int, identities: Identities
    ) -> tuple[bytes, bytes, AclList] | int:
        """Where a create goes: final path, parent and the ACL as stored, or the error code."""
        if path is None:
            return Code.MARSHALLING_ERROR
        slash = path.rfind(b"/")
        if slash < 0 or b"\0" in path:
            return Code.BAD_ARGUMENTS
        fixed = OPEN if acl is OPEN else fix_acl(acl, identities, self.rules.schemes)
        if isinstance(fixed, int):
            return fixed
        parent = path[:slash]
        parent_record = self.nodes.get(parent)
        if parent_record is None:
            return Code.NO_NODE
        if parent in self.acls and not self.permits(parent, Perm.CREATE, identities):
            return Code.NO_AUTH
        if flags in _SEQUENTIAL:
            path += b"%010d" % self.created.get(parent, 0)
        name = path[slash + 1 :]
        # The parent exists, so its path is valid; only the new component is looked at.
        if not name.isalnum() and not is_valid_name(name) and path != b"/":
            return Code.BAD_ARGUMENTS
        if parent == b"/":
            # "//x": its parent is the root by that name, but no path has two slashes.
            return Code.BAD_ARGUMENTS
        if path in self.nodes:
            return Code.NODE_EXISTS
        if parent_record[-24:-16] != _NO_OWNER:
            return Code.NO_CHILDREN_FOR_EPHEMERALS
        return path, parent, fixed

    def _refuse_mode(self, op: int, flags: int, ttl_ms: int) -> int:
        """The error of a create's flags and ttl, 0 when they are fine."""
        if not 0 <= flags <= CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL:
            return Code.BAD_ARGUMENTS
        if flags in TTL_MODES:
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
        record: bytes,
        parent: bytes,
        zxid: int,
    ) -> None:
        """Put a checked znode into the tree and count it in its parent."""
        parent_record = self.nodes[parent]
        touched = self.digest.touched
        if path not in touched:
            touched[path] = None
        self.nodes[path] = record
        names = self.children.get(parent)
        if names is None:
            names = self.children[parent] = {}
        names[path[len(parent) + 1 :]] = None
        created = self.created.get(parent, 0)
        self.created[parent] = created + 1 if created < 0x7FFFFFFF else -0x80000000
        if self._journal is not None:
            self._journal.append((self._uncreate, (path, parent, parent_record, created)))
        self._put_parent(parent, parent_record, 1, zxid)

    def delete(self, path: bytes, version: int, identities: Identities, zxid: int) -> bytes | int:
        """Delete a znode; ``version`` -1 means any. Returns an empty body or an error code."""
        slash = path.rfind(b"/")
        if slash < 0 or b"\0" in path or path in SYSTEM_PATHS:
            return Code.BAD_ARGUMENTS
        parent = path[:slash]
        if parent not in self.nodes:
            return Code.NO_NODE
        if parent in self.acls and not self.permits(parent, Perm.DELETE, identities):
            return Code.NO_AUTH
        record = self.nodes.get(path)
        if record is None:
            return Code.NO_NODE
        if version != -1 and VERSION.unpack_from(record, len(record) - 36)[0] != version:
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
        touched = self.digest.touched
        if path not in touched:
            touched[path] = record
        if self._journal is not None:
            self._journal.append((self._undelete, self._remembered(path, parent, record)))
        del self.nodes[path]
        if record[-24:-16] != _NO_OWNER:
            self._disown(path, stat_of(record).ephemeral_owner)
        if path in self.acls:
            self.removed_acls[path] = self.acls[path]
        for table in self._side_tables:
            if path in table:
                del table[path]
        del self.children[parent][path[len(parent) + 1 :]]
        self._put_parent(parent, self.nodes[parent], -1, zxid)
        size = max(0, len(record) - STAT_BYTES - 4)
        self.data_bytes -= len(path) + size
        if parent.startswith(quota.QUOTA_ROOT) and path.endswith(b"/" + quota.LIMITS):
            covered = quota.covered_path(parent)
            if covered in self.quotas:
                del self.quotas[covered]
                if self._journal is not None:
                    self._journal.append((self.quotas.__setitem__, (covered, None)))
        if self.quotas:
            self._account(path, -size, -1)

    def _disown(self, path: bytes, owner: int) -> None:
        own = self.ephemerals[owner]
        del own[path]
        if not own:
            del self.ephemerals[owner]

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
        if path == b"/":
            nodes[ROOT] = nodes[path]
            touched.setdefault(ROOT, record)
        elif path not in touched:
            touched[path] = record
        if self._journal is not None:
            self._journal.append((self._put, (path, record)))
        self.data_bytes += size - old_size
        if self.quotas:
            self._account(path, size - old_size, 0)
        return stat

    def set_acl(
        self, path: bytes, acl: GivenAcl, version: int, identities: Identities
    ) -> bytes | int:
        """Replace the ACL of a znode; only aversion changes. Returns the Stat or an error code."""
        if not is_valid(path):
            return Code.BAD_ARGUMENTS
        fixed = fix_acl(acl, identities, self.rules.schemes)
        if isinstance(fixed, int):
            return fixed
        record = self.nodes.get(path)
        if record is None:
            return Code.NO_NODE
        if not self.permits(path, Perm.ADMIN, identities):
            return Code.NO_AUTH
        stat = stat_of(record)
        if version not in (-1, stat.aversion):
            return Code.BAD_VERSION
        stat = stat._replace(aversion=wrap32(stat.aversion + 1))
        self._put(path, record[:-STAT_BYTES] + STAT.pack(*stat))
        for alias in (ROOT, b"/") if path == b"/" else (path,):
            if fixed == OPEN:
                self.acls.pop(alias, None)
            else:
                self.acls[alias] = fixed
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
        """Undo everything since :meth:`begin`, last change first."""
        journal, self._journal = self._journal, None
        for undo, facts in reversed(journal or ()):
            undo(*facts)
        self.data_bytes = self._data_bytes_before

    def _uncreate(self, path: bytes, parent: bytes, parent_record: bytes, created: int) -> None:
        record = self.nodes.pop(path)
        if record[-24:-16] != _NO_OWNER:
            self._disown(path, stat_of(record).ephemeral_owner)
        for table in self._side_tables:
            table.pop(path, None)
        del self.children[parent][path[len(parent) + 1 :]]
        self.created[parent] = created
        self._put(parent, parent_record)

    def _remembered(self, path: bytes, parent: bytes, record: bytes) -> tuple[Any, ...]:
        """All that :meth:`_undelete` needs to put a znode back."""
        aside = [(table, table[path]) for table in self._side_tables if path in table]
        return path, record, parent, self.nodes[parent], aside

    def _undelete(
        self,
        path: bytes,
        record: bytes,
        parent: bytes,
        parent_record: bytes,
        aside: list[tuple[dict[bytes, Any], Any]],
    ) -> None:
        self.nodes[path] = record
        for table, value in aside:
            table[path] = value
        if record[-24:-16] != _NO_OWNER:
            self.ephemerals.setdefault(stat_of(record).ephemeral_owner, {})[path] = None
        self.children[parent][path[len(parent) + 1 :]] = None
        self._put(parent, parent_record)

    # The primitives.

    def _put(self, path: bytes, record: bytes) -> None:
        """Replace the record of an existing znode; the root's under both its names."""
        if path == b"/":
            path = ROOT
        touched = self.digest.touched
        if path not in touched:
            touched[path] = self.nodes[path]
        self.nodes[path] = record
        if path == ROOT:
            self.nodes[b"/"] = record
            self.listings.pop(b"/", None)
        if path in self.listings:
            del self.listings[path]

    def _put_parent(self, parent: bytes, record: bytes, more: int, zxid: int) -> None:
        """Count one child more or less in the parent's Stat."""
        start = len(record) - CHILDREN_TAIL_BYTES
        cversion, middle, children, _ = STAT_FOR_CHILDREN.unpack_from(record, start)
        cversion = cversion + 1 if cversion < 0x7FFFFFFF else -0x80000000
        changed = record[:start] + STAT_FOR_CHILDREN.pack(cversion, middle, children + more, zxid)
        self._put(parent, changed)

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
            self.quotas[covered] = None
            if self._journal is not None:
                self._journal.append((self.quotas.pop, (covered, None)))
        elif name == quota.STATS:
            count, size = self.usage(covered)
            text = quota.render({"count": count, "bytes": size})
            self._put_usage(covered, self.nodes[parent + b"/" + name], text)

    def _put_usage(self, covered: bytes, record: bytes, text: bytes) -> None:
        stat = stat_of(record)
        self.data_bytes += len(text) - stat.data_length
        if self._journal is not None:
            self._journal.append((self._put_if_there, (quota.stats_path(covered), record)))
        self._put(quota.stats_path(covered), pack_record(text, stat))

    def _put_if_there(self, path: bytes, record: bytes) -> None:
        """Undo a change of a usage znode, unless the same multi had just created it."""
        if path in self.nodes:
            self._put(path, record)

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
