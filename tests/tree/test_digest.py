"""The digest: equal for equal trees, by whatever route, and different for different ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tree.arguments import create, delete, set_acl, set_data
from zkserver.tree.digest import HISTORY_MAX, TreeDigest
from zkserver.tree.tree import ZnodeTree

Step = Callable[[ZnodeTree], object]


def digest(tree: ZnodeTree) -> int:
    return tree.digest.fold(tree.nodes)


@given(st.permutations(list(range(5))))
def test_digest_does_not_depend_on_the_order_of_unrelated_writes(order: list[int]) -> None:
    trees = []
    for numbers in (range(5), order):
        tree = ZnodeTree()
        for name in (b"/0", b"/1", b"/2", b"/3", b"/4"):
            create(tree, name)
        for number in numbers:
            set_data(tree, b"/%d" % number, b"x" * number, zxid=number + 2, time_ms=number)
        trees.append(tree)
    assert trees[0].nodes == trees[1].nodes
    assert digest(trees[0]) == digest(trees[1])


STEPS: dict[str, Step] = {
    "set root": lambda tree: set_data(tree, b"/", b"r", zxid=2),
    "create": lambda tree: create(tree, b"/a", b"x", zxid=3),
    "create below": lambda tree: create(tree, b"/a/b", zxid=4),
    "set": lambda tree: set_data(tree, b"/a", b"y", zxid=5),
    "set acl": lambda tree: set_acl(tree, b"/a", ((1, b"world", b"anyone"),)),
    "set root's acl": lambda tree: set_acl(tree, b"/", ((31, b"ip", b"127.0.0.1"),)),
    "delete": lambda tree: delete(tree, b"/a/b", zxid=6),
    "ephemeral": lambda tree: create(tree, b"/e", flags=1, session_id=4, zxid=7),
    "end session": lambda tree: tree.end_session(4, 8),
}


@given(
    st.lists(st.sampled_from(sorted(STEPS)), max_size=12),
    st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_digest_does_not_depend_on_when_it_is_settled(names: list[str], now: list[bool]) -> None:
    eager, lazy = ZnodeTree(), ZnodeTree()
    for name, settle in zip(names, now, strict=False):
        STEPS[name](eager)
        STEPS[name](lazy)
        if settle:
            digest(eager)
    assert eager.nodes == lazy.nodes
    assert digest(eager) == digest(lazy)


def test_root_is_one_znode_to_the_digest() -> None:
    eager, lazy = ZnodeTree(), ZnodeTree()
    for tree in (eager, lazy):
        set_data(tree, b"/", b"x")
        if tree is eager:
            digest(tree)
        create(tree, b"/a")
    assert digest(eager) == digest(lazy)


def test_going_back_to_the_same_tree_gives_the_same_digest() -> None:
    tree = ZnodeTree()
    create(tree, b"/a", b"x")
    before, nodes = digest(tree), dict(tree.nodes)
    set_data(tree, b"/a", b"y")
    assert digest(tree) != before
    tree.nodes.update(nodes)
    tree.digest.touched[b"/a"] = None
    other = ZnodeTree()
    create(other, b"/a", b"x")
    assert digest(other) == before


@pytest.mark.parametrize("failing", [False, True])
def test_rolled_back_multi_does_not_change_the_digest(failing: bool) -> None:
    tree = ZnodeTree()
    create(tree, b"/a", b"x")
    create(tree, b"/e", flags=1, session_id=4)
    before = digest(tree)
    tree.begin()
    for name in ("set root", "create below", "set", "delete"):
        STEPS[name](tree)
    create(tree, b"/new")
    delete(tree, b"/e")
    if failing:
        tree.rollback()
    else:
        tree.commit()
    assert (digest(tree) == before) == failing


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: set_data(tree, b"/a", b"other"),
        lambda tree: set_data(tree, b"/a", b"same", zxid=9),
        lambda tree: set_data(tree, b"/a", b"same", time_ms=9),
        lambda tree: create(tree, b"/b"),
        lambda tree: delete(tree, b"/a"),
        lambda tree: set_acl(tree, b"/a", ((1, b"world", b"anyone"),)),
    ],
)
def test_any_difference_shows_in_the_digest(change: Step) -> None:
    tree = ZnodeTree()
    create(tree, b"/a", b"same")
    before = digest(tree)
    change(tree)
    assert digest(tree) != before


def test_history_is_bounded_and_oldest_first() -> None:
    history = TreeDigest()
    for zxid in range(HISTORY_MAX + 5):
        history.note(zxid, {})
    assert [zxid for zxid, _ in history.history][:2] == [5, 6]
    assert len(history.history) == HISTORY_MAX
