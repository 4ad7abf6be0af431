"""The plain ways of writing come to the same tree as the general ones."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from zkserver.replica.connection import Caller
from zkserver.replica.plain_multi import multi_of_sets
from zkserver.replica.writes import Execution
from zkserver.tree.acl import OPEN
from zkserver.tree.plain import create_plain, delete_plain
from zkserver.tree.tree import ZnodeTree
from zkserver.wire.jute import INT, Reader, pack_buffer
from zkserver.wire.opcodes import CreateMode, Op
from zkserver.wire.records import MULTI_END, MULTI_HEAD

#: Short names, so that paths meet, and odd ones, which the plain ways must leave alone.
NAMES = st.sampled_from(
    [b"a", b"b", b"c-1", b"", b".", b"..", b"x\x01", b"\xc3\xbc", b"\xff", b"zookeeper", b"quota"]
)
PATHS = st.lists(NAMES, min_size=0, max_size=4).map(lambda names: b"/" + b"/".join(names)) | (
    st.sampled_from([b"", b"a", b"//a", b"/", b"//", b"/a/", b"/zookeeper/quota/x"])
)
SESSION = 0x1000
WORLD = (((1, b"world", b"anyone"),), ((31, b"digest", b"u:h"),), OPEN)

CREATE = st.tuples(st.just("create"), PATHS, st.binary(max_size=4))
DELETE = st.tuples(st.just("delete"), PATHS, st.sampled_from([-1, 0, 1]))
SET = st.tuples(st.just("set"), PATHS, st.binary(max_size=4))
OTHER = st.tuples(
    st.sampled_from(["ephemeral", "sequential", "container", "locked"]), PATHS, st.just(b"d")
)
MULTI = st.tuples(
    st.just("multi"),
    st.lists(st.tuples(PATHS, st.binary(max_size=4), st.sampled_from([-1, 0, 1])), max_size=3),
    st.just(b""),
)
STEPS = st.lists(CREATE | CREATE | DELETE | SET | OTHER | MULTI, max_size=40)


def pack_multi(sets: list[tuple[bytes, bytes, int]]) -> bytes:
    parts = []
    for path, data, version in sets:
        parts.append(MULTI_HEAD.pack(Op.SET_DATA, 0, -1))
        parts.append(pack_buffer(path) + pack_buffer(data) + INT.pack(version))
    return b"".join(parts) + MULTI_END


def general(tree: ZnodeTree, step: tuple[str, object, object], zxid: int) -> object:
    kind, first, second = step
    if kind == "multi":
        execution = Execution(tree, Caller(SESSION, ()), zxid, zxid)
        return execution.run(Op.MULTI, Reader(pack_multi(first)))  # type: ignore[arg-type]
    assert isinstance(first, bytes)
    if kind == "delete":
        assert isinstance(second, int)
        return tree.delete(first, second, (), zxid)
    assert isinstance(second, bytes)
    if kind == "set":
        return tree.set_data(first, pack_buffer(second), -1, (), zxid, zxid)
    flags = {"ephemeral": CreateMode.EPHEMERAL, "sequential": CreateMode.PERSISTENT_SEQUENTIAL}
    op = Op.CREATE_CONTAINER if kind == "container" else Op.CREATE
    mode = CreateMode.CONTAINER if kind == "container" else flags.get(kind, CreateMode.PERSISTENT)
    acl = WORLD[0] if kind == "locked" else OPEN
    return tree.create(op, first, second, acl, mode, 0, SESSION, (), zxid, zxid)


def plain(tree: ZnodeTree, step: tuple[str, object, object], zxid: int) -> object:
    """The plain way where it takes the step, else the general one; and what it says."""
    kind, first, second = step
    if kind == "create" and create_plain(
        tree,
        first,  # type: ignore[arg-type]
        pack_buffer(second),  # type: ignore[arg-type]
        zxid,
        zxid,
    ):
        assert isinstance(first, bytes)
        return first, tree.nodes[first][-68:]
    if kind == "delete" and delete_plain(tree, first, second, zxid):  # type: ignore[arg-type]
        return b""
    if kind == "multi":
        record = pack_multi(first)  # type: ignore[arg-type]
        done = multi_of_sets(tree, record, 0, len(record), zxid, zxid)
        if done is not None:
            return done[1]
    return general(tree, step, zxid)


@settings(deadline=None)
@given(STEPS)
def test_plain_writes_leave_the_tree_that_general_ones_leave(
    steps: list[tuple[str, object, object]],
) -> None:
    one, other = ZnodeTree(), ZnodeTree()
    for zxid, step in enumerate(steps, start=1):
        assert plain(one, step, zxid) == general(other, step, zxid)
    one.check_invariants()
    for name in ("nodes", "children", "created", "acls", "special", "ephemerals", "data_bytes"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.digest.fold(one.nodes) == other.digest.fold(other.nodes)


def test_plain_ways_take_what_is_plain() -> None:
    tree = ZnodeTree()
    general(tree, ("create", b"/a", b"x"), 1)
    # Only a parent that had a child before is known to be no ephemeral without looking.
    general(tree, ("create", b"/a/first", b"x"), 1)
    assert create_plain(tree, b"/a/b", pack_buffer(b"x"), 2, 2)
    record = pack_multi([(b"/a", b"y", 0), (b"/a/b", b"z", -1)])
    assert multi_of_sets(tree, record, 0, len(record), 3, 3) is not None
    assert delete_plain(tree, b"/a/b", 1, 4)


def test_plain_ways_leave_the_rest_alone() -> None:
    tree = ZnodeTree()
    raw = pack_buffer(b"x")
    for path in (b"//a", b"/none/a", b"/", b"", b"/zookeeper/quota/x", b"/zookeeper/config"):
        assert not create_plain(tree, path, raw, 1, 1)
    for path in (b"/", b"/zookeeper", b"/zookeeper/config", b"", b"//a"):
        assert not delete_plain(tree, path, -1, 1)
    for record in (b"", struct.pack(">ibi", 5, 0, -1), pack_multi([(b"/none", b"", -1)])):
        assert multi_of_sets(tree, record, 0, len(record), 1, 1) is None
