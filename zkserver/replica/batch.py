"""Batches: the writes that share one log record and one fdatasync.

A batch is a list of **runs** in the order of arrival. A run is what came from one
connection in one piece: contiguous request frames, all writes or all reads. Writes are
logged as they came; reads ride along because they stand behind a write of their own
session, and are answered when their turn comes.

The payload of a log record is a head, ``byte flags, byte rules, unsigned short server,
long number``: what the leader noted about it, by which of its settings everybody is to
execute it, and whose batch it was, so that this server knows its own again; and then its runs
of writes, each ``int length of the frames, long session, int length of the identities,
identities, frames``; the frames keep their own length prefixes.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from typing import Final

from zkserver.replica.connection import Caller, Connection
from zkserver.wire.jute import INT, DecodeError, Reader
from zkserver.wire.opcodes import Op
from zkserver.wire.records import read_ids

#: Flags, rules, the id of the server whose batch it was, its number there.
_HEAD: Final = struct.Struct(">BBHQ")
#: Bytes of the frames, session, bytes of the identities.
_RUN_HEAD: Final = struct.Struct(">iqi")
#: Flags: a reconfig, behind which nothing is proposed before it is executed; one that the
#: leader found to lack a quorum of its voters, so that it will be refused.
STOPS: Final = 1
NO_QUORUM: Final = 2
#: A sync as it stands in a frame, at bytes 8 to 12.
_SYNC_CODE: Final = INT.pack(Op.SYNC)
#: Bytes that a run costs in the log beside its frames, for the size limit.
RUN_OVERHEAD: Final = 16


#: Contiguous frames of one caller (writes, or reads, or reads behind writes): the
#: connection if there is one, the caller, the frames, how many of them are writes, how many
#: there are, and the writes alone as they are logged. A plain tuple, since one is made for
#: every write.
Run = tuple[Connection | None, Caller, bytes, int, int, bytes]


class Batch:
    """Runs that travel through the log together."""

    __slots__ = (
        "asks",
        "large",
        "number",
        "opened_ms",
        "point",
        "requests",
        "runs",
        "size",
        "stops",
        "time_ms",
        "writes",
        "zxid",
    )

    def __init__(self) -> None:
        self.runs: list[Run] = []
        #: Number of writes, and so of entries in the sequence.
        self.writes = 0
        #: Of a batch of nothing but syncs: how much has to be executed before they are
        #: answered; -1 as long as it is not known, and for all other batches.
        self.point = -1
        #: Number of writes and of the reads that ride along.
        self.requests = 0
        #: Bytes of the log record, roughly.
        self.size = 0
        #: Bytes of the large requests among them.
        self.large = 0
        #: Monotonic time of its first write, milliseconds.
        self.opened_ms = 0
        #: It holds nothing but syncs, which the log is not needed for; set when it is closed.
        self.asks = False
        #: It may end the configuration.
        self.stops = False
        #: Which of this server's batches it is; set when it is closed.
        self.number = 0
        #: zxid of its first entry; set when it is executed.
        self.zxid = 0
        #: Wall time of its entries, milliseconds since 1970; set when it is executed.
        self.time_ms = 0

    def add(
        self,
        conn: Connection | None,
        caller: Caller,
        frames: bytes,
        writes: int,
        count: int,
        logged: bytes,
    ) -> None:
        """Append a run with writes in it; the fields are those of :data:`Run`."""
        self.runs.append((conn, caller, frames, writes, count, logged))
        self.writes += writes
        self.requests += count
        self.size += len(frames) + RUN_OVERHEAD

    def add_one(self, conn: Connection | None, caller: Caller, frame: bytes) -> None:
        """Append a single write."""
        self.add(conn, caller, frame, 1, 1, frame)

    def hold(self, conn: Connection, caller: Caller, frames: bytes, count: int) -> None:
        """Append a run of reads that wait for the writes before them."""
        self.runs.append((conn, caller, frames, 0, count, b""))
        self.requests += count

    @property
    def only_syncs(self) -> bool:
        """Whether all that would be logged are syncs, for which the log is not needed."""
        for _, _, _, writes, _, logged in self.runs:
            # Mostly the first one shows it.
            if writes and logged[8:12] != _SYNC_CODE:
                return False
        return all(
            run[5][start + 8 : start + 12] == _SYNC_CODE
            for run in self.runs
            if run[3] > 1
            for start in frame_starts(run[5])[:-1]
        )

    def payload(self, server_id: int, rules: int) -> bytes:
        """The payload of the log record, from the server of that id, by its ``rules``."""
        pieces = [_HEAD.pack(self.stops, rules, server_id, self.number)]
        pack = INT.pack
        for _, caller, _, writes, _, logged in self.runs:
            if writes:
                pieces += (pack(len(logged)), caller.prefix, logged)
        return b"".join(pieces)


def origin(payload: bytes) -> tuple[int, int, int, int]:
    """Flags, rules, id of the server whose batch it was, and the batch's number there."""
    head: tuple[int, int, int, int] = _HEAD.unpack_from(payload)
    return head


def with_flags(payload: bytes, flags: int) -> bytes:
    """The payload with other flags."""
    return bytes((flags,)) + payload[1:]


def with_rules(payload: bytes, rules: int) -> bytes:
    """The payload, to be executed by these rules."""
    if payload[1] == rules:
        return payload
    return payload[:1] + bytes((rules,)) + payload[2:]


def logged_runs(payload: bytes) -> Iterator[tuple[Caller, bytes]]:
    """The runs of a log record's payload, for recovery; raises ``DecodeError``."""
    pos, end = _HEAD.size, len(payload)
    while pos < end:
        if end - pos < _RUN_HEAD.size:
            raise DecodeError("a run of a log record is cut off")
        size, _, ids_size = _RUN_HEAD.unpack_from(payload, pos)
        first = pos + _RUN_HEAD.size + max(ids_size, 0)
        after = first + size
        if size < 0 or after > end:
            raise DecodeError("a run of a log record is cut off")
        yield _caller(payload[pos + INT.size : first]), payload[first:after]
        pos = after


@functools.lru_cache(maxsize=4096)
def _caller(prefix: bytes) -> Caller:
    """Who is behind a :attr:`Caller.prefix`; of most there are many runs, one after another."""
    reader = Reader(prefix)
    return Caller(reader.int64(), read_ids(reader.buffer() or b""))


def frame_starts(frames: bytes) -> list[int]:
    """Where each of the complete frames in ``frames`` begins, and where the last one ends."""
    starts = [0]
    pos = 0
    while pos < len(frames):
        pos += 4 + int.from_bytes(frames[pos : pos + 4], "big")
        starts.append(pos)
    return starts
