"""What an agent's own ACLs forbid, its core does not do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.containers.spec import ContainerId, container_id_message
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import agent_pb2, mesos_pb2
from tests.mesos_compat.agent.harness import (
    Harness,
    command_task,
    of,
    run_group,
    run_task,
    to_master,
    told,
)

_Call = agent_pb2.Call
ANY = {"type": "ANY"}


def acls(**actions: Any) -> str:
    return json.dumps(actions)


def only(principal: str, **objects: list[str]) -> list[dict[str, Any]]:
    """Nobody else may."""
    ((member, values),) = objects.items()
    return [
        {"principals": {"values": [principal]}, member: {"values": values}},
        {"principals": {"type": "NONE"}, member: {"type": "ANY"}},
    ]


# Tasks.

NO_ROOT = acls(run_tasks=[{"principals": ANY, "users": {"values": ["nobody"]}}], permissive=False)


def test_a_task_as_a_user_who_is_forbidden_here_is_an_error() -> None:
    agent = Harness(acls=NO_ROOT).start()
    info = command_task()
    info.command.user = "root"
    made = agent.link(run_task(info))
    (status,) = told(made)
    assert status.state == mesos_pb2.TASK_ERROR
    assert status.reason == mesos_pb2.TaskStatus.REASON_TASK_UNAUTHORIZED
    assert status.source == mesos_pb2.TaskStatus.SOURCE_AGENT
    assert status.message.endswith("is not authorized to launch task t1")
    assert not of(made, act.LaunchContainer)
    assert agent.core.state.frameworks == {}
    assert len(of(agent.link(run_task(command_task("t2"))), act.LaunchContainer)) == 1


def test_a_group_with_one_forbidden_task_is_refused_as_a_whole() -> None:
    agent = Harness(acls=NO_ROOT).start()
    event = run_group("a", "b")
    event.run_task_group.task_group.tasks[1].command.user = "root"
    made = agent.link(event)
    assert [one.state for one in told(made)] == [mesos_pb2.TASK_ERROR] * 2
    reasons = {one.reason for one in told(made)}
    assert reasons == {mesos_pb2.TaskStatus.REASON_TASK_GROUP_UNAUTHORIZED}
    # The master believes that its executor is there.
    assert link_pb2.Call.EXITED_EXECUTOR in [one.type for one in to_master(made)]


def test_the_frameworks_principal_counts() -> None:
    agent = Harness(acls=acls(run_tasks=only("p", users=["nobody"]))).start()
    for task_id, principal, states in (
        ("t1", None, [mesos_pb2.TASK_ERROR]),
        ("t2", "q", [mesos_pb2.TASK_ERROR]),
        ("t3", "p", []),
    ):
        event = run_task(command_task(task_id))
        if principal is not None:
            event.run_task.framework.principal = principal
        assert [one.state for one in told(agent.link(event))] == states


# Containers.


def call(kind: str, container_id: ContainerId) -> agent_pb2.Call:
    made = _Call(type=kind)
    getattr(made, kind.lower()).container_id.CopyFrom(container_id_message(container_id))
    return made


def refused(agent: Harness, asked: agent_pb2.Call, principal: str | None, **claims: str) -> bool:
    event = ev.ContainerCalled(agent.route(), asked, claims or None, principal)
    return 403 in [one.status for one in of(agent.step(event), act.Reply)]


def group(agent: Harness) -> str:
    """The container of a default executor that runs."""
    (launch,) = of(agent.link(run_group("a")), act.LaunchContainer)
    agent.launched(launch)
    agent.executor("e1")
    return launch.spec.container_id[0]


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("WAIT_NESTED_CONTAINER", "wait_nested_containers"),
        ("KILL_CONTAINER", "kill_nested_containers"),
        ("REMOVE_NESTED_CONTAINER", "remove_nested_containers"),
    ],
)
@pytest.mark.parametrize(("user", "is_refused"), [("nobody", False), ("other", True)])
def test_calls_about_nested_containers_are_about_the_executors_user(
    kind: str, action: str, user: str, is_refused: bool
) -> None:
    agent = Harness(acls=acls(**{action: only("p", users=[user])})).start()
    asked = call(kind, (group(agent), "n"))
    assert refused(agent, asked, "p") == is_refused
    assert refused(agent, asked, "q")
    assert refused(agent, asked, None)


@pytest.mark.parametrize("kind", ["LAUNCH_NESTED_CONTAINER", "LAUNCH_NESTED_CONTAINER_SESSION"])
def test_nested_launches_are_about_two_users(kind: str) -> None:
    action = kind.lower() + "s"
    rules = acls(
        **{
            f"{action}_under_parent_with_user": only("p", users=["nobody"]),
            f"{action}_as_user": only("p", users=["nobody"]),
        }
    )
    agent = Harness(acls=rules).start()
    root = group(agent)
    for number, (user, is_refused) in enumerate((("nobody", False), ("root", True))):
        asked = call(kind, (root, f"n{number}"))
        getattr(asked, kind.lower()).command.user = user
        assert refused(agent, asked, "p") == is_refused
        assert refused(agent, asked, "q")


@pytest.mark.parametrize("kind", ["LAUNCH", "WAIT", "KILL", "REMOVE"])
def test_standalone_containers_have_actions_of_their_own(kind: str) -> None:
    action = f"{kind.lower()}_standalone_containers"
    rule = [{"principals": {"values": ["p"]}, "users": ANY}]
    agent = Harness(acls=json.dumps({action: rule, "permissive": False})).start()
    asked = call(f"{kind}_CONTAINER", ("alone",))
    assert not refused(agent, asked, "p")
    assert refused(agent, asked, "q")


def test_executors_need_no_rule_for_what_is_in_their_container() -> None:
    agent = Harness(acls=acls(permissive=False, run_tasks=[{"principals": ANY, "users": ANY}]))
    agent.start()
    root = group(agent)
    asked = call("LAUNCH_NESTED_CONTAINER", (root, "n"))
    assert refused(agent, asked, None)
    assert not refused(agent, asked, None, cid=root)
    assert refused(agent, asked, None, cid="another")
    assert refused(agent, call("LAUNCH_CONTAINER", ("alone",)), None, cid=root)
