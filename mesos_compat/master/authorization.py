"""Who may do what: the access control lists of ``--acls``.

An action is called by its member in the ACLs, and asked about with the one kind of object that
belongs to it: ``authorizer.allows("run_tasks", principal, users="root")``. For each action there
is a list of entries of principals and objects; the first that matches both decides, and if none
does, ``permissive``. What the object of a message is, :mod:`mesos_compat.master.action_objects`
knows. Source: acls.proto and ``LocalAuthorizer``.

============================  =======================================================
asked with                    matches an entry of
============================  =======================================================
a value                       ANY, NONE, or a list that has it; allowed by all but NONE
nothing (no principal, None)  ANY or NONE; allowed by ANY
============================  =======================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple

from mesos_compat.errors import DecodeError, FlagError, invariant
from mesos_compat.wire.json_dialect import parse

# Endpoints that get_endpoints can be about.
AUTHORIZABLE_PATHS: Final = (
    "/containers",
    "/containerizer/debug",
    "/files/debug",
    "/logging/toggle",
    "/metrics/snapshot",
    "/monitor/statistics",
)

_BELOW: Final = "/%"


class _Objects(Enum):
    """What the objects of an action may be."""

    VALUES = "any values"
    ROLES = "roles, and all roles below one"
    PATHS = "paths of endpoints"
    ALL = "all or none"


class _Action(NamedTuple):
    member: str
    objects: _Objects


def _actions(member: str, objects: _Objects, *names: str) -> dict[str, _Action]:
    return dict.fromkeys(names, _Action(member, objects))


_ACTIONS: Final = {
    **_actions(
        "roles",
        _Objects.ROLES,
        "register_frameworks",
        "reserve_resources",
        "create_volumes",
        "resize_volumes",
        "update_weights",
        "get_quotas",
        "update_quotas",
        "view_roles",
        "create_block_disks",
        "destroy_block_disks",
        "create_mount_disks",
        "destroy_mount_disks",
        "destroy_raw_disks",
    ),
    **_actions(
        "users",
        _Objects.VALUES,
        "run_tasks",
        "view_frameworks",
        "view_tasks",
        "view_executors",
        "access_sandboxes",
        "launch_nested_containers_as_user",
        "launch_nested_containers_under_parent_with_user",
        "launch_nested_container_sessions_as_user",
        "launch_nested_container_sessions_under_parent_with_user",
        "kill_nested_containers",
        "wait_nested_containers",
        "remove_nested_containers",
        "attach_containers_input",
        "attach_containers_output",
        "view_containers",
    ),
    **_actions(
        "users",
        _Objects.ALL,
        "launch_standalone_containers",
        "kill_standalone_containers",
        "wait_standalone_containers",
        "remove_standalone_containers",
        "view_standalone_containers",
    ),
    **_actions("reserver_principals", _Objects.VALUES, "unreserve_resources"),
    **_actions("creator_principals", _Objects.VALUES, "destroy_volumes"),
    **_actions("framework_principals", _Objects.VALUES, "teardown_frameworks"),
    **_actions("paths", _Objects.PATHS, "get_endpoints"),
    **_actions(
        "agents",
        _Objects.ALL,
        "register_agents",
        "drain_agents",
        "deactivate_agents",
        "reactivate_agents",
        "mark_agents_gone",
    ),
    **_actions(
        "machines",
        _Objects.ALL,
        "update_maintenance_schedules",
        "get_maintenance_schedules",
        "start_maintenances",
        "stop_maintenances",
        "get_maintenance_statuses",
    ),
    **_actions(
        "resource_providers",
        _Objects.ALL,
        "modify_resource_provider_configs",
        "mark_resource_providers_gone",
        "view_resource_providers",
    ),
    **_actions("logs", _Objects.ALL, "access_mesos_logs"),
    **_actions("flags", _Objects.ALL, "view_flags"),
    **_actions("level", _Objects.ALL, "set_log_level"),
    **_actions("images", _Objects.ALL, "prune_images"),
}


class _Kind(Enum):
    """How an entry names principals or objects."""

    SOME = "SOME"
    ANY = "ANY"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class _Entity:
    """The principals or the objects of an entry."""

    kind: _Kind
    values: tuple[str, ...] = ()

    def matches(self, value: str | None) -> bool:
        """Whether an entry with this is about ``value``."""
        if self.kind is _Kind.SOME:
            return value is not None and value in self.values
        return self.kind is _Kind.NONE or value is None or self.kind is _Kind.ANY

    def allows(self, value: str | None) -> bool:
        """Whether an entry with this, which matches, allows ``value``."""
        return self.kind is not _Kind.NONE and (value is not None or self.kind is _Kind.ANY)


class _Entry(NamedTuple):
    """One rule about an action."""

    principals: _Entity
    objects: _Entity
    # The roles below this one, for which ``objects`` stands; None for a plain entry.
    below: str | None = None

    def matches(self, principal: str | None, value: str | None) -> bool:
        """Whether this rule decides."""
        if self.below is not None and (value is None or not value.startswith(self.below)):
            return False
        return self.principals.matches(principal) and self.objects.matches(value)

    def allows(self, principal: str | None, value: str | None) -> bool:
        """What this rule, which matches, says."""
        return self.principals.allows(principal) and self.objects.allows(value)


@dataclass(frozen=True, slots=True)
class Acls:
    """Access control lists as :func:`parse_acls` reads them; none allow everything."""

    # What happens when no entry matches.
    permissive: bool = True
    # By action, in their order.
    entries: Mapping[str, tuple[_Entry, ...]] | None = None


class ObjectFilter:
    """What one principal may do with one kind of object: for going through many of them."""

    __slots__ = ("_entries", "_known", "_looks_at_values", "_permissive", "_principal")

    def __init__(
        self,
        entries: tuple[_Entry, ...],
        principal: str | None,
        *,
        permissive: bool,
        looks_at_values: bool,
    ) -> None:
        self._entries = entries
        self._principal = principal
        self._permissive = permissive
        self._looks_at_values = looks_at_values
        self._known: dict[str | None, bool] = {}

    @property
    def allows_all(self) -> bool:
        """Whether there is no need to ask about each object."""
        return self._permissive and not self._entries

    def allows(self, value: str | None) -> bool:
        """Whether ``value`` may be used, or seen."""
        seen = value if self._looks_at_values else None
        answer = self._known.get(seen)
        if answer is None:
            answer = self._known[seen] = self._decide(seen)
        return answer

    def _decide(self, value: str | None) -> bool:
        for entry in self._entries:
            if entry.matches(self._principal, value):
                return entry.allows(self._principal, value)
        return self._permissive


class Authorizer:
    """Answers what principals may do; without ACLs everything."""

    __slots__ = ("_acls",)

    def __init__(self, acls: Acls | None = None) -> None:
        self._acls = acls or Acls()

    @property
    def has_acls(self) -> bool:
        """Whether there are any rules."""
        return self._acls.entries is not None or not self._acls.permissive

    def allows(self, action: str, principal: str | None, **objects: str | None) -> bool:
        """Whether ``principal`` (None: nobody known) may do ``action``.

        ``objects`` is the one member that belongs to the action, or nothing at all, which is as
        good as None: some object that is not known. Actions on all or none of something do not
        look at which.
        """
        chosen = self.filter(action, principal)
        member = _ACTIONS[action].member
        invariant(
            all(name == member for name in objects),
            "an action is asked about with its own kind of object",
            action=action,
            objects=list(objects),
        )
        return chosen.allows(objects.get(member))

    def filter(self, action: str, principal: str | None) -> ObjectFilter:
        """What ``principal`` may do ``action`` with, to be asked for many objects."""
        invariant(action in _ACTIONS, "actions are known", action=action)
        return ObjectFilter(
            (self._acls.entries or {}).get(action, ()),
            principal,
            permissive=self._acls.permissive,
            looks_at_values=_ACTIONS[action].objects is not _Objects.ALL,
        )


# What executors and resource providers may do without any entry, being authenticated by claims
# and having no name: handle containers of their own.
_EXECUTOR_ACTIONS: Final = (
    "launch_nested_containers_as_user",
    "launch_nested_containers_under_parent_with_user",
    "launch_nested_container_sessions_as_user",
    "launch_nested_container_sessions_under_parent_with_user",
    "wait_nested_containers",
    "kill_nested_containers",
    "remove_nested_containers",
    "attach_containers_output",
)
_PROVIDER_ACTIONS: Final = (
    "launch_standalone_containers",
    "wait_standalone_containers",
    "kill_standalone_containers",
    "remove_standalone_containers",
    "view_standalone_containers",
)


def allows_claims(action: str, claims: Mapping[str, str], root_container_id: str) -> bool:
    """Whether somebody who has only claims may do ``action`` with a container.

    ``root_container_id`` is the outermost container's, or the standalone one's.
    """
    invariant(action in _ACTIONS, "actions are known", action=action)
    if action in _EXECUTOR_ACTIONS:
        return claims.get("cid") == root_container_id
    if action in _PROVIDER_ACTIONS and "cid_prefix" in claims:
        return root_container_id.startswith(claims["cid_prefix"])
    return False


def parse_acls(text: str) -> Acls:
    """Read the JSON of ``--acls``.

    Raises :class:`~mesos_compat.errors.FlagError` that names what is wrong. Stricter than Mesos,
    which passes over names that it does not know, and with them rules that somebody relies on.
    """
    try:
        value: Any = parse(text)
    except DecodeError as error:
        raise FlagError(f"--acls: {error}") from error
    if not isinstance(value, dict):
        raise FlagError("--acls: a JSON object is expected")
    permissive = True
    entries: dict[str, tuple[_Entry, ...]] = {}
    for name, given in value.items():
        if name == "permissive":
            if not isinstance(given, bool):
                raise FlagError("--acls: 'permissive' must be true or false")
            permissive = given
        elif name in _ACTIONS:
            entries[name] = _parse_entries(name, given)
        else:
            raise FlagError(f"--acls: unknown action '{name}'")
    return Acls(permissive, entries)


def _parse_entries(action: str, given: Any) -> tuple[_Entry, ...]:
    if not isinstance(given, list):
        raise FlagError(f"--acls: '{action}' must be a list of entries")
    entries: list[_Entry] = []
    for index, entry in enumerate(given):
        where = f"--acls: {action}[{index}]"
        member, kind = _ACTIONS[action]
        if not isinstance(entry, dict) or sorted(entry) != sorted(("principals", member)):
            raise FlagError(f"{where} must have 'principals' and '{member}', and nothing else")
        principals = _parse_entity(f"{where}.principals", entry["principals"])
        objects = _parse_entity(f"{where}.{member}", entry[member])
        _check_objects(f"{where}.{member}", objects, kind)
        if kind is _Objects.ROLES:
            entries.extend(_split(principals, objects))
        else:
            entries.append(_Entry(principals, objects))
    return tuple(entries)


def _parse_entity(where: str, given: Any) -> _Entity:
    if not isinstance(given, dict) or not set(given) <= {"type", "values"}:
        raise FlagError(f"{where} must be an object with 'type' or 'values'")
    values = given.get("values", [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise FlagError(f"{where}.values must be a list of strings")
    kind = given.get("type", "SOME")
    if not isinstance(kind, str) or kind not in _Kind.__members__:
        raise FlagError(f"{where}.type must be ANY, NONE or SOME")
    return _Entity(_Kind[kind], tuple(values) if kind == "SOME" else ())


def _check_objects(where: str, objects: _Entity, kind: _Objects) -> None:
    if kind is _Objects.ALL and objects.kind is _Kind.SOME:
        raise FlagError(f"{where}: the type must be ANY or NONE")
    if kind is _Objects.PATHS:
        for path in objects.values:
            if path not in AUTHORIZABLE_PATHS:
                raise FlagError(f"{where}: path '{path}' is not an authorizable path")


def _split(principals: _Entity, objects: _Entity) -> list[_Entry]:
    """An entry about roles as one per ``a/%``, and one for the rest, which are as good."""
    everything = _Entity(_Kind.ANY)
    entries = [
        _Entry(principals, everything, below=value.removesuffix("%"))
        for value in objects.values
        if value.endswith(_BELOW)
    ]
    rest = tuple(value for value in objects.values if not value.endswith(_BELOW))
    if rest or not entries:
        entries.append(_Entry(principals, _Entity(objects.kind, rest)))
    return entries
