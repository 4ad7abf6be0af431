"""What of an agent's checkpoints outlives its process."""

from __future__ import annotations

import random

from mesos_compat.agent.actions import Checkpoint
from mesos_compat.agent.checkpoint import AppendFile, RemoveFile, WriteFile, WriteLink
from mesos_compat.sim.disks import SimDisk


def test_checkpoints_become_durable_one_by_one() -> None:
    disk = SimDisk(random.Random(0))
    disk.waiting.append(Checkpoint(1, (WriteFile("f", b"one"), WriteLink("l", "f"))))
    disk.waiting.append(Checkpoint(2, (AppendFile("f", b"two"),)))
    assert disk.write_next().token == 1
    assert (disk.files, disk.links) == ({"f": b"one"}, {"l": "f"})
    assert disk.write_next().token == 2
    assert disk.files == {"f": b"onetwo"}


def test_what_is_removed_is_gone() -> None:
    disk = SimDisk(random.Random(0))
    disk.waiting.append(Checkpoint(1, (WriteFile("f", b""), WriteLink("l", "f"))))
    disk.waiting.append(Checkpoint(2, (RemoveFile("f"), RemoveFile("l"))))
    disk.write_next()
    disk.write_next()
    assert not disk.files
    assert not disk.links


def test_a_crash_keeps_any_first_part_of_what_was_asked_for() -> None:
    found = set()
    for seed in range(100):
        disk = SimDisk(random.Random(seed))
        disk.waiting.append(Checkpoint(1, (AppendFile("f", b"ab"), AppendFile("f", b"cd"))))
        disk.crash()
        assert not disk.waiting
        found.add(disk.files.get("f", b""))
    assert found == {b"", b"a", b"ab", b"abc", b"abcd"}


def test_another_disk_has_nothing_on_it() -> None:
    disk = SimDisk(random.Random(0))
    disk.waiting.append(Checkpoint(1, (WriteFile("f", b""),)))
    disk.wipe()
    assert not disk.files
    assert not disk.waiting
