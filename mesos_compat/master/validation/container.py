"""Containers of tasks and executors, and what is mounted there.

Source: ``validateContainerInfo`` and ``validateVolume``.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.wire.v1 import mesos_pb2

_Source = mesos_pb2.Volume.Source

# The member that goes with the type of a source, and how Mesos calls such a volume.
_SOURCES: Final = {
    _Source.DOCKER_VOLUME: ("docker_volume", "DOCKER_VOLUME"),
    _Source.HOST_PATH: ("host_path", "HOST_PATH"),
    _Source.SANDBOX_PATH: ("sandbox_path", "SANDBOX_PATH"),
    _Source.SECRET: ("secret", "SECRET"),
    _Source.CSI_VOLUME: ("csi_volume", "CSI"),
}


def validate(container: mesos_pb2.ContainerInfo) -> str | None:
    """Checks volumes, and that what is meant for Docker can be had from it."""
    for volume in container.volumes:
        fault = validate_volume(volume)
        if fault is not None:
            return f"Invalid volume: {fault}"
    if container.type != mesos_pb2.ContainerInfo.DOCKER:
        return None
    if not container.HasField("docker"):
        return "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"
    if any(parameter.key == "name" for parameter in container.docker.parameters):
        # Agents find their containers by the names that they give.
        return "Parameter in DockerInfo must not be 'name'"
    return None


def validate_volume(volume: mesos_pb2.Volume) -> str | None:
    """Checks that a volume says where it comes from, once."""
    origins = (volume.HasField("host_path"), volume.HasField("image"), volume.HasField("source"))
    if sum(origins) != 1:
        return "Only one of them should be set: 'host_path', 'image' and 'source'"
    if not volume.HasField("source"):
        return None
    source = volume.source
    if source.type not in _SOURCES:
        return "'source.type' is unknown"
    member, called = _SOURCES[source.type]
    if not source.HasField(member):
        return f"'source.{member}' is not set for {called} volume"
    if member == "csi_volume" and not source.csi_volume.HasField("static_provisioning"):
        return "'source.csi_volume.static_provisioning' is not set for CSI volume"
    return None


def shares_cgroups(container: mesos_pb2.ContainerInfo) -> bool:
    """Whether a nested container is in its parent's cgroups, which is so unless refused."""
    return container.linux_info.share_cgroups


def asks_to_share_cgroups(container: mesos_pb2.ContainerInfo) -> bool:
    """Whether ``share_cgroups`` is true because somebody said so."""
    linux = container.linux_info
    return linux.HasField("share_cgroups") and linux.share_cgroups
