"""``zkserver dev``: an ensemble on this machine, for development, with one command.

Each member is a process of its own, as in production, with its files below one directory:
``<dir>/<id>/zoo.cfg`` and ``<dir>/<id>/data``. When one ends on its own the others go on,
and it is said; when this command ends, all of them do.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from zkserver.admin.status_query import query_status
from zkserver.errors import StartError

_HOST: Final = "127.0.0.1"
_START_S: Final = 30.0
_STOP_S: Final = 10.0
_POLL_S: Final = 0.02
_ASK_S: Final = 1.0


class Development:
    """The members' processes and where their clients find them."""

    def __init__(self, servers: int, directory: Path, base_port: int) -> None:
        """``base_port`` is the first member's client port, the others follow; 0: free ones."""
        self.directory = directory
        if base_port:
            self.client_ports = list(range(base_port, base_port + servers))
            others = _free_ports(2 * servers)
        else:
            free = _free_ports(3 * servers)
            self.client_ports, others = free[:servers], free[servers:]
        self._lines = "".join(
            f"server.{n}={_HOST}:{others[2 * n - 2]}:{others[2 * n - 1]};{_HOST}:{port}\n"
            for n, port in enumerate(self.client_ports, 1)
        )
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def hosts(self) -> str:
        """The connect string for clients."""
        return ",".join(f"{_HOST}:{port}" for port in self.client_ports)

    def start(self) -> None:
        """Start all members; returns when one leads and all serve. Raises ``StartError``."""
        for server_id in range(1, len(self.client_ports) + 1):
            self.processes[server_id] = self._launch(server_id)
        deadline = time.monotonic() + _START_S
        for server_id, port in enumerate(self.client_ports, 1):
            while not query_status(_HOST, port, _ASK_S).serving:
                if self.processes[server_id].poll() is not None:
                    raise StartError(f"server {server_id} ended; see what it has said above")
                if time.monotonic() > deadline:
                    raise StartError(f"server {server_id} does not serve within {_START_S:.0f} s")
                time.sleep(_POLL_S)

    def _launch(self, server_id: int) -> subprocess.Popen[bytes]:
        home = self.directory / str(server_id)
        data = home / "data"
        data.mkdir(parents=True, exist_ok=True)
        (data / "myid").write_text(f"{server_id}\n")
        config = home / "zoo.cfg"
        config.write_text(
            f"tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={data}\n"
            f"4lw.commands.whitelist=*\nadmin.enableServer=false\n{self._lines}"
        )
        command = [sys.executable, "-m", "zkserver", "start", str(config)]
        # In a session of its own, so that Ctrl-C reaches this command alone.
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)

    def ended(self) -> list[tuple[int, int]]:
        """Members that have ended since the last look, with their exit codes."""
        found = [
            (server_id, process.returncode)
            for server_id, process in self.processes.items()
            if process.poll() is not None
        ]
        for server_id, _ in found:
            del self.processes[server_id]
        return found

    def stop(self) -> None:
        """End all members, politely at first."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()


def run(servers: int, directory: Path | None, base_port: int, say: Callable[[str], None]) -> None:
    """Keep an ensemble of ``servers`` members until SIGINT or SIGTERM.

    Without ``directory`` its data are temporary. Raises ``StartError``.
    """
    with ExitStack() as stack:
        home = directory or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        development = Development(servers, home, base_port)
        stopped = stack.enter_context(_signals())
        stack.callback(development.stop)
        development.start()
        kept = "kept" if directory else "gone when this ends"
        say(f"{servers} servers at {development.hosts}")
        say(f"data in {home} ({kept}); Ctrl-C ends all of them")
        while not stopped():
            for server_id, code in development.ended():
                say(f"server {server_id} has ended with exit code {code}; the others go on")
            time.sleep(_POLL_S * 10)


@contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Within the ``with`` SIGINT and SIGTERM only set what the function tells."""
    told: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        told.append(number)

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server((_HOST, 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]
