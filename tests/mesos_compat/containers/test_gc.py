"""What was given up is removed in time, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesos_compat.containers.gc import (
    GarbageCollector,
    age_allowed_ms,
    delete_tree,
    disk_usage,
    used_bytes,
)

WEEK_MS = 7 * 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("usage", "expected"), [(0.0, 0.9), (0.4, 0.5), (0.9, 0.0), (0.95, 0.0), (1.0, 0.0)]
)
def test_the_fuller_the_disk_the_less_is_kept(usage: float, expected: float) -> None:
    assert age_allowed_ms(WEEK_MS, 0.1, usage) == round(WEEK_MS * expected)


def test_the_usage_of_a_disk_is_a_part_of_it(tmp_path: Path) -> None:
    assert 0.0 < disk_usage(str(tmp_path)) <= 1.0


@pytest.mark.asyncio
async def test_paths_go_when_they_are_old_enough_for_the_disk(tmp_path: Path) -> None:
    removed: list[str] = []
    collector = GarbageCollector(1000, 0.1, removed.append)
    old, young, kept = (tmp_path / name for name in ("old", "young", "kept"))
    for path in (old, young, kept):
        (path / "d").mkdir(parents=True)
        collector.schedule(str(path), now_ms=0 if path == old else 500)
    assert collector.unschedule(str(kept))
    assert not collector.unschedule(str(kept))
    assert await collector.prune(899, usage=0.0) == []
    assert await collector.prune(900, usage=0.0) == [str(old)]
    assert not old.exists()
    assert await collector.prune(901, usage=0.9) == [str(young)]
    assert removed == [str(old), str(young)]
    assert kept.exists()
    assert collector.scheduled() == []


def test_a_sandbox_of_an_earlier_agent_keeps_its_age() -> None:
    collector = GarbageCollector(1000, 0.0)
    collector.schedule("/x", now_ms=10, aged_ms=990)
    assert collector.due(20, 0.0) == ["/x"]
    assert collector.due(19, 0.0) == []


@pytest.mark.asyncio
async def test_a_path_that_is_gone_already_counts_as_removed(tmp_path: Path) -> None:
    collector = GarbageCollector(0, 0.0)
    collector.schedule(str(tmp_path / "missing"), now_ms=0)
    assert await collector.prune(0, 0.0) == [str(tmp_path / "missing")]


@pytest.mark.asyncio
async def test_a_path_that_cannot_be_removed_stays_and_is_complained_about_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(f"no {path}")

    monkeypatch.setattr("mesos_compat.containers.gc.delete_tree", refuse)
    collector = GarbageCollector(0, 0.0)
    collector.schedule(str(tmp_path), now_ms=0)
    for _ in range(2):
        assert await collector.prune(0, 0.0) == []
    assert collector.scheduled() == [str(tmp_path)]
    assert len(caplog.records) == 1


def test_links_are_removed_and_not_what_they_name(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(outside)
    delete_tree(str(tree))
    assert not tree.exists()
    (tmp_path / "latest").symlink_to(outside)
    delete_tree(str(tmp_path / "latest"))
    assert not (tmp_path / "latest").is_symlink()
    assert (outside / "f").exists()


def test_usage_counts_a_file_with_two_names_once_and_leaves_volumes_out(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "volume").mkdir()
    content = os.urandom(100_000)
    (tmp_path / "d" / "f").write_bytes(content)
    one = used_bytes(str(tmp_path))
    assert one >= 100_000
    (tmp_path / "d" / "same").hardlink_to(tmp_path / "d" / "f")
    (tmp_path / "volume" / "f").write_bytes(content)
    assert used_bytes(str(tmp_path), (str(tmp_path / "volume"),)) == one
    assert used_bytes(str(tmp_path)) >= one + 100_000


def test_what_cannot_be_read_takes_nothing(tmp_path: Path) -> None:
    assert used_bytes(str(tmp_path / "missing")) == 0
