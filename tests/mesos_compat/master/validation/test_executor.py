"""Which executors are the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mesos_compat.master.validation import executor as executors
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.validation.launching import executor


def rich() -> mesos_pb2.ExecutorInfo:
    info = executor()
    info.name = "n"
    info.data = b"d"
    info.command.arguments.extend(["a", "b"])
    info.command.uris.add(value="u1")
    info.command.uris.add(value="u2")
    info.command.environment.variables.add(name="A", value="1")
    info.command.environment.variables.add(name="B", value="2")
    info.container.type = mesos_pb2.ContainerInfo.DOCKER
    info.container.docker.image = "i"
    info.container.docker.parameters.add(key="k", value="v")
    info.container.docker.port_mappings.add(host_port=1, container_port=2)
    info.container.volumes.add(mode=mesos_pb2.Volume.RW, container_path="c", host_path="h")
    info.discovery.visibility = mesos_pb2.DiscoveryInfo.CLUSTER
    info.discovery.ports.ports.add(number=1)
    info.discovery.labels.labels.add(key="l")
    return info


def reverse(repeated: list[object]) -> None:
    kept = list(repeated)
    del repeated[:]
    repeated.extend(reversed(kept))


@pytest.mark.parametrize(
    "prepare",
    [
        lambda _info: None,
        lambda info: setattr(info.shutdown_grace_period, "nanoseconds", 5),
        lambda info: info.labels.labels.add(key="x"),
        lambda info: setattr(info.command.uris[0], "cache", True),
        lambda info: reverse(info.command.uris),
        lambda info: reverse(info.command.environment.variables),
        lambda info: reverse(info.resources),
        lambda info: setattr(info.container.linux_info, "share_pid_namespace", True),
    ],
)
def test_some_differences_do_not_make_another_executor(
    prepare: Callable[[mesos_pb2.ExecutorInfo], object],
) -> None:
    other = rich()
    prepare(other)
    assert executors.is_same(rich(), other)


@pytest.mark.parametrize(
    "prepare",
    [
        lambda info: info.ClearField("type"),
        lambda info: setattr(info.executor_id, "value", "x"),
        lambda info: setattr(info.framework_id, "value", "x"),
        lambda info: setattr(info, "name", "x"),
        lambda info: setattr(info, "source", "x"),
        lambda info: setattr(info, "data", b"x"),
        lambda info: info.resources.extend(Resources.parse("cpus:1")),
        lambda info: setattr(info.command, "value", "x"),
        lambda info: setattr(info.command, "user", "x"),
        lambda info: setattr(info.command, "shell", False),
        lambda info: reverse(info.command.arguments),
        lambda info: setattr(info.command.uris[0], "extract", False),
        lambda info: setattr(info.command.environment.variables[0], "value", "x"),
        lambda info: setattr(info.container, "hostname", "x"),
        lambda info: setattr(info.container.docker, "privileged", True),
        lambda info: setattr(info.container.docker.parameters[0], "value", "x"),
        lambda info: setattr(info.container.docker.port_mappings[0], "host_port", 3),
        lambda info: setattr(info.container.volumes[0], "host_path", "x"),
        lambda info: setattr(info.discovery.ports.ports[0], "number", 2),
        lambda info: setattr(info.discovery.labels.labels[0], "value", "x"),
    ],
)
def test_other_differences_make_another_executor(
    prepare: Callable[[mesos_pb2.ExecutorInfo], object],
) -> None:
    other = rich()
    prepare(other)
    assert not executors.is_same(rich(), other)
