"""Commands as real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from mesos_compat.executors.processes import Child, spawn
from mesos_compat.wire.v1 import mesos_pb2

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def command(value: str, *arguments: str) -> mesos_pb2.CommandInfo:
    return mesos_pb2.CommandInfo(value=value, arguments=arguments, shell=False)


def test_program_is_looked_up_and_has_its_arguments() -> None:
    assert spawn(command("sh", "called-so", "-c", "test $0 = called-so"), ENVIRONMENT).wait() == 0


def test_program_that_is_not_there_raises() -> None:
    with pytest.raises(FileNotFoundError):
        spawn(command("no-such-program"), ENVIRONMENT)


def test_environment_that_no_program_can_have_raises() -> None:
    info = mesos_pb2.CommandInfo(value="true")
    info.environment.variables.add(name="A=B", value="c")
    with pytest.raises(OSError, match="illegal environment variable name"):
        spawn(info, ENVIRONMENT)


def test_program_without_a_header_is_a_script_of_the_shell(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("exit $1\n")
    script.chmod(0o755)
    assert spawn(command(str(script), "script", "5"), ENVIRONMENT).wait() == 5 << 8


def test_commands_environment_wins_and_may_be_secret(tmp_path: Path) -> None:
    output = tmp_path / "output"
    info = mesos_pb2.CommandInfo(value=f'echo "$A $B $C" > {output}')
    info.environment.variables.add(name="A", value="command's")
    secret = info.environment.variables.add(name="B", type=mesos_pb2.Environment.Variable.SECRET)
    secret.secret.type = mesos_pb2.Secret.VALUE
    secret.secret.value.data = b"secret"
    child = spawn(info, {**ENVIRONMENT, "A": "inherited", "C": "inherited"})
    assert child.wait() == 0
    assert output.read_text() == "command's secret inherited\n"


def test_ignored_signals_have_their_way_in_the_command() -> None:
    # The interpreter ignores it.
    assert spawn(mesos_pb2.CommandInfo(value="kill -PIPE $$"), ENVIRONMENT).wait() == signal.SIGPIPE


def test_stopped_command_sees_the_signal_that_it_handles(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = f"trap 'exit 3' TERM; echo > {fifo}; kill -STOP $$; while :; do sleep 1; done"
    child = spawn(mesos_pb2.CommandInfo(value=script), ENVIRONMENT)
    fifo.read_text()
    child.signal(signal.SIGTERM)
    assert child.wait() == 3 << 8


def test_reaped_child_is_not_signalled() -> None:
    child = spawn(mesos_pb2.CommandInfo(value="exit 0"), ENVIRONMENT)
    assert child.wait() == 0
    # Its number may be another's by now; this one is this very process.
    impostor = Child(os.getpid())
    impostor._is_reaped = child._is_reaped
    impostor.signal(signal.SIGKILL)
