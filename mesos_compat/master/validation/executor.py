"""Executors: those that a task or a task group brings, and whether two are the same.

Source: ``validation::executor``, and the equality of ``ExecutorInfo`` in type_utils.cpp.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from mesos_compat.master.validation import command as commands
from mesos_compat.master.validation import container as containers
from mesos_compat.master.validation.allocation import validate_used
from mesos_compat.master.validation.identifiers import validate_id
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2

_Executor = mesos_pb2.ExecutorInfo

_RULE = "-" * 60


def validate_info(executor: mesos_pb2.ExecutorInfo) -> str | None:
    """Checks what an executor says of itself, wherever it is to run."""
    fault = _type_fault(executor) or validate_id(executor.executor_id.value)
    if fault is not None:
        return fault
    if executor.shutdown_grace_period.nanoseconds < 0:
        return "ExecutorInfo's 'shutdown_grace_period' must be non-negative"
    if executor.HasField("command"):
        fault = commands.validate(executor.command)
        if fault is not None:
            return f"Executor's `CommandInfo` is invalid: {fault}"
    if executor.HasField("container"):
        fault = containers.validate(executor.container)
        if fault is not None:
            return f"Executor's `ContainerInfo` is invalid: {fault}"
    return None


def validate(
    executor: mesos_pb2.ExecutorInfo,
    framework_id: str,
    running: Mapping[str, mesos_pb2.ExecutorInfo],
) -> str | None:
    """Checks an executor that is to be launched, or used again, for a framework on an agent.

    ``running`` are the framework's executors on that agent, by id. LAUNCH fills the framework
    id in before, LAUNCH_GROUP does not.
    """
    fault = validate_info(executor)
    if fault is not None:
        return fault
    if not executor.HasField("framework_id"):
        return "'ExecutorInfo.framework_id' must be set"
    if executor.framework_id.value != framework_id:
        return (
            "ExecutorInfo has an invalid FrameworkID"
            f" (Actual: {executor.framework_id.value} vs Expected: {framework_id})"
        )
    resources = Resources(executor.resources)
    return validate_used(executor.resources, resources, "Executor") or _compatible_fault(
        executor, running
    )


def _type_fault(executor: mesos_pb2.ExecutorInfo) -> str | None:
    if executor.type == _Executor.CUSTOM and not executor.HasField("command"):
        return "'ExecutorInfo.command' must be set for 'CUSTOM' executor"
    if executor.type != _Executor.DEFAULT:
        return None
    if executor.HasField("command"):
        return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor"
    if executor.HasField("container"):
        if executor.container.type != mesos_pb2.ContainerInfo.MESOS:
            return "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor"
        if executor.container.mesos.HasField("image"):
            return "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor"
    return None


def _compatible_fault(
    executor: mesos_pb2.ExecutorInfo, running: Mapping[str, mesos_pb2.ExecutorInfo]
) -> str | None:
    existing = running.get(executor.executor_id.value)
    if existing is None or is_same(executor, existing):
        return None
    return (
        "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n"
        f"{_RULE}\nExisting ExecutorInfo:\n{existing}\n"
        f"{_RULE}\nExecutorInfo:\n{executor}\n"
        f"{_RULE}\n"
    )


def is_same(left: mesos_pb2.ExecutorInfo, right: mesos_pb2.ExecutorInfo) -> bool:
    """Whether Mesos takes both for the same executor.

    Labels, the grace period and some members of commands and containers do not count, nor does
    the order of what is a set.
    """
    return left == right or (
        _key(left) == _key(right) and Resources(left.resources) == Resources(right.resources)
    )


def _key(executor: mesos_pb2.ExecutorInfo) -> Hashable:
    return (
        executor.type if executor.HasField("type") else None,
        executor.executor_id.value,
        executor.data,
        executor.framework_id.value,
        executor.name,
        executor.source,
        _command_key(executor.command),
        _container_key(executor.container),
        _discovery_key(executor.discovery),
    )


def _command_key(command: mesos_pb2.CommandInfo) -> Hashable:
    uris = sorted((uri.value, uri.executable, uri.extract, uri.output_file) for uri in command.uris)
    variables = sorted(
        (variable.name, variable.value) for variable in command.environment.variables
    )
    return (
        tuple(uris),
        tuple(command.arguments),
        tuple(variables),
        command.value,
        command.user,
        command.shell,
    )


def _container_key(container: mesos_pb2.ContainerInfo) -> Hashable:
    docker = container.docker
    volumes = sorted(
        (volume.container_path, volume.host_path, int(volume.mode)) for volume in container.volumes
    )
    mappings = sorted(
        (mapping.host_port, mapping.container_port, mapping.protocol)
        for mapping in docker.port_mappings
    )
    parameters = sorted((parameter.key, parameter.value) for parameter in docker.parameters)
    return (
        container.type,
        container.hostname,
        tuple(volumes),
        tuple(mappings),
        tuple(parameters),
        docker.image,
        docker.network,
        docker.privileged,
        docker.force_pull_image,
    )


def _discovery_key(discovery: mesos_pb2.DiscoveryInfo) -> Hashable:
    ports = sorted(
        (port.number, port.name, port.protocol, int(port.visibility))
        for port in discovery.ports.ports
    )
    labels = sorted((label.key, label.value) for label in discovery.labels.labels)
    return (
        discovery.visibility,
        discovery.name,
        discovery.environment,
        discovery.location,
        discovery.version,
        tuple(ports),
        tuple(labels),
    )
