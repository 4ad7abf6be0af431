"""avmesos-cli, the command line tool for operators that once came with Mesos itself.

It finds the master through ZooKeeper, shows agents, frameworks and tasks, and looks into running
tasks: ``task exec`` starts a command beside a task and carries its streams, with a terminal or
without; ``task attach`` takes over the terminal that a task was given. The tasks are launched by
``mesos-execute``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from conformance.mesos.cluster import Cluster
from conformance.mesos.environments import Environment
from conformance.mesos.interpreters import clean_environment
from conformance.mesos.jobs import Client, Program, check, main

ENVIRONMENT = Environment("avmesos-cli", ("3.12", "3.13"), ("avmesos-cli==1.3.0",))

_S_MAX = 60.0
_ROWS, _COLUMNS = 33, 101
#: What ends ``task attach`` and leaves the task alone: Ctrl-p, Ctrl-q.
_DETACH = b"\x10\x11"


class Tool:
    """The tool, told where the cluster's ZooKeeper is."""

    def __init__(self, python: Path, cluster: Cluster) -> None:
        config = cluster.directory / "mesos-cli.toml"
        config.write_text(
            "[master.zookeeper]\n"
            f"addresses = {json.dumps(cluster.zookeeper_hosts.split(','))}\n"
            'path = "/mesos"\n'
        )
        self._command = (str(python), "-m", "avmesos.cli.mesos-cli")
        self._environment = {**clean_environment(), "MESOS_CLI_CONFIG": str(config)}

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """What a command has printed, and its status."""
        return subprocess.run(
            (*self._command, *arguments),
            input=typed,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_S_MAX,
            check=False,
        )

    def shows(self, *arguments: str) -> str:
        """What a command prints that has to succeed."""
        done = self.run(*arguments)
        check(done.returncode == 0, f"{' '.join(arguments)} succeeds", done.stdout, done.stderr)
        return done.stdout

    @contextlib.contextmanager
    def on_terminal(self, *arguments: str) -> Iterator[Terminal]:
        """A command that is used by hand."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        try:
            with subprocess.Popen(
                (*self._command, *arguments),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env=self._environment,
                start_new_session=True,
            ) as process:
                os.close(theirs)
                try:
                    yield Terminal(process, ours)
                finally:
                    process.kill()
        finally:
            os.close(ours)


class Terminal:
    """The other end of a program's terminal.

    What is typed before the tool has shown something it does not pass on.
    """

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self._process = process
        self._fd = fd
        self._seen = ""

    def type(self, text: bytes) -> None:
        """Press keys."""
        os.write(self._fd, text)

    def wait(self, text: str) -> str:
        """What is on the screen when ``text`` has appeared; raises ``RuntimeError``."""
        ends = time.monotonic() + _S_MAX
        while text not in self._seen:
            left = ends - time.monotonic()
            ready, _, _ = select.select([self._fd], [], [], max(0.0, left))
            try:
                data = os.read(self._fd, 4096) if ready else b""
            except OSError:
                data = b""  # How a terminal says that nobody holds its other end.
            check(bool(data), f"'{text}' appears on the terminal", self._seen)
            self._seen += data.decode(errors="replace")
        return self._seen

    def end(self) -> int:
        """The program's status; it ends by itself."""
        return self._process.wait(_S_MAX)


def run(say: Callable[[str], None]) -> None:
    """The job; raises ``RuntimeError`` when something is not as it should be."""
    python = ENVIRONMENT.python()
    with Cluster(masters=2) as cluster:
        tool = Tool(python, cluster)
        command = ("--name=one", "--command=echo started; exec sleep 1000")
        with _executed(cluster, *command) as first:
            _show(tool, cluster, say)
            _execute(tool, say)
            with _executed(cluster, f"--task={json.dumps(_TASK_WITH_TERMINAL)}"):
                _attach(tool, say)
            with _executed(cluster, f"--task_group={json.dumps(_GROUP)}"):
                done = tool.run("task", "exec", "member", "sh", "-c", "basename $PWD; exit 4")
                check(done.returncode == 4, "the status is passed on", done.stdout, done.stderr)
                say("a command runs beside a task of a group as well")
            check(first.lines != [], "the first task still runs", first.lines)


_AMOUNTS = [
    {"name": name, "type": "SCALAR", "scalar": {"value": amount}}
    for name, amount in (("cpus", 0.1), ("mem", 32), ("disk", 16))
]
_TASK_WITH_TERMINAL = {
    "name": "prompt",
    "task_id": {"value": "prompt"},
    "agent_id": {"value": ""},
    "resources": _AMOUNTS,
    "command": {
        # To detach is to type the end of the input as well, which must not be the end here.
        "value": "while :; do echo ready; sleep 0.2; done &"
        " while :; do read line && echo heard $line; done"
    },
    "container": {"type": "MESOS", "tty_info": {}},
}
_GROUP = {
    "tasks": [
        {
            "name": "member",
            "task_id": {"value": "member"},
            "agent_id": {"value": ""},
            "resources": _AMOUNTS,
            "command": {"value": "exec sleep 1000"},
        }
    ]
}


@contextlib.contextmanager
def _executed(cluster: Cluster, *arguments: str) -> Iterator[Program]:
    """``mesos-execute`` with a task that runs; it is killed at the end, and the task with it."""
    command = (sys.executable, "-m", "mesos_compat.cli.execute", f"--master={cluster.zk_url}")
    with Program((*command, *arguments), cluster.directory) as program:
        program.wait_line("Received status update TASK_RUNNING")
        yield program


def _show(tool: Tool, cluster: Cluster, say: Callable[[str], None]) -> None:
    state = cluster.state()
    (agent,), (framework,) = state["slaves"], state["frameworks"]
    agents = tool.shows("agent", "list")
    check(agent["id"] in agents and "True" in agents, "agent list shows the agent", agents)
    frameworks = tool.shows("framework", "list")
    check(framework["id"] in frameworks, "framework list shows the framework", frameworks)
    tasks = tool.shows("task", "list").split()
    check({"one", "TASK_RUNNING", framework["id"]} <= set(tasks), "task list shows it", tasks)
    say("agents, frameworks and tasks are listed")
    found = json.loads(tool.shows("task", "inspect", "one"))
    check(found["state"] == "TASK_RUNNING", "task inspect shows the task", found)
    say("a task is inspected")


def _execute(tool: Tool, say: Callable[[str], None]) -> None:
    script = "echo out; echo err >&2; cat stdout; exit 3"
    done = tool.run("task", "exec", "one", "sh", "-c", script)
    facts = (done.returncode, done.stdout.split(), done.stderr.split())
    check(facts == (3, ["out", "started"], ["err"]), "both streams and the status come", facts)
    say("a command runs in the task's sandbox, and its streams and status come back")
    done = tool.run("task", "exec", "-i", "one", "cat", typed="typed\nlines\n")
    check(done.returncode == 0, "cat ends with its input", done.stdout, done.stderr)
    check(done.stdout.split() == ["typed", "lines"], "cat says what was typed", done.stdout)
    say("its input is passed on, and the end of it")
    with tool.on_terminal("task", "exec", "-i", "-t", "one", "sh") as terminal:
        terminal.wait("# ")
        terminal.type(b"stty size; echo it-is-$((6 * 7))\n")
        screen = terminal.wait("it-is-42")
        check(f"{_ROWS} {_COLUMNS}" in screen, "the terminal has our size", screen)
        terminal.type(b"exit 5\n")
        check(terminal.end() == 5, "the shell's status comes", screen)
    say("a shell runs on a terminal of our size")
    done = tool.run("task", "exec", "nobody", "true")
    check("Unable to find running task 'nobody'" in done.stderr, "no such task", done.stderr)


def _attach(tool: Tool, say: Callable[[str], None]) -> None:
    for word in ("first", "second"):
        with tool.on_terminal("task", "attach", "prompt") as terminal:
            terminal.wait("ready")
            terminal.type(f"{word}\n".encode())
            terminal.wait(f"heard {word}")
            terminal.type(_DETACH)
            check(terminal.end() == 0, "detaching ends the tool")
    say("a task's terminal is attached to, left, and attached to again")


CLIENT = Client("avmesos-cli", ENVIRONMENT.python, run)

if __name__ == "__main__":
    main(CLIENT)
