"""Running commands, and signalling all that has come of one.

A command gets a session of its own, unless it has a terminal. The processes of a command are
its tree, and whoever is in a process group or session with one of these (``os::killtree``).
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Final, NamedTuple

from mesos_compat.wire.v1 import mesos_pb2

_SHELL: Final = "/bin/sh"
_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the interpreter ignores, and what this program ignores for its terminal's sake.
_DEFAULTED: Final = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
# How often the tree is searched anew for processes that were forked while it was searched.
_STOPPING_ROUNDS_MAX: Final = 16
#: The status of a command that cannot be executed: the child of Mesos exits with 1.
CANNOT_EXECUTE: Final = 1 << 8


class _Process(NamedTuple):
    """One line of /proc."""

    pid: int
    parent: int
    group: int
    session: int


class Child:
    """A process that this one has started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        # While it is held, the process is not reaped: its id is its own.
        self._lock = threading.Lock()
        self._is_reaped = False

    def wait(self) -> int:
        """Block until it has ended; its status as waitpid gives it."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._is_reaped = True
            return os.waitpid(self.pid, 0)[1]

    def signal(self, number: int) -> None:
        """Signal all its processes, if it has not ended."""
        with self._lock:
            if not self._is_reaped:
                signal_tree(self.pid, number)


def spawn(command: mesos_pb2.CommandInfo, environment: Mapping[str, str]) -> Child:
    """Start a command in the working directory of this process, with this environment.

    Raises OSError when it cannot be executed.
    """
    full = {**environment, **_environment_of(command)}
    if command.shell:
        program, arguments = _SHELL, ["sh", "-c", command.value]
    else:
        program = _find(command.value, full)
        arguments = list(command.arguments) or [command.value]
    try:
        return _spawn(program, arguments, full)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    # As execvp: what has no header is a script of the shell.
    return _spawn(_SHELL, [arguments[0], program, *arguments[1:]], full)


def _spawn(program: str, arguments: list[str], environment: Mapping[str, str]) -> Child:
    try:
        pid = os.posix_spawn(
            program,
            arguments,
            environment,
            # The controlling terminal of this session is meant for the command.
            setsid=not os.isatty(0),
            setsigdef=_DEFAULTED,
        )
    except ValueError as error:
        # Something has a zero byte in it, or a variable's name an equals sign.
        raise OSError(errno.EINVAL, str(error)) from error
    return Child(pid)


def keep_terminal_signals_away() -> None:
    """With a terminal, its keys mean the command, which is in the group of this process."""
    if os.isatty(0):
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)


def _environment_of(command: mesos_pb2.CommandInfo) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable in command.environment.variables:
        if variable.type == mesos_pb2.Environment.Variable.SECRET:
            found[variable.name] = os.fsdecode(variable.secret.value.data)
        else:
            found[variable.name] = variable.value
    return found


def _find(program: str, environment: Mapping[str, str]) -> str:
    """The path of a program, looked up along the PATH that it is to have."""
    if "/" in program:
        return program
    for directory in environment.get("PATH", _DEFAULT_PATH).split(":"):
        path = f"{directory or '.'}/{program}"
        if os.access(path, os.X_OK) and not os.path.isdir(path):  # noqa: PTH112 - start-up time
            return path
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)


def complain(command: mesos_pb2.CommandInfo, error: OSError) -> None:
    """Say in the task's own stderr why its command does not run."""
    program = "sh" if command.shell else command.value
    sys.stderr.write(f"Failed to execute '{program}': {error.strerror or error}\n")
    sys.stderr.flush()


def signal_tree(pid: int, number: int) -> None:
    """Signal the processes of the command whose first process is ``pid``.

    They are stopped meanwhile, so that none forks away. Those that were stopped go on, to see
    a signal that they handle.
    """
    stopped: dict[int, None] = {}
    for _ in range(_STOPPING_ROUNDS_MAX):
        fresh = [one for one in _family(pid) if one not in stopped]
        if not fresh:
            break
        _signal_all(fresh, signal.SIGSTOP)
        stopped.update(dict.fromkeys(fresh))
    _signal_all(list(stopped), number)
    _signal_all(list(stopped), signal.SIGCONT)


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass  # Gone already, or of a user whom we may not signal.


def _family(pid: int) -> list[int]:
    """The tree of ``pid``, and all in one group or session with it; never this process."""
    processes = _processes()
    me = os.getpid()
    mine = next((one for one in processes if one.pid == me), None)
    found = {pid: None}
    groups: dict[int, None] = {}
    sessions: dict[int, None] = {}
    grew = True
    while grew:
        grew = False
        for one in processes:
            is_known = one.pid in found
            if not is_known and (
                one.parent in found or one.group in groups or one.session in sessions
            ):
                if one.pid == me:
                    continue
                found[one.pid] = None
                is_known = grew = True
            if is_known:
                if mine is None or one.group != mine.group:
                    groups[one.group] = None
                if mine is None or one.session != mine.session:
                    sessions[one.session] = None
    return list(found)


def _processes() -> list[_Process]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib costs start-up time
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:
            continue  # It has ended.
        found.append(_Process(int(name), int(fields[1]), int(fields[2]), int(fields[3])))
    return found
