"""The supervisor of one container: a small program that outlives the agent.

The agent starts it with the specification on its standard input (one marshalled dictionary)
and a pipe as its standard output, on which it answers one line: ``ok CHILD COMMAND``, two
process ids, or ``error TEXT``. Then it is alone. It writes, in the runtime directory of its
container:

``pid``         its own process id and start time, before the command starts
``forked.pid``  the ids of its child and of the command
``status``      the command's raw wait status, as Mesos does, when that has ended

It imports little, because one of these runs beside every container: it starts in 20 ms and
needs 10 MB, most of it shared with its like.

With a process id namespace there is an init between supervisor and command, since the kernel
shields the first process of a namespace from signals it does not handle.
"""

from __future__ import annotations

import marshal
import os
import sys
from typing import NoReturn

from mesos_compat.containers import entering, syscalls
from mesos_compat.containers.entering import SIGKILL, Entry, Mount

SIGSTOP = 19
# How often the tree is searched anew for processes that were forked while it was searched.
_STOPPING_ROUNDS_MAX = 16
_DESCRIPTOR_MAX = 1 << 20


def start_time_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot (/proc/PID/stat, field 22)."""
    with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - pathlib costs start-up time
        return int(stat.read().rpartition(b")")[2].split()[19])


def write_atomically(path: bytes, content: bytes) -> None:
    """Have ``path`` hold ``content``, or what it held before, whenever this process dies."""
    aside = path + b".new"
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)
    os.replace(aside, path)  # noqa: PTH105


def children_of(pid: int) -> list[int]:
    """The processes whose parent is ``pid``."""
    found: list[int] = []
    try:
        # A child belongs to the thread that has forked it.
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as listed:  # noqa: PTH123
                found += [int(number) for number in listed.read().split()]
    except OSError:
        if not _kernel_lists_children():
            return _children_by_parents(pid)
    return found


def _kernel_lists_children() -> bool:
    """Whether this kernel has those files (CONFIG_PROC_CHILDREN)."""
    me = os.getpid()
    return os.path.exists(f"/proc/{me}/task/{me}/children")  # noqa: PTH110


def _children_by_parents(pid: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123
                    fields = stat.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(name))
    return found


def descendants_of(pid: int) -> list[int]:
    """All processes below ``pid``, parents before children."""
    found: list[int] = []
    ahead = children_of(pid)
    while ahead:
        found += ahead
        ahead = [child for parent in ahead for child in children_of(parent)]
    return found


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass  # Gone already, or of a user whom we may not signal.


def kill_descendants(pid: int) -> None:
    """Send SIGKILL to all below ``pid``. They are stopped first, so that none forks away."""
    stopped: dict[int, None] = {}
    for _ in range(_STOPPING_ROUNDS_MAX):
        fresh = [one for one in descendants_of(pid) if one not in stopped]
        if not fresh:
            break
        _signal_all(fresh, SIGSTOP)
        stopped.update(dict.fromkeys(fresh))
    _signal_all(list(stopped), SIGKILL)


class Supervisor:
    """One container's supervisor, from the fork of its command to the end of its last process."""

    def __init__(self, runtime: bytes, entry: Entry) -> None:
        self.runtime = runtime
        self.entry = entry
        # The supervisor's child: the command, or the init of its namespace.
        self.child = 0
        # The command's raw wait status, once it has ended.
        self.status: int | None = None
        # Where an init tells the status of the command.
        self._told = -1

    def record_self(self) -> None:
        """Leave word of this process for an agent that comes later."""
        me = os.getpid()
        write_atomically(self.runtime + b"/pid", b"%d %d\n" % (me, start_time_ticks(me)))

    def fork(self, stdio: tuple[int, int, int] | None, terminal: bool, theirs: list[int]) -> str:
        """Start the command; the error when it cannot be. ``theirs`` are closed here after."""
        entry = self.entry
        failed, failing = os.pipe()
        self._told, telling = os.pipe()
        if entry.enter_pid_of:
            entering.enter_namespace(entry.enter_pid_of, "pid", syscalls.CLONE_NEWPID)
        if entry.new_pid:
            syscalls.unshare(syscalls.CLONE_NEWPID)
        self.child = os.fork()
        if self.child == 0:
            os.close(failed)
            _run_child(entry, stdio, terminal, failing, telling)
        for fd in (failing, telling, *theirs):
            os.close(fd)
        with os.fdopen(failed, "rb") as errors:
            return os.fsdecode(errors.read())

    def record_child(self) -> tuple[int, int]:
        """Write down and return the ids of the child and of the command."""
        command = self.child
        if self.entry.new_pid:
            inner = children_of(self.child)
            command = inner[0] if inner else self.child
        write_atomically(self.runtime + b"/forked.pid", b"%d %d\n" % (self.child, command))
        return self.child, command

    def wait_child(self) -> None:
        """Wait until the child has ended, burying what it has left on the way."""
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == self.child:
                self.record_status(status)
                return

    def child_has_ended(self) -> bool:
        """Bury what has died by now; whether the child was among it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == self.child:
                self.record_status(status)
                return True
            if pid == 0:
                return False

    def record_status(self, status: int) -> None:
        """Write down how the command ended."""
        told = os.read(self._told, 32)
        self.status = int(told or status)
        try:
            write_atomically(self.runtime + b"/status", b"%d" % self.status)
        except OSError as error:
            # The disk is full: then nobody learns the status, but what is left still has to go.
            os.write(2, os.fsencode(f"Failed to write the status: {error}\n"))

    def sweep(self) -> None:
        """Kill what the command has left behind, and wait until it is gone."""
        me = os.getpid()
        try:
            while True:
                kill_descendants(me)
                os.waitpid(-1, 0)
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
        except ChildProcessError:
            return


def _run_child(
    entry: Entry, stdio: tuple[int, int, int] | None, terminal: bool, failing: int, telling: int
) -> NoReturn:
    try:
        entering.enter_confinement(entry)
        if not entry.new_pid:
            os.close(telling)
            entering.become_command(entry, stdio, terminal)
        syscalls.die_with_parent(SIGKILL)
        command = os.fork()
        if command == 0:
            entering.become_command(entry, stdio, terminal)
    except BaseException as error:  # noqa: BLE001 - the only way to tell is the pipe
        os.write(failing, os.fsencode(str(error) or type(error).__name__))
        os._exit(1)
    os.close(failing)
    _run_init(command, telling)


def _run_init(command: int, telling: int) -> NoReturn:
    """Be the first process of a namespace: bury the dead, and end, with all, as the command."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == command:
            os.write(telling, b"%d" % status)
            os._exit(0)


def _specification() -> tuple[bytes, Entry, dict[str, object] | None]:
    with os.fdopen(os.dup(0), "rb") as source:
        told = marshal.loads(source.read())  # noqa: S302 - from the agent, our parent
    told["mounts"] = [Mount(*mount) for mount in told["mounts"]]
    runtime = told.pop("runtime")
    switchboard = told.pop("switchboard")
    return runtime, Entry(**told), switchboard


def _answer(fd: int, text: bytes) -> None:
    try:
        os.write(fd, text + b"\n")
    except BrokenPipeError:
        pass  # The agent has died; its successor reads the files.
    os.close(fd)


def main() -> None:
    """Run as a supervisor; see the module."""
    # What the agent itself was started with is none of a task's business.
    os.closerange(3, _DESCRIPTOR_MAX)
    try:
        runtime, entry, switchboard = _specification()
    except (EOFError, ValueError):
        # The agent died before it had said what to do.
        sys.exit(1)
    answer = os.dup(1)
    nowhere = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    supervisor = Supervisor(runtime, entry)
    try:
        syscalls.become_subreaper()
        supervisor.record_self()
        if switchboard is None:
            error = supervisor.fork(None, False, [])
        else:
            from mesos_compat.containers.switchboard import Switchboard

            board = Switchboard.opened(runtime, entry, switchboard)
            error = supervisor.fork(board.stdio, board.terminal, board.theirs)
    except OSError as failure:
        error = str(failure)
    if error:
        supervisor.sweep()
        _answer(answer, b"error " + os.fsencode(error))
        sys.exit(1)
    child, command = supervisor.record_child()
    _answer(answer, b"ok %d %d" % (child, command))
    if switchboard is None:
        supervisor.wait_child()
        supervisor.sweep()
    else:
        board.run(supervisor)
