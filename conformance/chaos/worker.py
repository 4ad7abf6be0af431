"""A process with some of the clients: ``python -m conformance.chaos.worker``.

The first line of its input is a JSON object (:class:`Order`). It answers ``ready`` when all
clients are connected, then works. The line ``hold`` ends the work, and what the clients hold
is answered as a JSON array; their sessions stay open until the input ends.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from conformance.chaos.client import ChaosClient, Holding
from conformance.chaos.history import Recorder

_ROOT = Path(__file__).resolve().parents[2]
_END_S_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker has to do."""

    hosts: str
    clients: list[str]
    history: str
    registers: int
    session_timeout_s: float
    #: Mean time between the operations of a client.
    pause_s: float
    seed: int


def _work(order: Order) -> None:
    with Path(order.history).open("w", buffering=1) as stream:
        recorder = Recorder(stream)
        ended = threading.Event()
        clients = [
            ChaosClient(
                name,
                order.hosts,
                recorder,
                registers=order.registers,
                session_timeout_s=order.session_timeout_s,
                pause_s=order.pause_s,
                seed=f"{order.seed}/{name}",
            )
            for name in order.clients
        ]
        for client in clients:
            client.start()
        print("ready", flush=True)
        threads = [
            threading.Thread(target=client.run, args=(ended.is_set,), name=client.holding.name)
            for client in clients
        ]
        for thread in threads:
            thread.start()
        sys.stdin.readline()
        ended.set()
        for thread in threads:
            thread.join()
        print(json.dumps([asdict(client.holding) for client in clients]), flush=True)
        sys.stdin.read()
        for client in clients:
            client.stop()


class Worker:
    """The other end: a worker's process as the one who started it sees it."""

    def __init__(self, order: Order) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "conformance.chaos.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )
        self._tell(json.dumps(asdict(order)))

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended with {self._process.wait()}")
        return line

    def wait_ready(self) -> None:
        """Wait until its clients are connected; raises ``RuntimeError`` if it has ended."""
        self._hear()

    def hold(self) -> None:
        """Ask it to end the work; :meth:`holdings` waits for that."""
        self._tell("hold")

    def holdings(self) -> list[Holding]:
        """What its clients hold; raises ``RuntimeError`` if it has ended."""
        return [Holding(**holding) for holding in json.loads(self._hear())]

    def stop(self) -> None:
        """Close its sessions and end it."""
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(_END_S_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def start_workers(orders: Sequence[Order]) -> list[Worker]:
    """Start a worker for each order and wait until all are ready."""
    workers = [Worker(order) for order in orders]
    try:
        for worker in workers:
            worker.wait_ready()
    except RuntimeError:
        for worker in workers:
            worker.stop()
        raise
    return workers


def main() -> None:
    """Read the order and obey it."""
    # kazoo tells of every lost connection, and here that is what is wanted.
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
    _work(Order(**json.loads(sys.stdin.readline())))


if __name__ == "__main__":
    main()
