"""Servers to drive: Apache ZooKeeper from Debian's package, and ours, behind one face.

Both are started as real processes on a free loopback port with a data
directory of their own, and both are waited for by asking ``srvr`` until it tells
the mode, so "started" means "serves".
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import IO, Self

APACHE_JAR = Path("/usr/share/java/zookeeper.jar")
_SLF4J = Path("/usr/share/java/slf4j-simple.jar")
_START_TIMEOUT_S = 60.0
_POLL_S = 0.002
#: Apache accepts connections before it answers them, so one attempt must not wait for long.
_ATTEMPT_S = 0.25


class ServerUnavailable(RuntimeError):  # noqa: N818 - names a state, not a mistake
    """The server cannot be run on this machine; the text says what to install."""


def free_port() -> int:
    """A loopback TCP port that was free a moment ago (Apache cannot bind port 0 and tell)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def four_letter_word(
    port: int, word: str, timeout_s: float = 5.0, source: str = "127.0.0.1"
) -> str:
    """What the server on ``port`` answers to a four letter word.

    Raises ``OSError`` when it cannot be reached. While nobody listens a ``source`` other
    than the server's address keeps the socket from being connected to itself.
    """
    with socket.create_connection(
        ("127.0.0.1", port), timeout=timeout_s, source_address=(source, 0)
    ) as conn:
        conn.sendall(word.encode())
        chunks = []
        while chunk := conn.recv(65536):
            chunks.append(chunk)
    return b"".join(chunks).decode()


class ZooKeeperProcess(ABC):
    """A ZooKeeper server process; a context manager that starts and ends it.

    ``settings`` are zoo.cfg keys; ``cpus`` pins the process; a given ``data_dir``
    survives the process, so the same directory can be started on again.
    """

    name = "zookeeper"

    def __init__(
        self,
        *,
        settings: dict[str, str] | None = None,
        data_dir: Path | None = None,
        cpus: set[int] | None = None,
        port: int | None = None,
    ) -> None:
        self.settings = {
            "tickTime": "2000",
            "maxClientCnxns": "0",
            "4lw.commands.whitelist": "*",
            "admin.enableServer": "false",
            "extendedTypesEnabled": "true",
            **(settings or {}),
        }
        self._temporary = None if data_dir else tempfile.mkdtemp(prefix="zk-")
        self.data_dir = Path(data_dir or self._temporary or ".")
        self.cpus = cpus
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.started_in_s = 0.0
        self._log: IO[bytes] | None = None

    @property
    def address(self) -> str:
        """``host:port`` as clients take it."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self.process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self.process.pid

    @property
    def log_path(self) -> Path:
        """Where the server's own output goes."""
        return self.data_dir / "server.log"

    @abstractmethod
    def command(self, config: Path) -> list[str]:
        """The command line that serves ``config`` (a zoo.cfg)."""

    def configuration(self) -> dict[str, str]:
        """The keys of zoo.cfg, in their order."""
        return {
            "dataDir": str(self.data_dir / "data"),
            "clientPort": str(self.port),
            "clientPortAddress": "127.0.0.1",
            **self.settings,
        }

    def start(self) -> Self:
        """Start the process and wait until it answers; raises ``RuntimeError`` with its log."""
        began = time.monotonic()
        self.launch()
        self._wait_serving(began)
        return self

    def launch(self) -> None:
        """Start the process and wait for nothing."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        config = self.data_dir / "zoo.cfg"
        self._configure(config)
        self._log = self.log_path.open("ab")
        self.process = subprocess.Popen(
            self.command(config), stdout=self._log, stderr=subprocess.STDOUT, cwd=self.data_dir
        )
        if self.cpus is not None:
            os.sched_setaffinity(self.process.pid, self.cpus)

    def _configure(self, config: Path) -> None:
        lines = self.configuration()
        config.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))

    def _wait_serving(self, began: float) -> None:
        assert self.process is not None
        while time.monotonic() - began < _START_TIMEOUT_S:
            if self.process.poll() is not None:
                break
            # Apache says imok before it serves, so it is srvr that is asked.
            with contextlib.suppress(OSError):
                if "Mode: " in four_letter_word(self.port, "srvr", _ATTEMPT_S, "127.0.0.2"):
                    self.started_in_s = time.monotonic() - began
                    return
            time.sleep(_POLL_S)
        log = self.log_path.read_text(errors="replace")[-4000:]
        self.stop()
        raise RuntimeError(f"{self.name} did not answer on port {self.port}; its log ends:\n{log}")

    def stop(self) -> None:
        """End the process politely (SIGTERM), then by force."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._closed()

    def kill(self) -> None:
        """SIGKILL, as a crash of the process would be."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self._closed()

    def _closed(self) -> None:
        self.process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


class ApacheServer(ZooKeeperProcess):
    """Apache ZooKeeper 3.8.0 as Debian packages it (packages ``zookeeper``, a JRE)."""

    name = "apache"
    main_class = "org.apache.zookeeper.server.ZooKeeperServerMain"
    class_path: tuple[Path, ...] = (APACHE_JAR, _SLF4J)

    def __init__(
        self,
        *,
        jvm_options: tuple[str, ...] = ("-Xmx1000m",),
        settings: dict[str, str] | None = None,
        data_dir: Path | None = None,
        cpus: set[int] | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(settings=settings, data_dir=data_dir, cpus=cpus, port=port)
        self.jvm_options = jvm_options

    def command(self, config: Path) -> list[str]:
        """``java ... <main class> zoo.cfg``."""
        if shutil.which("java") is None or not APACHE_JAR.exists():
            raise ServerUnavailable("Apache ZooKeeper is not here: apt-get install zookeeper")
        return [
            "java",
            *self.jvm_options,
            # These are system properties which zoo.cfg cannot carry.
            "-Dznode.container.checkIntervalMs="
            + self.settings.get("znode.container.checkIntervalMs", "60000"),
            "-Djute.maxbuffer=" + self.settings.get("jute.maxbuffer", "1048575"),
            "-Dreadonlymode.enabled=" + self.settings.get("readonlymode.enabled", "false"),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            os.pathsep.join(map(str, self.class_path)),
            self.main_class,
            str(config),
        ]


class OurServer(ZooKeeperProcess):
    """``zkserver start`` of this checkout, run by the Python that runs us."""

    name = "mesozoic"

    def command(self, config: Path) -> list[str]:
        """``python -m zkserver start zoo.cfg``."""
        return [sys.executable, "-m", "zkserver", "start", str(config)]


#: The servers that every comparison runs against, by the name used on command lines.
SERVERS: dict[str, type[ZooKeeperProcess]] = {"apache": ApacheServer, "mesozoic": OurServer}
