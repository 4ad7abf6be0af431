"""What an executor reads from its environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesos_compat.errors import FlagError
from mesos_compat.executors.settings import (
    AgentAddress,
    ExecutorSettings,
    read_address,
    read_settings,
    task_environment,
)

# What Mesos gave an executor.
GOLDEN = Path(__file__).parents[1] / "golden" / "executor" / "environ.json"


def test_environment_of_a_real_agent_is_understood() -> None:
    environment = json.loads(GOLDEN.read_text())
    assert read_settings(environment) == ExecutorSettings(
        framework_id=environment["MESOS_FRAMEWORK_ID"],
        executor_id="ex1",
        checkpoint=False,
        shutdown_grace_period_ms=3_000,
    )
    assert read_address(environment) == AgentAddress("127.0.0.1", 5051)


def test_all_that_an_agent_may_say_is_heard() -> None:
    environment = {
        "MESOS_FRAMEWORK_ID": "f",
        "MESOS_EXECUTOR_ID": "e",
        "MESOS_CHECKPOINT": "1",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "1.5mins",
        "MESOS_RECOVERY_TIMEOUT": "1mins",
        "MESOS_SUBSCRIPTION_BACKOFF_MAX": "100ms",
        "MESOS_SLAVE_PID": "slave(1)@[::1]:5051",
        "MESOS_DOMAIN_SOCKET": "agent.sock",
        "MESOS_EXECUTOR_AUTHENTICATION_TOKEN": "token",
        "LIBPROCESS_SSL_ENABLED": "true",
        "LIBPROCESS_IP": "10.0.0.1",
    }
    settings = read_settings(environment)
    assert settings == ExecutorSettings("f", "e", True, "10.0.0.1", 90_000, 60_000, 100)
    assert read_address(environment) == AgentAddress("::1", 5051, True, "agent.sock", "token")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"MESOS_FRAMEWORK_ID": ""}, "Expecting 'MESOS_FRAMEWORK_ID' to be set"),
        ({"MESOS_RECOVERY_TIMEOUT": "soon"}, "Failed to parse MESOS_RECOVERY_TIMEOUT 'soon'"),
    ],
)
def test_nonsense_is_refused(changed: dict[str, str], why: str) -> None:
    with pytest.raises(FlagError, match=why):
        read_settings({"MESOS_FRAMEWORK_ID": "f", "MESOS_EXECUTOR_ID": "e", **changed})


@pytest.mark.parametrize("endpoint", ["localhost", "localhost:", ":5051", "a:b"])
def test_address_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(FlagError, match="is no address of an agent"):
        read_address({"MESOS_AGENT_ENDPOINT": endpoint})


def test_task_does_not_get_the_executors_token() -> None:
    environment = {"PATH": "/bin", "MESOS_EXECUTOR_AUTHENTICATION_TOKEN": "token"}
    assert task_environment(environment) == {"PATH": "/bin"}
