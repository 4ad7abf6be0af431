"""The tree does what a naive model of it does, step by step."""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.tree import arguments as real
from tests.tree.model import CREATE, DELETE, OPEN, READ, AclList, Model, Who, parent
from zkserver.tree.acl import Identities
from zkserver.tree.node import CONTAINER_MARKER, is_ttl, ttl_of
from zkserver.tree.tree import TreeRules, ZnodeTree
from zkserver.wire.opcodes import Op

NOBODY: Final[Who] = (("ip", "127.0.0.1"),)
USER: Final[Who] = (*NOBODY, ("digest", "u:hash"))
callers = st.sampled_from((NOBODY, USER))

LIMITS, STATS = "/zookeeper_limits", "/zookeeper_stats"
names = st.sampled_from(("a", "b", "c"))
deep = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
odd = st.sampled_from(("/", "", "a", "/a/", "//", "/a//b", "/a/.", "/..", "/zookeeper", "/.a"))
quota_paths = st.sampled_from(
    ["/zookeeper/quota/a" + end for end in ("", LIMITS, STATS, "/b", "/b" + LIMITS, "/b" + STATS)]
)
# The common ones first, so that most steps concern znodes which exist.
paths = st.one_of(deep, deep, deep, odd, quota_paths)
contents = st.none() | st.sampled_from((b"", b"x", b"four", b"a longer text"))
limits = st.sampled_from(
    (b"count=3,bytes=9", b"count=-1,bytes=-1=;byteHardLimit=20;countHardLimit=4", b"count=1")
)
acls: st.SearchStrategy[AclList] = st.sampled_from(
    (
        OPEN,
        OPEN,
        OPEN,
        (),
        ((READ, "world", "anyone"),),
        ((31, "digest", "u:hash"), (31, "digest", "u:hash")),
        ((31, "digest", "u:hash"), (READ | CREATE, "world", "anyone")),
        ((31 & ~DELETE, "world", "anyone"),),
    )
)
versions = st.sampled_from((-1, -1, -1, 0, 1, 2))
sessions = st.sampled_from((7, 8))
makes = st.sampled_from(
    ("plain", "plain", "ephemeral", "sequential", "ephemeral sequential", "container", "ttl")
)
#: kind of create -> operation, flags
OPS: Final = {
    "plain": (Op.CREATE, 0),
    "ephemeral": (Op.CREATE2, 1),
    "sequential": (Op.CREATE, 2),
    "ephemeral sequential": (Op.CREATE, 3),
    "container": (Op.CREATE_CONTAINER, 4),
    "ttl": (Op.CREATE_TTL, 5),
}


def as_bytes(pairs: AclList) -> tuple[tuple[int, bytes, bytes], ...]:
    return tuple((perms, scheme.encode(), ident.encode()) for perms, scheme, ident in pairs)


def identities(who: Who) -> Identities:
    return tuple((scheme.encode(), ident.encode()) for scheme, ident in who)


def writable(some: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Without the stats znodes, whose text is the server's own."""
    return some.filter(lambda path: not path.endswith(STATS))


class TreeAgainstModel(RuleBasedStateMachine):
    """Runs every write on both, compares the results, and after each all znodes."""

    enforce_quota = False

    def __init__(self) -> None:
        super().__init__()
        self.tree = ZnodeTree(TreeRules(enforce_quota=self.enforce_quota))
        self.model = Model(enforce_quota=self.enforce_quota)
        self.zxid = 0

    def next_zxid(self) -> int:
        self.zxid += 1
        return self.zxid

    def do_create(
        self, path: str, data: bytes | None, acl: AclList, who: Who, make: str, session: int
    ) -> int:
        op, flags = OPS[make]
        ttl = 50 if make == "ttl" else 0
        told = real.create(
            self.tree, path.encode(), data, acl=as_bytes(acl), flags=flags, op=op, ttl_ms=ttl,
            session_id=session, identities=identities(who), zxid=self.zxid, time_ms=self.zxid * 10,
        )  # fmt: skip
        expected = self.model.create(
            path, data, acl, who, self.zxid, self.zxid * 10,
            sequential="sequential" in make,
            owner=session if "ephemeral" in make else 0,
            kind=make if make in ("container", "ttl") else "", ttl=ttl,
        )  # fmt: skip
        assert told == (expected.encode() if isinstance(expected, str) else expected)
        return expected if isinstance(expected, int) else 0

    def do_delete(self, path: str, version: int, who: Who) -> int:
        expected = self.model.delete(path, version, who, self.zxid)
        told = real.delete(
            self.tree, path.encode(), version=version, identities=identities(who), zxid=self.zxid
        )
        assert told == expected
        return expected

    def do_set_data(self, path: str, data: bytes | None, version: int, who: Who) -> int:
        expected = self.model.set_data(path, data, version, who, self.zxid, self.zxid * 10)
        told = real.set_data(
            self.tree, path.encode(), data, version=version, identities=identities(who),
            zxid=self.zxid, time_ms=self.zxid * 10,
        )  # fmt: skip
        assert told == expected
        return expected

    def do_check(self, path: str, version: int, who: Who) -> int:
        expected = self.model.check(path, version, who)
        assert real.check(self.tree, path.encode(), version, identities(who)) == expected
        return expected

    @rule(path=paths, data=contents, acl=acls, who=callers, make=makes, session=sessions)
    def create(
        self, path: str, data: bytes | None, acl: AclList, who: Who, make: str, session: int
    ) -> None:
        self.next_zxid()
        self.do_create(path, data, acl, who, make, session)

    @rule(top=st.sampled_from(("/a", "/a/b")), text=limits)
    def set_quota(self, top: str, text: bytes) -> None:
        self.next_zxid()
        at = "/zookeeper/quota"
        for name in top.split("/")[1:]:
            at += "/" + name
            self.do_create(at, b"", OPEN, NOBODY, "plain", 7)
        self.do_create(at + LIMITS, text, OPEN, NOBODY, "plain", 7)
        self.do_create(at + STATS, b"", OPEN, NOBODY, "plain", 7)

    @rule(path=paths, version=versions, who=callers)
    def delete(self, path: str, version: int, who: Who) -> None:
        self.next_zxid()
        self.do_delete(path, version, who)

    # A stats znode is the server's own: writing other text into it is a test of its own.
    @rule(path=deep | odd, data=contents, version=versions, who=callers)
    def set_data(self, path: str, data: bytes | None, version: int, who: Who) -> None:
        self.next_zxid()
        self.do_set_data(path, data, version, who)

    @rule(path=paths, acl=acls, version=versions, who=callers)
    def set_acl(self, path: str, acl: AclList, version: int, who: Who) -> None:
        self.next_zxid()
        expected = self.model.set_acl(path, acl, version, who)
        told = real.set_acl(
            self.tree, path.encode(), as_bytes(acl), version=version, identities=identities(who)
        )
        assert told == expected

    @rule(path=paths, version=versions, who=callers)
    def check(self, path: str, version: int, who: Who) -> None:
        self.do_check(path, version, who)

    @rule(path=paths)
    def delete_container(self, path: str) -> None:
        if path == "/" or not path:
            return
        zxid = self.next_zxid()
        told = self.tree.delete_container(path.encode(), zxid)
        assert (told or 0) == self.model.delete_container(path, zxid)

    @rule(session=sessions)
    def end_session(self, session: int) -> None:
        zxid = self.next_zxid()
        gone = self.tree.end_session(session, zxid)
        assert sorted(gone) == sorted(p.encode() for p in self.model.end_session(session, zxid))

    @rule(data=st.data(), length=st.integers(1, 6), must_fail=st.booleans())
    def multi(self, data: st.DataObject, length: int, must_fail: bool) -> None:
        """All of it or nothing; a failing one must leave no trace, the digest included."""
        self.next_zxid()
        before = deepcopy(self.model.nodes)
        digest = self.tree.digest.fold(self.tree.nodes)
        self.tree.begin()
        failed = 0
        for _ in range(length):
            # Mostly paths that exist, so that a multi gets far before it fails.
            at = st.one_of(st.sampled_from(sorted(self.model.nodes)), paths)
            kind = data.draw(st.sampled_from(("create", "delete", "set", "check")))
            who = data.draw(callers)
            if kind == "create":
                failed = self.do_create(
                    data.draw(paths), data.draw(contents), data.draw(acls), who,
                    data.draw(makes), data.draw(sessions),
                )  # fmt: skip
            elif kind == "delete":
                failed = self.do_delete(data.draw(at), data.draw(versions), who)
            elif kind == "set":
                failed = self.do_set_data(
                    data.draw(writable(at)), data.draw(contents), data.draw(versions), who
                )
            else:
                failed = self.do_check(data.draw(at), data.draw(versions), who)
            if failed:
                break
        if failed or must_fail:
            self.tree.rollback()
            self.model.nodes = before
            assert self.tree.digest.fold(self.tree.nodes) == digest
        else:
            self.tree.commit()

    @invariant()
    def tree_equals_model(self) -> None:
        tree, model = self.tree, self.model
        tree.check_invariants()
        assert {p.decode() for p in tree.nodes if p} == set(model.nodes)
        for path, node in model.nodes.items():
            key = path.encode()
            assert real.data(tree, key) == node.data, path
            assert tuple(real.stat(tree, key)) == model.stat(path), path
            acl = tree.acls.get(key)
            assert (OPEN if acl is None else node.acl) == node.acl
            assert acl is None or acl == as_bytes(node.acl)
            alias = b"" if path == "/" else key
            assert tree.created.get(alias, 0) == node.created, path
            marker = tree.special.get(key)
            assert (marker is not None) == bool(node.kind)
            if marker is not None:
                assert is_ttl(marker) == (node.kind == "ttl")
                assert marker == CONTAINER_MARKER or ttl_of(marker) == node.ttl

    @invariant()
    def side_tables_hold_nothing_stale(self) -> None:
        tree, model = self.tree, self.model
        for table in (tree.acls, tree.special, tree.created, tree.children, tree.listings):
            assert set(table) <= set(tree.nodes)
        owned = {p for own in tree.ephemerals.values() for p in own}
        assert {p.decode() for p in owned} == {p for p, n in model.nodes.items() if n.owner}
        governed = {
            p[len("/zookeeper/quota") : -len(LIMITS)] for p in model.nodes if p.endswith(LIMITS)
        }
        assert {p.decode() for p in tree.quotas} == {p for p in governed if p}
        for path in model.nodes:
            own = tree.children.get(b"" if path == "/" else path.encode(), {})
            mine = [p.rpartition("/")[2].encode() for p in model.children(path)]
            assert sorted(own) == sorted(mine)
            if path != "/":
                assert parent(path) in model.nodes


class TreeAgainstModelWithHardQuotas(TreeAgainstModel):
    enforce_quota = True


TestTree = TreeAgainstModel.TestCase
TestTreeWithHardQuotas = TreeAgainstModelWithHardQuotas.TestCase
TestTree.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
TestTreeWithHardQuotas.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
