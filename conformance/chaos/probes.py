"""Whether writes work, through each server: one raw connection to each, and one write after
the other.

A probe has nothing of a client library's patience and backoff in it, so the moment at which
the first write works again is known to some ten milliseconds.
"""

from __future__ import annotations

import bisect
import itertools
import threading
import time
from typing import NamedTuple

from conformance.chaos.faults import LeaderLoss
from conformance.chaos.history import PROBES
from conformance.crash.connection import (
    Connection,
    ConnectionLostError,
    OpCode,
    SessionRefusedError,
    create_body,
    set_body,
)

_PAUSE_S = 0.01
#: A server that does not lead and knows no leader may leave a handshake unanswered.
_HANDSHAKE_S_MAX = 0.5
#: A write that was not answered by then is given up, and the connection with it.
_WRITE_S_MAX = 2.0
_SESSION_TIMEOUT_MS = 4_000
_NO_NODE = -101


class Write(NamedTuple):
    """A probe's write that was answered; times are seconds of CLOCK_MONOTONIC."""

    server_id: int
    start_s: float
    end_s: float


class _Connection(Connection):
    """Waits longer for a write than for a handshake."""

    def be_patient(self, patience_s: float) -> None:
        self._socket.settimeout(patience_s)


class Probe:
    """Writes through one server in a thread of its own until :meth:`stop`."""

    def __init__(self, server_id: int, port: int) -> None:
        self.server_id = server_id
        self.writes: list[Write] = []
        self._port = port
        self._path = f"{PROBES}/server-{server_id}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"probe {server_id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for that."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                connection = _Connection(
                    self._port, timeout_ms=_SESSION_TIMEOUT_MS, patience_s=_HANDSHAKE_S_MAX
                )
            except (ConnectionLostError, SessionRefusedError):
                self._ended.wait(_PAUSE_S)
                continue
            try:
                connection.be_patient(_WRITE_S_MAX)
                self._write_on(connection)
            except ConnectionLostError:
                pass
            finally:
                connection.drop()

    def _write_on(self, connection: Connection) -> None:
        while not self._ended.is_set():
            start_s = time.monotonic()
            reply = connection.call(OpCode.SET_DATA, set_body(self._path, b""))
            if reply.err == _NO_NODE:
                connection.call(OpCode.CREATE, create_body(self._path, b""))
            elif reply.err:
                # The session has expired or moved: begin anew.
                return
            else:
                self.writes.append(Write(self.server_id, start_s, time.monotonic()))
            self._ended.wait(_PAUSE_S)
        connection.close()


class Probes:
    """One probe for each server; a context manager that starts and stops them."""

    def __init__(self, ports: dict[int, int]) -> None:
        self._probes = [Probe(server_id, port) for server_id, port in ports.items()]

    def __enter__(self) -> Probes:
        for probe in self._probes:
            probe.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End all of them."""
        for probe in self._probes:
            probe.stop()

    def first_write_s(self, since_s: float, server_id: int | None = None) -> float | None:
        """When the first write that began after ``since_s`` was answered; None if none was.

        Through any server, or through one.
        """
        firsts = []
        for probe in self._of(server_id):
            at = bisect.bisect_left(probe.writes, since_s, key=_start)
            firsts += probe.writes[at : at + 1]
        return min((write.end_s for write in firsts), default=None)

    def wait_write(
        self, since_s: float, timeout_s: float, server_id: int | None = None
    ) -> float | None:
        """Wait for the answer of such a write; its moment, or None after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if (end_s := self.first_write_s(since_s, server_id)) is not None:
                return end_s
            time.sleep(_PAUSE_S)
        return None

    def wait_recovery(self, loss: LeaderLoss, timeout_s: float) -> float | None:
        """How long there was no service after a loss of the leader; None if for longer."""
        end_s = self.wait_write(loss.gone_s, timeout_s)
        return None if end_s is None else end_s - loss.since_s

    def count(self, server_id: int | None, since_s: float, until_s: float) -> int:
        """How many writes through a server, or through any, were answered in that time."""
        return len(self._ends(server_id, since_s, until_s))

    def longest_gap_s(self, server_id: int | None, since_s: float, until_s: float) -> float:
        """The longest time without an answered write through a server, or through any."""
        moments = [since_s, *self._ends(server_id, since_s, until_s), until_s]
        return max(after - before for before, after in itertools.pairwise(moments))

    def _of(self, server_id: int | None) -> list[Probe]:
        return [probe for probe in self._probes if server_id in (None, probe.server_id)]

    def _ends(self, server_id: int | None, since_s: float, until_s: float) -> list[float]:
        ends: list[float] = []
        for probe in self._of(server_id):
            first = bisect.bisect_left(probe.writes, since_s, key=_end)
            behind = bisect.bisect_left(probe.writes, until_s, key=_end)
            ends += [write.end_s for write in probe.writes[first:behind]]
        return sorted(ends)


def _start(write: Write) -> float:
    return write.start_s


def _end(write: Write) -> float:
    return write.end_s
