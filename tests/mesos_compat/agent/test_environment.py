"""What executors find in their environment, and how command executors are made."""

from __future__ import annotations

import pytest

from mesos_compat.agent import actions as act
from mesos_compat.agent import executor_infos
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.agent.harness import (
    AGENT_ID,
    FRAMEWORK_ID,
    Harness,
    command_task,
    custom_task,
    framework_info,
    of,
)


def environment(agent: Harness, *, checkpoint: bool = False) -> dict[str, str]:
    """Of a custom executor."""
    made = agent.run_task(custom_task("c1"), checkpoint=checkpoint)
    (launch,) = of(made, act.LaunchContainer)
    return dict(launch.spec.environment)


def test_environment_is_that_of_mesos() -> None:
    # As golden/executor/sandbox-events/environ.json, but for what the shell and libc add.
    agent = Harness().start()
    found = environment(agent)
    sandbox = found.pop("MESOS_SANDBOX")
    assert found == {
        "LIBPROCESS_IP": "10.0.0.1",
        "LIBPROCESS_PORT": "0",
        "MESOS_AGENT_ENDPOINT": "10.0.0.1:5051",
        "MESOS_CHECKPOINT": "0",
        "MESOS_DIRECTORY": sandbox,
        "MESOS_EXECUTOR_ID": "e1",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
        "MESOS_FRAMEWORK_ID": FRAMEWORK_ID,
        "MESOS_HTTP_COMMAND_EXECUTOR": "0",
        "MESOS_SLAVE_ID": AGENT_ID,
        "MESOS_SLAVE_PID": "slave(1)@10.0.0.1:5051",
    }


def test_executors_that_may_reconnect_are_told_for_how_long() -> None:
    found = environment(Harness().start(), checkpoint=True)
    assert found["MESOS_CHECKPOINT"] == "1"
    assert found["MESOS_RECOVERY_TIMEOUT"] == "15mins"
    assert found["MESOS_SUBSCRIPTION_BACKOFF_MAX"] == "2secs"


def test_executors_of_an_agent_with_tls_are_told_how_to_call_it() -> None:
    tls = {"LIBPROCESS_SSL_ENABLED": "true", "LIBPROCESS_SSL_CA_FILE": "ca"}
    given = {"LIBPROCESS_SSL_CA_FILE": "another"}
    agent = Harness(tls_environment=tls, executor_environment_variables=given).start()
    found = environment(agent)
    assert found["LIBPROCESS_SSL_ENABLED"] == "true"
    assert found["LIBPROCESS_SSL_CA_FILE"] == "another"


def test_variables_of_the_flag_do_not_replace_those_of_mesos() -> None:
    given = {"FOO": "bar", "MESOS_SLAVE_ID": "mine", "LIBPROCESS_IP": "1.2.3.4"}
    found = environment(Harness(executor_environment_variables=given).start())
    assert found["FOO"] == "bar"
    assert found["MESOS_SLAVE_ID"] == AGENT_ID
    assert found["LIBPROCESS_IP"] == "1.2.3.4"


def test_our_programs_get_what_they_need_on_top() -> None:
    agent = Harness(program_environment={"PYTHONPATH": "/ours"}).start()
    (launch,) = of(agent.run_task(command_task("t1")), act.LaunchContainer)
    assert launch.spec.environment["PYTHONPATH"] == "/ours"
    assert "PYTHONPATH" not in environment(agent)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (mesos_pb2.CommandInfo(value="sleep 1000"), "sh -c 'sleep 1000'"),
        (mesos_pb2.CommandInfo(value="123456789012345"), "sh -c '123456789012345'"),
        (mesos_pb2.CommandInfo(value="1234567890123456"), "sh -c '123456789012...'"),
        (mesos_pb2.CommandInfo(), "NO COMMAND"),
        (mesos_pb2.CommandInfo(shell=False), "NO EXECUTABLE"),
        (mesos_pb2.CommandInfo(shell=False, value="a", arguments=["a", "b"]), "[a, a, b]"),
        (
            mesos_pb2.CommandInfo(shell=False, value="/bin/sleep", arguments=["sleep", "9"]),
            "[/bin/sleep, ...]",
        ),
    ],
)
def test_command_executor_is_named_after_its_task(
    command: mesos_pb2.CommandInfo, shown: str
) -> None:
    task = command_task("t1")
    task.command.CopyFrom(command)
    info = executor_infos.for_command(task, framework_info())
    assert info.name == f"Command Executor (Task: t1) (Command: {shown})"
    assert info.source == "t1"


def test_grace_of_the_kill_policy_is_within_that_of_the_executor() -> None:
    task = command_task("t1")
    task.kill_policy.grace_period.nanoseconds = 3_000_000_000
    info = executor_infos.for_command(task, framework_info())
    assert info.shutdown_grace_period.nanoseconds == 5_000_000_000


@pytest.mark.parametrize(("switch_user", "user"), [(True, "nobody"), (False, None)])
def test_executor_runs_as_the_frameworks_user(switch_user: bool, user: str | None) -> None:
    agent = Harness(switch_user=switch_user).start()
    (launch,) = of(agent.run_task(custom_task("c1")), act.LaunchContainer)
    assert launch.spec.user == user
