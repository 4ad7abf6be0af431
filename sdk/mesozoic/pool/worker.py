"""``python -m mesozoic.pool.worker``: runs what a pool sends, in a task of Mesos.

The main thread runs the functions, since that is where signal handlers and many libraries want
to be. Another one reads: it takes in jobs, gives back those that have not begun, and ends the
process when the connection ends, whatever runs: nobody would hear of its result.
"""

from __future__ import annotations

import hmac
import os
import queue
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Final

from mesozoic.pool import frames, outcomes

_CONNECT_S: Final = 20.0
_ATTEMPTS: Final = 5
_RECEIVE_BYTES: Final = 1 << 18
_PIECE_BYTES: Final = 1 << 18
#: Exit codes, which Mesos shows with the task.
_LINK_LOST: Final = 75
_UNFIT: Final = 78


def keep_alive(link: socket.socket) -> None:
    """Notice within half a minute that the other host is gone, and send without delay."""
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            link.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)


def connect(address: str, name: str, key: bytes) -> socket.socket:
    """A connection with a pool that has proved to be ours.

    Raises ``OSError``, and :class:`~mesozoic.pool.frames.BadFrames` for somebody else's.
    """
    host, _, port = address.rpartition(":")
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            link = socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S)
            break
        except OSError:
            if not attempts_left:
                raise
            time.sleep(0.5)
    keep_alive(link)
    greeting = _read_exactly(link, len(frames.GREETING))
    if greeting != frames.GREETING:
        raise frames.BadFrames(f"{address} greets with {greeting!r}: it is no pool of this version")
    pool_nonce = _read_exactly(link, frames.NONCE_BYTES)
    nonce, named = os.urandom(frames.NONCE_BYTES), name.encode()
    shown = frames.proof(key, frames.WORKER, pool_nonce, nonce, named)
    link.sendall(frames.NAME_LENGTH.pack(len(named)) + named + nonce + shown)
    expected = frames.proof(key, frames.POOL, pool_nonce, nonce, named)
    if not hmac.compare_digest(_read_exactly(link, frames.PROOF_BYTES), expected):
        raise frames.BadFrames(f"{address} does not know the key of {name}")
    link.settimeout(None)
    return link


def _read_exactly(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = link.recv(count - len(data))
        if not more:
            raise frames.BadFrames("the pool has hung up: this worker is not expected any more")
        data += more
    return data


class Worker:
    """What a worker process does once it is connected."""

    def __init__(self, link: socket.socket, sandbox: Path) -> None:
        self._link = link
        self._sending = threading.Lock()
        self._kept = sandbox / frames.KEPT_DIRECTORY
        self._large_bytes = 0
        self._setups: queue.SimpleQueue[frames.Setup] = queue.SimpleQueue()
        # Jobs that have not begun; None is the end.
        self._jobs: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()

    def run(self) -> int:
        """Serve until the pool says LEAVE; returns the exit code."""
        threading.Thread(target=self._read, name="pool-reader", daemon=True).start()
        setup = self._setups.get()
        self._large_bytes = setup.large_bytes
        if setup.initializer is not None:
            outcome = outcomes.run(setup.initializer)
            if outcome.has_failed:
                self._send(frames.UNFIT, payload=outcome.payload)
                return _UNFIT
        self._send(frames.READY)
        while (job := self._jobs.get()) is not None:
            number, call = job
            began = time.perf_counter_ns()
            outcome = outcomes.run(call)
            took_us = min((time.perf_counter_ns() - began) // 1000, frames.TOOK_US_MAX)
            self._tell(number, outcome, took_us)
        return 0

    def _tell(self, number: int, outcome: outcomes.Outcome, took_us: int) -> None:
        kind, payload = frames.FAILED if outcome.has_failed else frames.RESULT, outcome.payload
        if len(payload) > self._large_bytes and not outcome.has_failed:
            try:
                kind, payload = frames.KEPT, self._keep(number, payload)
            except OSError as error:
                print(f"the result of job {number} cannot be kept: {error}", file=sys.stderr)
                if len(payload) > frames.PAYLOAD_BYTES_MAX:
                    kind, payload = frames.FAILED, outcomes.failure(error).payload
        self._send(kind, number, payload, took_us)

    def _keep(self, number: int, payload: bytes) -> bytes:
        """Put a result into the sandbox; returns what to tell of it. Raises ``OSError``."""
        self._kept.mkdir(exist_ok=True)
        place = self._kept / str(number)
        try:
            place.write_bytes(payload)
        except OSError:
            place.unlink(missing_ok=True)
            raise
        return frames.NUMBER.pack(len(payload))

    def _send(self, kind: int, number: int = 0, payload: bytes = b"", took_us: int = 0) -> None:
        try:
            with self._sending:
                self._link.sendall(frames.frame(kind, number, payload, took_us))
        except OSError:
            os._exit(_LINK_LOST)

    # The thread that reads.

    def _read(self) -> None:
        decoder = frames.Decoder()
        try:
            while data := self._link.recv(_RECEIVE_BYTES):
                for said in decoder.feed(data):
                    self._hear(said)
            print("the pool has hung up", file=sys.stderr, flush=True)
        except OSError as error:
            print(f"the connection with the pool broke: {error}", file=sys.stderr, flush=True)
        finally:
            # Not sys.exit: the main thread may be in a function for hours.
            os._exit(_LINK_LOST)

    def _hear(self, said: frames.Frame) -> None:
        match said.kind:
            case frames.JOB:
                self._jobs.put((said.number, said.payload))
            case frames.RECALL:
                self._give_back()
            case frames.FETCH:
                self._send_kept(said.number)
            case frames.DROP:
                (self._kept / str(said.number)).unlink(missing_ok=True)
            case frames.LEAVE:
                self._jobs.put(None)
            case frames.SETUP:
                self._setups.put(frames.Setup.of(said.payload))

    def _give_back(self) -> None:
        numbers = []
        is_leaving = False
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                is_leaving = True
            else:
                numbers.append(job[0])
        if is_leaving:
            self._jobs.put(None)
        self._send(frames.RETURNED, payload=b"".join(map(frames.NUMBER.pack, numbers)))

    def _send_kept(self, number: int) -> None:
        try:
            with (self._kept / str(number)).open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    self._send(frames.PIECE, number, piece)
        except OSError as error:
            self._send(frames.MISSING, number, str(error).encode())
        else:
            self._send(frames.PIECE, number)


def main() -> int:
    """The worker's process, from its environment to its exit code."""
    # What the functions start is not to inherit the key.
    address = os.environ.pop(frames.ADDRESS_VARIABLE)
    name = os.environ.pop(frames.NAME_VARIABLE)
    key = bytes.fromhex(os.environ.pop(frames.KEY_VARIABLE))
    sandbox = os.environ.get("MESOS_SANDBOX", ".")
    try:
        link = connect(address, name, key)
    except (OSError, frames.BadFrames) as error:
        print(f"no connection with the pool at {address}: {error}", file=sys.stderr)
        return _LINK_LOST
    hello = frames.Hello(
        pid=os.getpid(),
        hostname=socket.gethostname(),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        sandbox=os.environ.get("MESOS_DIRECTORY", sandbox),
    )
    link.sendall(frames.frame(frames.HELLO, payload=hello.payload()))
    return Worker(link, Path(sandbox)).run()


if __name__ == "__main__":
    sys.exit(main())
