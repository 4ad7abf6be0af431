"""The rounds of the crash test: load, kill in one of several ways, restart, check."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from conformance.crash.checker import Checker, Tally, read_children
from conformance.crash.connection import (
    Connection,
    ConnectionLostError,
    OpCode,
    SessionRefusedError,
    wait_serving,
)
from conformance.crash.workload import (
    ROOT,
    SHARED,
    SHARED_LEFT,
    SHARED_QUEUE,
    SHARED_RIGHT,
    Step,
    Subtree,
    Verb,
)
from conformance.crash.writer import Violation, Writer, encode_op
from conformance.servers import SERVERS, ZooKeeperProcess

#: Small enough that every round of load writes several snapshots.
_SNAP_COUNT = 1000
#: Long enough for a restart, so that no session expires during one.
_SESSION_S = 40
_WINDOWS = (1, 8, 32, 128)
_LOAD_S = (0.05, 0.9)
_SNAPSHOT_WAIT_S = 5.0
_POLL_S = 0.002


class Kind(Enum):
    """When the kill of a round comes."""

    LOAD = "under load"
    SNAPSHOT = "as a snapshot appears"
    RECOVERY = "during recovery"
    CLOSE = "at closeSession"


#: Of ten rounds, how many are of which kind; shuffled anew for every ten.
_MIX = [Kind.LOAD] * 5 + [Kind.SNAPSHOT] * 2 + [Kind.RECOVERY] * 2 + [Kind.CLOSE]


@dataclass(slots=True)
class Summary:
    """What a run did, and the violation that ended it, if any."""

    server: str
    seed: int
    rounds: Counter[Kind] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    kills: int = 0
    seconds: float = 0.0
    violation: str | None = None
    log_tail: str = ""


class CrashTest:
    """Runs the rounds against one server on one data directory."""

    def __init__(self, kind: str, *, rounds: int, writers: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rounds = rounds
        self.server: ZooKeeperProcess = SERVERS[kind](
            settings={"snapCount": str(_SNAP_COUNT), "maxSessionTimeout": str(_SESSION_S * 1000)}
        )
        self.writers = [
            Writer(
                f"writer {number}",
                f"{ROOT}/w{number}",
                random.Random(f"{seed}/{number}"),
                _WINDOWS[number % len(_WINDOWS)],
            )
            for number in range(writers)
        ]
        self.checker = Checker(self.writers)
        self.summary = Summary(kind, seed)
        self._mix: list[Kind] = []

    def run(self, progress: Callable[[int, Kind, Tally], None]) -> Summary:
        """All rounds, or as many as pass; ``progress`` is told of each.

        Raises ``ServerUnavailable`` when the server cannot be run here.
        """
        began = time.monotonic()
        with self.server:
            try:
                self._set_up()
                for number in range(1, self.rounds + 1):
                    kind = self._next_kind()
                    tally = self._round(kind)
                    self.summary.rounds[kind] += 1
                    self.summary.tally.add(tally)
                    progress(number, kind, tally)
            except (Violation, ConnectionLostError, SessionRefusedError) as problem:
                self.summary.violation = str(problem)
                log = self.server.log_path.read_text(errors="replace")
                self.summary.log_tail = log[-3000:]
            finally:
                for writer in self.writers:
                    writer.drop()
        self.summary.seconds = time.monotonic() - began
        return self.summary

    def _next_kind(self) -> Kind:
        if not self._mix:
            self._mix = list(_MIX)
            self.rng.shuffle(self._mix)
        return self._mix.pop()

    def _set_up(self) -> None:
        wait_serving(self.server.port)
        with_root = (ROOT, SHARED, SHARED_LEFT, SHARED_RIGHT, SHARED_QUEUE)
        steps = tuple(Step(Verb.CREATE, path) for path in with_root)
        with Connection(self.server.port) as connection:
            if connection.call(*encode_op(steps)).err:
                raise Violation(f"{ROOT} cannot be created on an empty server")
        for writer in self.writers:
            writer.set_up(self.server.port)

    def _round(self, kind: Kind) -> Tally:
        floor = max(w.connection.last_zxid for w in self.writers if w.connection is not None)
        for writer in self.writers:
            writer.start(floor)
        if kind is Kind.SNAPSHOT:
            self._wait_snapshot()
        else:
            self._wait_load(self.rng.uniform(*_LOAD_S))
        early = [writer.name for writer in self.writers if writer.ended]
        self._kill()
        for writer in self.writers:
            writer.join()
        if early:
            raise Violation(f"the server dropped {', '.join(early)} before it was killed")
        if kind is Kind.RECOVERY:
            self._kill_recovering()
        self._start()
        tally = self.checker.check(self.server.port)
        if kind is Kind.CLOSE:
            self._close_and_kill(self.rng.choice(self.writers))
        for writer in self.writers:
            if self.rng.random() < 0.25:
                self._renew(writer)
        return tally

    def _wait_load(self, seconds: float) -> None:
        """Let the writers write for a moment, but see to it that something was answered."""
        deadline = time.monotonic() + seconds
        idle_deadline = deadline + 10
        while time.monotonic() < deadline or (
            not any(writer.acknowledged for writer in self.writers)
            and time.monotonic() < idle_deadline
        ):
            if all(writer.ended for writer in self.writers):
                return
            time.sleep(_POLL_S)

    def _wait_snapshot(self) -> None:
        """Wait until the server begins to write another snapshot, then a random moment more."""
        before = set(self.server.data_dir.rglob("*snap*"))
        deadline = time.monotonic() + _SNAPSHOT_WAIT_S
        while time.monotonic() < deadline:
            if set(self.server.data_dir.rglob("*snap*")) - before:
                break
            time.sleep(_POLL_S)
        self._wait_load(self.rng.choice((0.0, 0.005, 0.05)))

    def _kill(self) -> None:
        self.server.kill()
        self.summary.kills += 1

    def _kill_recovering(self) -> None:
        """Start the server and kill it before it serves, once or twice."""
        command = self.server.command(self.server.data_dir / "zoo.cfg")
        for _ in range(self.rng.randint(1, 2)):
            moment_s = self.rng.uniform(0.2, 1.0) * self.server.started_in_s
            with self.server.log_path.open("ab") as log:
                process = subprocess.Popen(
                    command, stdout=log, stderr=subprocess.STDOUT, cwd=self.server.data_dir
                )
            # An exit by itself would be found by the start that follows.
            threading.Event().wait(moment_s)
            process.kill()
            process.wait()
            self.summary.kills += 1

    def _start(self) -> None:
        try:
            self.server.start()
            wait_serving(self.server.port)
        except (RuntimeError, ConnectionLostError) as error:
            raise Violation(f"the server does not start after the crash: {error}") from error

    def _ephemeral_free(self, writer: Writer, port: int) -> None:
        """Check that the subtree is the model's without the session's ephemerals."""
        assert writer.session is not None
        expected = writer.base.copy()
        expected.end_session(writer.session.session_id)
        root, sequential = writer.root, f"{writer.root}/seq"
        with Connection(port) as connection:
            parents, seen = read_children(connection, [root, sequential])
        owners = {path: stat.ephemeral_owner for path, stat in seen.stats.items()}
        left = sorted(path for path, owner in owners.items() if owner)
        if left or seen.data.keys() != expected.nodes.keys():
            missing = sorted(expected.nodes.keys() - seen.data.keys())
            raise Violation(
                f"{writer.name}: after closeSession these ephemerals are left: {left[:4]}, "
                f"these znodes are missing: {missing[:4]}"
            )
        if parents[root].cversion != expected.cversions[root]:
            raise Violation(
                f"{root}: cversion {parents[root].cversion} after closeSession, "
                f"expected {expected.cversions[root]}"
            )
        self._give_session(writer, expected)

    def _give_session(self, writer: Writer, subtree: Subtree) -> None:
        queue_paths = writer.workload.queue_paths
        writer.connection = Connection(self.server.port)
        writer.session = writer.connection.session
        writer.settle(subtree, queue_paths)

    def _renew(self, writer: Writer) -> None:
        """Close the writer's session, check that its ephemerals go, and open another one."""
        assert writer.connection is not None
        writer.connection.close()
        self._ephemeral_free(writer, self.server.port)

    def _close_and_kill(self, writer: Writer) -> None:
        """Kill the server at a closeSession; if it was answered, it must hold afterwards."""
        assert writer.connection is not None and writer.session is not None
        answered = self.rng.random() < 0.5
        if answered:
            writer.connection.close()
        else:
            writer.connection.send(OpCode.CLOSE_SESSION)
            writer.connection.flush()
        zxid = writer.connection.last_zxid
        writer.connection.drop()
        self._kill()
        self._start()
        port = self.server.port
        try:
            again = Connection(port, session=writer.session, last_zxid=zxid)
        except SessionRefusedError:
            self._ephemeral_free(writer, port)
        else:
            if answered:
                raise Violation(f"{writer.name}: its closed session is alive after the crash")
            writer.connection = again
        self.checker.check(port)
