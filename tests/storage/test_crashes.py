"""The promise of storage as a state machine: random work, crashes, and what must be left.

The model keeps every state the log passed through since the last flush. After a
crash the recovered state must be one of them; after a flush there is only one.
"""

from __future__ import annotations

import errno
import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.storage.entries import pack_entries, sequence
from tests.storage.simulated_disk import SimulatedDisk
from zkserver.storage import (
    DiskFailed,
    Recovered,
    SnapshotMeta,
    WalOptions,
    recover,
    retain,
    write_snapshot,
)
from zkserver.storage.check import check_directory

# Entries are drawn by size, so that records often span several sectors.
_SIZES = st.lists(st.one_of(st.integers(0, 40), st.integers(300, 900)), min_size=1, max_size=3)

# A state: all entries, the highest ballot promised, the highest accepted.
State = tuple[tuple[bytes, ...], int, int]


class StorageMachine(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**32), small=st.booleans())
    def start(self, seed: int, small: bool) -> None:
        self.disk = SimulatedDisk(seed)
        salts = random.Random(seed)
        self.contents = random.Random(seed + 1)
        self.options = WalOptions(
            segment_bytes_min=1024,
            segment_bytes_max=1024 if small else 4096,
            growth=2,
            background=False,
            random_bytes=salts.randbytes,
        )
        self.ballot = 0
        self.snapshot: tuple[bytes, ...] = ()
        self.snapshot_ballot = 0
        self.states: list[State] = [((), 0, 0)]  # The first one is flushed.
        self.failed = False
        self.recovered = self.recover()

    def recover(self) -> Recovered:
        recovered = recover(self.disk, "data", "log", self.options)
        found = (tuple(sequence(recovered)), recovered.promised, recovered.accepted)
        possible = [self.with_snapshot(state) for state in self.states]
        assert found in possible, "the state after the crash is none that the log was in"
        self.states = [found]
        self.ballot = max(self.ballot, found[1])
        assert recovered.wal.next_index == len(found[0])
        self.failed = False
        return recovered

    def with_snapshot(self, state: State) -> State:
        """What recovery makes of a state of the log beside the durable snapshot."""
        entries, promised, accepted = state
        whole = self.snapshot + entries[len(self.snapshot) :]
        return whole, max(promised, self.snapshot_ballot), accepted

    def note(self, state: State, error: DiskFailed | None) -> None:
        """A write was tried: it may be on the medium whether it was reported to fail or not."""
        self.states.append(state)
        self.failed = self.failed or error is not None

    @precondition(lambda self: not self.failed)
    @rule(records=st.lists(_SIZES, min_size=1, max_size=4))
    def append(self, records: list[list[int]]) -> None:
        for sizes in records:
            if not self.failed:
                self.write_entries(len(self.states[-1][0]), sizes)

    @precondition(lambda self: not self.failed)
    @rule(sizes=_SIZES)
    def append_and_sync(self, sizes: list[int]) -> None:
        self.write_entries(len(self.states[-1][0]), sizes)
        if not self.failed:
            self.sync()

    @precondition(lambda self: not self.failed)
    @rule(sizes=_SIZES, back=st.integers(1, 6))
    def supersede(self, sizes: list[int], back: int) -> None:
        self.ballot += 1
        end = len(self.states[-1][0])
        self.write_entries(max(len(self.snapshot), end - back), sizes)

    def write_entries(self, index: int, sizes: list[int]) -> None:
        entries = [self.contents.randbytes(size) for size in sizes]
        held, promised, accepted = self.states[-1]
        state = (
            held[:index] + tuple(entries),
            max(promised, self.ballot),
            max(accepted, self.ballot),
        )
        error = None
        try:
            self.recovered.wal.append(
                self.ballot, index, index + 1, 7, len(entries), pack_entries(entries)
            )
        except DiskFailed as failure:
            error = failure
        self.note(state, error)

    @precondition(lambda self: not self.failed)
    @rule(higher=st.integers(1, 3))
    def promise(self, higher: int) -> None:
        held, promised, accepted = self.states[-1]
        self.ballot += higher
        error = None
        try:
            self.recovered.wal.append_promise(self.ballot)
        except DiskFailed as failure:
            error = failure
        self.note((held, max(promised, self.ballot), accepted), error)

    @precondition(lambda self: not self.failed)
    @rule(back=st.integers(0, 5))
    def reset(self, back: int) -> None:
        held = self.states[-1][0]
        index = max(len(self.snapshot), len(held) - back)
        self.ballot += 1
        error = None
        try:
            self.recovered.wal.reset_to(self.ballot, index, index, 7)
        except DiskFailed as failure:
            error = failure
        self.note((held[:index], self.ballot, self.ballot), error)

    @precondition(lambda self: not self.failed)
    @rule()
    def sync(self) -> None:
        try:
            self.recovered.wal.sync()
        except DiskFailed:
            self.failed = True
        else:
            assert self.recovered.wal.is_synced
            self.states = self.states[-1:]

    @precondition(lambda self: not self.failed)
    @rule(back=st.integers(0, 8), purge=st.booleans(), keep=st.integers(1, 2))
    def take_snapshot(self, back: int, purge: bool, keep: int) -> None:
        self.sync()
        if self.failed:
            return
        held, promised, _ = self.states[-1]
        index = max(len(self.snapshot), len(held) - back)
        self.store_snapshot(held[:index], promised)
        if purge and not self.failed:
            retain(self.disk, self.recovered.snapshot_dir, keep)
            self.recovered.wal.purge_before(index)

    @precondition(lambda self: not self.failed)
    @rule(ahead=st.integers(0, 9))
    def install_snapshot(self, ahead: int) -> None:
        """Another server is further: its snapshot is stored, and the log goes on after it."""
        held, promised, accepted = self.states[-1]
        self.ballot += 1
        entries = tuple(b"from elsewhere %d" % number for number in range(len(held) + ahead))
        if len(entries) <= len(self.snapshot) or len(entries) < max(
            len(state[0]) for state in self.states
        ):
            return
        self.store_snapshot(entries, self.ballot)
        if self.failed:
            return
        error = None
        try:
            self.recovered.wal.reset_to(self.ballot, len(entries), len(entries), 7)
        except DiskFailed as failure:
            error = failure
        self.note((entries, max(promised, self.ballot), max(accepted, self.ballot)), error)

    def store_snapshot(self, entries: tuple[bytes, ...], ballot: int) -> None:
        meta = SnapshotMeta(zxid=len(entries), index=len(entries), ballot=ballot, time_ms=7)
        try:
            write_snapshot(
                self.disk, self.recovered.snapshot_dir, meta, [b"".join(pack_entries(entries))]
            )
        except DiskFailed:
            self.failed = True
        else:
            self.snapshot = entries
            self.snapshot_ballot = max(self.snapshot_ballot, ballot)

    @precondition(lambda self: not self.failed)
    @rule(
        fault=st.sampled_from(
            [("write", errno.ENOSPC), ("write", errno.EIO), ("flush", errno.EIO)]
        ),
        after=st.integers(0, 3),
    )
    def break_disk(self, fault: tuple[str, int], after: int) -> None:
        self.disk.fail(fault[0], fault[1], after)

    @precondition(lambda self: not self.failed)
    @rule(free=st.integers(0, 5000))
    def fill_disk(self, free: int) -> None:
        self.disk.free_bytes = free

    @rule()
    def crash(self) -> None:
        self.disk.crash()
        self.recovered = self.recover()

    @rule()
    def crash_while_recovering(self) -> None:
        """A second crash soon after the start must not find the first one's leftovers."""
        self.disk.crash()
        self.recovered = self.recover()
        self.disk.crash()
        self.recovered = self.recover()

    @precondition(lambda self: not self.failed)
    @rule()
    def restart(self) -> None:
        try:
            self.recovered.close()
        except DiskFailed:
            self.disk.crash()
        else:
            self.states = self.states[-1:]
            self.disk.fail("write", errno.EIO, after=10**9)
            self.disk.free_bytes = None
        self.disk.crash()
        self.recovered = self.recover()
        assert check_directory(self.disk, "data", "log").problems == ()

    @invariant()
    def no_append_succeeds_after_a_failure(self) -> None:
        if not getattr(self, "failed", False) or not self.wal_failed():
            return
        with pytest.raises(DiskFailed):
            self.recovered.wal.append_promise(self.ballot)
        with pytest.raises(DiskFailed):
            self.recovered.wal.sync()

    def wal_failed(self) -> bool:
        """The failure was the log's, not that of a snapshot, which the log survives."""
        return self.recovered.wal.failure is not None


StorageMachine.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestStorage = StorageMachine.TestCase
