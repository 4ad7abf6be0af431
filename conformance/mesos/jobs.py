"""What a client is to this kit, the programs it runs, and its command line."""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from conformance.clients.compare import ClientUnavailable
from conformance.mesos.interpreters import clean_environment

#: Programs of ours that run inside of clients' environments.
PROGRAMS = Path(__file__).parent / "programs"

_LINE_S_MAX = 30.0
_END_S_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Client:
    """A client and its job.

    ``prepare`` brings what it needs and raises :class:`ClientUnavailable` where that is not to
    be had. ``run`` does the job on a cluster of its own and tells each fact it has checked to
    the function it is given; it raises ``RuntimeError`` when something is not as it should be.
    """

    name: str
    prepare: Callable[[], object]
    run: Callable[[Callable[[str], None]], None]


def check(holds: bool, what: str, *evidence: object) -> None:
    """Raise ``RuntimeError`` with ``what`` and the evidence unless it holds."""
    if not holds:
        raise RuntimeError("\n".join(("not so: " + what, *map(str, evidence))))


class Program:
    """A running program whose lines on standard output can be waited for, one after another.

    A context manager: what still runs at its end is killed. The program sees nothing of the
    Python that runs us; ``environment`` is added to what it sees.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        directory: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = Path(command[0]).name
        self.lines: list[str] = []
        self._errors_path = directory / f"{self.name}-{time.monotonic_ns()}.err"
        self._errors = self._errors_path.open("wb")
        self._fresh: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            [str(part) for part in command],
            cwd=directory,
            env={**clean_environment(), **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._fresh.put(line.rstrip("\n"))
        self._fresh.put(None)

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        if self._process.stdin is not None:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def close_input(self) -> None:
        """End its standard input."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _next(self, ends: float) -> str | None:
        """The next line, None at the end of the output; raises RuntimeError when it is late."""
        try:
            line = self._fresh.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty:
            self._fail("said no more for too long")
        if line is not None:
            self.lines.append(line)
        return line

    def next_line(self, timeout_s: float = _LINE_S_MAX) -> str:
        """The next line, whatever it is."""
        return self.wait_line("", timeout_s)

    def wait_line(self, start: str, timeout_s: float = _LINE_S_MAX) -> str:
        """The next line that begins with ``start``, without it; lines before are passed over."""
        ends = time.monotonic() + timeout_s
        while True:
            if (line := self._next(ends)) is None:
                self._fail(f"ended without a line '{start}...'")
            if line.startswith(start):
                return line[len(start) :].strip()

    def wait_end(self, timeout_s: float = _END_S_MAX) -> list[str]:
        """All lines it has printed, once it has ended with 0."""
        ends = time.monotonic() + timeout_s
        while self._next(ends) is not None:
            pass
        if (status := self._process.wait()) != 0:
            self._fail(f"ended with status {status}")
        return self.lines

    def _fail(self, why: str) -> NoReturn:
        errors = self._errors_path.read_text(errors="replace")
        printed = "\n".join(self.lines[-60:])
        raise RuntimeError(f"{self.name} {why}; it printed:\n{printed}\n{errors[-6000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._errors.close()


def heed_termination() -> None:
    """From now on SIGTERM ends this process as ctrl-C would, with all clusters it has started."""

    def end(number: int, frame: object) -> NoReturn:
        del frame
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)


def main(client: Client) -> NoReturn:
    """The command line of a client's module: what happened, a verdict, and 0 or 1."""
    heed_termination()
    print(f"{client.name}: preparing", flush=True)
    try:
        client.prepare()
    except ClientUnavailable as missing:
        sys.exit(f"{client.name}: skipped: {missing}")
    try:
        client.run(lambda fact: print(f"{client.name}: {fact}", flush=True))
    except RuntimeError as error:
        sys.exit(f"{client.name}: FAILED: {error}")
    print(f"{client.name}: passed")
    sys.exit(0)
