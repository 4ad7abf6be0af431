"""What is put under load: one server, or an ensemble of them, behind one face."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod

from conformance.bench import machine
from conformance.ensembles import Ensemble
from conformance.servers import ZooKeeperProcess

#: An ensemble that went on after a pause is measured once its leader has stayed for so long.
_STEADY_S = 0.5
_STEADY_S_MAX = 60.0
_POLL_S = 0.05

#: Settings with which an ensemble of Apache's outlives the pauses: while another one is
#: measured all its servers stand still, and a follower gives its leader up when it was not
#: heard from for syncLimit ticks. These limits are waited for only when a server fails.
PAUSE_SETTINGS = {"tickTime": "2000", "initLimit": "300", "syncLimit": "300"}


class Subject(ABC):
    """Server processes that are started, put under load, and stand still in between."""

    #: How often a load is tried before its figure counts as missing.
    tries = 1

    @property
    @abstractmethod
    def ports(self) -> list[int]:
        """Where clients connect: one port of each server."""

    @property
    @abstractmethod
    def pids(self) -> list[int]:
        """The servers' processes, once started."""

    @abstractmethod
    def start(self) -> None:
        """Start everything and wait until it serves; raises ``RuntimeError``."""

    @abstractmethod
    def stop(self) -> None:
        """End everything; the data stay."""

    def wait_steady(self) -> None:
        """Wait until the servers serve again after a pause; raises ``RuntimeError``."""
        return

    def suspend(self) -> None:
        """Let the servers and what they have forked stand still."""
        for pid in self.pids:
            machine.suspend(pid)

    def resume(self) -> None:
        """Let the servers go on."""
        for pid in self.pids:
            machine.resume(pid)


class OneServer(Subject):
    """A standalone server."""

    def __init__(self, server: ZooKeeperProcess) -> None:
        self._server = server

    @property
    def ports(self) -> list[int]:
        """The client port."""
        return [self._server.port]

    @property
    def pids(self) -> list[int]:
        """The process."""
        return [self._server.pid]

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._server.start()

    def stop(self) -> None:
        """End the server."""
        self._server.stop()


class WholeEnsemble(Subject):
    """All members of an ensemble."""

    # Apache's now and then leaves a lone client's write unanswered until it hears from someone
    # else (seen once in some 20,000 at one connection). The figure then comes from a further
    # try, and the report says how many were needed, of both.
    tries = 3

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble

    @property
    def ports(self) -> list[int]:
        """The members' client ports."""
        return self._ensemble.ports

    @property
    def pids(self) -> list[int]:
        """The members' processes."""
        return [member.pid for member in self._ensemble.members if member.running]

    def start(self) -> None:
        """Start all members and wait until they serve under a leader."""
        self._ensemble.start()

    def stop(self) -> None:
        """End all members."""
        self._ensemble.stop()

    def wait_steady(self) -> None:
        """Wait for a leader that stays; what slept through its heartbeats may elect anew."""
        deadline = time.monotonic() + _STEADY_S_MAX
        self._ensemble.wait_serving()
        leader, since = self._ensemble.leader(), time.monotonic()
        while leader is None or time.monotonic() - since < _STEADY_S:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no leader stays: {self._ensemble.modes()}")
            time.sleep(_POLL_S)
            now = self._ensemble.leader()
            if now is not leader or now is None:
                leader, since = now, time.monotonic()
        self._ensemble.wait_serving()
