"""A kazoo client that is not told: its server becomes ours, and Apache's again, below it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState

from conformance.migration.journey import SETTINGS, export
from conformance.servers import ApacheServer, OurServer, ZooKeeperProcess, free_port

_PATIENCE_S: Final = 60.0
_SESSION_S: Final = 60.0
_EPHEMERAL: Final = "/members/live"
_LOCK: Final = "/lock"


class Witness:
    """A client with an ephemeral, a lock that it holds, and a watch; it notes what it is told."""

    def __init__(self, port: int) -> None:
        self._client = KazooClient(f"127.0.0.1:{port}", timeout=_SESSION_S)
        self.states: list[str] = []
        self._client.add_listener(self._changed)
        self._client.start(_PATIENCE_S)
        self.session: int = self._client.client_id[0]
        self._client.create(_EPHEMERAL, b"here", ephemeral=True, makepath=True)
        self._lock = self._client.Lock(_LOCK)
        self._lock.acquire(timeout=_PATIENCE_S)
        self._fired = threading.Event()

    def _changed(self, state: KazooState) -> None:
        self.states.append(state)

    def watch(self) -> None:
        """Leave a watch, which has to live through what comes."""
        self._fired.clear()
        self._client.exists("/signal", watch=lambda _: self._fired.set())

    def check(self, mark: bytes) -> list[str]:
        """Once the server is back: what is not as it was, if anything. Writes ``mark``."""
        until = time.monotonic() + _PATIENCE_S
        while not self._client.connected and time.monotonic() < until:
            time.sleep(0.05)
        told = []
        if self._client.client_id[0] != self.session:
            told.append(f"session {self._client.client_id[0]:#x} in place of {self.session:#x}")
        stat = self._client.exists(_EPHEMERAL)
        if stat is None or stat.ephemeralOwner != self.session:
            told.append(f"the ephemeral is {stat}")
        if not self._lock.is_acquired or len(self._client.get_children(_LOCK)) != 1:
            told.append("the lock is not held any more")
        if self._client.exists("/signal") is None:
            self._client.create("/signal", mark)
        else:
            self._client.set("/signal", mark)
        if not self._fired.wait(_PATIENCE_S):
            told.append("the watch did not fire")
        return told

    def close(self) -> None:
        """Release the lock and end the session."""
        self._lock.release()
        self._client.stop()
        self._client.close()


def move_live_session(directory: Path, apache: type[ApacheServer] = ApacheServer) -> list[str]:
    """Apache's server, ours and Apache's on one port under a client; what it should not see."""
    port = free_port()
    told: list[str] = []
    home = directory / "first"
    first = apache(settings=SETTINGS, data_dir=home, port=port)
    ours = OurServer(settings=SETTINGS, data_dir=home, port=port)
    last = apache(settings=SETTINGS, data_dir=directory / "second", port=port)
    servers: list[ZooKeeperProcess] = [first, ours, last]
    first.start()
    witness = Witness(port)
    try:
        for number, server in enumerate(servers[1:]):
            witness.watch()
            servers[number].stop()
            if server is last:
                export(home / "data", last.data_dir / "data")
            server.start()
            told += [f"{server.name}: {line}" for line in witness.check(server.name.encode())]
        witness.close()
    finally:
        for server in servers:
            server.stop()
    expected = ["CONNECTED", *["SUSPENDED", "CONNECTED"] * 2, "LOST"]
    if witness.states != expected:
        told.append(f"the client went through {witness.states}, not {expected}")
    return told
