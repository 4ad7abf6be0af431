"""What a message asks to be allowed: actions, and the objects they are done to.

Each function gives :class:`ActionObject` values for :class:`Authorizer`; all of them must be
allowed. Resources are in the newer format of reservations. Source: the master's
authorization.cpp, and what ``LocalAuthorizer`` takes out of its objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from mesos_compat.master.authorization import Authorizer
from mesos_compat.master.validation.framework import roles_of
from mesos_compat.master.validation.texts import set_text
from mesos_compat.resources import Resources
from mesos_compat.resources.roles import ANY_ROLE
from mesos_compat.wire.json_dialect import dumps, encode_value
from mesos_compat.wire.v1 import mesos_pb2

_Operation = mesos_pb2.Offer.Operation
_Source = mesos_pb2.Resource.DiskInfo.Source

_CREATE_DISK: Final = {
    _Source.MOUNT: "create_mount_disks",
    _Source.BLOCK: "create_block_disks",
}
_DESTROY_DISK: Final = {
    _Source.MOUNT: "destroy_mount_disks",
    _Source.BLOCK: "destroy_block_disks",
    _Source.RAW: "destroy_raw_disks",
}
# Mesos's names of the actions that operations need, as it prints them.
_NAMES: Final = {
    "reserve_resources": "RESERVE_RESOURCES",
    "unreserve_resources": "UNRESERVE_RESOURCES",
    "create_volumes": "CREATE_VOLUME",
    "destroy_volumes": "DESTROY_VOLUME",
    "resize_volumes": "RESIZE_VOLUME",
    "create_mount_disks": "CREATE_MOUNT_DISK",
    "create_block_disks": "CREATE_BLOCK_DISK",
    "destroy_mount_disks": "DESTROY_MOUNT_DISK",
    "destroy_block_disks": "DESTROY_BLOCK_DISK",
    "destroy_raw_disks": "DESTROY_RAW_DISK",
}


class ActionObject(NamedTuple):
    """An action, and the one thing that it would be done to."""

    action: str
    # The member that the action's ACLs have for its objects.
    member: str
    # None: some object, or nobody knows which.
    value: str | None
    # What would be done, as Mesos says it after ``Not authorized to ``.
    text: str

    def is_allowed(self, authorizer: Authorizer, principal: str | None) -> bool:
        """Whether ``principal`` may."""
        return authorizer.allows(self.action, principal, **{self.member: self.value})


def first_denied(
    wanted: Iterable[ActionObject], authorizer: Authorizer, principal: str | None
) -> ActionObject | None:
    """The first of ``wanted`` that ``principal`` may not do, or None."""
    return next((one for one in wanted if not one.is_allowed(authorizer, principal)), None)


def register_framework(info: mesos_pb2.FrameworkInfo) -> list[ActionObject]:
    """SUBSCRIBE and UPDATE_FRAMEWORK: one for each role."""
    roles = roles_of(info)
    text = f"register framework {info.id.value} with roles {set_text(roles)}"
    return [ActionObject("register_frameworks", "roles", role, text) for role in roles]


def denies_registration(
    info: mesos_pb2.FrameworkInfo, authorizer: Authorizer, principal: str | None
) -> str | None:
    """``Not authorized to register framework ...``, or None."""
    denied = first_denied(register_framework(info), authorizer, principal)
    return f"Not authorized to {denied.text}" if denied else None


def run_task(task: mesos_pb2.TaskInfo, framework: mesos_pb2.FrameworkInfo) -> ActionObject:
    """LAUNCH and LAUNCH_GROUP."""
    user = task_user(task, framework)
    text = f"launch task {task.task_id.value} of framework {framework.id.value} under user '{user}'"
    return ActionObject("run_tasks", "users", user, text)


def task_user(task: mesos_pb2.TaskInfo, framework: mesos_pb2.FrameworkInfo) -> str:
    """As whom a task would run."""
    for command in (task.command, task.executor.command):
        if command.HasField("user"):
            return command.user
    return framework.user


def task_view_user(task: mesos_pb2.Task, framework: mesos_pb2.FrameworkInfo) -> str:
    """Whose a running or completed task is: the object of ``view_tasks``."""
    return task.user if task.HasField("user") else framework.user


def executor_user(executor: mesos_pb2.ExecutorInfo, framework: mesos_pb2.FrameworkInfo) -> str:
    """As whom an executor runs: the object of ``view_executors`` and of sandboxes."""
    return executor.command.user if executor.command.HasField("user") else framework.user


def register_agent(agent: mesos_pb2.AgentInfo) -> list[ActionObject]:
    """An agent that registers; with static reservations it must be allowed those too."""
    resources = Resources(agent.resources)
    wanted = _reserve(resources) if resources.reserved() else []
    return [
        *wanted,
        ActionObject("register_agents", "agents", None, "register agent"),
    ]


def of_operation(operation: mesos_pb2.Offer.Operation) -> list[ActionObject]:
    """What an operation needs, other than a launch; nothing when it is of an unknown type."""
    if operation.type == _Operation.RESERVE:
        return reserve(operation.reserve)
    if operation.type == _Operation.UNRESERVE:
        return _unreserve(operation.unreserve.resources)
    if operation.type == _Operation.CREATE:
        return _by_role("create_volumes", operation.create.volumes) or [
            _of_unknown("create_volumes", "roles")
        ]
    if operation.type == _Operation.DESTROY:
        return _destroy(operation.destroy.volumes)
    if operation.type == _Operation.GROW_VOLUME:
        return _by_role("resize_volumes", [operation.grow_volume.volume])
    if operation.type == _Operation.SHRINK_VOLUME:
        return _by_role("resize_volumes", [operation.shrink_volume.volume])
    if operation.type == _Operation.CREATE_DISK:
        action = _CREATE_DISK.get(operation.create_disk.target_type)
        return _by_role(action, [operation.create_disk.source]) if action else []
    if operation.type == _Operation.DESTROY_DISK:
        source = operation.destroy_disk.source
        action = _DESTROY_DISK.get(source.disk.source.type)
        return _by_role(action, [source]) if action else []
    return []


def reserve(operation: mesos_pb2.Offer.Operation.Reserve) -> list[ActionObject]:
    """A reservation, or with ``source`` the change of one.

    A change takes off the reservations that ``source`` has and ``resources`` have not, from the
    last one on, and then adds the others.
    """
    if not operation.source or not operation.resources:
        return _reserve(operation.resources)
    before = list(operation.source[0].reservations)
    after = list(operation.resources[0].reservations)
    common = 0
    while common < min(len(before), len(after)) and before[common] == after[common]:
        common += 1
    wanted: list[ActionObject] = []
    current = Resources(operation.source)
    for _reservation in before[common:]:
        wanted += _unreserve(current)
        current = current.pop_reservation()
    for reservation in after[common:]:
        current = current.push_reservation(reservation)
        wanted += _reserve(current)
    return wanted


def _reserve(resources: Iterable[mesos_pb2.Resource]) -> list[ActionObject]:
    return _by_role("reserve_resources", resources)


def _by_role(action: str, resources: Iterable[mesos_pb2.Resource]) -> list[ActionObject]:
    """One for each role that something is reserved for."""
    first: dict[str, mesos_pb2.Resource] = {}
    for resource in resources:
        role = resource.reservations[-1].role if resource.reservations else ANY_ROLE
        first.setdefault(role, resource)
    return [_of_resource(action, "roles", role, resource) for role, resource in first.items()]


def _unreserve(resources: Iterable[mesos_pb2.Resource]) -> list[ActionObject]:
    action, member = "unreserve_resources", "reserver_principals"
    named: list[ActionObject] = []
    is_unnamed = False
    for resource in resources:
        if resource.reservations and resource.reservations[-1].HasField("principal"):
            principal = resource.reservations[-1].principal
            named.append(_of_resource(action, member, principal, resource))
        else:
            is_unnamed = True
    return [*named, _of_unknown(action, member)] if is_unnamed else named


def _destroy(volumes: Iterable[mesos_pb2.Resource]) -> list[ActionObject]:
    action, member = "destroy_volumes", "creator_principals"
    wanted = [
        _of_resource(action, member, volume.disk.persistence.principal, volume)
        for volume in volumes
        if volume.disk.HasField("persistence")
    ]
    return wanted or [_of_unknown(action, member)]


def _of_resource(
    action: str, member: str, value: str, resource: mesos_pb2.Resource
) -> ActionObject:
    shown = f'{{"value":{encode_value(value)},"resource":{dumps(resource)}}}'
    return ActionObject(action, member, value, f"perform action {_NAMES[action]} on object {shown}")


def _of_unknown(action: str, member: str) -> ActionObject:
    return ActionObject(action, member, None, f"perform action {_NAMES[action]} on ANY object")


def allows_nested_launch(
    authorizer: Authorizer,
    principal: str | None,
    command: mesos_pb2.CommandInfo | None,
    parent_user: str | None,
    *,
    session: bool,
) -> bool:
    """Whether a container may be launched within one that runs as ``parent_user``.

    Without a ``command`` only the parent's user counts; a command without user is some user's.
    """
    kind = "launch_nested_container_sessions" if session else "launch_nested_containers"
    if not authorizer.allows(f"{kind}_under_parent_with_user", principal, users=parent_user):
        return False
    if command is None:
        return True
    user = command.user if command.HasField("user") else None
    return authorizer.allows(f"{kind}_as_user", principal, users=user)
