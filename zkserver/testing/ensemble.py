"""An ensemble for tests: several embedded servers in this process, and faults on demand.

Each member is an :class:`~zkserver.testing.embedded.EmbeddedServer` with its own thread,
its own data directory and real links to the others, so what clients see of a fault is what
they would see of it in production. A member that is killed stops in the middle of whatever
it does; one that is paused keeps its sockets open and says nothing.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from zkserver.server.ensemble_shell import EnsembleShell
from zkserver.testing.embedded import EmbeddedServer

_POLL_S: Final = 0.005
_WAIT_S: Final = 20.0


class NoLeaderError(RuntimeError):
    """The ensemble has not come (back) to serving in time; the text says who is what."""


class Ensemble:
    """``count`` servers with ids from 1 on, and observers behind them; a context manager.

    ``settings`` are keys of zoo.cfg for all of them. Without ``data_dir`` the data are
    temporary and not flushed.
    """

    def __init__(
        self,
        count: int = 3,
        *,
        observers: int = 0,
        settings: Mapping[str, str] | None = None,
        data_dir: str | Path | None = None,
    ) -> None:
        self.ids = tuple(range(1, count + observers + 1))
        #: The ids of those who have no vote.
        self.observers = self.ids[count:]
        self._given = None if data_dir is None else Path(data_dir)
        self._settings = {
            "forceSync": "no" if data_dir is None else "yes",
            "initLimit": "100",
            "syncLimit": "50",
            **(settings or {}),
        }
        self._root = Path()
        self._ports: dict[int, tuple[int, int, int]] = {}
        self._servers: dict[int, EmbeddedServer] = {}
        self._resume: dict[int, threading.Event] = {}
        self._cut: set[frozenset[int]] = set()

    # Life.

    def start(self) -> Self:
        """Start all of them; when it returns there is a leader and all serve.

        Raises what a server could not start for, and :class:`NoLeaderError`.
        """
        self._root = self._given or Path(tempfile.mkdtemp(prefix="zkserver-"))
        self._ports = dict(zip(self.ids, _free_ports(len(self.ids)), strict=True))
        try:
            for server_id in self.ids:
                self.restart(server_id)
            self.wait_serving()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop all of them, and delete temporary data."""
        for server_id in tuple(self._resume):
            self.resume(server_id)
        servers, self._servers = self._servers, {}
        try:
            for server in servers.values():
                server.stop()
        finally:
            if self._given is None and self._root != Path():
                shutil.rmtree(self._root, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()

    # What a test asks.

    @property
    def hosts(self) -> str:
        """``host:port,host:port,...`` as clients take it, members that are down included."""
        return ",".join(map(self.address, self.ids))

    def address(self, server_id: int) -> str:
        """``host:port`` of one member."""
        return f"127.0.0.1:{self._ports[server_id][2]}"

    def server(self, server_id: int) -> EmbeddedServer:
        """A member that runs; ``KeyError`` when it does not."""
        return self._servers[server_id]

    def states(self) -> dict[int, str]:
        """What each running member is: leader, follower, observer, or looking."""
        return {
            server_id: server.state
            for server_id, server in self._servers.items()
            if server_id not in self._resume
        }

    def leader(self) -> int | None:
        """The id of the member that leads, None while nobody does."""
        return next((i for i, state in self.states().items() if state == "leader"), None)

    def wait_serving(self, count: int | None = None, timeout_s: float = _WAIT_S) -> int:
        """Wait until one leads and ``count`` members (all that run) serve; the leader's id.

        Raises :class:`NoLeaderError`.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            states = self.states()
            serving = [i for i, state in states.items() if state != "looking"]
            leaders = [i for i, state in states.items() if state == "leader"]
            if len(leaders) == 1 and len(serving) >= (len(states) if count is None else count):
                return leaders[0]
            if time.monotonic() > deadline:
                raise NoLeaderError(f"no leader within {timeout_s} s: {states}")
            time.sleep(_POLL_S)

    # Faults.

    def kill(self, server_id: int) -> None:
        """End a member as a crash does: nothing is finished, nobody is told."""
        self._servers.pop(server_id).crash()

    def restart(self, server_id: int) -> None:
        """Start a member (again) on its port with its data."""
        directory = self._root / str(server_id)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "myid").write_text(f"{server_id}\n")
        lines = {
            f"server.{other}": f"127.0.0.1:{quorum}:{election}:{self._role(other)}"
            f";127.0.0.1:{client}"
            for other, (quorum, election, client) in self._ports.items()
        }
        settings = {**lines, **self._settings, "clientPort": str(self._ports[server_id][2])}
        self._servers[server_id] = EmbeddedServer(directory, settings=settings).start()
        self._apply_cuts()

    def _role(self, server_id: int) -> str:
        return "observer" if server_id in self.observers else "participant"

    def pause(self, server_id: int) -> None:
        """Let a member hang, as SIGSTOP does, until :meth:`resume`."""
        event = self._resume.setdefault(server_id, threading.Event())
        self._servers[server_id].hang(event)

    def resume(self, server_id: int) -> None:
        """Let a paused member go on."""
        self._resume.pop(server_id).set()

    def partition(self, one: int, other: int) -> None:
        """Cut the link between two members until :meth:`heal`."""
        self._cut.add(frozenset((one, other)))
        self._apply_cuts()

    def heal(self) -> None:
        """Mend all links."""
        self._cut.clear()
        self._apply_cuts()

    def slow_disk(self, server_id: int, delay_ms: float) -> None:
        """Let every flush of a member take that much longer; 0 for no longer."""
        self._servers[server_id].slow_disk(delay_ms)

    def expire(self, session_id: int) -> bool:
        """Expire a session as if its time were over; whether there was one."""
        leader = self.leader()
        return leader is not None and self._servers[leader].expire(session_id)

    def _apply_cuts(self) -> None:
        for server_id, server in self._servers.items():
            away = {
                other for pair in self._cut if server_id in pair for other in pair - {server_id}
            }

            def apply(shell: EnsembleShell, away: frozenset[int] = frozenset(away)) -> None:
                shell.cut_off(away)

            if server_id not in self._resume:
                server.with_links(apply)


def _free_ports(count: int) -> list[tuple[int, int, int]]:
    """Ports that were free a moment ago, three for each member."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(3 * count)]
    numbers = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return [(numbers[at], numbers[at + 1], numbers[at + 2]) for at in range(0, 3 * count, 3)]
