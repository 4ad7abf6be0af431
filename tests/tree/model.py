"""A naive model of the znode tree: one object per znode, and a deep copy for every multi.

Written from the protocol's description and not from the tree: it is slow and plain, so
that it can be compared with the real one. Paths are str, error codes plain numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

OPEN: Final = ((31, "world", "anyone"),)
READ, WRITE, CREATE, DELETE, ADMIN = 1, 2, 4, 8, 16
AclList = tuple[tuple[int, str, str], ...]
Who = tuple[tuple[str, str], ...]
SYSTEM: Final = ("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config")
QUOTA: Final = "/zookeeper/quota"


@dataclass
class Node:
    data: bytes | None
    acl: AclList
    czxid: int
    time: int
    owner: int = 0
    #: "" or "container" or "ttl".
    kind: str = ""
    ttl: int = 0
    mzxid: int = 0
    mtime: int = 0
    pzxid: int = 0
    version: int = 0
    aversion: int = 0
    #: Creations and deletions of children, which is what clients see as cversion.
    child_changes: int = 0
    created: int = 0

    def __post_init__(self) -> None:
        self.mzxid = self.pzxid = self.czxid
        self.mtime = self.time


def fresh() -> dict[str, Node]:
    nodes = {path: Node(b"", OPEN, 0, 0) for path in SYSTEM}
    nodes["/"].child_changes = -1
    nodes["/zookeeper"].child_changes = -2
    nodes["/zookeeper/config"].acl = ((READ, "world", "anyone"),)
    nodes["/zookeeper/config"].aversion = -1
    return nodes


def valid(path: str) -> bool:
    if path == "/":
        return True
    names = path.split("/")
    return (
        names[0] == "" and len(names) > 1 and all(name not in ("", ".", "..") for name in names[1:])
    )


def parent(path: str) -> str:
    return path[: path.rindex("/")] or "/"


def numbers(node: Node) -> dict[str, int]:
    pairs = (node.data or b"").decode().replace(";", ",").split(",")
    return {p.split("=")[0]: int(p.split("=")[1]) for p in pairs if "=" in p}


@dataclass
class Model:
    enforce_quota: bool = False
    nodes: dict[str, Node] = field(default_factory=fresh)

    def children(self, path: str) -> list[str]:
        return sorted(p for p in self.nodes if p != "/" and parent(p) == path)

    def allowed(self, path: str, bit: int, who: Who) -> bool:
        return any(
            perms & bit and ((scheme, ident) == ("world", "anyone") or (scheme, ident) in who)
            for perms, scheme, ident in self.nodes[path].acl
        )

    def stat(self, path: str) -> tuple[int, ...]:
        n = self.nodes[path]
        size = len(n.data or b"")
        count = len(self.children(path))
        times = (n.czxid, n.mzxid, n.time, n.mtime)
        versions = (n.version, n.child_changes, n.aversion)
        return (*times, *versions, n.owner, size, count, n.pzxid)

    # Quotas: only paths that have a limits znode count, the longest first.

    def governing(self, path: str) -> str | None:
        while path != "/":
            if f"{QUOTA}{path}/zookeeper_limits" in self.nodes:
                return path
            path = parent(path)
        return None

    def usage(self, path: str) -> tuple[int, int]:
        below = [n for p, n in self.nodes.items() if p == path or p.startswith(path + "/")]
        return len(below), sum(len(n.data or b"") for n in below)

    def stats_of(self, path: str) -> tuple[Node | None, dict[str, int], dict[str, int]]:
        """The stats znode of the quota above ``path``, what it says, and the limits."""
        governed = self.governing(path)
        stats = self.nodes.get(f"{QUOTA}{governed}/zookeeper_stats")
        if governed is None or stats is None:
            return None, {}, {}
        return stats, numbers(stats), numbers(self.nodes[f"{QUOTA}{governed}/zookeeper_limits"])

    def account(self, path: str, count: int, size: int) -> None:
        stats, used, _ = self.stats_of(path)
        if stats is not None:
            text = f"count={used['count'] + count},bytes={used['bytes'] + size}"
            stats.data = text.encode()

    def exceeds(self, path: str, count: int, size: int) -> bool:
        stats, used, limits = self.stats_of(path)
        if stats is None or not self.enforce_quota:
            return False
        most, longest = limits.get("countHardLimit", -1), limits.get("byteHardLimit", -1)
        return (count != 0 and -1 < most < used["count"] + count) or (
            size != 0 and -1 < longest < used["bytes"] + size
        )

    # Writes: each returns an error code, or what it made.

    def create(
        self, path: str, data: bytes | None, acl: AclList, who: Who, zxid: int, now: int,
        *, sequential: bool = False, owner: int = 0, kind: str = "", ttl: int = 0,
    ) -> int | str:  # fmt: skip
        if "/" not in path:
            return -8
        if not acl:
            return -114
        above = parent(path)
        if above not in self.nodes:
            return -101
        if not self.allowed(above, CREATE, who):
            return -102
        if sequential:
            path += f"{self.nodes[above].created:010d}"
        if not valid(path):
            return -8
        if path in self.nodes:
            return -110
        if self.nodes[above].owner:
            return -108
        if self.exceeds(path, 1, len(data or b"")):
            return -125
        self.nodes[path] = Node(data, tuple(dict.fromkeys(acl)), zxid, now, owner, kind, ttl)
        self.nodes[above].created += 1
        self.nodes[above].child_changes += 1
        self.nodes[above].pzxid = zxid
        if above.startswith(QUOTA) and path.endswith("/zookeeper_stats"):
            count, size = self.usage(above[len(QUOTA) :])
            self.nodes[path].data = f"count={count},bytes={size}".encode()
        self.account(path, 1, len(data or b""))
        return path

    def delete(self, path: str, version: int, who: Who, zxid: int) -> int:
        if "/" not in path or path in SYSTEM:
            return -8
        if parent(path) not in self.nodes:
            return -101
        if not self.allowed(parent(path), DELETE, who):
            return -102
        if path not in self.nodes:
            return -101
        if version not in (-1, self.nodes[path].version):
            return -103
        if self.children(path):
            return -111
        self.remove(path, zxid)
        return 0

    def remove(self, path: str, zxid: int) -> None:
        node = self.nodes.pop(path)
        self.nodes[parent(path)].child_changes += 1
        self.nodes[parent(path)].pzxid = zxid
        self.account(path, -1, -len(node.data or b""))

    def refusal(self, path: str, bit: int, who: Who, acl: AclList = OPEN) -> int:
        """What is wrong with a write to an existing znode, apart from quota and version."""
        if not valid(path):
            return -8
        if not acl:
            return -114
        if path not in self.nodes:
            return -101
        return 0 if self.allowed(path, bit, who) else -102

    def set_data(
        self, path: str, data: bytes | None, version: int, who: Who, zxid: int, now: int
    ) -> int:
        if code := self.refusal(path, WRITE, who):
            return code
        node = self.nodes[path]
        more = len(data or b"") - len(node.data or b"")
        if self.exceeds(path, 0, more):
            return -125
        if version not in (-1, node.version):
            return -103
        node.data, node.mzxid, node.mtime = data, zxid, now
        node.version += 1
        self.account(path, 0, more)
        return 0

    def set_acl(self, path: str, acl: AclList, version: int, who: Who) -> int:
        if code := self.refusal(path, ADMIN, who, acl):
            return code
        if version not in (-1, self.nodes[path].aversion):
            return -103
        self.nodes[path].acl = tuple(dict.fromkeys(acl))
        self.nodes[path].aversion += 1
        return 0

    def check(self, path: str, version: int, who: Who) -> int:
        if code := self.refusal(path, READ, who):
            return code
        return 0 if version in (-1, self.nodes[path].version) else -103

    def delete_container(self, path: str, zxid: int) -> int:
        if path not in self.nodes:
            return -101
        if self.children(path):
            return -111
        if not self.nodes[path].kind:
            return -103
        self.remove(path, zxid)
        return 0

    def end_session(self, owner: int, zxid: int) -> list[str]:
        own = [path for path, node in self.nodes.items() if owner and node.owner == owner]
        for path in own:
            self.remove(path, zxid)
        return own
