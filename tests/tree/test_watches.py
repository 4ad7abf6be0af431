"""The watch tables: who is told what, how often, and in which order."""

from __future__ import annotations

import pytest

from zkserver.tree.watches import Mode, Watches
from zkserver.wire.opcodes import EventType, WatcherType

CREATED, DELETED = EventType.NODE_CREATED, EventType.NODE_DELETED
CHANGED, CHILDREN = EventType.NODE_DATA_CHANGED, EventType.NODE_CHILDREN_CHANGED
Told = list[tuple[int, bytes, list[str]]]


@pytest.fixture
def watches() -> Watches[str]:
    return Watches()


def fire(watches: Watches[str], event: EventType, path: bytes) -> Told:
    return [(int(kind), at, sorted(who)) for kind, at, who in watches.fire(event, path)]


def test_standard_watch_is_told_once(watches: Watches[str]) -> None:
    for _ in range(2):
        watches.data.add(b"/a", "w", Mode.STANDARD)
    assert fire(watches, CHANGED, b"/a") == [(3, b"/a", ["w"])]
    assert fire(watches, CHANGED, b"/a") == []
    assert not watches


def test_tables_do_not_use_up_each_other_s_watches(watches: Watches[str]) -> None:
    watches.data.add(b"/a", "data", Mode.STANDARD)
    watches.children.add(b"/a", "child", Mode.STANDARD)
    assert fire(watches, CHILDREN, b"/a") == [(4, b"/a", ["child"])]
    assert fire(watches, CHANGED, b"/a") == [(3, b"/a", ["data"])]


def test_deletion_uses_up_both_and_tells_each_watcher_once(watches: Watches[str]) -> None:
    for who in ("both", "data"):
        watches.data.add(b"/a", who, Mode.STANDARD)
    for who in ("both", "child"):
        watches.children.add(b"/a", who, Mode.STANDARD)
    assert fire(watches, DELETED, b"/a") == [(2, b"/a", ["both", "data"]), (2, b"/a", ["child"])]
    assert not watches


def test_creation_and_change_do_not_concern_child_watches(watches: Watches[str]) -> None:
    watches.children.add(b"/a", "w", Mode.STANDARD)
    assert fire(watches, CREATED, b"/a") == fire(watches, CHANGED, b"/a") == []
    assert watches


def test_persistent_watch_stays_and_gets_all_four_events_of_its_path(
    watches: Watches[str],
) -> None:
    watches.add(b"/a", "w", recursive=False)
    for event in (CREATED, CHANGED, CHILDREN, DELETED, CREATED):
        assert fire(watches, event, b"/a") == [(int(event), b"/a", ["w"])]
    assert fire(watches, CHANGED, b"/a/b") == []


def test_recursive_watch_gets_its_descendants_and_never_children_changed(
    watches: Watches[str],
) -> None:
    watches.add(b"/a", "w", recursive=True)
    for path in (b"/a", b"/a/b", b"/a/b/c"):
        for event in (CREATED, CHANGED, DELETED):
            assert fire(watches, event, path) == [(int(event), path, ["w"])]
        assert fire(watches, CHILDREN, path) == []
    assert fire(watches, CHANGED, b"/ab") == fire(watches, CHANGED, b"/") == []


def test_recursive_watch_on_the_root_gets_everything(watches: Watches[str]) -> None:
    watches.add(b"/", "w", recursive=True)
    assert fire(watches, CREATED, b"/a/b") == [(1, b"/a/b", ["w"])]
    assert fire(watches, CHANGED, b"/") == [(3, b"/", ["w"])]


def test_watcher_with_several_matching_watches_is_told_once(watches: Watches[str]) -> None:
    watches.data.add(b"/a/b", "w", Mode.STANDARD)
    watches.add(b"/a/b", "w", recursive=False)
    watches.add(b"/a", "w", recursive=True)
    watches.add(b"/", "w", recursive=True)
    assert fire(watches, CHANGED, b"/a/b") == [(3, b"/a/b", ["w"])]
    assert fire(watches, DELETED, b"/a/b") == [(2, b"/a/b", ["w"])]


def test_only_recursive_watches_reach_down(watches: Watches[str]) -> None:
    watches.add(b"/", "recursive", recursive=True)
    watches.add(b"/a", "persistent", recursive=False)
    watches.data.add(b"/a", "standard", Mode.STANDARD)
    assert fire(watches, CHANGED, b"/a/b") == [(3, b"/a/b", ["recursive"])]


def test_removing_one_kind_leaves_the_others(watches: Watches[str]) -> None:
    watches.data.add(b"/a", "w", Mode.STANDARD)
    watches.add(b"/a", "w", recursive=False)
    watches.add(b"/a", "w", recursive=True)
    assert watches.remove(b"/a", "w", WatcherType.PERSISTENT)
    assert not watches.remove(b"/a", "w", WatcherType.PERSISTENT)
    assert watches.has(b"/a", "w", WatcherType.DATA)
    assert watches.has(b"/a", "w", WatcherType.PERSISTENT_RECURSIVE)
    assert fire(watches, CHANGED, b"/a/x") == [(3, b"/a/x", ["w"])]
    assert fire(watches, CHILDREN, b"/a") == []


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (WatcherType.DATA, True),
        (WatcherType.CHILDREN, False),
        (WatcherType.ANY, True),
        (WatcherType.PERSISTENT, False),
        (WatcherType.PERSISTENT_RECURSIVE, False),
    ],
)
def test_check_asks_for_the_kind_that_was_registered(
    watches: Watches[str], kind: WatcherType, found: bool
) -> None:
    watches.data.add(b"/a", "w", Mode.STANDARD)
    assert watches.has(b"/a", "w", kind) == found
    assert not watches.has(b"/a", "other", kind)
    assert not watches.has(b"/b", "w", kind)
    assert watches.remove(b"/a", "w", kind) == found


def test_removing_any_clears_both_tables(watches: Watches[str]) -> None:
    watches.children.add(b"/a", "w", Mode.STANDARD)
    watches.add(b"/a", "w", recursive=False)
    watches.add(b"/a", "w", recursive=True)
    assert watches.remove(b"/a", "w", WatcherType.ANY)
    assert not watches
    assert watches.data.recursive == 0


def test_dropping_a_watcher_leaves_nothing_of_it(watches: Watches[str]) -> None:
    for who in ("gone", "stays"):
        watches.add(b"/", who, recursive=True)
        watches.add(b"/a", who, recursive=False)
        watches.children.add(b"/a", who, Mode.STANDARD)
    watches.drop("gone")
    assert fire(watches, CHANGED, b"/a") == [(3, b"/a", ["stays"])]
    watches.drop("stays")
    assert not watches
    assert watches.data.recursive == 0
    assert watches.data.watchers == watches.children.watchers == {}
