"""A Mesos cluster of real processes: our ZooKeeper server, masters and agents.

Every member listens on a loopback port that stays its own when it is started again, keeps its
data below the cluster's directory and writes a log there. Waiting always means asking: a
master is there when ``/health`` answers, a cluster when one master leads and shows all agents.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

import psutil

from conformance.ensembles import OurEnsemble
from conformance.servers import OurServer, free_port

HOST = "127.0.0.1"
#: What an agent of a cluster offers unless it is told otherwise.
RESOURCES = "cpus:4;mem:4096;disk:8192;ports:[31000-31999]"

_METRICS = "/metrics/snapshot"
_READY_S_MAX = 60.0
_STOP_S_MAX = 20.0
_POLL_S = 0.02
_ATTEMPT_S = 5.0
_LOG_TAIL_CHARS = 3000

_MASTER_FLAGS = ("--quorum=1", "--zk_session_timeout=4secs")
_AGENT_FLAGS = ("--zk_session_timeout=4secs",)

_T = TypeVar("_T")
_UNREACHABLE = (OSError, http.client.HTTPException)


def wait_until(
    what: str,
    probe: Callable[[], _T | None],
    evidence: Callable[[], str] = str,
    timeout_s: float = _READY_S_MAX,
) -> _T:
    """The first true value of ``probe``; raises ``RuntimeError`` after ``timeout_s``.

    A place that cannot be reached counts as "not yet". ``evidence`` is asked for what to print.
    """
    ends = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(*_UNREACHABLE):
            if value := probe():
                return value
        if time.monotonic() > ends:
            raise RuntimeError(f"{what}: not within {timeout_s:.0f} s\n{evidence()}")
        time.sleep(_POLL_S)


class Member:
    """A master or an agent: a process with a port, a work directory and a log of its own."""

    def __init__(self, name: str, command: Sequence[str], directory: Path) -> None:
        self.name = name
        self.port = free_port()
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None
        self._command = [
            *command,
            f"--ip={HOST}",
            f"--hostname={HOST}",
            f"--port={self.port}",
            f"--work_dir={directory / 'work'}",
        ]
        self._log: IO[bytes] | None = None

    @property
    def address(self) -> str:
        """``host:port`` as clients take it."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running member; raises ``RuntimeError`` when it is not."""
        if self.process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there and has not ended by itself."""
        return self.process is not None and self.process.poll() is None

    @property
    def log_path(self) -> Path:
        """Where the member's own output goes, over all its starts."""
        return self.directory / "log"

    def log_tail(self) -> str:
        """The end of its log, with its name above."""
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return f"--- {self.name}\n{text[-_LOG_TAIL_CHARS:]}"

    def launch(self) -> None:
        """Start the process and wait for nothing."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "work").mkdir(exist_ok=True)
        self._log = self.log_path.open("ab")
        self.process = subprocess.Popen(
            self._command,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def start(self) -> None:
        """Start the process and wait until it says that it is healthy."""
        self.launch()
        self.wait_healthy()

    def wait_healthy(self) -> None:
        """Wait until ``/health`` answers; raises ``RuntimeError`` with the log."""

        def is_healthy() -> bool:
            if not self.is_running:
                raise RuntimeError(f"{self.name} has ended by itself\n{self.log_tail()}")
            return self.ask("/health")[0] == HTTPStatus.OK

        wait_until(f"{self.name} is healthy", is_healthy, self.log_tail)

    def wait_metric(self, name: str, value: float) -> None:
        """Wait until a metric has ``value``; raises ``RuntimeError`` with the log."""
        wait_until(
            f"{self.name} shows {name}={value}",
            lambda: self.get(_METRICS).get(name) == value,
            self.log_tail,
        )

    def kill(self) -> None:
        """SIGKILL, as a crash would be."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, then by force. What an agent has launched goes on without it."""
        self._end(signal.SIGTERM)

    def retire(self) -> None:
        """SIGUSR1: an agent ends for good, and takes all it has launched with it."""
        self._end(signal.SIGUSR1)

    def _end(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(_STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def url(self, path: str) -> str:
        """The address of ``path`` on this member."""
        return f"http://{self.address}{path}"

    def ask(self, path: str, timeout_s: float = _ATTEMPT_S) -> tuple[int, bytes]:
        """Status and body of a GET, redirections not followed; raises ``OSError``."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout_s)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def get(self, path: str) -> Any:
        """The JSON that ``path`` holds; raises ``OSError`` when there is none."""
        status, body = self.ask(path)
        if status != HTTPStatus.OK:
            raise OSError(f"{self.name} answered {status} to {path}")
        return json.loads(body)

    def call(self, call: Mapping[str, Any], timeout_s: float = _ATTEMPT_S) -> Any:
        """The answer of the operator API to ``call``; raises ``OSError`` when there is none."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout_s)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            connection.request("POST", "/api/v1", json.dumps(call), headers)
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != HTTPStatus.OK:
            raise OSError(f"{self.name} answered {answer.status} to {call}: {body!r}")
        return json.loads(body) if body else None


class Cluster:
    """``zookeepers`` servers, ``masters`` masters and ``agents`` agents, as a context manager.

    ``agent_prefix`` is a command that runs the agents, as another user say. The directory and
    all in it end with the cluster.
    """

    def __init__(
        self,
        *,
        masters: int = 1,
        agents: int = 1,
        zookeepers: int = 1,
        agent_resources: str = RESOURCES,
        master_flags: Sequence[str] = (),
        agent_flags: Sequence[str] = (),
        agent_prefix: Sequence[str] = (),
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mesos-"))
        # Sandboxes are for the tasks' users, who have to get to them.
        self.directory.chmod(0o755)
        # Short ticks: ZooKeeper allows sessions of no less than two.
        settings = {"tickTime": "500"}
        self.zookeeper: OurServer | OurEnsemble = (
            OurServer(settings=settings)
            if zookeepers == 1
            else OurEnsemble(zookeepers, settings=settings)
        )
        master = (sys.executable, "-m", "mesos_compat.cli.master", *_MASTER_FLAGS)
        self.masters = [
            self._member(f"master{number}", (*master, f"--zk={self.zk_url}", *master_flags))
            for number in range(masters)
        ]
        agent = (
            *agent_prefix,
            *(sys.executable, "-m", "mesos_compat.cli.agent", *_AGENT_FLAGS),
            *(f"--master={self.zk_url}", f"--resources={agent_resources}", *agent_flags),
        )
        self.agents = [
            self._member(
                f"agent{number}",
                (*agent, f"--runtime_dir={self.directory / f'agent{number}' / 'run'}"),
            )
            for number in range(agents)
        ]

    def _member(self, name: str, command: Sequence[str]) -> Member:
        return Member(name, command, self.directory / name)

    @property
    def zk_url(self) -> str:
        """Where masters contend and clients look for the leader."""
        return f"zk://{self.zookeeper_hosts}/mesos"

    @property
    def zookeeper_hosts(self) -> str:
        """``host:port`` of each ZooKeeper server, as clients take them."""
        if isinstance(self.zookeeper, OurEnsemble):
            return ",".join(f"{HOST}:{place.client_port}" for place in self.zookeeper.places)
        return self.zookeeper.address

    @property
    def members(self) -> list[Member]:
        """All masters and agents."""
        return [*self.masters, *self.agents]

    def __enter__(self) -> Self:
        try:
            self.zookeeper.start()
            for member in self.members:
                member.launch()
            for member in self.members:
                member.wait_healthy()
            self.wait_agents(len(self.agents))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if error is not None:
            print(f"{self.logs()}\n{self.sandbox_texts()}", file=sys.stderr, flush=True)
        self.close()

    def close(self) -> None:
        """End all members, agents first with what they have launched, and remove what is left."""
        for agent in self.agents:
            agent.retire()
        self._kill_tasks()
        for master in self.masters:
            master.stop()
        self.zookeeper.__exit__(None, None, None)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _kill_tasks(self) -> None:
        """End what a killed agent has left: the processes whose sandbox lies in our directory."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("MESOS_SANDBOX", "").startswith(f"{self.directory}/"):
                    process.kill()

    def logs(self) -> str:
        """The ends of all members' logs."""
        return "\n".join(member.log_tail() for member in self.members)

    def find_leader(self) -> Member | None:
        """The running master that says of itself that it leads, if one does now."""
        for master in self.masters:
            with contextlib.suppress(*_UNREACHABLE):
                if master.is_running and master.get(_METRICS)["master/elected"] == 1:
                    return master
        return None

    def leader(self) -> Member:
        """The leading master, waited for."""
        return wait_until("a master leads", self.find_leader, self.logs)

    def state(self) -> Any:
        """``/state`` of the leader."""
        return self.leader().get("/state")

    def wait_agents(self, count: int) -> None:
        """Wait until the leader counts ``count`` active agents."""

        def has_them() -> bool:
            leader = self.find_leader()
            return leader is not None and leader.get(_METRICS)["master/slaves_active"] == count

        wait_until(f"{count} agents are registered", has_them, self.logs)

    def kill_leader(self) -> Member:
        """SIGKILL the leading master; returns it, to be started again or not."""
        leader = self.leader()
        leader.kill()
        return leader

    def frameworks(self, *, completed: bool = False) -> list[Any]:
        """The frameworks that the leader shows, those that have ended if ``completed``."""
        found = self.state()["completed_frameworks" if completed else "frameworks"]
        return list(found)

    def wait_framework(self, name: str, *, completed: bool = False) -> Any:
        """The framework called ``name``, once the leader shows it."""

        def find() -> Any:
            for framework in self.frameworks(completed=completed):
                if framework["name"] == name:
                    return framework
            return None

        return wait_until(f"the framework {name} is shown", find, self.logs)

    def sandbox_texts(self, pattern: str = "std*") -> str:
        """What executors and tasks printed, for whoever has to find out why one failed."""
        texts = []
        for agent in self.agents:
            for path in sorted((agent.directory / "work").glob(f"slaves/**/runs/*/{pattern}")):
                if path.is_file() and not path.parent.is_symlink():
                    text = path.read_text(errors="replace")[-_LOG_TAIL_CHARS:]
                    texts.append(f"--- {path.relative_to(self.directory)}\n{text}")
        return "\n".join(texts)
