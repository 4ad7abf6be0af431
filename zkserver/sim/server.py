"""One simulated server: a small shell around the real core, its disk and its clocks.

It does what the real shell does: take what has come, put requests into the sequence, send,
make durable, execute, answer. A turn happens a moment after the first event, so what comes
together is handled together. A flush takes its time, and a crash may come in the middle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from zkserver.errors import InvariantBrokenError
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.durable import Persist
from zkserver.paxos.election import Timing
from zkserver.paxos.messages import Promise
from zkserver.paxos.node import PaxosNode
from zkserver.replica.connection import Caller, Connection, Phase
from zkserver.replica.core import ReplicaCore
from zkserver.replica.membership import Member, Membership
from zkserver.replica.sessions import first_session_id
from zkserver.replica.settings import ReplicaSettings
from zkserver.server.writing import read_back, write_out
from zkserver.sim.clock import Clock
from zkserver.sim.disk import OutOfTimeError, SimDisk
from zkserver.sim.knobs import Knobs
from zkserver.sim.network import Network
from zkserver.sim.snapshots import SnapshotKeeper, SnapshotTransfer
from zkserver.sim.wires import Wire
from zkserver.sim.world import Violation, World
from zkserver.storage import (
    CorruptLog,
    CorruptSnapshot,
    DiskFailed,
    Recovered,
    WalOptions,
    recover,
)
from zkserver.tree.acl import SUPER
from zkserver.tree.tree import TreeRules
from zkserver.wire.jute import LONG, pack_buffer
from zkserver.wire.opcodes import Op

if TYPE_CHECKING:
    from zkserver.sim.checkers import Checkers

#: Where a server keeps its data, on its own disk.
DIRECTORY: Final = "data"
#: Rounds in one turn: requests that became possible by what was just executed.
_ROUNDS_MAX: Final = 4


class SimServer:
    """A server process that can be started, paused, killed and unplugged."""

    def __init__(
        self,
        server_id: int,
        world: World,
        network: Network,
        knobs: Knobs,
        checkers: Checkers,
    ) -> None:
        self.server_id = server_id
        self.name = f"s{server_id}"
        self.world = world
        self.network = network
        self.knobs = knobs
        self.checkers = checkers
        self.clock = Clock(world.stream(f"clock {server_id}"))
        self.disk = SimDisk(world.stream(f"disk {server_id}"))
        self.stream = world.stream(f"server {server_id}")
        self.core: ReplicaCore | None = None
        self.recovered: Recovered | None = None
        #: Counts processes; what was planned by an earlier one does not happen.
        self.life = 0
        self.is_paused = False
        #: When it was paused or resumed last, microseconds.
        self.paused_us = 0
        #: Recovery refused its data: it stays away for good.
        self.is_lost = False
        #: Bits of its files were flipped, so recovery may refuse them.
        self.is_rotten = False
        #: By how much its flushes are slower than usual.
        self.slowness = 1
        #: Who wants to know that it promised a ballot: called with its id and the candidate's.
        self.has_promised: Callable[[int, int], None] | None = None
        self.wires: dict[Wire, None] = {}
        self._deferred: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._flushing: Persist | None = None
        self._keeper: SnapshotKeeper | None = None
        self._turn_planned = False

    # Life.

    @property
    def is_up(self) -> bool:
        """There is a process, be it paused."""
        return self.core is not None

    def now_ms(self) -> int:
        """The server's monotonic clock."""
        return self.clock.monotonic_ms(self.world.now_us)

    def start(self) -> None:
        """Recover what is on the disk, and take part."""
        if self.core is not None or self.is_lost:
            return
        self.life += 1
        knobs = self.knobs
        random_bytes = self.world.stream(f"server {self.server_id} life {self.life}").randbytes
        options = WalOptions(
            segment_bytes_min=knobs.segment_bytes_min,
            segment_bytes_max=knobs.segment_bytes_max,
            growth=2,
            background=False,
            random_bytes=random_bytes,
        )
        try:
            recovered = recover(self.disk, DIRECTORY, None, options)
        except (CorruptLog, CorruptSnapshot) as refusal:
            self._refused(str(refusal))
            return
        except DiskFailed as failure:
            self.world.note(self.name, "no start", str(failure))
            self.disk.kill()
            return
        self.recovered = recovered
        try:
            self.core = self._revive(recovered, random_bytes)
        except CorruptSnapshot as refusal:
            self._refused(str(refusal))
            return
        self._keeper = SnapshotKeeper(self, self.core, recovered)
        node = self.core.node
        self.world.note(
            self.name, "started", f"life={self.life} start={node.log.start} end={node.log.end}"
        )
        self.checkers.started(self)
        self._guarded(self.core.execute_known, self.now_ms())
        self.checkers.look_at(self)
        self._tick(self.life)

    def _refused(self, why: str) -> None:
        """The data are damaged; only where we damaged them ourselves that is right."""
        self.world.note(self.name, "refused", why)
        if not self.is_rotten:
            raise Violation("recovery", f"{self.name} refuses its data after a crash: {why}")
        self.disk.kill()
        self.core = None
        self.is_lost = True

    def _revive(self, recovered: Recovered, random_bytes: Callable[[int], bytes]) -> ReplicaCore:
        """The core from the snapshot; what is behind it in the log is not known to be decided."""
        knobs = self.knobs
        settings = ReplicaSettings(
            server_id=self.server_id,
            tick_ms=knobs.session_tick_ms,
            session_timeout_min_ms=100,
            session_timeout_max_ms=60_000,
            outstanding_max=knobs.outstanding_max,
            rules=TreeRules(reconfig_enabled=True, standalone_enabled=False),
        )
        seed = first_session_id(self.server_id, self.clock.wall_ms(self.world.now_us))
        core = ReplicaCore(settings, seed, random_bytes)
        log = read_back(core, recovered)
        founding = Membership.of(
            Member(one, f"10.0.0.{one}", 2888, 3888) for one in self.network.ids
        )
        voters = (core.membership or founding).voters
        node = PaxosNode(
            self.server_id,
            Configuration(core.configuration_number, voters),
            log,
            Ballot.unpacked(recovered.promised),
            Ballot.unpacked(recovered.accepted),
            Timing(knobs.heartbeat_ms, knobs.timeout_ms),
            self.stream.randrange,
            recovered.decided,
        )
        core.join(
            node, patience_ms=knobs.patience_ms, touch_ms=knobs.touch_ms, now_ms=self.now_ms()
        )
        if core.ensemble is not None:
            core.ensemble.founding = founding
        return core

    def reconfigure(self, joining: bytes, leaving: bytes) -> None:
        """Ask for other members, as an operator would over a connection to this server."""
        if self.core is None or self.is_paused:
            return
        core = self.core
        operator = Caller(0, ((SUPER, b""),))
        body = pack_buffer(joining) + pack_buffer(leaving) + pack_buffer(None) + LONG.pack(-1)
        core.set_batch_apart()
        core.propose(operator, Op.RECONFIG, body, self.now_ms())
        core.batch.stops = True
        core.set_batch_apart()
        self._wake()

    def crash(self, *, power: bool) -> None:
        """The process dies; with ``power`` the machine, and what it had not flushed."""
        if self.core is None:
            return
        self.world.note(self.name, "crash", "power" if power else "kill")
        self._die_writing()
        self._end(notice_us_max=self.stream.choice((2_000, 400_000)) if power else 2_000)
        if power:
            self.disk.lose_power()

    def _die_writing(self) -> None:
        """Do a random part of what the disk was about to be given."""
        work: list[Callable[[], object]] = []
        persist = self._flushing
        if persist is not None:
            work.append(lambda: self._write(persist))
        if self._keeper is not None and self._keeper.is_writing:
            work.append(self._keeper.write)
        for task in work:
            self.disk.patience = self.stream.choice((0, 1, 2, 3, 6, None))
            try:
                task()
            except (OutOfTimeError, DiskFailed):
                pass
        self.disk.patience = None

    def _end(self, notice_us_max: int) -> None:
        """The process is gone, however it ended."""
        self.core = None
        self.recovered = None
        self.life += 1
        self.is_paused = self._turn_planned = False
        self._flushing = self._keeper = None
        self._deferred.clear()
        self.disk.kill()
        wires, self.wires = self.wires, {}
        for wire in wires:
            wire.close_from_server(self.stream.randint(0, notice_us_max))
        self.network.died(self.server_id, self.stream, notice_us_max)
        self.checkers.stopped(self)

    def pause(self) -> None:
        """Stop the process where it is, as SIGSTOP does."""
        if self.core is not None and not self.is_paused:
            self.world.note(self.name, "paused")
            self.is_paused = True
            self.paused_us = self.world.now_us

    def resume(self) -> None:
        """Let it go on: first it reads what has come meanwhile."""
        if not self.is_paused:
            return
        self.world.note(self.name, "resumed")
        self.is_paused = False
        self.paused_us = self.world.now_us
        deferred, self._deferred = self._deferred, deque()
        for thunk, args in deferred:
            if self.core is None:
                return
            thunk(*args)
        self._wake()

    def is_away(self, thunk: Callable[..., None], *args: Any) -> bool:
        """Whether nobody can take an event now; while paused it is kept."""
        if self.core is None:
            return True
        if self.is_paused:
            self._deferred.append((thunk, args))
            return True
        return False

    # Events.

    def is_reachable(self) -> bool:
        """Whether other servers can connect."""
        return self.core is not None

    def linked(self, peer_id: int) -> None:
        """A link is up."""
        if not self.is_away(self.linked, peer_id):
            self.running_core().node.linked(peer_id, self.now_ms())
            self._wake()

    def unlinked(self, peer_id: int) -> None:
        """A link is down."""
        if not self.is_away(self.unlinked, peer_id):
            self._guarded(self._unlinked, peer_id)
            self._wake()

    def _unlinked(self, peer_id: int) -> None:
        ensemble = self.running_core().ensemble
        if ensemble is not None:
            ensemble.unlinked(peer_id, self.now_ms())

    def arrived(self, peer_id: int, message: Any) -> None:
        """A message of another server."""
        if not self.is_away(self.arrived, peer_id, message):
            self._guarded(self._arrived, peer_id, message)
            self._wake()

    def _arrived(self, peer_id: int, message: Any) -> None:
        ensemble = self.running_core().ensemble
        if isinstance(message, SnapshotTransfer):
            if self._keeper is not None:
                self._keeper.install(message)
        elif ensemble is not None:
            ensemble.received(peer_id, message, self.now_ms())

    def accept(self, wire: Wire) -> None:
        """A client connects."""
        if not wire.is_up_open:
            return
        if self.core is None:
            wire.close_from_server()
            return
        # The kernel accepts, even for a process that is paused.
        wire.conn = Connection("10.0.0.1", 1024 + len(self.wires), self.now_ms())
        wire.conn.shell = wire
        self.wires[wire] = None

    def took(self, wire: Wire, data: bytes) -> None:
        """Bytes of a client."""
        if self.is_away(self.took, wire, data) or wire not in self.wires:
            return
        if wire.inbox or wire.conn.paused or wire.conn.more:
            wire.inbox.append(data)
            return
        self._read(wire, data)
        self._wake()

    def _read(self, wire: Wire, data: bytes) -> None:
        conn = wire.conn
        self._guarded(self.running_core().received, conn, data, self.now_ms())
        if conn.phase == Phase.OPEN:
            self.checkers.heard(self, conn.session_id)
        if self.core is not None:
            self.core.dirty[conn] = None

    def client_left(self, wire: Wire) -> None:
        """A client's connection is gone."""
        if not self.is_away(self.client_left, wire) and wire in self.wires:
            self._forget(wire)

    def _forget(self, wire: Wire) -> None:
        self.wires.pop(wire, None)
        if wire.conn.phase != Phase.CLOSED:
            self.running_core().lost(wire.conn)
            wire.conn.shell = None

    def drained(self, wire: Wire) -> None:
        """A slow reader reads again."""
        if not self.is_away(self.drained, wire) and wire in self.wires:
            self.running_core().dirty[wire.conn] = None
            self._wake()

    def _tick(self, life: int) -> None:
        if life != self.life or self.core is None:
            return
        self.world.after(self.knobs.tick_ms * 1000 + self.stream.randint(0, 2000), self._tick, life)
        if self.is_paused:
            return
        self._guarded(self._ticked, self.now_ms())
        self._wake()

    def _ticked(self, now_ms: int) -> None:
        core = self.running_core()
        expired = core.stats.expired
        # As it comes where housekeeping is due before the links are: it has to do as well.
        core.tick(now_ms)
        if core.stats.expired != expired:
            ending = [one for one, live in core.expiry.sessions.items() if live.closing]
            self.checkers.concluded(self, ending)
        if core.ensemble is not None:
            core.ensemble.tick(now_ms)

    # A turn.

    def running_core(self) -> ReplicaCore:
        """The core, which has to be there."""
        if self.core is None:
            raise Violation("simulator", f"{self.name} is used while it is down")
        return self.core

    def _guarded(self, step: Callable[..., None], *args: Any) -> None:
        """Run a step; a broken invariant is a violation, a failing disk ends the process."""
        try:
            step(*args)
        except InvariantBrokenError as broken:
            raise Violation("invariant", f"{self.name}: {broken}") from broken
        except DiskFailed as failure:
            self._disk_failed(failure)

    def _disk_failed(self, failure: DiskFailed) -> None:
        self.world.note(self.name, "disk failed", str(failure.errno))
        self._end(notice_us_max=2_000)

    def _wake(self) -> None:
        if self.core is not None and not self._turn_planned:
            self._turn_planned = True
            self.world.after(self.knobs.turn_us, self._turn, self.life)

    def _turn(self, life: int) -> None:
        if life != self.life:
            return
        self._turn_planned = False
        if not self.is_paused:
            self._guarded(self._take_turn)
            if self.core is not None:
                self.checkers.look_at(self)

    def _take_turn(self) -> None:
        core, now_ms = self.running_core(), self.now_ms()
        wall_ms = self.clock.wall_ms(self.world.now_us)
        for _ in range(_ROUNDS_MAX):
            if self._flushing is None or self.knobs.collects_while_flushing:
                core.collect(wall_ms, now_ms)
            self._send_out(core)
            executed = core.executed
            has_written = self._flushing is None and self._persist(core, now_ms)
            core.advance(now_ms)
            if has_written or core.executed != executed:
                self._send_out(core)
            if core.dirty:
                # What they are about to see; the next round may be this server's last.
                self.checkers.look_at(self)
                self._answer(core, now_ms)
            if not core.has_batches or self._flushing is not None:
                break
            if core.node.synced_leader is None:
                break
        if self._keeper is not None:
            self._keeper.look()

    def _send_out(self, core: ReplicaCore) -> None:
        if core.ensemble is not None:
            send, me = self.network.send, self.server_id
            for peer_id, message in core.ensemble.take_outbox():
                send(me, peer_id, message)
                if self.has_promised is not None and isinstance(message, Promise):
                    self.has_promised(me, peer_id)

    def _persist(self, core: ReplicaCore, now_ms: int) -> bool:
        """Give the disk what waits for it; whether it is done already."""
        persist = core.node.take_persist()
        if persist is None:
            return False
        mean_us = self.knobs.flush_us * self.slowness
        if not mean_us:
            self._write(persist)
            core.persisted(persist, now_ms)
            return True
        self._flushing = persist
        delay = mean_us // 4 + int(self.stream.expovariate(1.0) * mean_us)
        self.world.after(delay, self._flushed, self.life, persist)
        return False

    def _write(self, persist: Persist) -> None:
        if self.recovered is not None:
            write_out(self.recovered.wal, persist)

    def _flushed(self, life: int, persist: Persist) -> None:
        if life != self.life or self.is_away(self._flushed, life, persist):
            return
        self._guarded(self._write, persist)
        if self.core is not None:
            self._flushing = None
            self._guarded(self.core.persisted, persist, self.now_ms())
            self._wake()

    # Clients.

    def _answer(self, core: ReplicaCore, now_ms: int) -> None:
        """Send what connections have, close those that are over."""
        dirty = core.dirty
        while dirty:
            conns = tuple(dirty)
            dirty.clear()
            for conn in conns:
                if conn.shell is not None:
                    self._flush(core, conn, now_ms)

    def _flush(self, core: ReplicaCore, conn: Connection, now_ms: int) -> None:
        wire: Wire = conn.shell
        if wire.is_stalled and conn.phase < Phase.CLOSING:
            return
        while True:
            if conn.out:
                wire.send_down(b"".join(conn.out))
                conn.out.clear()
            if not conn.more:
                break
            core.resume(conn, now_ms)
        if conn.phase >= Phase.CLOSING:
            self.world.note(self.name, "closes", f"{conn.session_id:#x} {conn.why_closed}")
            wire.close_from_server()
            self._forget(wire)
        elif wire.inbox and not conn.paused:
            self._read(wire, wire.inbox.popleft())
