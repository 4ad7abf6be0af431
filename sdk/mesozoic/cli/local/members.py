"""A member of a local cluster: a process with a log."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from mesozoic.cli.failures import Failure

_ASK_S: Final = 1.0
_TAIL_LINES: Final = 8


@dataclass(slots=True)
class Member:
    """``name`` is what people call it; ``last_signal`` ends it with all that it has started."""

    name: str
    host: str
    port: int
    command: Sequence[str]
    home: Path
    last_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.home / "log"

    def start(self) -> int:
        """Start the process; returns its id. Raises :class:`Failure`."""
        self.home.mkdir(parents=True, exist_ok=True)
        if _is_taken(self.host, self.port):
            raise Failure(
                f"port {self.port}, which {self.name} was to have, is taken",
                "End what listens there, or choose another port.",
            )
        with self.log.open("ab") as log:
            # In a session of its own, so that Ctrl-C reaches the command alone.
            self.process = subprocess.Popen(
                list(self.command),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return None if self.process is None else self.process.poll()

    def tail(self) -> str:
        """The last lines of its log, indented."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(f"  | {line}" for line in text.splitlines()[-_TAIL_LINES:])

    def check(self) -> None:
        """Raise :class:`Failure` if it has ended."""
        code = self.exit_code
        if code is not None:
            raise Failure(f"{self.name} {how_ended(code)}; its log ends with\n{self.tail()}")

    def get(self, path: str) -> Any:
        """The JSON at ``path``; None when there is none now."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_ASK_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == HTTPStatus.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def word(self, word: str) -> str:
        """The answer to one of ZooKeeper's four letter words; empty when there is none now."""
        try:
            with socket.create_connection((self.host, self.port), _ASK_S) as asked:
                asked.sendall(word.encode())
                asked.shutdown(socket.SHUT_WR)
                parts = []
                while part := asked.recv(65536):
                    parts.append(part)
        except OSError:
            return ""
        return b"".join(parts).decode("utf-8", "replace")


def how_ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"has ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
