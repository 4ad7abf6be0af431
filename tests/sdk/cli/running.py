"""``mesozoic up`` as a process, and other commands in this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from click.testing import CliRunner

from mesozoic.cli import main

WAIT_S = 60.0


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Up:
    """A cluster, and the commands that find it by its record."""

    def __init__(self, runtime: Path, *options: str) -> None:
        self.environment = {"XDG_RUNTIME_DIR": str(runtime)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mesozoic", "up", "--json", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.told: dict[str, Any] = json.loads(line)
        self.directory = Path(self.told["directory"])

    def run(self, *arguments: str) -> str:
        """The output of a command that succeeds."""
        result = CliRunner().invoke(main, arguments, env=self.environment)
        assert result.exit_code == 0, result.output
        return result.output

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def fail(self, *arguments: str) -> str:
        """What a command that fails tells."""
        result = CliRunner().invoke(main, arguments, env=self.environment)
        assert result.exit_code == 1, result.output
        assert not result.stdout
        return result.stderr

    def program(self, *arguments: str, data: str = "") -> subprocess.CompletedProcess[str]:
        """A command as a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "mesozoic", *arguments],
            input=data,
            capture_output=True,
            text=True,
            env={**os.environ, **self.environment},
            timeout=WAIT_S,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mesozoic", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **self.environment},
        )

    def processes(self) -> list[psutil.Process]:
        """All that works below the cluster's directory."""
        found = []
        for one in psutil.process_iter():
            try:
                if one.cwd().startswith(str(self.directory)):
                    found.append(one)
            except psutil.Error:
                continue
        return found

    def interrupt(self) -> str:
        """Ctrl-C; returns what was written to stderr."""
        self.process.send_signal(signal.SIGINT)
        told = self.process.communicate(timeout=WAIT_S)[1]
        assert self.process.returncode == 0, told
        return told

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=WAIT_S)
