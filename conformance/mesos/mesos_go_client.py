"""mesos-go, the Go library for Mesos, by the programs that it ships.

Its example scheduler starts its example executor, which agents fetch from it, and counts the
tasks that end: in protobuf, in JSON, and over the end of the leading master. ``msh`` runs one
command or one group; ``mwatch`` reads the operator's event stream. Nothing of the library is
changed; the versions are those of ``go.sum``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.clients.c.programs import build_step, built, fetch_step, require
from conformance.mesos.cluster import Cluster, Member, wait_until
from conformance.mesos.jobs import Client, Program, check, main

_SOURCES = Path(__file__).parent / "go_client"
_ENVIRONMENT = {"GOFLAGS": "-mod=mod -buildvcs=false", "GOTOOLCHAIN": "local"}
_PACKAGE = "github.com/mesos/mesos-go/api/v1/cmd"
_PROGRAMS = ("example-scheduler", "example-executor", "msh", "mwatch")

_CODECS = ("protobuf", "json")
#: More than fit onto the agents at once: each takes a CPU.
_TASKS = 20
_ACCOMPLISHED = "mission accomplished"
#: What msh ends with when its task has failed.
_MSH_FAILED = 3
_TEXT_S_MAX = 60.0


def programs() -> Path:
    """The directory of the built programs; raises :class:`ClientUnavailable` without Go."""
    require("go", "golang-go")
    sources = sorted(_SOURCES.iterdir())

    def build(place: Path) -> None:
        # -mod=mod may write to go.mod and go.sum, so the build works on copies of them.
        for source in sources:
            (place / source.name).write_bytes(source.read_bytes())
        fetch_step(["go", "mod", "download"], place, _ENVIRONMENT)
        packages = [f"{_PACKAGE}/{name}" for name in _PROGRAMS]
        build_step(["go", "build", "-o", f"{place}/", *packages], place, _ENVIRONMENT)

    return built("mesos_go", sources, build)


def run(say: Callable[[str], None]) -> None:
    """The job; raises ``RuntimeError`` when one cannot be done."""
    place = programs()
    with Cluster(masters=2, agents=2) as cluster:
        leader = cluster.leader()
        watch = (place / "mwatch", "-master", leader.address.partition(":")[0])
        with Program((*watch, "-port", str(leader.port)), cluster.directory) as watcher:
            for codec in _CODECS:
                _run_example(place, cluster, codec, say)
            _run_commands(place, cluster, say)
            _read_events(watcher, say)
        _fail_over(place, cluster, say)


def _example(place: Path, cluster: Cluster, at: Member, name: str, *flags: str) -> Program:
    command = (
        place / "example-scheduler",
        f"-url=http://{at.address}/api/v1/scheduler",
        f"-name={name}",
        f"-tasks={_TASKS}",
        # Without an image the executor is a program, which the scheduler serves over HTTP.
        "-exec.image=",
        f"-executor={place / 'example-executor'}",
        "-server.address=127.0.0.1",
        "-metrics.port=0",
        "-verbose",
    )
    # Go's log goes to standard error, and that is all that it prints.
    return Program(("sh", "-c", 'exec "$@" 2>&1', "sh", *command, *flags), cluster.directory)


def _wait_text(program: Program, text: str) -> None:
    """Pass over the lines of ``program`` to the next that has ``text`` in it."""
    ends = time.monotonic() + _TEXT_S_MAX
    while text not in program.next_line():
        # Heartbeats are lines too, so there may be one again and again.
        check(time.monotonic() < ends, f"'{text}' is printed in time", *program.lines)


def _check_tasks(framework: Any, say: Callable[[str], None]) -> None:
    ended = framework["completed_tasks"]
    states = {task["state"] for task in ended}
    names = {task["id"] for task in ended}
    check(states == {"TASK_FINISHED"}, "all tasks have finished", states)
    check(names == {str(number + 1) for number in range(_TASKS)}, "all tasks ran", names)
    hosts = {task["slave_id"] for task in ended}
    say(f"{framework['name']}: {len(ended)} tasks of the executor finished on {len(hosts)} agents")


def _run_example(place: Path, cluster: Cluster, codec: str, say: Callable[[str], None]) -> None:
    name = f"mesos-go-{codec}"
    flags = (f"-codec={codec}", "-failoverTimeout=0s")
    with _example(place, cluster, cluster.leader(), name, *flags) as scheduler:
        _wait_text(scheduler, _ACCOMPLISHED)
    _check_tasks(cluster.wait_framework(name, completed=True), say)


def _run_commands(place: Path, cluster: Cluster, say: Callable[[str], None]) -> None:
    # The default executor's containers are nested in its own.
    for kind, flags, outputs in (
        ("command", (), "stdout"),
        ("group", ("-pod",), "containers/*/stdout"),
    ):
        for ending, status in (("exit 0", 0), ("exit 7", _MSH_FAILED)):
            text = f"msh {kind} {ending}"
            msh = (place / "msh", f"-master={cluster.leader().address}", *flags)
            script = 'exec "$@" 2>&1; echo lost'
            task = ("--", "sh", "-c", f"echo said by {text}; {ending}")
            with Program(("sh", "-c", script, "sh", *msh, *task), cluster.directory) as program:
                marker = f"exit code {status}" if status else "TASK_FINISHED"
                _wait_text(program, marker)
            said = cluster.sandbox_texts(outputs)
            check(f"said by {text}" in said, "the command ran in a sandbox", text, said)
    say("msh ran a command and a group, saw them finish and saw them fail")


def _read_events(watcher: Program, say: Callable[[str], None]) -> None:
    for codec in _CODECS:
        framework = _wait_event(watcher, "FRAMEWORK_ADDED", f"Name:mesos-go-{codec},")
        check("RESERVATION_REFINEMENT" in framework, "its capabilities are told", framework)
        _wait_event(watcher, "TASK_ADDED", f"{{{_TASKS}}}")
        _wait_event(watcher, "TASK_UPDATED", "TASK_FINISHED")
        _wait_event(watcher, "FRAMEWORK_REMOVED", f"Name:mesos-go-{codec},")
    say("mwatch was told of the frameworks and of their tasks")


def _wait_event(watcher: Program, kind: str, text: str) -> str:
    while text not in (line := watcher.wait_line(kind)):
        pass
    return line


def _fail_over(place: Path, cluster: Cluster, say: Callable[[str], None]) -> None:
    for agent in cluster.agents:
        agent.stop()
    name = "mesos-go-failover"
    # Redirected, it sends no more than SUBSCRIBE to the leader: so there are no offers until the
    # master that it was given leads.
    leader = cluster.leader()
    standby = next(master for master in cluster.masters if master is not leader)
    with _example(place, cluster, standby, name) as scheduler:
        before = _wait_active(cluster, name)
        leader.kill()
        after = _wait_active(cluster, name)
        check(before["id"] == after["id"], "the framework kept its id", before, after)
        for agent in cluster.agents:
            agent.start()
        _wait_text(scheduler, _ACCOMPLISHED)
    _check_tasks(cluster.wait_framework(name), say)
    say("the scheduler followed from the killed leader to the next, under its id")


def _wait_active(cluster: Cluster, name: str) -> Any:
    """The framework called ``name``, once the leader has it subscribed."""

    def find() -> Any:
        framework = cluster.wait_framework(name)
        return framework if framework["active"] else None

    return wait_until(f"{name} is subscribed", find, cluster.logs)


CLIENT = Client("mesos_go", programs, run)

if __name__ == "__main__":
    main(CLIENT)
