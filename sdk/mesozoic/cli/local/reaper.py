"""Ends a cluster when its command is gone: ``reaper.py DIRECTORY RECORD KEEP``.

A script of its own that needs nothing but Python, in a session of its own, so that whatever ends
the command does not end this. On standard input come lines ``GROUP PID SIGNAL``, and when that
ends so do they, the last group first: its members are asked to end, and then made to. So masters
say good-bye to ZooKeeper, and agents to masters. What has its working directory below DIRECTORY
after that was left behind by an agent that could not take it along. RECORD is removed, and with
KEEP ``no`` all of DIRECTORY.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

_POLITE_S = 12.0
_POLL_S = 0.02


class Charge:
    """A process to be ended, known by a descriptor: its number may be another's by then."""

    def __init__(self, group: int, pid: int, last_signal: int) -> None:
        self.group = group
        self.last_signal = last_signal
        self._descriptor = os.pidfd_open(pid)

    @property
    def is_gone(self) -> bool:
        """Whether it has ended."""
        return bool(select.select([self._descriptor], [], [], 0)[0])

    def send(self, number: int) -> None:
        """Send it a signal, if it is there."""
        try:
            signal.pidfd_send_signal(self._descriptor, number)
        except ProcessLookupError:
            pass


def _end(charges: list[Charge]) -> None:
    for charge in charges:
        charge.send(charge.last_signal)
        # One that is stopped does not hear it otherwise.
        charge.send(signal.SIGCONT)
    deadline = time.monotonic() + _POLITE_S
    while not all(charge.is_gone for charge in charges) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for charge in charges:
        if not charge.is_gone:
            charge.send(signal.SIGKILL)


def _sweep(directory: Path) -> None:
    """Kill what still works below ``directory``, until nothing does."""
    for _ in range(100):
        found = [pid for pid in _pids() if pid != os.getpid() and _works_below(pid, directory)]
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        time.sleep(_POLL_S)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208


def _works_below(pid: int, directory: Path) -> bool:
    try:
        here = Path(f"/proc/{pid}/cwd").readlink()
        return here.is_relative_to(directory) and not _is_zombie(pid)
    except OSError:
        return False


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def main() -> None:
    """Wait for the end of standard input, and act."""
    directory, record, keep = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    charges = []
    for line in sys.stdin:
        group, pid, last_signal = map(int, line.split())
        try:
            charges.append(Charge(group, pid, last_signal))
        except ProcessLookupError:
            pass
    record.unlink(missing_ok=True)
    for number in sorted({charge.group for charge in charges}, reverse=True):
        _end([charge for charge in charges if charge.group == number])
    _sweep(directory)
    if keep == "no":
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
