"""A spec and a place as Mesos's TaskInfo. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework.planning.instances import Instance
from mesozoic.framework.planning.specs import HealthCheck, Spec

_NS: Final = 1_000_000_000
_EXECUTOR_GRACE_S: Final = 2.0
#: The executor of pickled calls, as ``python -m`` takes it.
EXECUTOR_MODULE: Final = "mesozoic.framework.call_executor"


def task_info(
    spec: Spec, instance: Instance, resources: Iterable[mesos_pb2.Resource]
) -> mesos_pb2.TaskInfo:
    """What to launch. Its environment says who it is: ``PORT0``, ``MESOZOIC_SLOT``, ..."""
    info = mesos_pb2.TaskInfo(name=spec.name, resources=resources)
    info.task_id.value = instance.task_id
    info.agent_id.value = instance.agent_id
    if spec.command is None:
        info.executor.CopyFrom(_executor(spec, instance))
        info.data = spec.call
    else:
        info.command.CopyFrom(_command(spec, instance))
        info.command.value = spec.command
        if spec.volumes:
            info.container.CopyFrom(_container(spec))
    for key, value in spec.labels:
        info.labels.labels.add(key=key, value=value)
    if spec.kill_grace_seconds is not None:
        grace_ns = round(spec.kill_grace_seconds * _NS)
        info.kill_policy.grace_period.nanoseconds = grace_ns
    if spec.health is not None:
        info.health_check.CopyFrom(_health_check(spec.health, instance.ports))
    return info


def _command(spec: Spec, instance: Instance) -> mesos_pb2.CommandInfo:
    command = mesos_pb2.CommandInfo()
    given = {
        "MESOZOIC_NAME": spec.name,
        "MESOZOIC_SLOT": str(instance.slot),
        "MESOZOIC_TASK_ID": instance.task_id,
        **{f"PORT{index}": str(port) for index, port in enumerate(instance.ports)},
        **dict(spec.environment),
    }
    if instance.ports:
        given.setdefault("PORT", str(instance.ports[0]))
    for name, value in given.items():
        command.environment.variables.add(name=name, value=value)
    for uri in spec.uris:
        added = command.uris.add(
            value=uri.value, extract=uri.extract, executable=uri.executable, cache=uri.cache
        )
        if uri.output_file is not None:
            added.output_file = uri.output_file
    if spec.user is not None:
        command.user = spec.user
    return command


def _executor(spec: Spec, instance: Instance) -> mesos_pb2.ExecutorInfo:
    """One executor for one call: it ends with it."""
    executor = mesos_pb2.ExecutorInfo(type=mesos_pb2.ExecutorInfo.CUSTOM, name=spec.name)
    executor.executor_id.value = instance.task_id
    executor.command.CopyFrom(_command(spec, instance))
    executor.command.shell = False
    executor.command.value = spec.python
    executor.command.arguments.extend([spec.python, "-m", EXECUTOR_MODULE])
    if spec.volumes:
        executor.container.CopyFrom(_container(spec))
    if spec.kill_grace_seconds is not None:
        # The agent waits for the executor a little longer than the executor for the call.
        grace_ns = round((spec.kill_grace_seconds + _EXECUTOR_GRACE_S) * _NS)
        executor.shutdown_grace_period.nanoseconds = grace_ns
    return executor


def _container(spec: Spec) -> mesos_pb2.ContainerInfo:
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    for volume in spec.volumes:
        container.volumes.add(
            container_path=volume.container_path,
            host_path=volume.host_path,
            mode=mesos_pb2.Volume.RO if volume.is_read_only else mesos_pb2.Volume.RW,
        )
    return container


def _health_check(health: HealthCheck, ports: tuple[int, ...]) -> mesos_pb2.HealthCheck:
    check = mesos_pb2.HealthCheck(
        delay_seconds=health.delay_seconds,
        interval_seconds=health.interval_seconds,
        timeout_seconds=health.timeout_seconds,
        grace_period_seconds=health.grace_seconds,
        consecutive_failures=health.failures,
    )
    if health.command is not None:
        check.type = mesos_pb2.HealthCheck.COMMAND
        check.command.value = health.command
    elif health.http is not None:
        check.type = mesos_pb2.HealthCheck.HTTP
        check.http.port = ports[health.port]
        check.http.path = health.http
    else:
        check.type = mesos_pb2.HealthCheck.TCP
        check.tcp.port = ports[health.port]
    return check
