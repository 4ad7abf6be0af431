"""Ensembles to drive: several servers of Apache's or of ours, behind one face.

An ensemble is real processes on the loopback address, each with its own directory, its own
zoo.cfg with ``server.N`` lines, and its ``myid``. A member can be killed, paused (SIGSTOP)
and started again by itself; its data outlive its process and end with the ensemble.

``srvr`` tells a mode a little before sessions are taken, and a single member cannot serve
at all. So "serving" is: every running member tells a mode, exactly one of them leads, and
each of them has opened and closed a session, which takes a write through the majority.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from conformance.crash.connection import Connection, ConnectionLostError
from conformance.membership import HOST, PeerPorts, Place, Role, Route, free_ports, server_lines
from conformance.servers import (
    ApacheServer,
    OurServer,
    ZooKeeperProcess,
    four_letter_word,
)

_MODE = re.compile(r"^Mode: (\S+)$", re.MULTILINE)
_SERVING_S_MAX = 60.0
_POLL_S = 0.01
#: One question must not wait for long: a paused server accepts and never answers.
_ATTEMPT_S = 0.25
_SESSION_ATTEMPT_S = 3.0
_LEADING = ("leader", "standalone")

#: What an ensemble needs beyond a single server's settings; limits are in ticks.
ENSEMBLE_SETTINGS = {"initLimit": "10", "syncLimit": "5"}


class Member(ZooKeeperProcess):
    """A server of an ensemble: a process with a ``server.N`` line and a ``myid``.

    Stands before one of the process classes among the bases, and adds to its zoo.cfg.
    """

    place: Place
    _lines: Mapping[str, str]
    _paused = False

    def join(self, place: Place, lines: Mapping[str, str]) -> Self:
        """Make this process the member ``place`` that sees the membership ``lines``."""
        self.place = place
        self._lines = lines
        return self

    @property
    def server_id(self) -> int:
        """The number behind ``server.``, as in ``myid``."""
        return self.place.server_id

    @property
    def running(self) -> bool:
        """Whether there is a process, paused or not."""
        return self.process is not None and self.process.poll() is None

    @property
    def paused(self) -> bool:
        """Whether the process stands still by :meth:`pause`."""
        return self._paused

    def configuration(self) -> dict[str, str]:
        """The keys of zoo.cfg; the client port stands in the member's own line."""
        return {"dataDir": str(self.data_dir / "data"), **self.settings, **self._lines}

    def launch(self) -> None:
        """Start the process and wait for nothing; what was written before is served again."""
        data = self.data_dir / "data"
        data.mkdir(parents=True, exist_ok=True)
        (data / "myid").write_text(f"{self.server_id}\n")
        super().launch()

    def _configure(self, config: Path) -> None:
        # After a reconfig the server itself has written where its membership stands now.
        if not config.exists() or "dynamicConfigFile" not in config.read_text():
            super()._configure(config)

    def restart(self) -> None:
        """Start the process again on its data, after :meth:`kill` or :meth:`stop`."""
        if not self.running:
            self.launch()

    def pause(self) -> None:
        """SIGSTOP: the process stands still and its connections stay open."""
        if self.process is not None and self.running:
            self._paused = True
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT, after :meth:`pause`."""
        if self.process is not None and self._paused:
            self.process.send_signal(signal.SIGCONT)
        self._paused = False

    def stop(self) -> None:
        """End the process politely, then by force; a paused one is resumed first."""
        self.resume()
        super().stop()

    def kill(self) -> None:
        """SIGKILL, as a crash of the process would be."""
        self._paused = False
        super().kill()

    def mode(self) -> str:
        """``leader``, ``follower``, ``observer`` and so on; empty when it does not serve."""
        if not self.running or self._paused:
            return ""
        with contextlib.suppress(OSError):
            found = _MODE.search(four_letter_word(self.port, "srvr", _ATTEMPT_S, "127.0.0.2"))
            if found:
                return found.group(1)
        return ""

    def takes_sessions(self) -> bool:
        """Whether a session can be opened and closed on it, by a majority's consent."""
        try:
            Connection(self.port, patience_s=_SESSION_ATTEMPT_S).close()
        except ConnectionLostError:
            return False
        return True


class ApacheMember(Member, ApacheServer):
    """A server of an Apache ensemble."""

    main_class = "org.apache.zookeeper.server.quorum.QuorumPeerMain"


class OurMember(Member, OurServer):
    """A server of an ensemble of ours."""


class Ensemble(ABC):
    """Servers that form one ensemble; a context manager that starts and ends them.

    ``settings`` are zoo.cfg keys of all, ``settings_of`` of one member by its id. ``roles``
    are ``participant`` where not given. ``route`` puts other ports than a member's own into
    the others' files. Without ``data_dir`` the data are in a directory that goes with it.
    """

    name = "zookeeper"

    def __init__(
        self,
        count: int = 3,
        *,
        settings: dict[str, str] | None = None,
        settings_of: Mapping[int, dict[str, str]] | None = None,
        roles: Mapping[int, Role] | None = None,
        route: Route | None = None,
        data_dir: Path | None = None,
        cpus: set[int] | None = None,
    ) -> None:
        self.settings = {**ENSEMBLE_SETTINGS, **(settings or {})}
        self._settings_of = dict(settings_of or {})
        self._route = route
        self._cpus = cpus
        self._temporary = None if data_dir else tempfile.mkdtemp(prefix="ensemble-")
        self.data_dir = Path(data_dir or self._temporary or ".")
        ports = free_ports(3 * count)
        self.places = [
            Place(
                server_id=number,
                ports=PeerPorts(*ports[3 * number - 3 : 3 * number - 1]),
                client_port=ports[3 * number - 1],
                role=(roles or {}).get(number, "participant"),
            )
            for number in range(1, count + 1)
        ]
        self.members: list[Member] = []

    @abstractmethod
    def _member(self, settings: dict[str, str], data_dir: Path, port: int) -> Member:
        """A member's process, which is not started."""

    def _make(self, place: Place) -> Member:
        settings = {**self.settings, **self._settings_of.get(place.server_id, {})}
        member = self._member(
            settings, self.data_dir / f"server-{place.server_id}", place.client_port
        )
        return member.join(place, server_lines(self.places, place.server_id, self._route))

    def prepare(self) -> list[Member]:
        """The members, made on the first call; nothing is started."""
        if not self.members:
            self.members = [self._make(place) for place in self.places]
        return self.members

    def add_member(self, role: Role = "participant", **settings: str) -> Member:
        """One more server, which is not started and of which the others do not know.

        Its file names all the members there are, itself among them; so it is ready to be
        launched and to join by a reconfig with ``member.place.joining``.
        """
        self.prepare()
        server_id = max(place.server_id for place in self.places) + 1
        quorum, election, client = free_ports(3)
        place = Place(server_id, PeerPorts(quorum, election), client, role)
        self.places.append(place)
        self._settings_of[server_id] = settings
        member = self._make(place)
        self.members.append(member)
        return member

    def member(self, server_id: int) -> Member:
        """The member of that id; raises ``KeyError`` without one."""
        for member in self.members:
            if member.server_id == server_id:
                return member
        raise KeyError(server_id)

    @property
    def connect_string(self) -> str:
        """``host:port,host:port`` of all members, as clients take it."""
        return ",".join(f"{HOST}:{place.client_port}" for place in self.places)

    @property
    def ports(self) -> list[int]:
        """The members' client ports."""
        return [place.client_port for place in self.places]

    def launch(self) -> None:
        """Start every member and wait for nothing."""
        for member in self.prepare():
            member.restart()

    def start(self) -> Self:
        """Start every member and wait until all serve; raises ``RuntimeError`` with their logs."""
        self.launch()
        self.wait_serving()
        return self

    def modes(self) -> dict[int, str]:
        """What each member says it is, by its id; empty where it does not serve."""
        return {member.server_id: member.mode() for member in self.members}

    def leader(self) -> Member | None:
        """The member that leads; None while there is none, or while more than one says so."""
        leading = [member for member in self.members if member.mode() in _LEADING]
        return leading[0] if len(leading) == 1 else None

    def wait_leader(self, timeout_s: float = _SERVING_S_MAX) -> Member:
        """Wait until one member leads; raises ``RuntimeError`` with the logs after the time."""
        deadline = time.monotonic() + timeout_s
        while (leader := self.leader()) is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} has no leader: {self.modes()}\n{self.log_tails()}")
            time.sleep(_POLL_S)
        return leader

    def wait_serving(
        self, members: Iterable[Member] | None = None, timeout_s: float = _SERVING_S_MAX
    ) -> None:
        """Wait until ``members`` (all that run and are not paused) take sessions, under a leader.

        Raises ``RuntimeError`` with the ends of the logs after ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        awaited = [m for m in members or self.members if m.running and not m.paused]
        while True:
            ended = [member.server_id for member in awaited if not member.running]
            modes = {member.server_id: member.mode() for member in awaited}
            if all(modes.values()) and self.leader() is not None:
                awaited = [member for member in awaited if not member.takes_sessions()]
            if not awaited:
                return
            if ended or time.monotonic() > deadline:
                what = f"ended: {ended}" if ended else f"modes: {modes}"
                raise RuntimeError(f"{self.name} does not serve ({what})\n{self.log_tails()}")
            time.sleep(_POLL_S)

    def log_tails(self, characters: int = 2000) -> str:
        """The ends of all members' logs."""
        tails = []
        for member in self.members:
            if member.log_path.exists():
                text = member.log_path.read_text(errors="replace")[-characters:]
                tails.append(f"--- server {member.server_id}:\n{text}")
        return "\n".join(tails)

    def pause(self) -> None:
        """Let every member stand still."""
        for member in self.members:
            member.pause()

    def resume(self) -> None:
        """Let every paused member go on."""
        for member in self.members:
            member.resume()

    def stop(self) -> None:
        """End every member politely; the data stay."""
        self.resume()
        # All are told first, for a follower may take its time as long as it waits for others.
        for member in self.members:
            if member.process is not None and member.running:
                member.process.terminate()
        for member in self.members:
            member.stop()

    def kill(self) -> None:
        """SIGKILL to every member, as a power cut that spares the disks' caches."""
        for member in self.members:
            member.kill()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


class ApacheEnsemble(Ensemble):
    """An ensemble of Apache ZooKeeper."""

    name = "apache"
    jvm_options: tuple[str, ...] = ("-Xmx1000m",)

    def _member(self, settings: dict[str, str], data_dir: Path, port: int) -> Member:
        return ApacheMember(
            jvm_options=self.jvm_options,
            settings=settings,
            data_dir=data_dir,
            cpus=self._cpus,
            port=port,
        )


class OurEnsemble(Ensemble):
    """An ensemble of this checkout's servers."""

    name = "mesozoic"

    def _member(self, settings: dict[str, str], data_dir: Path, port: int) -> Member:
        return OurMember(settings=settings, data_dir=data_dir, cpus=self._cpus, port=port)


#: The ensembles that comparisons run against, under the names of ``SERVERS``.
ENSEMBLES: dict[str, type[Ensemble]] = {"apache": ApacheEnsemble, "mesozoic": OurEnsemble}
