"""A payload of entries for tests: each entry is its length in two bytes, then its bytes."""

from __future__ import annotations

from collections.abc import Iterable

from zkserver.storage import Recovered


def pack_entries(entries: Iterable[bytes]) -> list[bytes]:
    return [len(entry).to_bytes(2, "big") + entry for entry in entries]


def unpack_entries(payload: bytes, count: int) -> list[bytes]:
    entries = []
    at = 0
    for _ in range(count):
        size = int.from_bytes(payload[at : at + 2], "big")
        entries.append(payload[at + 2 : at + 2 + size])
        at += 2 + size
    return entries


def sequence(recovered: Recovered) -> list[bytes]:
    """All entries: the snapshot's, whose blocks hold some each, and the log's after them."""
    entries: list[bytes] = []
    for block in recovered.blocks():
        at = 0
        while at < len(block):
            size = int.from_bytes(block[at : at + 2], "big")
            entries.append(block[at + 2 : at + 2 + size])
            at += 2 + size
    assert len(entries) == (recovered.snapshot.index if recovered.snapshot else 0)
    for number, record in enumerate(recovered.records()):
        found = unpack_entries(record.payload, record.count)
        if number:
            assert record.index == len(entries), "the records are not in order"
        assert record.index <= len(entries)
        entries += found[len(entries) - record.index :]
    return entries
