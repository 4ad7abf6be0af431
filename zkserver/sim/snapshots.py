"""What a server does with snapshots: take them, trim behind them, send and install them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkserver.replica.core import ReplicaCore
from zkserver.replica.state import State, dump
from zkserver.sim.network import Parcel
from zkserver.storage import (
    CorruptSnapshot,
    DiskFailed,
    Recovered,
    SnapshotMeta,
    list_snapshots,
    read_meta,
    read_snapshot,
    retain,
    write_snapshot,
)

if TYPE_CHECKING:
    from zkserver.sim.server import SimServer


@dataclass(frozen=True, slots=True)
class SnapshotTransfer:
    """A snapshot on its way to a server that is too far behind for the log."""

    meta: SnapshotMeta
    blocks: tuple[bytes, ...]


class SnapshotKeeper:
    """The snapshots of one life of a server.

    A snapshot is of the moment when it is begun, and is on the disk some time later, as if
    a forked child had written it. They come at random distances.
    """

    def __init__(self, server: SimServer, core: ReplicaCore, recovered: Recovered) -> None:
        self.server = server
        self.core = core
        self.recovered = recovered
        self._begun: tuple[SnapshotMeta, State] | None = None
        self._due = core.executed + self._distance()

    def _distance(self) -> int:
        return self.server.stream.randint(1, 2 * self.server.knobs.snapshot_every)

    def look(self) -> None:
        """Begin a snapshot if one is due; offer one to whoever needs it."""
        core = self.core
        if core.executed >= self._due and self._begun is None:
            self._begin()
        for peer_id in tuple(core.node.wants_snapshot):
            if self._offer(peer_id):
                del core.node.wants_snapshot[peer_id]

    def _begin(self) -> None:
        core, server = self.core, self.server
        self._due = core.executed + self._distance()
        meta = SnapshotMeta(
            zxid=core.zxid,
            index=core.executed,
            ballot=core.node.accepted.packed(),
            time_ms=server.clock.wall_ms(server.world.now_us),
        )
        self._begun = (meta, State.of(core, copied=True))
        server.world.after(server.stream.randint(0, 100_000), self._end, server.life)

    @property
    def is_writing(self) -> bool:
        """A snapshot was begun and is not on the disk yet."""
        return self._begun is not None

    def write(self) -> SnapshotMeta | None:
        """Put the snapshot that was begun on the disk, if there is one."""
        if self._begun is None:
            return None
        (meta, state), self._begun = self._begun, None
        write_snapshot(self.server.disk, self.recovered.snapshot_dir, meta, dump(state))
        return meta

    def _end(self, life: int) -> None:
        server = self.server
        if life != server.life or server.is_away(self._end, life):
            return
        try:
            meta = self.write()
        except DiskFailed as failure:
            # The server can live without: the log still holds everything.
            server.world.note(server.name, "no snapshot", str(failure.errno))
            return
        if meta is not None:
            server.world.note(server.name, "snapshot", f"index={meta.index} zxid={meta.zxid:#x}")
            self._purge()

    def _purge(self) -> None:
        """Give up what the kept snapshots make needless, on disk and in memory."""
        server, directory = self.server, self.recovered.snapshot_dir
        try:
            kept = retain(server.disk, directory, server.knobs.snapshots_kept)
            oldest = read_meta(server.disk, kept[-1]).index
            newest = read_meta(server.disk, kept[0]).index
            self.recovered.wal.purge_before(oldest)
        except (DiskFailed, CorruptSnapshot) as failure:
            server.world.note(server.name, "no purge", str(failure))
            return
        until = newest if server.knobs.trims_to_newest else oldest
        self.core.node.log.trim(min(until, self.core.executed))

    def _offer(self, peer_id: int) -> bool:
        """Send the newest snapshot to a server; false while there is none that would do."""
        server = self.server
        for path in list_snapshots(server.disk, self.recovered.snapshot_dir):
            try:
                meta, blocks = read_snapshot(server.disk, path)
                transfer = SnapshotTransfer(meta, tuple(blocks))
            except CorruptSnapshot:
                continue
            if meta.index < self.core.node.log.start:
                break
            server.world.note(server.name, "offers", f"index={meta.index} to s{peer_id}")
            parcel = Parcel(transfer, server.stream.randint(0, 50_000))
            server.network.send(server.server_id, peer_id, parcel)
            return True
        self._due = 0
        return False

    def install(self, transfer: SnapshotTransfer) -> None:
        """Take over the state of another server, once it is durable here."""
        server, core, meta = self.server, self.core, transfer.meta
        if core.ensemble is None:
            return
        if meta.index <= core.executed:
            core.ensemble.installed(transfer.blocks, meta.index, meta.zxid, server.now_ms())
            return
        write_snapshot(server.disk, self.recovered.snapshot_dir, meta, transfer.blocks)
        core.ensemble.installed(transfer.blocks, meta.index, meta.zxid, server.now_ms())
        server.world.note(server.name, "installed", f"index={meta.index} zxid={meta.zxid:#x}")
        server.checkers.installed(server)
        self._purge()
