"""Checks, commands and containers: what each kind must have."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf import json_format

from mesos_compat.master.validation import check, command, container
from mesos_compat.wire.v1 import mesos_pb2


def health_check(value: dict[str, object]) -> str | None:
    return check.validate_health_check(json_format.ParseDict(value, mesos_pb2.HealthCheck()))


def plain_check(value: dict[str, object]) -> str | None:
    return check.validate_check(json_format.ParseDict(value, mesos_pb2.CheckInfo()))


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({}, "HealthCheck must specify 'type'"),
        ({"type": "UNKNOWN"}, "'UNKNOWN' is not a valid health check type"),
        ({"type": "COMMAND"}, "Expecting 'command' to be set for COMMAND health check"),
        ({"type": "COMMAND", "command": {}}, "Command health check must contain 'shell command'"),
        (
            {"type": "COMMAND", "command": {"shell": False}},
            "Command health check must contain 'executable path'",
        ),
        (
            {
                "type": "COMMAND",
                "command": {"value": "x", "environment": {"variables": [{"name": "A"}]}},
            },
            "Health check's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE'"
            " must have a value set",
        ),
        ({"type": "COMMAND", "command": {"value": "x"}}, None),
        ({"type": "HTTP"}, "Expecting 'http' to be set for HTTP health check"),
        (
            {"type": "HTTP", "http": {"port": 1, "scheme": "ftp"}},
            "Unsupported HTTP health check scheme: 'ftp'",
        ),
        (
            {"type": "HTTP", "http": {"port": 1, "path": "x"}},
            "The path 'x' of HTTP health check must start with '/'",
        ),
        ({"type": "HTTP", "http": {"port": 1, "scheme": "https", "path": "/x"}}, None),
        ({"type": "TCP"}, "Expecting 'tcp' to be set for TCP health check"),
        (
            {"type": "TCP", "tcp": {"port": 1}, "delay_seconds": -1},
            "Expecting 'delay_seconds' to be non-negative",
        ),
        (
            {"type": "TCP", "tcp": {"port": 1}, "grace_period_seconds": -1, "interval_seconds": -1},
            "Expecting 'grace_period_seconds' to be non-negative",
        ),
        (
            {"type": "TCP", "tcp": {"port": 1}, "timeout_seconds": -1, "interval_seconds": -1},
            "Expecting 'interval_seconds' to be non-negative",
        ),
        (
            {"type": "TCP", "tcp": {"port": 1}, "timeout_seconds": -0.5},
            "Expecting 'timeout_seconds' to be non-negative",
        ),
        ({"type": "TCP", "tcp": {"port": 1}, "timeout_seconds": 0}, None),
    ],
)
def test_health_checks(value: dict[str, object], fault: str | None) -> None:
    assert health_check(value) == fault


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({}, "CheckInfo must specify 'type'"),
        ({"type": "UNKNOWN"}, "'UNKNOWN' is not a valid check type"),
        ({"type": "COMMAND"}, "Expecting 'command' to be set for COMMAND check"),
        (
            {"type": "COMMAND", "command": {"command": {}}},
            "Command check must contain 'shell command'",
        ),
        (
            {
                "type": "COMMAND",
                "command": {
                    "command": {
                        "value": "x",
                        "environment": {"variables": [{"name": "A", "type": "UNKNOWN"}]},
                    }
                },
            },
            "Check's `CommandInfo` is invalid: Environment variable of type 'UNKNOWN' is not"
            " allowed",
        ),
        (
            {"type": "HTTP", "http": {"port": 1, "path": "x"}},
            "The path 'x' of HTTP check must start with '/'",
        ),
        ({"type": "HTTP", "http": {"port": 1}}, None),
        ({"type": "TCP"}, "Expecting 'tcp' to be set for TCP check"),
        (
            {"type": "TCP", "tcp": {"port": 1}, "interval_seconds": -1},
            "Expecting 'interval_seconds' to be non-negative",
        ),
    ],
)
def test_checks(value: dict[str, object], fault: str | None) -> None:
    assert plain_check(value) == fault


def variable(**members: object) -> mesos_pb2.Environment:
    return json_format.ParseDict({"variables": [{"name": "A", **members}]}, mesos_pb2.Environment())


SECRET = {"type": "VALUE", "value": {"data": "YQ=="}}


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        (variable(value="x"), None),
        (variable(), "Environment variable 'A' of type 'VALUE' must have a value set"),
        (
            variable(value="x", secret=SECRET),
            "Environment variable 'A' of type 'VALUE' must not have a secret set",
        ),
        (variable(type="SECRET", secret=SECRET), None),
        (
            variable(type="SECRET"),
            "Environment variable 'A' of type 'SECRET' must have a secret set",
        ),
        (
            variable(type="SECRET", secret=SECRET, value="x"),
            "Environment variable 'A' of type 'SECRET' must not have a value set",
        ),
        (
            variable(type="SECRET", secret={"type": "VALUE"}),
            "Environment variable 'A' specifies an invalid secret:"
            " Secret of type VALUE must have the 'value' field set",
        ),
        (
            variable(type="SECRET", secret={"type": "VALUE", "value": {"data": "AA=="}}),
            "Environment variable 'A' specifies a secret containing null bytes, which is not"
            " allowed in the environment",
        ),
    ],
)
def test_environments(environment: mesos_pb2.Environment, fault: str | None) -> None:
    assert command.validate_environment(environment) == fault
    assert command.validate(mesos_pb2.CommandInfo(environment=environment)) == fault


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({}, None),
        (
            {"type": "REFERENCE"},
            "Secret of type REFERENCE must have the 'reference' field set",
        ),
        (
            {"type": "REFERENCE", "reference": {"name": "n"}, "value": {"data": ""}},
            "Secret 'n' of type REFERENCE must not have the 'value' field set",
        ),
        ({"type": "REFERENCE", "reference": {"name": "n"}}, None),
        (
            {"type": "VALUE", "reference": {"name": "n"}, "value": {"data": ""}},
            "Secret of type VALUE must not have the 'reference' field set",
        ),
    ],
)
def test_secrets_are_held_or_referred_to(value: dict[str, object], fault: str | None) -> None:
    assert command.validate_secret(json_format.ParseDict(value, mesos_pb2.Secret())) == fault


ONE_ORIGIN = "Only one of them should be set: 'host_path', 'image' and 'source'"


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({}, ONE_ORIGIN),
        ({"host_path": "/h"}, None),
        ({"host_path": "/h", "source": {"type": "SECRET"}}, ONE_ORIGIN),
        ({"source": {}}, "'source.type' is unknown"),
        ({"source": {"type": "UNKNOWN"}}, "'source.type' is unknown"),
        (
            {"source": {"type": "DOCKER_VOLUME"}},
            "'source.docker_volume' is not set for DOCKER_VOLUME volume",
        ),
        ({"source": {"type": "HOST_PATH"}}, "'source.host_path' is not set for HOST_PATH volume"),
        (
            {"source": {"type": "SANDBOX_PATH"}},
            "'source.sandbox_path' is not set for SANDBOX_PATH volume",
        ),
        ({"source": {"type": "SECRET"}}, "'source.secret' is not set for SECRET volume"),
        ({"source": {"type": "CSI_VOLUME"}}, "'source.csi_volume' is not set for CSI volume"),
        (
            {"source": {"type": "CSI_VOLUME", "csi_volume": {"plugin_name": "p"}}},
            "'source.csi_volume.static_provisioning' is not set for CSI volume",
        ),
        ({"source": {"type": "SANDBOX_PATH", "sandbox_path": {"path": "p"}}}, None),
    ],
)
def test_volumes_come_from_one_place(members: dict[str, object], fault: str | None) -> None:
    volume = json_format.ParseDict(
        {"mode": "RW", "container_path": "c", **members}, mesos_pb2.Volume()
    )
    assert container.validate_volume(volume) == fault
    wrapped = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS, volumes=[volume])
    assert container.validate(wrapped) == (f"Invalid volume: {fault}" if fault else None)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"type": "MESOS"}, None),
        ({"type": "DOCKER"}, "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"),
        ({"type": "DOCKER", "docker": {"image": "i"}}, None),
        (
            {
                "type": "DOCKER",
                "docker": {"image": "i", "parameters": [{"key": "name", "value": "v"}]},
            },
            "Parameter in DockerInfo must not be 'name'",
        ),
    ],
)
def test_containers_for_docker_say_what_docker_needs(
    value: dict[str, object], fault: str | None
) -> None:
    assert container.validate(json_format.ParseDict(value, mesos_pb2.ContainerInfo())) == fault


@pytest.mark.parametrize(
    ("prepare", "shares", "asks"),
    [
        (lambda _linux: None, True, False),
        (lambda linux: setattr(linux, "share_cgroups", True), True, True),
        (lambda linux: setattr(linux, "share_cgroups", False), False, False),
    ],
)
def test_cgroups_are_shared_unless_refused(
    prepare: Callable[[mesos_pb2.LinuxInfo], None], shares: bool, asks: bool
) -> None:
    info = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    prepare(info.linux_info)
    assert container.shares_cgroups(info) == shares
    assert container.asks_to_share_cgroups(info) == asks
