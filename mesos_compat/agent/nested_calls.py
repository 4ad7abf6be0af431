"""The agent's calls about containers, read into one form, and what is answered to WAIT.

The calls with NESTED in their names are the older ones; they do the same. The form of a call
was checked by whoever took it (``master/validation/agent_call.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from mesos_compat.containers.spec import ContainerId, Termination, container_id_of
from mesos_compat.wire.v1 import agent_pb2, mesos_pb2

_Call = agent_pb2.Call
_Response = agent_pb2.Response
_Status = mesos_pb2.TaskStatus


class Purpose(Enum):
    """What is to be done with a container."""

    LAUNCH = "launch"
    WAIT = "wait"
    KILL = "kill"
    REMOVE = "remove"


_MEMBERS: Final = {
    _Call.LAUNCH_NESTED_CONTAINER: (Purpose.LAUNCH, "launch_nested_container"),
    _Call.LAUNCH_NESTED_CONTAINER_SESSION: (Purpose.LAUNCH, "launch_nested_container_session"),
    _Call.LAUNCH_CONTAINER: (Purpose.LAUNCH, "launch_container"),
    _Call.WAIT_NESTED_CONTAINER: (Purpose.WAIT, "wait_nested_container"),
    _Call.WAIT_CONTAINER: (Purpose.WAIT, "wait_container"),
    _Call.KILL_NESTED_CONTAINER: (Purpose.KILL, "kill_nested_container"),
    _Call.KILL_CONTAINER: (Purpose.KILL, "kill_container"),
    _Call.REMOVE_NESTED_CONTAINER: (Purpose.REMOVE, "remove_nested_container"),
    _Call.REMOVE_CONTAINER: (Purpose.REMOVE, "remove_container"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a call asks for."""

    purpose: Purpose
    container_id: ContainerId
    # Whether it has the newer name, without NESTED.
    is_newer: bool
    # Of launches only.
    is_session: bool = False
    command: mesos_pb2.CommandInfo = field(default_factory=mesos_pb2.CommandInfo)
    container: mesos_pb2.ContainerInfo | None = None
    resources: tuple[mesos_pb2.Resource, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    # Of kills only; None is SIGKILL.
    signal: int | None = None


def read(call: agent_pb2.Call) -> Wanted:
    """What a call about a container asks for; others have no business here."""
    purpose, name = _MEMBERS[call.type]
    body = getattr(call, name)
    container_id, is_newer = container_id_of(body.container_id), "nested" not in name
    if purpose is Purpose.KILL:
        signal = body.signal if body.HasField("signal") else None
        return Wanted(purpose, container_id, is_newer, signal=signal)
    if purpose is not Purpose.LAUNCH:
        return Wanted(purpose, container_id, is_newer)
    return Wanted(
        purpose,
        container_id,
        is_newer,
        is_session=call.type == _Call.LAUNCH_NESTED_CONTAINER_SESSION,
        command=body.command,
        container=body.container if body.HasField("container") else None,
        resources=tuple(body.resources) if is_newer else (),
        limits={key: limit.value for key, limit in body.limits.items()} if is_newer else {},
    )


def waited(termination: Termination, *, is_newer: bool) -> agent_pb2.Response:
    """How a container has ended, as WAIT_CONTAINER or WAIT_NESTED_CONTAINER tells it."""
    told: _Response.WaitContainer | _Response.WaitNestedContainer
    if is_newer:
        response = _Response(type=_Response.WAIT_CONTAINER)
        told = response.wait_container
    else:
        response = _Response(type=_Response.WAIT_NESTED_CONTAINER)
        told = response.wait_nested_container
    told.SetInParent()
    if termination.status is not None:
        told.exit_status = termination.status
    if termination.limitation is not None:
        told.state = mesos_pb2.TASK_FAILED
        is_memory = termination.limitation == "memory"
        told.reason = (
            _Status.REASON_CONTAINER_LIMITATION_MEMORY
            if is_memory
            else _Status.REASON_CONTAINER_LIMITATION_DISK
        )
        told.limitation.resources.extend(termination.limited)
    if termination.message:
        told.message = termination.message
    return response
