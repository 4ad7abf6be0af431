"""Calls to an agent's operator API."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mesos_compat.master.validation import agent_call
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import agent_pb2, mesos_pb2

Call = agent_pb2.Call

NESTED = (
    "launch_nested_container",
    "wait_nested_container",
    "kill_nested_container",
    "remove_nested_container",
    "launch_nested_container_session",
)
ANY_LEVEL = (
    "launch_container",
    "wait_container",
    "kill_container",
    "remove_container",
    "attach_container_output",
)


def call(member: str, *levels: str) -> agent_pb2.Call:
    """The first of ``levels`` is the innermost container's id."""
    made = Call(type=member.upper())
    container_id = getattr(made, member).container_id
    for index, level in enumerate(levels):
        if index:
            container_id = container_id.parent
        container_id.value = level
    return made


BARE = ("UNKNOWN", "PRUNE_IMAGES")


@pytest.mark.parametrize("name", sorted(Call.Type.keys()))
def test_calls_need_their_member(name: str) -> None:
    needs_none = name in BARE or (name.startswith("GET_") and name != "GET_METRICS")
    expected = None if needs_none else f"Expecting '{name.lower()}' to be present"
    assert agent_call.validate(Call(type=name)) == expected


@pytest.mark.parametrize("member", NESTED)
def test_nested_containers_have_parents(member: str) -> None:
    assert agent_call.validate(call(member, "a", "b")) is None
    assert agent_call.validate(call(member, "a")) == (
        f"Expecting '{member}.container_id.parent' to be present"
    )


@pytest.mark.parametrize("member", ANY_LEVEL)
def test_other_calls_are_for_containers_of_any_level(member: str) -> None:
    assert agent_call.validate(call(member, "a")) is None
    assert agent_call.validate(call(member, "a", "b", "c")) is None


@pytest.mark.parametrize("member", NESTED + ANY_LEVEL)
def test_container_ids_are_looked_at(member: str) -> None:
    assert agent_call.validate(call(member, "a.b", "c")) == (
        f"'{member}.container_id' is invalid: 'ContainerID.value' 'a.b' contains invalid characters"
    )


@pytest.mark.parametrize(
    "member", ["launch_nested_container", "launch_nested_container_session", "launch_container"]
)
def test_commands_and_containers_are_looked_at(member: str) -> None:
    made = call(member, "a", "b")
    getattr(made, member).command.environment.variables.add(name="A")
    assert agent_call.validate(made) == (
        f"'{member}.command' is invalid: Environment variable 'A' of type 'VALUE' must have a"
        " value set"
    )
    made = call(member, "a", "b")
    getattr(made, member).container.type = mesos_pb2.ContainerInfo.DOCKER
    assert agent_call.validate(made) == (
        f"'{member}.container' is invalid:"
        " DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"
    )


def sharing(made: agent_pb2.Call, member: str, value: bool) -> agent_pb2.Call:
    container = getattr(made, member).container
    container.type = mesos_pb2.ContainerInfo.MESOS
    container.linux_info.share_cgroups = value
    return made


DEEP = "containers nested at the second level or greater"


@pytest.mark.parametrize(
    ("member", "levels", "value", "fault"),
    [
        ("launch_nested_container", "ab", False, None),
        (
            "launch_nested_container",
            "abc",
            False,
            f"'launch_nested_container' is invalid: {DEEP} cannot set 'share_cgroups' to 'false'",
        ),
        ("launch_nested_container", "abc", True, None),
        ("launch_nested_container_session", "ab", True, None),
        (
            "launch_nested_container_session",
            "ab",
            False,
            "'launch_nested_container_session.container.linux_info' is invalid: 'share_cgroups'"
            " cannot be set to 'false' for nested container sessions",
        ),
        ("launch_container", "a", False, None),
        (
            "launch_container",
            "a",
            True,
            "'launch_container' is invalid: containers without a parent cannot set 'share_cgroups'"
            " to 'true'",
        ),
        ("launch_container", "ab", True, None),
        (
            "launch_container",
            "abc",
            False,
            f"'launch_container' is invalid: {DEEP} cannot set 'share_cgroups' to 'false'",
        ),
    ],
)
def test_who_has_cgroups_of_their_own(
    member: str, levels: str, value: bool, fault: str | None
) -> None:
    assert agent_call.validate(sharing(call(member, *levels), member, value)) == fault


def add_resources(made: agent_pb2.Call, text: str) -> mesos_pb2.Resource:
    made.launch_container.resources.extend(Resources.parse(text))
    return made.launch_container.resources[0]


@pytest.mark.parametrize(
    ("levels", "prepare", "fault"),
    [
        ("a", lambda made: add_resources(made, "cpus:1"), None),
        (
            "a",
            lambda made: setattr(add_resources(made, "cpus:1").scalar, "value", -1),
            "Invalid resources: Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0",
        ),
        (
            "a",
            lambda made: add_resources(made, "gpus:0.5"),
            "Invalid GPU resources: The 'gpus' resource must be an unsigned integer",
        ),
        (
            "a",
            lambda made: setattr(add_resources(made, "cpus:1"), "role", "r"),
            "'launch_container.resources' must be unreserved",
        ),
        (
            "a",
            lambda made: setattr(add_resources(made, "disk:1").disk.persistence, "id", "v"),
            "'launch_container.resources' may not use persistent volumes",
        ),
        (
            "a",
            lambda made: add_resources(made, "cpus:1").revocable.SetInParent(),
            "'launch_container.resources' must be non-revocable",
        ),
        ("ab", lambda made: add_resources(made, "cpus(r):1"), None),
        (
            "abc",
            lambda made: add_resources(made, "cpus:1"),
            f"'launch_container' is invalid: {DEEP} cannot specify resources",
        ),
        (
            "abc",
            lambda made: setattr(made.launch_container.limits["cpus"], "value", 1),
            f"'launch_container' is invalid: {DEEP} cannot specify resource limits",
        ),
    ],
)
def test_resources_of_containers(
    levels: str, prepare: Callable[[agent_pb2.Call], object], fault: str | None
) -> None:
    made = call("launch_container", *levels)
    prepare(made)
    assert agent_call.validate(made) == fault


def test_input_is_for_a_container() -> None:
    kinds = Call.AttachContainerInput
    made = Call(type=Call.ATTACH_CONTAINER_INPUT)
    made.attach_container_input.SetInParent()
    assert agent_call.validate(made) == "Expecting 'attach_container_input.type' to be present"
    made.attach_container_input.type = kinds.UNKNOWN
    assert agent_call.validate(made) == "'attach_container_input.type' is unknown"
    made.attach_container_input.type = kinds.CONTAINER_ID
    made.attach_container_input.container_id.value = ""
    assert agent_call.validate(made) == (
        "'attach_container_input.container_id' is invalid: ID must not be empty"
    )
    made.attach_container_input.container_id.value = "a"
    assert agent_call.validate(made) is None
    made.attach_container_input.type = kinds.PROCESS_IO
    assert agent_call.validate(made) is None


@pytest.mark.parametrize(
    "member", ["add_resource_provider_config", "update_resource_provider_config"]
)
def test_ids_of_resource_providers_are_given_by_agents(member: str) -> None:
    made = Call(type=member.upper())
    info = getattr(made, member).info
    info.type, info.name = "t", "n"
    assert agent_call.validate(made) is None
    info.id.value = "i"
    assert agent_call.validate(made) == f"Expecting '{member}.info.id' to be unset"
