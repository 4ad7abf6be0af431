"""Quotas keep count in the tree itself; containers and TTL znodes become due for removal."""

from __future__ import annotations

import pytest

from tests.tree.arguments import create, data, delete, set_data, stat
from zkserver.tree import quota
from zkserver.tree.containers import candidates
from zkserver.tree.tree import TreeRules, ZnodeTree
from zkserver.wire.opcodes import Code, Op

LIMITS = b"/zookeeper/quota%s/zookeeper_limits"
STATS = b"/zookeeper/quota%s/zookeeper_stats"


def set_quota(tree: ZnodeTree, path: bytes, text: bytes = b"count=1,bytes=1") -> None:
    at = b"/zookeeper/quota"
    for name in path.split(b"/")[1:]:
        at += b"/" + name
        create(tree, at)
    assert create(tree, LIMITS % path, text) == LIMITS % path
    assert create(tree, STATS % path) == STATS % path


@pytest.fixture
def tree() -> ZnodeTree:
    tree = ZnodeTree(TreeRules(enforce_quota=True))
    create(tree, b"/a", b"123")
    create(tree, b"/a/b", b"45")
    create(tree, b"/ab", b"outside")
    set_quota(tree, b"/a")
    return tree


def test_creating_the_stats_counts_what_is_there(tree: ZnodeTree) -> None:
    assert data(tree, STATS % b"/a") == b"count=2,bytes=5"


def test_every_change_below_is_counted_without_a_version(tree: ZnodeTree) -> None:
    before = stat(tree, STATS % b"/a")
    create(tree, b"/a/c", b"678", zxid=9)
    set_data(tree, b"/a/b", b"", zxid=10)
    delete(tree, b"/a/c", zxid=11)
    create(tree, b"/a/e", b"1", flags=1, session_id=5, zxid=12)
    tree.end_session(5, 13)
    assert data(tree, STATS % b"/a") == b"count=2,bytes=3"
    assert stat(tree, STATS % b"/a")._replace(data_length=before.data_length) == before
    tree.check_invariants()


def test_change_elsewhere_is_not_counted(tree: ZnodeTree) -> None:
    create(tree, b"/ab/c", b"x")
    set_data(tree, b"/ab", b"")
    assert data(tree, STATS % b"/a") == b"count=2,bytes=5"


def test_longest_matching_quota_counts(tree: ZnodeTree) -> None:
    set_quota(tree, b"/a/b")
    create(tree, b"/a/b/c", b"xyz")
    assert data(tree, STATS % b"/a/b") == b"count=2,bytes=5"
    assert data(tree, STATS % b"/a") == b"count=2,bytes=5"


def test_deleting_the_limits_ends_the_counting(tree: ZnodeTree) -> None:
    delete(tree, LIMITS % b"/a")
    create(tree, b"/a/c", b"x")
    assert data(tree, STATS % b"/a") == b"count=2,bytes=5"
    assert tree.quotas == {}


def test_rolled_back_multi_leaves_usage_and_limits_as_they_were(tree: ZnodeTree) -> None:
    before = (dict(tree.nodes), dict(tree.quotas), tree.data_bytes)
    tree.begin()
    create(tree, b"/a/c", b"678")
    set_quota(tree, b"/ab")
    delete(tree, LIMITS % b"/a")
    create(tree, b"/a/d", b"678")
    tree.rollback()
    assert (dict(tree.nodes), dict(tree.quotas), tree.data_bytes) == before
    create(tree, b"/a/c", b"6")
    assert data(tree, STATS % b"/a") == b"count=3,bytes=6"


@pytest.mark.parametrize("enforced", [False, True])
def test_hard_limit_refuses_only_when_it_is_enforced(enforced: bool) -> None:
    tree = ZnodeTree(TreeRules(enforce_quota=enforced))
    create(tree, b"/a")
    set_quota(tree, b"/a", b"count=-1,bytes=-1=;byteHardLimit=3;countHardLimit=2")
    assert set_data(tree, b"/a", b"123") == 0
    assert set_data(tree, b"/a", b"1234") == (Code.QUOTA_EXCEEDED if enforced else 0)
    set_data(tree, b"/a", b"")
    assert create(tree, b"/a/b") == b"/a/b"
    assert create(tree, b"/a/c") == (Code.QUOTA_EXCEEDED if enforced else b"/a/c")


def test_soft_limit_refuses_nothing(tree: ZnodeTree) -> None:
    assert create(tree, b"/a/c", b"far beyond") == b"/a/c"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"count=10,bytes=-1", {"count": 10, "bytes": -1}),
        (
            b"count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=7",
            {"count": -1, "bytes": -1, "byteHardLimit": 5, "countHardLimit": 7},
        ),
        (b"count=,bytes=2", {"count": -1, "bytes": 2}),
        (b"", {}),
        (None, {}),
        (b"nonsense,count=x,\xff", {}),
    ],
)
def test_text_of_a_quota_is_read(text: bytes | None, values: dict[str, int]) -> None:
    assert quota.parse(text) == values


def test_text_of_a_quota_is_written_as_apache_does() -> None:
    assert quota.render({"count": 1, "bytes": 2}) == b"count=1,bytes=2"
    full = {"count": -1, "bytes": -1, "countHardLimit": 7, "byteHardLimit": 5}
    assert quota.render(full) == b"count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=7"
    assert quota.parse(quota.render(full)) == full


def due(tree: ZnodeTree, now_ms: int, never_used_ms: int = 0) -> list[bytes]:
    return list(candidates(tree, now_ms, never_used_ms))


def test_container_is_due_once_its_last_child_is_gone() -> None:
    tree = ZnodeTree()
    create(tree, b"/c", op=Op.CREATE_CONTAINER, flags=4, time_ms=100)
    assert due(tree, 1 << 40) == []
    create(tree, b"/c/x")
    assert due(tree, 1 << 40) == []
    delete(tree, b"/c/x")
    assert due(tree, 0) == [b"/c"]


def test_container_that_never_had_a_child_is_due_only_if_so_configured() -> None:
    tree = ZnodeTree()
    create(tree, b"/c", op=Op.CREATE_CONTAINER, flags=4, time_ms=100)
    assert due(tree, 150, never_used_ms=50) == []
    assert due(tree, 151, never_used_ms=50) == [b"/c"]


def test_ttl_znode_is_due_when_it_was_not_written_for_longer_than_its_ttl() -> None:
    tree = ZnodeTree()
    create(tree, b"/t", op=Op.CREATE_TTL, flags=5, ttl_ms=50, time_ms=100)
    assert due(tree, 150) == []
    assert due(tree, 151) == [b"/t"]
    set_data(tree, b"/t", b"", time_ms=140)
    assert due(tree, 190) == []
    create(tree, b"/t/child", time_ms=150)
    assert due(tree, 1000) == []
    delete(tree, b"/t/child")
    assert due(tree, 191) == [b"/t"]


def test_removal_checks_again_that_the_container_is_empty() -> None:
    tree = ZnodeTree()
    create(tree, b"/c", op=Op.CREATE_CONTAINER, flags=4)
    create(tree, b"/c/x")
    assert tree.delete_container(b"/c", 5) == Code.NOT_EMPTY
    delete(tree, b"/c/x")
    assert tree.delete_container(b"/c", 6) == b""
    assert tree.special == {}
    tree.check_invariants()
