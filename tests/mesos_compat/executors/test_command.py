"""The command executor as a real process, with a real HTTP agent."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mesos_compat.executors import programs
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.executors.stub_agent import PATIENCE_S, StubAgent, new_task

TASK_KILLING_STATE = mesos_pb2.FrameworkInfo.Capability.TASK_KILLING_STATE


@contextmanager
def command_executor(
    agent: StubAgent, sandbox: Path, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    with (sandbox / "stdout").open("wb") as out, (sandbox / "stderr").open("wb") as err:
        process = subprocess.Popen(
            programs.command_executor(),
            cwd=sandbox,
            env={**agent.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(PATIENCE_S)


def test_task_starts_runs_and_finishes_and_the_executor_leaves_when_that_is_acknowledged(
    tmp_path: Path,
) -> None:
    with StubAgent() as agent, command_executor(agent, tmp_path) as process:
        subscription = agent.subscription()
        subscription.subscribed()
        task = new_task("one", 'echo "$MESOS_ALLOCATION_ROLE $HELLO"; env')
        variable = task.command.environment.variables.add(name="HELLO")
        variable.value = "hello"
        subscription.launch(task)
        states = []
        for _ in range(3):
            status = agent.status()
            states.append(mesos_pb2.TaskState.Name(status.state))
            assert status.source == mesos_pb2.TaskStatus.SOURCE_EXECUTOR
            subscription.acknowledge(status)
        assert states == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
        assert status.message == "Command exited with status 0"
        assert process.wait(PATIENCE_S) == 0
    output = (tmp_path / "stdout").read_text()
    assert output.startswith("prod hello\n")
    assert "secret.token" not in output
    assert "LC_CTYPE" not in output
    assert agent.headers[0]["authorization"] == "Bearer secret.token"


def test_kill_ends_all_processes_of_the_task_and_is_told(tmp_path: Path) -> None:
    with StubAgent() as agent, command_executor(agent, tmp_path) as process:
        subscription = agent.subscription()
        subscription.subscribed(TASK_KILLING_STATE)
        os.mkfifo(tmp_path / "fifo")
        # The inner process is of another session and would go on.
        script = "setsid sleep 1000 & echo $! > fifo; exec sleep 1000"
        subscription.launch(new_task("one", script))
        assert agent.status().state == mesos_pb2.TASK_STARTING
        assert agent.status().state == mesos_pb2.TASK_RUNNING
        inner = os.pidfd_open(int((tmp_path / "fifo").read_text()))
        subscription.kill("one")
        assert agent.status().state == mesos_pb2.TASK_KILLING
        status = agent.status()
        assert status.state == mesos_pb2.TASK_KILLED
        assert status.message == "Command terminated with signal Terminated"
        subscription.acknowledge(status)
        assert process.poll() is None  # Other updates are not acknowledged yet.
        assert select.select([inner], [], [], PATIENCE_S)[0]  # It has ended, too.
        os.close(inner)


def test_updates_are_told_again_when_the_agent_is_back(tmp_path: Path) -> None:
    with StubAgent() as agent, command_executor(agent, tmp_path) as process:
        first = agent.subscription()
        first.subscribed()
        os.mkfifo(tmp_path / "fifo")
        first.launch(new_task("one", "read line < fifo; exit 3"))
        starting = agent.status()
        running = agent.status()
        first.acknowledge(starting)
        first.close()
        second = agent.subscription()
        told = [update.status.uuid for update in second.call.subscribe.unacknowledged_updates]
        assert told == [running.uuid]
        assert not second.call.subscribe.unacknowledged_tasks
        second.subscribed()
        second.acknowledge(running)
        (tmp_path / "fifo").write_text("go\n")
        status = agent.status()
        assert status.state == mesos_pb2.TASK_FAILED
        second.acknowledge(status)
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("shell", [True, False])
def test_command_that_does_not_exist_fails(tmp_path: Path, shell: bool) -> None:
    with StubAgent() as agent, command_executor(agent, tmp_path):
        subscription = agent.subscription()
        subscription.subscribed()
        subscription.launch(new_task("one", "/no/such/program", shell=shell))
        states = [agent.status() for _ in range(3)]
        assert states[2].state == mesos_pb2.TASK_FAILED
        assert states[2].message == f"Command exited with status {127 if shell else 1}"
    assert "/no/such/program" in (tmp_path / "stderr").read_text()


def test_keys_of_a_terminal_mean_the_task(tmp_path: Path) -> None:
    keyboard, terminal = os.openpty()
    with StubAgent() as agent:
        process = subprocess.Popen(
            # The terminal becomes the controlling one, as the agent's supervisor has it.
            ["setsid", "--ctty", *programs.command_executor()],
            cwd=tmp_path,
            env=agent.environment,
            stdin=terminal,
            stdout=terminal,
            stderr=subprocess.DEVNULL,
        )
        try:
            subscription = agent.subscription()
            subscription.subscribed()
            subscription.launch(new_task("one", "test -t 0 && echo ready; exec sleep 1000"))
            shown = b""
            while b"ready" not in shown:
                shown += os.read(keyboard, 1024)
            # Control-C.
            os.write(keyboard, b"\x03")
            status = [agent.status() for _ in range(3)][-1]
            assert status.message == "Command terminated with signal Interrupt"
            assert process.poll() is None
        finally:
            process.kill()
            process.wait(PATIENCE_S)
            os.close(keyboard)
            os.close(terminal)


def test_executor_without_an_agent_says_what_it_misses(tmp_path: Path) -> None:
    process = subprocess.run(
        programs.command_executor(), cwd=tmp_path, env={}, capture_output=True, check=False
    )
    assert process.returncode == 1
    assert process.stderr == b"Expecting 'MESOS_FRAMEWORK_ID' to be set in the environment\n"
