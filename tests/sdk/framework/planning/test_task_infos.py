"""What a declaration becomes as a Mesos task."""

from __future__ import annotations

import pytest

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework import HealthCheck, Task, Uri, Volume
from mesozoic.framework.planning import actions
from tests.sdk.framework.scripted import Stage, offer, service

SECOND_NS = 1_000_000_000


def launched(stage: Stage) -> mesos_pb2.TaskInfo:
    stage.offers(offer("o1"))
    (launch,) = stage.take(actions.Launch)
    return launch.tasks[0]


def environment(command: mesos_pb2.CommandInfo) -> dict[str, str]:
    return {one.name: one.value for one in command.environment.variables}


def test_command_gets_all_that_was_declared() -> None:
    declared = service(
        resources={"cpus": 0.1, "ports": 2},
        environment={"A": "b"},
        labels={"k": "v"},
        uris=["http://x/y.tgz", Uri("http://x/z", extract=False, output_file="q")],
        volumes=[Volume("/in", "/out", is_read_only=True)],
        kill_grace_seconds=1.5,
        user="nobody",
    )
    info = launched(Stage(declared))
    assert info.name == "s"
    assert environment(info.command) == {
        "MESOZOIC_NAME": "s",
        "MESOZOIC_SLOT": "0",
        "MESOZOIC_TASK_ID": "s.0.1-1",
        "PORT": "31000",
        "PORT0": "31000",
        "PORT1": "31001",
        "A": "b",
    }
    assert [(one.value, one.extract, one.output_file) for one in info.command.uris] == [
        ("http://x/y.tgz", True, ""),
        ("http://x/z", False, "q"),
    ]
    assert info.command.user == "nobody"
    assert [(one.key, one.value) for one in info.labels.labels] == [("k", "v")]
    assert info.container.volumes[0].mode == mesos_pb2.Volume.RO
    assert info.kill_policy.grace_period.nanoseconds == 1.5 * SECOND_NS
    assert not info.HasField("executor")


@pytest.mark.parametrize(
    ("health", "kind"),
    [
        (HealthCheck(command="true"), mesos_pb2.HealthCheck.COMMAND),
        (HealthCheck(http="/health", port=1), mesos_pb2.HealthCheck.HTTP),
        (HealthCheck(tcp=True), mesos_pb2.HealthCheck.TCP),
    ],
)
def test_health_check_goes_to_the_port_of_the_instance(
    health: HealthCheck, kind: mesos_pb2.HealthCheck.Type
) -> None:
    declared = service(resources={"cpus": 0.1, "ports": 2}, health=health)
    check = launched(Stage(declared)).health_check
    assert check.type == kind
    assert check.http.port == (31001 if health.http else 0)
    assert check.tcp.port == (31000 if health.tcp else 0)
    assert check.consecutive_failures == 3


def test_call_runs_in_an_executor_of_its_own() -> None:
    declared = Task("sum", sum, args=[[1, 2]], python="python3", kill_grace_seconds=3)
    info = launched(Stage(declared))
    assert not info.HasField("command")
    assert info.executor.executor_id.value == info.task_id.value
    command = info.executor.command
    assert [command.value, *command.arguments] == [
        *("python3", "python3", "-m"),
        "mesozoic.framework.call_executor",
    ]
    assert not command.shell
    assert info.data == declared.spec().call
    assert info.executor.shutdown_grace_period.nanoseconds == 5 * SECOND_NS
