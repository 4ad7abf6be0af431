"""Reading a log: the records in the order they were written, and what they add up to.

Nothing on disk is changed here. Segments are read from the last one that began
at or before the snapshot's index (each says in its first record where the log
stood), and of each record is kept what later ones did not supersede.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from zkserver.storage.disk import Disk
from zkserver.storage.segments import (
    FIRST_RECORD,
    POSITION_PAYLOAD,
    RECORD_BYTES,
    CorruptLog,
    Kind,
    Place,
    Scan,
    Segment,
    list_segments,
    load_segment,
    read_header,
    read_place,
)
from zkserver.storage.wal import Held, LogState

# A position record and everything before it, with room to spare.
_HEAD_BYTES = 4096


@dataclass(slots=True)
class Replay:
    """The records of a log followed in the order they were written."""

    state: LogState = field(default_factory=LogState)
    base: int = 0  # The log is without gaps from this position on.
    live: list[Place] = field(default_factory=list)  # Superseded ones dropped or shortened.

    def follow(self, scan: Scan, data_reader: PositionReader, *, first: bool) -> None:
        """Take all records of the next segment; raises ``CorruptLog`` for what cannot be."""
        for number, place in enumerate(scan.places):
            if number == 0:
                self._check_start(scan.segment, place, data_reader, first=first)
            if place.kind in (Kind.ENTRIES, Kind.SEQUENCE):
                self._take_entries(scan.segment, place)
            elif place.kind == Kind.PROMISE:
                self.state.promised = max(self.state.promised, place.ballot)
                self.state.decided = max(self.state.decided, place.index)
            elif place.kind != Kind.POSITION or number != 0:
                why = f"a record of kind {place.kind} may not be here"
                raise CorruptLog(scan.segment.path, place.offset, why)

    def _check_start(
        self, segment: Segment, place: Place, data_reader: PositionReader, *, first: bool
    ) -> None:
        state = self.state
        if place.kind != Kind.POSITION:
            if segment.serial > 1:
                raise CorruptLog(
                    segment.path, place.offset, "the segment does not begin with its position"
                )
            return
        promised, accepted = data_reader.position(segment, place)
        if first:
            self.base = place.index
        elif place.index != state.next_index:
            raise CorruptLog(
                segment.path,
                place.offset,
                f"the segment begins at entry {place.index}, "
                f"the one before it ends before {state.next_index}",
            )
        state.next_index = place.index
        state.last_ballot = place.ballot
        state.last_zxid = place.zxid
        state.promised = max(state.promised, promised, accepted)
        state.accepted = max(state.accepted, accepted)

    def _take_entries(self, segment: Segment, place: Place) -> None:
        state = self.state
        if place.index < state.next_index:
            if place.ballot < state.last_ballot:
                raise CorruptLog(
                    segment.path,
                    place.offset,
                    f"entry {place.index} of ballot {place.ballot} would replace one of "
                    f"ballot {state.last_ballot}",
                )
            self._drop_from(place.index)
        elif place.index > state.next_index:
            if place.count:
                raise CorruptLog(
                    segment.path,
                    place.offset,
                    f"entries {state.next_index} to {place.index - 1} are missing before it",
                )
            self.live.clear()
            self.base = place.index
        if place.count:
            self.live.append(place)
        state.next_index = place.index + place.count
        state.last_ballot = place.ballot
        state.last_zxid = place.zxid
        state.accepted = max(state.accepted, place.ballot)
        state.promised = max(state.promised, place.ballot)

    def _drop_from(self, index: int) -> None:
        live = self.live
        while live and live[-1].index >= index:
            live.pop()
        if live and live[-1].index + live[-1].count > index:
            live[-1] = replace(live[-1], count=index - live[-1].index)
        self.base = min(self.base, index)


@dataclass(frozen=True, slots=True)
class PositionReader:
    """Reads the payload of position records."""

    disk: Disk

    def position(self, segment: Segment, place: Place) -> tuple[int, int]:
        """The highest ballot promised and accepted when the segment was begun."""
        file = self.disk.open(segment.path, write=False)
        try:
            payload = file.pread(place.length, place.offset + RECORD_BYTES)
        finally:
            file.close()
        if len(payload) != POSITION_PAYLOAD.size:
            raise CorruptLog(segment.path, place.offset, "the position record has a wrong size")
        promised, accepted = POSITION_PAYLOAD.unpack(payload)
        return promised, accepted


@dataclass(frozen=True, slots=True)
class Log:
    """A log read and found consistent; nothing on disk was changed."""

    held: list[Held]  # Oldest first, up to the last segment with records.
    last: Scan | None  # The scan of the last of them.
    spare: Segment | None  # An empty segment after the last one.
    superfluous: list[str]  # Further files without records, to be removed.
    replay: Replay
    scans: list[Scan]  # Those read in full.


def _segment_start(disk: Disk, serial: int, path: str) -> tuple[Segment, int | None]:
    """A segment's header, and the index it begins at if it has records.

    A first segment without a position record begins at entry 0.
    """
    file = disk.open(path, write=False)
    try:
        segment = read_header(file, path, serial)
        place = read_place(file.pread(_HEAD_BYTES, 0), FIRST_RECORD, segment)
    finally:
        file.close()
    if place is not None and place.kind == Kind.POSITION:
        return segment, place.index
    return segment, 0 if serial == 1 else None


def read_log(disk: Disk, directory: str, snapshot_index: int) -> Log:
    """Read the log in ``directory`` as far as a snapshot at ``snapshot_index`` needs it.

    Raises ``CorruptLog`` for anything a crash does not explain.
    """
    heads = [_segment_start(disk, serial, path) for serial, path in list_segments(disk, directory)]
    first = 0
    for number, (_, start) in enumerate(heads):
        if start is not None and start <= snapshot_index:
            first = number
    replay = Replay()
    positions = PositionReader(disk)
    scans: list[Scan] = []
    for segment, _ in heads[first:]:
        scan = load_segment(disk, segment.serial, segment.path)
        _check_order(scans, scan)
        scans.append(scan)
        replay.follow(scan, positions, first=len(scans) == 1)
    used = max((number for number, scan in enumerate(scans) if scan.written), default=-1)
    if used >= 0:
        _check_ends(scans[used], scans[used + 1 :])
        used += 1 if scans[used].sealed else 0
    elif scans:
        used = 0
    if scans and scans[0].segment.serial > 1 and not scans[0].places:
        raise CorruptLog(
            scans[0].segment.path, FIRST_RECORD, "the log's oldest segment holds no records"
        )
    # A segment without records yet will begin where the log ends.
    held = [
        Held(segment, replay.state.next_index if start is None else start)
        for segment, start in heads[: first + used + 1]
    ]
    after = scans[used + 1 :]
    return Log(
        held,
        scans[used] if used >= 0 else None,
        after[0].segment if after else None,
        [scan.segment.path for scan in after[1:]],
        replay,
        scans,
    )


def _check_order(before: list[Scan], scan: Scan) -> None:
    """Check one segment against the ones before it."""
    if scan.damage is not None:
        raise CorruptLog(scan.segment.path, scan.end, scan.damage)
    if not before:
        return
    last = before[-1]
    if scan.segment.serial != last.segment.serial + 1:
        missing = last.segment.serial + 1
        raise CorruptLog(
            scan.segment.path, 0, f"the segment of serial {missing:#x} before it is missing"
        )
    if scan.written and not last.sealed:
        raise CorruptLog(
            last.segment.path,
            last.end,
            "the record here is damaged: the log goes on in the next segment",
        )


def _check_ends(last: Scan, after: list[Scan]) -> None:
    if last.sealed and not after:
        raise CorruptLog(
            last.segment.path, last.end, "the segment is sealed, but the next one is missing"
        )
