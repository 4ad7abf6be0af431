"""What messages ask to be allowed."""

from __future__ import annotations

import json

import pytest

from mesos_compat.master import action_objects
from mesos_compat.master.action_objects import ActionObject
from mesos_compat.master.authorization import Authorizer, parse_acls
from mesos_compat.wire.v1 import mesos_pb2

Operation = mesos_pb2.Offer.Operation
Reservation = mesos_pb2.Resource.ReservationInfo
Source = mesos_pb2.Resource.DiskInfo.Source


def resource(
    name: str, *reservations: tuple[str, str | None], creator: str | None = None
) -> mesos_pb2.Resource:
    made = mesos_pb2.Resource(name=name, type=mesos_pb2.Value.SCALAR)
    made.scalar.value = 1
    for role, principal in reservations:
        made.reservations.add(type=Reservation.DYNAMIC, role=role, principal=principal)
    if creator is not None:
        made.disk.persistence.id = "v"
        made.disk.persistence.principal = creator
        made.disk.volume.mode = mesos_pb2.Volume.RW
        made.disk.volume.container_path = "c"
    return made


def asked(wanted: list[ActionObject]) -> list[tuple[str, str, str | None]]:
    return [(one.action, one.member, one.value) for one in wanted]


def framework(*roles: str) -> mesos_pb2.FrameworkInfo:
    info = mesos_pb2.FrameworkInfo(user="fu", name="n", roles=roles)
    info.id.value = "F"
    info.capabilities.add(type=mesos_pb2.FrameworkInfo.Capability.MULTI_ROLE)
    return info


def test_a_framework_needs_each_of_its_roles() -> None:
    denying = Authorizer(
        parse_acls(
            json.dumps(
                {
                    "register_frameworks": [
                        {"principals": {"values": ["p"]}, "roles": {"values": ["a"]}},
                        {"principals": {"type": "ANY"}, "roles": {"type": "NONE"}},
                    ]
                }
            )
        )
    )
    assert action_objects.denies_registration(framework("a"), denying, "p") is None
    assert action_objects.denies_registration(framework("b", "a"), denying, "p") == (
        "Not authorized to register framework F with roles { a, b }"
    )
    single = mesos_pb2.FrameworkInfo(user="u", name="n")
    assert action_objects.denies_registration(single, denying, "p") == (
        "Not authorized to register framework  with roles { * }"
    )


@pytest.mark.parametrize(
    ("command_user", "executor_user", "user"),
    [(None, None, "fu"), ("cu", "eu", "cu"), (None, "eu", "eu")],
)
def test_tasks_run_as_the_user_nearest_to_them(
    command_user: str | None, executor_user: str | None, user: str
) -> None:
    task = mesos_pb2.TaskInfo(name="t")
    task.task_id.value = "t"
    if command_user is not None:
        task.command.user = command_user
    if executor_user is not None:
        task.executor.command.user = executor_user
    assert action_objects.run_task(task, framework()) == (
        "run_tasks",
        "users",
        user,
        f"launch task t of framework F under user '{user}'",
    )


def test_tasks_and_executors_are_seen_by_who_sees_their_user() -> None:
    task, executor = mesos_pb2.Task(), mesos_pb2.ExecutorInfo()
    assert action_objects.task_view_user(task, framework()) == "fu"
    assert action_objects.executor_user(executor, framework()) == "fu"
    task.user = executor.command.user = "other"
    assert action_objects.task_view_user(task, framework()) == "other"
    assert action_objects.executor_user(executor, framework()) == "other"


def test_agents_need_the_roles_that_they_bring() -> None:
    agent = mesos_pb2.AgentInfo(hostname="h", resources=[resource("cpus")])
    assert asked(action_objects.register_agent(agent)) == [("register_agents", "agents", None)]
    agent.resources.append(resource("mem", ("r", None)))
    assert asked(action_objects.register_agent(agent)) == [
        ("reserve_resources", "roles", "*"),
        ("reserve_resources", "roles", "r"),
        ("register_agents", "agents", None),
    ]


def operation(kind: mesos_pb2.Offer.Operation.Type, **members: object) -> mesos_pb2.Offer.Operation:
    return Operation(type=kind, **members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (
            operation(
                Operation.RESERVE,
                reserve=Operation.Reserve(
                    resources=[
                        resource("cpus", ("a", "p")),
                        resource("mem", ("a", "p")),
                        resource("disk", ("b", "p")),
                    ]
                ),
            ),
            [("reserve_resources", "roles", "a"), ("reserve_resources", "roles", "b")],
        ),
        (
            operation(
                Operation.UNRESERVE,
                unreserve=Operation.Unreserve(
                    resources=[
                        resource("cpus", ("a", "p")),
                        resource("mem", ("a", None)),
                        resource("disk", ("a", "q")),
                    ]
                ),
            ),
            [
                ("unreserve_resources", "reserver_principals", "p"),
                ("unreserve_resources", "reserver_principals", "q"),
                ("unreserve_resources", "reserver_principals", None),
            ],
        ),
        (
            operation(
                Operation.CREATE,
                create=Operation.Create(volumes=[resource("disk", ("a", "p"), creator="p")]),
            ),
            [("create_volumes", "roles", "a")],
        ),
        (
            operation(Operation.CREATE, create=Operation.Create()),
            [("create_volumes", "roles", None)],
        ),
        (
            operation(
                Operation.DESTROY,
                destroy=Operation.Destroy(
                    volumes=[resource("disk", ("a", "p"), creator="q"), resource("disk")]
                ),
            ),
            [("destroy_volumes", "creator_principals", "q")],
        ),
        (
            operation(Operation.DESTROY, destroy=Operation.Destroy()),
            [("destroy_volumes", "creator_principals", None)],
        ),
        (
            operation(
                Operation.GROW_VOLUME,
                grow_volume=Operation.GrowVolume(volume=resource("disk", ("a", "p"))),
            ),
            [("resize_volumes", "roles", "a")],
        ),
        (
            operation(
                Operation.SHRINK_VOLUME,
                shrink_volume=Operation.ShrinkVolume(volume=resource("disk", ("a", "p"))),
            ),
            [("resize_volumes", "roles", "a")],
        ),
        (
            operation(
                Operation.CREATE_DISK,
                create_disk=Operation.CreateDisk(source=resource("disk"), target_type=Source.MOUNT),
            ),
            [("create_mount_disks", "roles", "*")],
        ),
        (
            operation(
                Operation.DESTROY_DISK,
                destroy_disk=Operation.DestroyDisk(
                    source=mesos_pb2.Resource(
                        disk=mesos_pb2.Resource.DiskInfo(source=Source(type=Source.RAW))
                    )
                ),
            ),
            [("destroy_raw_disks", "roles", "*")],
        ),
        (operation(Operation.UNKNOWN), []),
    ],
)
def test_what_operations_need(
    wanted: mesos_pb2.Offer.Operation, expected: list[tuple[str, str, str | None]]
) -> None:
    assert asked(action_objects.of_operation(wanted)) == expected


def test_a_changed_reservation_needs_both_ends() -> None:
    change = Operation.Reserve(
        source=[resource("cpus", ("a", "p"), ("a/b", "q"), ("a/b/c", "r"))],
        resources=[resource("cpus", ("a", "p"), ("a/d", "s"))],
    )
    assert asked(action_objects.reserve(change)) == [
        ("unreserve_resources", "reserver_principals", "r"),
        ("unreserve_resources", "reserver_principals", "q"),
        ("reserve_resources", "roles", "a/d"),
    ]
    same = Operation.Reserve(source=change.source, resources=change.source)
    assert action_objects.reserve(same) == []


def test_the_first_that_is_denied_is_told() -> None:
    wanted = action_objects.of_operation(
        operation(
            Operation.UNRESERVE,
            unreserve=Operation.Unreserve(resources=[resource("cpus", ("a", "p"))]),
        )
    )
    acls = {
        "unreserve_resources": [
            {"principals": {"values": ["me"]}, "reserver_principals": {"values": ["me"]}}
        ],
        "permissive": False,
    }
    denied = action_objects.first_denied(wanted, Authorizer(parse_acls(json.dumps(acls))), "me")
    assert denied is not None
    assert denied.text == (
        'perform action UNRESERVE_RESOURCES on object {"value":"p","resource":{"name":"cpus",'
        '"type":"SCALAR","scalar":{"value":1.0},"reservations":[{"type":"DYNAMIC","role":"a",'
        '"principal":"p"}]}}'
    )
    assert action_objects.first_denied(wanted, Authorizer(), "me") is None


@pytest.mark.parametrize(
    ("command", "parent_user", "allowed"),
    [
        (None, "eu", True),
        (None, "other", False),
        (mesos_pb2.CommandInfo(user="cu"), "eu", True),
        (mesos_pb2.CommandInfo(user="other"), "eu", False),
        (mesos_pb2.CommandInfo(), "eu", False),
        (mesos_pb2.CommandInfo(user="cu"), "other", False),
    ],
)
@pytest.mark.parametrize("session", [True, False])
def test_nested_launches_need_the_parents_user_and_their_own(
    command: mesos_pb2.CommandInfo | None, parent_user: str, allowed: bool, session: bool
) -> None:
    kind = "launch_nested_container_sessions" if session else "launch_nested_containers"
    acls = {
        "permissive": False,
        f"{kind}_under_parent_with_user": [
            {"principals": {"type": "ANY"}, "users": {"values": ["eu"]}}
        ],
        f"{kind}_as_user": [{"principals": {"type": "ANY"}, "users": {"values": ["cu"]}}],
    }
    authorizer = Authorizer(parse_acls(json.dumps(acls)))
    for asks_for_session in (True, False):
        assert action_objects.allows_nested_launch(
            authorizer, "p", command, parent_user, session=asks_for_session
        ) == (allowed and session == asks_for_session)
