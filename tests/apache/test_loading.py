"""A snapshot and the logs behind it: what they amount to, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apache.written import (
    CLOSE_SESSION,
    CREATE,
    CREATE_SESSION,
    DELETE,
    ERROR,
    SET,
    buffer,
    create,
    directory,
    entry,
    log_bytes,
    node,
    snapshot_bytes,
    string,
)
from zkserver.apache.directory import ApacheDataError, DamagedFileError
from zkserver.apache.loading import Loaded, load


def creations(first: int, count: int) -> list[bytes]:
    """Creations of /n<zxid>; the parent counts as many as the counter of the zxid says."""
    return [
        entry(zxid, CREATE, create(f"/n{zxid}", zxid & 0xFFFFFFFF))
        for zxid in range(first, first + count)
    ]


def loaded(place: str) -> Loaded:
    return load(place, place)


def test_transactions_behind_the_snapshot_are_replayed(tmp_path: Path) -> None:
    log = [
        *creations(3, 2),
        entry(5, SET, string("/n3") + buffer(b"new") + b"\0\0\0\1"),
        entry(6, DELETE, string("/n4")),
        entry(7, ERROR, b"\xff\xff\xff\x9b"),
    ]
    found = loaded(directory(tmp_path, {2: snapshot_bytes([node("/n2")])}, {3: log_bytes(log)}))
    assert (found.zxid, found.transactions) == (7, 5)
    assert found.tree.nodes[b"/n3"].data == b"new"
    assert found.tree.nodes[b"/n3"].version == 1
    assert b"/n4" not in found.tree.nodes
    assert found.tree.nodes[b""].cversion == 4
    assert found.notes == []


def test_what_the_snapshot_holds_already_is_not_done_twice(tmp_path: Path) -> None:
    # It was written while transactions 3 and 4 happened: /n3 is in it, /n4 is gone from it.
    snapshot = snapshot_bytes([node("/n3", b"new", zxid=3)])
    log = [*creations(3, 2), entry(5, DELETE, string("/n4")), *creations(6, 1)]
    found = loaded(directory(tmp_path, {2: snapshot}, {3: log_bytes(log)}))
    assert found.tree.nodes[b"/n3"].data == b"new"
    assert b"/n4" not in found.tree.nodes
    assert found.tree.nodes[b""].cversion == 6


def test_ephemerals_live_with_their_sessions(tmp_path: Path) -> None:
    log = [
        entry(1, CREATE_SESSION, b"\0\0\x75\x30", session_id=7),
        entry(2, CREATE, create("/mine", 1, ephemeral=True), session_id=7),
        entry(3, CREATE_SESSION, b"\0\0\x75\x30", session_id=8),
        entry(4, CREATE, create("/theirs", 2, ephemeral=True), session_id=8),
        entry(5, CLOSE_SESSION, b"", session_id=8),
    ]
    found = loaded(directory(tmp_path, {0: snapshot_bytes()}, {1: log_bytes(log)}))
    assert found.tree.sessions == {7: 30_000}
    assert found.tree.nodes[b"/mine"].owner == 7
    assert b"/theirs" not in found.tree.nodes


def test_write_that_a_crash_left_unfinished_is_passed_over_and_told(tmp_path: Path) -> None:
    log = log_bytes(creations(1, 2), tail=log_bytes(creations(3, 1), zeros=0)[16:-9])
    found = loaded(directory(tmp_path, {0: snapshot_bytes()}, {1: log}))
    assert found.zxid == 2
    (note,) = found.notes
    assert "a write that a crash left unfinished" in note


def test_entry_behind_a_damaged_one_is_not_lost_in_silence(tmp_path: Path) -> None:
    whole = log_bytes(creations(1, 3))
    end_of_second = whole.rindex(b"B", 0, whole.index(b"/n3"))
    damaged = whole[:end_of_second] + b"X" + whole[end_of_second + 1 :]
    place = directory(tmp_path, {0: snapshot_bytes()}, {1: damaged})
    with pytest.raises(DamagedFileError, match="there is a whole one at offset"):
        loaded(place)


def test_changed_byte_in_an_entry_is_found(tmp_path: Path) -> None:
    whole = log_bytes(creations(1, 3))
    at = whole.index(b"/n2")
    damaged = whole[:at] + b"!" + whole[at + 1 :]
    place = directory(tmp_path, {0: snapshot_bytes()}, {1: damaged})
    with pytest.raises(DamagedFileError, match="the checksum of the entry is wrong"):
        loaded(place)


def test_missing_log_is_noticed(tmp_path: Path) -> None:
    logs = {1: log_bytes(creations(1, 2)), 5: log_bytes(creations(5, 2))}
    place = directory(tmp_path, {0: snapshot_bytes()}, logs)
    with pytest.raises(DamagedFileError, match="transactions behind zxid 0x2 are missing"):
        loaded(place)


def test_new_epoch_is_no_hole(tmp_path: Path) -> None:
    first = (1 << 32) + 1
    logs = {1: log_bytes(creations(1, 2)), first: log_bytes(creations(first, 1))}
    found = loaded(directory(tmp_path, {0: snapshot_bytes()}, logs))
    assert (found.zxid, found.epoch) == (first, 1)


def test_older_snapshot_stands_in_for_a_damaged_one(tmp_path: Path) -> None:
    good = snapshot_bytes([node("/n1", zxid=1)])
    place = directory(tmp_path, {1: good, 3: good[:-3]}, {2: log_bytes(creations(2, 3))})
    found = loaded(place)
    assert found.zxid == 4
    assert set(found.tree.nodes) >= {b"/n1", b"/n2", b"/n3", b"/n4"}
    (note,) = found.notes
    assert "snapshot.3, offset" in note


def test_logs_alone_are_not_trusted_unless_told_so(tmp_path: Path) -> None:
    place = directory(tmp_path, logs={1: log_bytes(creations(1, 2))})
    with pytest.raises(ApacheDataError, match=r"snapshot\.trust\.empty=true"):
        loaded(place)
    assert load(place, place, trust_empty=True).zxid == 2


def test_directories_that_are_mixed_up_are_refused(tmp_path: Path) -> None:
    data = directory(tmp_path / "d", {0: snapshot_bytes()}, {1: log_bytes(creations(1, 1))})
    logs = directory(tmp_path / "l", logs={2: log_bytes(creations(2, 1))})
    with pytest.raises(ApacheDataError, match="logs, which belong into dataLogDir"):
        load(data, logs)
