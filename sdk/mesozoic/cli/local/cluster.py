"""A cluster on this machine, from its first process to its last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psutil

from mesozoic.cli.failures import Failure
from mesozoic.cli.local import layout as layouts
from mesozoic.cli.local import reaper, records
from mesozoic.cli.local.layout import HOST, Wanted
from mesozoic.cli.local.members import Member

_READY_S: Final = 60.0
_POLL_S: Final = 0.03
_METRICS: Final = "/metrics/snapshot"

Say = Callable[[str], None]


class LocalCluster:
    """``start``, ``wait_ready`` and ``close``. ``keeps`` says whether the directory stays."""

    def __init__(self, wanted: Wanted, directory: Path, *, keeps: bool) -> None:
        """Raises :class:`Failure` when ``directory`` holds something else."""
        self.directory = directory
        self.layout = layouts.plan(wanted, directory)
        layouts.keep(self.layout, directory)
        self.servers = list(self._servers())
        self.masters = list(self._masters())
        self.agents = list(self._agents(wanted.resources))
        self._keeps = keeps
        self._reaper: subprocess.Popen[bytes] | None = None

    def _servers(self) -> Iterator[Member]:
        for number, port in enumerate(self.layout.client_ports):
            config = layouts.write_server_files(self.layout, self.directory, number)
            command = layouts.server_command(config)
            yield Member(f"zookeeper{number + 1}", HOST, port, command, config.parent)

    def _masters(self) -> Iterator[Member]:
        for number, port in enumerate(self.layout.master_ports):
            home = self.directory / f"master{number + 1}"
            command = layouts.master_command(self.layout, home, number)
            yield Member(f"master{number + 1}", HOST, port, command, home)

    def _agents(self, resources: str | None) -> Iterator[Member]:
        options = agent_options()
        for number, port in enumerate(self.layout.agent_ports):
            home = self.directory / f"agent{number + 1}"
            command = layouts.agent_command(self.layout, home, number, resources, options)
            host = layouts.agent_host(number)
            # An agent that gets this one ends its tasks too, and leaves the cluster.
            yield Member(f"agent{number + 1}", host, port, command, home, signal.SIGUSR1)

    @property
    def members(self) -> list[Member]:
        """All, in the order in which they are started."""
        return [*self.servers, *self.masters, *self.agents]

    @property
    def record(self) -> records.Record:
        """What others have to know to find this."""
        return records.Record(
            pid=os.getpid(),
            began_s=psutil.Process().create_time(),
            zk=self.layout.hosts,
            master=self.layout.zk,
            masters=[member.address for member in self.masters],
            agents=[member.address for member in self.agents],
            directory=str(self.directory),
        )

    def start(self) -> None:
        """Start all processes at once; raises :class:`Failure`."""
        record = records.path_of(os.getpid())
        self._reaper = subprocess.Popen(
            [
                *(sys.executable, "-I", reaper.__file__),
                *(str(self.directory), str(record), "yes" if self._keeps else "no"),
            ],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._reaper.stdin is not None
        for number, group in enumerate((self.servers, self.masters, self.agents)):
            for member in group:
                line = f"{number} {member.start()} {int(member.last_signal)}\n"
                self._reaper.stdin.write(line.encode())
                self._reaper.stdin.flush()

    def wait_ready(self, say: Say) -> None:
        """Wait until all members serve; raises :class:`Failure` with the log of one that fails."""
        self._wait("ZooKeeper serves", lambda: all(_serves(one) for one in self.servers))
        say("ZooKeeper serves")
        self._wait("a master leads", lambda: self.leader() is not None)
        say("a master leads")
        self._wait("all agents are registered", self._has_all_agents)

    def _wait(self, what: str, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_S
        while not is_so():
            for member in self.members:
                member.check()
            if time.monotonic() > deadline:
                tails = "\n".join(f"{one.name}\n{one.tail()}" for one in self.members)
                raise Failure(f"not within {_READY_S:g} s: {what}\n{tails}")
            time.sleep(_POLL_S)

    def leader(self) -> Member | None:
        """The master that leads; None when none does."""
        for member in self.masters:
            metrics = member.get(_METRICS)
            if metrics and metrics.get("master/elected") == 1:
                return member
        return None

    def _has_all_agents(self) -> bool:
        leader = self.leader()
        metrics = None if leader is None else leader.get(_METRICS)
        return metrics is not None and metrics.get("master/slaves_active") == len(self.agents)

    def close(self) -> None:
        """End all processes, and wait until they have ended."""
        if self._reaper is None:
            return
        assert self._reaper.stdin is not None
        self._reaper.stdin.close()
        # The members are this process's children: they are gone when they were waited for.
        while self._reaper.poll() is None:
            for member in self.members:
                _ = member.exit_code
            time.sleep(_POLL_S)
        self._reaper = None


def _serves(member: Member) -> bool:
    return "Mode: " in member.word("srvr")


def agent_options() -> list[str]:
    """What an agent has to do without where it is not root."""
    return [] if os.geteuid() == 0 else ["--no-switch_user"]
