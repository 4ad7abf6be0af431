"""Reads the tree after a restart and decides whether the crash broke a promise."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.crash.connection import (
    STAT_BYTES,
    Connection,
    ConnectionLostError,
    OpCode,
    SessionRefusedError,
    Stat,
    decode_buffer,
    decode_stat,
    watch_body,
)
from conformance.crash.workload import (
    ROOT,
    SHARED,
    SHARED_LEFT,
    SHARED_QUEUE,
    SHARED_RIGHT,
    ModelNode,
    Op,
    Subtree,
)
from conformance.crash.writer import Violation, Writer


@dataclass(slots=True)
class Tally:
    """What the checks of a round, or of a whole run, have seen."""

    sent: int = 0
    acknowledged: int = 0
    #: Unanswered writes that had taken effect, and those that had not.
    kept: int = 0
    lost: int = 0
    reattached: int = 0
    ephemerals: int = 0
    znodes: int = 0

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Ledger:
    """What all writers together are known to have done to the shared subtree."""

    #: Living entries of the queue: the data by path, and by data the writer that made it.
    queue: dict[str, bytes] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    #: The data of every queue entry ever seen, by its number.
    numbers: dict[int, bytes] = field(default_factory=dict)
    queue_changes: int = 0
    pair_sets: int = 0
    #: The values that the last settled state of the pair may hold.
    pair_values: set[bytes] = field(default_factory=lambda: {b""})


@dataclass(slots=True)
class Seen:
    """The children and znodes read below one parent."""

    data: dict[str, bytes] = field(default_factory=dict)
    stats: dict[str, Stat] = field(default_factory=dict)


def read_children(connection: Connection, parents: list[str]) -> tuple[dict[str, Stat], Seen]:
    """The parents' Stats and their children's data and Stats, all requests pipelined.

    Raises ``Violation`` when a parent or a child that was listed cannot be read.
    """
    for parent in parents:
        connection.send(OpCode.GET_CHILDREN, watch_body(parent))
    connection.flush()
    parent_stats: dict[str, Stat] = {}
    paths: list[str] = []
    for parent in parents:
        reply = connection.receive()
        if reply.err:
            raise Violation(f"{parent} is gone (error {reply.err})")
        offset = 4
        for _ in range(int.from_bytes(reply.body[:4], "big", signed=True)):
            name, offset = decode_buffer(reply.body, offset)
            paths.append(f"{parent}/{name.decode()}")
        parent_stats[parent] = decode_stat(reply.body, offset)
    seen = Seen()
    for path in paths:
        connection.send(OpCode.GET_DATA, watch_body(path))
    connection.flush()
    for path in paths:
        reply = connection.receive()
        if reply.err:
            raise Violation(f"{path} was listed and cannot be read (error {reply.err})")
        seen.data[path], offset = decode_buffer(reply.body)
        seen.stats[path] = decode_stat(reply.body, len(reply.body) - STAT_BYTES)
    return parent_stats, seen


class Checker:
    """Checks one restart after the other; keeps what must hold across all of them."""

    def __init__(self, writers: list[Writer]) -> None:
        self.writers = writers
        self.ledger = Ledger()

    def check(self, port: int) -> Tally:
        """Check the restarted server and settle every writer on what it holds.

        Raises ``Violation`` when a promise is broken.
        """
        floor = max(w.connection.last_zxid for w in self.writers if w.connection is not None)
        with Connection(port) as probe:
            return self._check_all(probe, port, floor)

    def _check_all(self, probe: Connection, port: int, floor: int) -> Tally:
        tally = Tally()
        reply = probe.call(OpCode.EXISTS, watch_body(ROOT))
        if reply.err:
            raise Violation(f"{ROOT} is gone after the restart (error {reply.err})")
        if reply.zxid < floor:
            raise Violation(f"zxid went back: {floor:#x} was seen, now {reply.zxid:#x}")
        applied: list[tuple[Writer, list[Op]]] = []
        settled: dict[str, Subtree] = {}
        for writer in self.writers:
            self._reattach(writer, port)
            tally.reattached += 1
            subtree, count = self._explain(writer)
            settled[writer.name] = subtree
            applied.append((writer, writer.ops[:count]))
            tally.sent += len(writer.ops)
            tally.acknowledged += writer.acknowledged
            tally.kept += count - writer.acknowledged
            tally.lost += len(writer.ops) - count
            tally.znodes += len(subtree.nodes)
            tally.ephemerals += sum(1 for node in subtree.nodes.values() if node.owner)
        self._check_shared(probe, applied)
        for writer in self.writers:
            mine = [path for path, name in self.ledger.owner.items() if name == writer.name]
            writer.settle(settled[writer.name], sorted(mine))
        return tally

    def _reattach(self, writer: Writer, port: int) -> None:
        assert writer.connection is not None and writer.session is not None
        session, zxid = writer.session, writer.connection.last_zxid
        writer.drop()
        try:
            writer.connection = Connection(port, session=session, last_zxid=zxid)
        except SessionRefusedError as error:
            raise Violation(f"{writer.name}: lost its session: {error}") from error
        except ConnectionLostError as error:
            raise Violation(
                f"{writer.name}: cannot re-attach with lastZxidSeen {zxid:#x}: {error}"
            ) from error
        if writer.connection.session.session_id != session.session_id:
            raise Violation(f"{writer.name}: re-attached to another session")

    def _explain(self, writer: Writer) -> tuple[Subtree, int]:
        """The server's subtree of ``writer``, and how many of its ops made it."""
        assert writer.connection is not None and writer.session is not None
        root, sequential = writer.root, f"{writer.root}/seq"
        parents, seen = read_children(writer.connection, [root, sequential])
        found = Subtree(
            {
                path: ModelNode(data, seen.stats[path].version, seen.stats[path].ephemeral_owner)
                for path, data in seen.data.items()
            }
        )
        for parent in (root, sequential):
            found.cversions[parent] = parents[parent].cversion
        model = writer.base.copy()
        answered: Subtree | None = None
        for count in range(len(writer.ops) + 1):
            if count:
                model.apply(writer.ops[count - 1], root, writer.session.session_id)
            if count == writer.acknowledged:
                answered = model.copy()
            if count >= writer.acknowledged and model.same_as(found):
                self._check_mzxids(writer, seen)
                return model, count
        assert answered is not None
        raise Violation(
            f"{writer.name}: no prefix of its {len(writer.ops)} writes, of which "
            f"{writer.acknowledged} were answered, leaves what the server holds; against "
            f"exactly the answered ones: {answered.difference(found)}"
        )

    def _check_mzxids(self, writer: Writer, seen: Seen) -> None:
        for path, stat in seen.stats.items():
            told = writer.mzxids.get((path, stat.version), stat.mzxid)
            if told != stat.mzxid:
                raise Violation(f"{path}: mzxid was {told:#x} and is {stat.mzxid:#x} now")

    def _check_shared(self, probe: Connection, applied: list[tuple[Writer, list[Op]]]) -> None:
        parents, seen = read_children(probe, [ROOT, SHARED, SHARED_QUEUE])
        expected = {SHARED, *(writer.root for writer in self.writers)}
        stray = {path for path in seen.data if path.rpartition("/")[0] == ROOT} ^ expected
        if stray:
            raise Violation(f"{ROOT} has other children than were made: {sorted(stray)}")
        self._check_pair(seen, applied)
        queue = {
            path: data for path, data in seen.data.items() if path.startswith(f"{SHARED_QUEUE}/")
        }
        self._check_queue(queue, applied)
        cversion = parents[SHARED_QUEUE].cversion
        if cversion != self.ledger.queue_changes:
            raise Violation(
                f"{SHARED_QUEUE}: cversion {cversion} after {self.ledger.queue_changes} changes"
            )

    def _check_pair(self, seen: Seen, applied: list[tuple[Writer, list[Op]]]) -> None:
        left, right = seen.stats[SHARED_LEFT], seen.stats[SHARED_RIGHT]
        by_writer = [[v for op in ops if (v := op.sets_shared)] for _, ops in applied]
        if any(by_writer):
            # Writers race each other, but each one's last set hides its earlier ones.
            self.ledger.pair_sets += sum(map(len, by_writer))
            self.ledger.pair_values = {values[-1] for values in by_writer if values}
        data = seen.data[SHARED_LEFT]
        if data != seen.data[SHARED_RIGHT] or left.mzxid != right.mzxid:
            raise Violation(
                f"half of a multi: {SHARED_LEFT} holds {data!r} (mzxid {left.mzxid:#x}), "
                f"{SHARED_RIGHT} {seen.data[SHARED_RIGHT]!r} (mzxid {right.mzxid:#x})"
            )
        if data not in self.ledger.pair_values:
            raise Violation(f"{SHARED_LEFT} holds {data!r}, which no applied write can have left")
        for path, stat in ((SHARED_LEFT, left), (SHARED_RIGHT, right)):
            if stat.version != self.ledger.pair_sets:
                raise Violation(
                    f"{path}: version {stat.version} after {self.ledger.pair_sets} applied sets"
                )

    def _check_queue(self, found: dict[str, bytes], applied: list[tuple[Writer, list[Op]]]) -> None:
        ledger = self.ledger
        known_max = max(ledger.numbers, default=-1)
        by_data = {data: path for path, data in found.items()}
        for writer, ops in applied:
            for op in ops:
                if op.enqueues:
                    ledger.queue_changes += 1
                    self._enqueue(writer, op, by_data, known_max)
                removed = op.dequeues
                if removed is not None:
                    ledger.queue_changes += 1
                    ledger.queue.pop(removed, None)
                    ledger.owner.pop(removed, None)
        if found != ledger.queue:
            wrong = sorted(found.items() ^ ledger.queue.items())
            raise Violation(f"{SHARED_QUEUE}: lost or invented entries: {wrong[:4]}")

    def _enqueue(self, writer: Writer, op: Op, by_data: dict[bytes, str], known_max: int) -> None:
        """Enter an applied addition to the queue; its number must be new."""
        data = op.steps[0].data
        path = op.queue_path or by_data.get(data)
        if path is None:
            raise Violation(f"{SHARED_QUEUE}: {data!r} must be there and is not")
        number = int(path[-10:])
        if number in self.ledger.numbers or number <= known_max:
            other = self.ledger.numbers.get(number)
            raise Violation(f"{path} for {data!r} reuses a number (before: {other!r})")
        self.ledger.numbers[number] = data
        self.ledger.queue[path] = data
        self.ledger.owner[path] = writer.name
