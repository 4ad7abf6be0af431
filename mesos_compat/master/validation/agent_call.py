"""Whether a call to an agent's operator API is whole.

Source: ``slave::validation::agent::call::validate``.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.master.validation import command as commands
from mesos_compat.master.validation import container as containers
from mesos_compat.master.validation.calls import validate_present, validate_whole
from mesos_compat.master.validation.identifiers import validate_container_id
from mesos_compat.resources import formats
from mesos_compat.resources.validation import validate as validate_resources
from mesos_compat.resources.validation import validate_gpus
from mesos_compat.wire.v1 import agent_pb2, mesos_pb2

_Call = agent_pb2.Call
_Input = agent_pb2.Call.AttachContainerInput

# Types that are not here need no member.
_MEMBERS: Final = {
    _Call.GET_METRICS: "get_metrics",
    _Call.SET_LOGGING_LEVEL: "set_logging_level",
    _Call.LIST_FILES: "list_files",
    _Call.READ_FILE: "read_file",
    _Call.LAUNCH_NESTED_CONTAINER: "launch_nested_container",
    _Call.WAIT_NESTED_CONTAINER: "wait_nested_container",
    _Call.KILL_NESTED_CONTAINER: "kill_nested_container",
    _Call.REMOVE_NESTED_CONTAINER: "remove_nested_container",
    _Call.LAUNCH_NESTED_CONTAINER_SESSION: "launch_nested_container_session",
    _Call.ATTACH_CONTAINER_INPUT: "attach_container_input",
    _Call.ATTACH_CONTAINER_OUTPUT: "attach_container_output",
    _Call.LAUNCH_CONTAINER: "launch_container",
    _Call.WAIT_CONTAINER: "wait_container",
    _Call.KILL_CONTAINER: "kill_container",
    _Call.REMOVE_CONTAINER: "remove_container",
    _Call.ADD_RESOURCE_PROVIDER_CONFIG: "add_resource_provider_config",
    _Call.UPDATE_RESOURCE_PROVIDER_CONFIG: "update_resource_provider_config",
    _Call.REMOVE_RESOURCE_PROVIDER_CONFIG: "remove_resource_provider_config",
    _Call.MARK_RESOURCE_PROVIDER_GONE: "mark_resource_provider_gone",
}


def validate(call: agent_pb2.Call) -> str | None:
    """What follows ``Failed to validate agent::Call: `` in the answer, or None."""
    fault = validate_whole(call)
    member = _MEMBERS.get(call.type)
    if fault is None and member is not None:
        fault = validate_present(call, member)
    if fault is not None or member is None:
        return fault
    named = _container_ids(call)
    if member in named:
        fault = _container_id_fault(member, named[member])
    if fault is not None:
        return fault
    if call.type == _Call.LAUNCH_NESTED_CONTAINER:
        return _nested_launch_fault(call.launch_nested_container)
    if call.type == _Call.LAUNCH_NESTED_CONTAINER_SESSION:
        return _session_fault(call.launch_nested_container_session)
    if call.type == _Call.LAUNCH_CONTAINER:
        return _launch_fault(call.launch_container)
    if call.type == _Call.ATTACH_CONTAINER_INPUT:
        return _input_fault(call.attach_container_input)
    return _config_fault(call, member)


def _container_ids(call: agent_pb2.Call) -> dict[str, mesos_pb2.ContainerID]:
    """The container that a call names, by its member."""
    return {
        "launch_nested_container": call.launch_nested_container.container_id,
        "wait_nested_container": call.wait_nested_container.container_id,
        "kill_nested_container": call.kill_nested_container.container_id,
        "remove_nested_container": call.remove_nested_container.container_id,
        "launch_nested_container_session": call.launch_nested_container_session.container_id,
        "attach_container_output": call.attach_container_output.container_id,
        "launch_container": call.launch_container.container_id,
        "wait_container": call.wait_container.container_id,
        "kill_container": call.kill_container.container_id,
        "remove_container": call.remove_container.container_id,
    }


def _container_id_fault(member: str, container_id: mesos_pb2.ContainerID) -> str | None:
    fault = validate_container_id(container_id)
    if fault is not None:
        return f"'{member}.container_id' is invalid: {fault}"
    # The older calls, and sessions, are for containers within containers.
    if "nested" in member and not container_id.HasField("parent"):
        return f"Expecting '{member}.container_id.parent' to be present"
    return None


def _contents_fault(
    member: str,
    launch: (
        agent_pb2.Call.LaunchNestedContainer
        | agent_pb2.Call.LaunchNestedContainerSession
        | agent_pb2.Call.LaunchContainer
    ),
) -> str | None:
    """Checks the command and the container that are to be launched."""
    if launch.HasField("command"):
        fault = commands.validate(launch.command)
        if fault is not None:
            return f"'{member}.command' is invalid: {fault}"
    if launch.HasField("container"):
        fault = containers.validate(launch.container)
        if fault is not None:
            return f"'{member}.container' is invalid: {fault}"
    return None


def _is_twice_nested(container_id: mesos_pb2.ContainerID) -> bool:
    return container_id.parent.HasField("parent")


def _deep(member: str, refused: str) -> str:
    return f"'{member}' is invalid: containers nested at the second level or greater {refused}"


def _nested_launch_fault(launch: agent_pb2.Call.LaunchNestedContainer) -> str | None:
    member = "launch_nested_container"
    fault = _contents_fault(member, launch)
    if fault is not None:
        return fault
    if _is_twice_nested(launch.container_id) and not containers.shares_cgroups(launch.container):
        return _deep(member, "cannot set 'share_cgroups' to 'false'")
    return None


def _session_fault(launch: agent_pb2.Call.LaunchNestedContainerSession) -> str | None:
    member = "launch_nested_container_session"
    fault = _contents_fault(member, launch)
    if fault is not None:
        return fault
    if not containers.shares_cgroups(launch.container):
        return (
            f"'{member}.container.linux_info' is invalid: 'share_cgroups' cannot be set to"
            " 'false' for nested container sessions"
        )
    return None


def _launch_fault(launch: agent_pb2.Call.LaunchContainer) -> str | None:
    member = "launch_container"
    fault = validate_resources(launch.resources)
    if fault is not None:
        return f"Invalid resources: {fault}"
    fault = validate_gpus(launch.resources)
    if fault is not None:
        return f"Invalid GPU resources: {fault}"
    is_standalone = not launch.container_id.HasField("parent")
    fault = _standalone_resources_fault(launch) if is_standalone else None
    fault = fault or _contents_fault(member, launch)
    if fault is not None:
        return fault
    if _is_twice_nested(launch.container_id):
        if launch.resources:
            return _deep(member, "cannot specify resources")
        if launch.limits:
            return _deep(member, "cannot specify resource limits")
        if not containers.shares_cgroups(launch.container):
            return _deep(member, "cannot set 'share_cgroups' to 'false'")
    if is_standalone and containers.asks_to_share_cgroups(launch.container):
        return (
            f"'{member}' is invalid: containers without a parent cannot set 'share_cgroups' to"
            " 'true'"
        )
    return None


def _standalone_resources_fault(launch: agent_pb2.Call.LaunchContainer) -> str | None:
    """Checks what the master does not know of and cannot account for."""
    for given in launch.resources:
        resource = mesos_pb2.Resource()
        resource.CopyFrom(given)
        formats.upgrade(resource)
        if resource.reservations:
            return "'launch_container.resources' must be unreserved"
        if resource.disk.HasField("persistence"):
            return "'launch_container.resources' may not use persistent volumes"
        if resource.HasField("revocable"):
            return "'launch_container.resources' must be non-revocable"
    return None


def _input_fault(attach: agent_pb2.Call.AttachContainerInput) -> str | None:
    if not attach.HasField("type"):
        return "Expecting 'attach_container_input.type' to be present"
    if attach.type == _Input.UNKNOWN:
        return "'attach_container_input.type' is unknown"
    if attach.type == _Input.CONTAINER_ID:
        fault = validate_container_id(attach.container_id)
        if fault is not None:
            return f"'attach_container_input.container_id' is invalid: {fault}"
    return None


def _config_fault(call: agent_pb2.Call, member: str) -> str | None:
    """Checks that who brings a resource provider leaves its id to the agent."""
    infos = {
        "add_resource_provider_config": call.add_resource_provider_config.info,
        "update_resource_provider_config": call.update_resource_provider_config.info,
    }
    if member in infos and infos[member].HasField("id"):
        return f"Expecting '{member}.info.id' to be unset"
    return None
