"""The log's own behaviour: failures are final, segments are prepared ahead, threads."""

from __future__ import annotations

import errno
import threading

import pytest

from tests.storage.simulated_disk import SimulatedDisk
from zkserver.storage import DiskFailed, OsDisk, Recovered, Wal, WalOptions, recover
from zkserver.storage.segments import list_segments

LOG = "d/mesozoic-1"
TINY = WalOptions(segment_bytes_min=1024, segment_bytes_max=2048, growth=2, background=False)


def start(disk: SimulatedDisk, options: WalOptions = TINY) -> Recovered:
    return recover(disk, "d", None, options)


def append(wal: Wal, payload: bytes = b"x") -> None:
    wal.append(1, wal.next_index, wal.next_index + 1, 0, 1, [payload])


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failed_write_ends_the_log(code: int) -> None:
    disk = SimulatedDisk()
    wal = start(disk).wal
    append(wal)
    wal.sync()
    disk.fail("write", code)
    with pytest.raises(DiskFailed, match="cannot write d/mesozoic-1/wal-") as failure:
        append(wal)
    assert failure.value.errno == code
    assert wal.next_index == 1
    with pytest.raises(DiskFailed):
        append(wal)
    with pytest.raises(DiskFailed):
        wal.append_promise(5)
    with pytest.raises(DiskFailed) as again:
        wal.sync()
    assert again.value.errno == code


def test_a_failed_flush_is_never_tried_again() -> None:
    disk = SimulatedDisk()
    recovered = start(disk)
    wal = recovered.wal
    append(wal)
    disk.fail("flush", errno.EIO)
    with pytest.raises(DiskFailed, match="cannot flush"):
        wal.sync()
    # The simulated kernel would let the next flush succeed, as Linux does.
    with pytest.raises(DiskFailed, match="cannot flush"):
        wal.sync()
    with pytest.raises(DiskFailed):
        append(wal)
    assert not wal.is_synced
    recovered.close()


def test_a_disk_too_full_for_the_next_segment_ends_the_log_only_when_it_is_needed() -> None:
    disk = SimulatedDisk()
    wal = start(disk).wal
    disk.free_bytes = 0
    failure = None
    written = 0
    while failure is None:
        try:
            append(wal, b"x" * 50)
        except DiskFailed as error:
            failure = error
        else:
            wal.sync()
            written += 1
    assert failure.errno == errno.ENOSPC
    assert wal.failure is not None
    assert written >= 3, "the room in the segment was not used"
    disk.crash()
    assert start(disk).record_count == written


def test_a_failed_preparation_is_told_and_overcome() -> None:
    disk = SimulatedDisk()
    wal = start(disk).wal
    disk.free_bytes = 0
    while wal.preparation_failure is None:
        append(wal, b"x" * 50)
    disk.free_bytes = None
    for _ in range(30):
        append(wal, b"x" * 50)
    wal.sync()
    assert wal.preparation_failure is None


def test_an_append_after_close_fails() -> None:
    recovered = start(SimulatedDisk())
    append(recovered.wal)
    recovered.close()
    with pytest.raises(DiskFailed, match="cannot append to the closed"):
        append(recovered.wal)


def test_closing_flushes() -> None:
    disk = SimulatedDisk()
    recovered = start(disk)
    append(recovered.wal)
    recovered.close()
    disk.crash()
    assert start(disk).record_count == 1


def test_segments_grow_up_to_their_maximum() -> None:
    disk = SimulatedDisk()
    options = WalOptions(segment_bytes_min=1024, segment_bytes_max=8192, growth=2, background=False)
    wal = start(disk, options).wal
    for _ in range(400):
        append(wal, b"x" * 50)
    sizes = [len(disk.contents(path)) for _, path in list_segments(disk, LOG)]
    assert sizes[:4] == [1024, 2048, 4096, 8192]
    assert set(sizes[4:]) == {8192}


def test_without_forced_sync_nothing_is_flushed_but_a_process_may_end_at_any_time() -> None:
    disk = SimulatedDisk()
    options = WalOptions(
        segment_bytes_min=64 << 10, segment_bytes_max=64 << 10, force_sync=False, background=False
    )
    recovered = start(disk, options)
    disk.fail("flush", errno.EIO)
    append(recovered.wal)
    recovered.wal.sync()
    assert disk.injected("flush") == errno.EIO, "something was flushed"
    disk.locked.clear()  # The process ended; the machine did not.
    assert start(disk, options).record_count == 1


def test_bytes_written_counts_whole_records() -> None:
    wal = start(SimulatedDisk()).wal
    append(wal, b"")
    empty = wal.bytes_written
    append(wal, b"x" * 64)
    assert wal.bytes_written == 2 * empty + 64


def test_the_next_segment_is_prepared_in_the_background(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = str(tmp_path_factory.mktemp("data"))
    options = WalOptions(segment_bytes_min=4096, segment_bytes_max=16384)
    recovered = recover(OsDisk(), directory, options=options)
    seen = set()
    for number in range(2000):
        append(recovered.wal, b"%d" % number)
        seen |= {thread.name for thread in threading.enumerate()}
        if number % 100 == 0:
            recovered.wal.sync()
    assert "wal-prepare" in seen
    recovered.close()
    assert "wal-prepare" not in {thread.name for thread in threading.enumerate()}
    again = recover(OsDisk(), directory, options=options)
    assert [record.payload for record in again.records()] == [b"%d" % n for n in range(2000)]
    again.close()


def test_purging_runs_beside_appending(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = str(tmp_path_factory.mktemp("data"))
    options = WalOptions(segment_bytes_min=4096, segment_bytes_max=4096, growth=1)
    recovered = recover(OsDisk(), directory, options=options)
    wal = recovered.wal
    done = threading.Event()
    errors: list[BaseException] = []

    def purge() -> None:
        try:
            while not done.is_set():
                wal.purge_before(max(0, wal.next_index - 100))
        except DiskFailed as error:
            errors.append(error)

    purger = threading.Thread(target=purge)
    purger.start()
    for number in range(1500):
        append(wal, b"%d" % number)
        if number % 20 == 0:
            wal.sync()
    done.set()
    purger.join()
    wal.sync()
    assert errors == []
    names = list_segments(OsDisk(), f"{directory}/mesozoic-1")
    serials = [serial for serial, _ in names]
    assert serials == list(range(serials[0], serials[0] + len(serials)))
    assert serials[0] > 1
    recovered.close()
