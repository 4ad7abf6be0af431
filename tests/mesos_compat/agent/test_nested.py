"""Containers within executors, and containers of nobody, by the operator API."""

from __future__ import annotations

import pytest

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.views import operator
from mesos_compat.agent.views.view import View
from mesos_compat.containers.spec import (
    ContainerId,
    ContainerKind,
    Termination,
    container_id_message,
)
from mesos_compat.wire.v1 import agent_pb2, mesos_pb2
from tests.mesos_compat.agent.harness import Harness, of, resources, run_group, status, told

_Call = agent_pb2.Call


def group(agent: Harness) -> act.LaunchContainer:
    """A default executor that has got a group."""
    (launch,) = of(agent.link(run_group("a", "b")), act.LaunchContainer)
    agent.launched(launch)
    agent.executor("e1")
    return launch


def call(kind: str, container_id: ContainerId) -> agent_pb2.Call:
    """A call about a container."""
    made = _Call(type=kind)
    body = getattr(made, kind.lower())
    body.container_id.CopyFrom(container_id_message(container_id))
    return made


def ask(agent: Harness, asked: agent_pb2.Call, **claims: str) -> tuple[ev.Route, list[act.Action]]:
    """Let somebody call."""
    route = agent.route()
    return route, agent.step(ev.ContainerCalled(route, asked, claims or None))


def nested(agent: Harness, container_id: ContainerId) -> act.LaunchContainer:
    """A nested container that runs."""
    route, made = ask(agent, call("LAUNCH_NESTED_CONTAINER", container_id))
    (launch,) = of(made, act.LaunchContainer)
    made = agent.step(ev.ContainerLaunched(container_id, 77))
    assert made == [act.Reply(route, 200)]
    return launch


def test_nested_container_is_launched_in_its_parents_sandbox() -> None:
    agent = Harness().start()
    parent = group(agent)
    container_id = (*parent.spec.container_id, "n1")
    asked = call("LAUNCH_NESTED_CONTAINER", container_id)
    asked.launch_nested_container.command.value = "true"
    asked.launch_nested_container.command.user = "somebody"
    _route, made = ask(agent, asked)
    (launch,) = of(made, act.LaunchContainer)
    assert launch.spec.container_id == container_id
    assert launch.spec.sandbox == f"{parent.spec.sandbox}/containers/n1"
    assert launch.spec.environment == {"MESOS_SANDBOX": launch.spec.sandbox}
    assert launch.spec.command.value == "true"
    assert launch.spec.user == "somebody"
    assert launch.spec.kind is ContainerKind.DEFAULT


def test_status_names_the_nested_container_that_runs() -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "n1")
    given = status("a", mesos_pb2.TASK_STARTING)
    given.container_status.container_id.CopyFrom(container_id_message(container_id))
    (sent,) = told(agent.update("e1", given))
    assert not sent.container_status.network_infos
    nested(agent, container_id)
    agent.acknowledge("a", given.uuid)
    given = status("a", mesos_pb2.TASK_RUNNING)
    given.container_status.container_id.CopyFrom(container_id_message(container_id))
    (sent,) = told(agent.update("e1", given))
    assert sent.container_status.executor_pid == 77
    assert len(sent.container_status.network_infos) == 1
    assert sent.container_status.container_id.HasField("parent")


def test_launching_twice_is_no_error() -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "n1")
    nested(agent, container_id)
    route, made = ask(agent, call("LAUNCH_NESTED_CONTAINER", container_id))
    assert made == [act.Reply(route, 202)]


def test_container_needs_a_parent_that_runs() -> None:
    agent = Harness().start()
    route, made = ask(agent, call("LAUNCH_NESTED_CONTAINER", ("nobody", "n1")))
    assert made == [act.Reply(route, 500, "Parent container nobody does not exist")]


def test_failed_launch_may_be_tried_again() -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "n1")
    route, _made = ask(agent, call("LAUNCH_NESTED_CONTAINER", container_id))
    waiting, _made = ask(agent, call("WAIT_NESTED_CONTAINER", container_id))
    made = agent.step(ev.ContainerLaunchFailed(container_id, "no such file"))
    assert made == [
        act.Reply(route, 500, "no such file"),
        act.Reply(waiting, 404, f"Container {'.'.join(container_id)} cannot be found"),
    ]
    nested(agent, container_id)


@pytest.mark.parametrize("kind", ["WAIT_NESTED_CONTAINER", "WAIT_CONTAINER"])
def test_end_is_told_to_who_waits_and_to_who_asks_later(kind: str) -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "n1")
    nested(agent, container_id)
    route, made = ask(agent, call(kind, container_id))
    assert made == []
    (answer,) = of(agent.exited(container_id, 256), act.Answer)
    assert answer.route == route
    assert agent_pb2.Response.Type.Name(answer.response.type) == kind
    assert getattr(answer.response, kind.lower()).exit_status == 256
    _route, made = ask(agent, call(kind, container_id))
    (again,) = of(made, act.Answer)
    assert again.response == answer.response


def test_broken_bound_is_told_to_who_waits() -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "n1")
    nested(agent, container_id)
    ask(agent, call("WAIT_CONTAINER", container_id))
    ended = Termination(9, "memory", "too much", tuple(resources("mem:32")))
    (answer,) = of(agent.step(ev.ContainerExited(container_id, ended)), act.Answer)
    told_of = answer.response.wait_container
    assert told_of.state == mesos_pb2.TASK_FAILED
    assert told_of.reason == mesos_pb2.TaskStatus.REASON_CONTAINER_LIMITATION_MEMORY
    assert told_of.limitation.resources[0].name == "mem"
    assert told_of.message == "too much"


def test_who_does_not_wait_any_more_is_told_nothing() -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "n1")
    nested(agent, container_id)
    route, _made = ask(agent, call("WAIT_CONTAINER", container_id))
    agent.step(ev.ContainerCallerLost(route))
    assert agent.exited(container_id) == []


@pytest.mark.parametrize(("given", "sent"), [(None, 9), (15, 15)])
def test_kill_is_a_signal(given: int | None, sent: int) -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "n1")
    nested(agent, container_id)
    asked = call("KILL_NESTED_CONTAINER", container_id)
    if given is not None:
        asked.kill_nested_container.signal = given
    route, made = ask(agent, asked)
    assert made == [act.SignalContainer(container_id, sent), act.Reply(route, 200)]


def test_kill_of_what_is_not_there_is_told_so() -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "n1")
    nested(agent, container_id)
    agent.exited(container_id)
    route, made = ask(agent, call("KILL_CONTAINER", container_id))
    name = ".".join(container_id)
    text = f"Container {name} cannot be found (or is already killed)"
    assert made == [act.Reply(route, 404, text)]


def test_kill_of_a_container_that_is_launched_destroys_it() -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "n1")
    ask(agent, call("LAUNCH_NESTED_CONTAINER", container_id))
    _route, made = ask(agent, call("KILL_NESTED_CONTAINER", container_id))
    assert of(made, act.DestroyContainer) == [act.DestroyContainer(container_id)]


def test_removal_waits_for_the_end() -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "n1")
    nested(agent, container_id)
    asked = call("REMOVE_NESTED_CONTAINER", container_id)
    route, made = ask(agent, asked)
    assert made == [act.Reply(route, 500, "Nested container has not terminated yet")]
    agent.exited(container_id)
    route, made = ask(agent, asked)
    assert made == [act.RemoveContainer(container_id), act.Reply(route, 200)]
    route, made = ask(agent, asked)
    name = ".".join(container_id)
    assert made == [act.Reply(route, 404, f"Container {name} cannot be found")]


def test_end_of_the_executor_is_the_end_of_what_is_nested() -> None:
    agent = Harness().start()
    root = group(agent).spec.container_id
    nested(agent, (*root, "n1"))
    route, _made = ask(agent, call("WAIT_CONTAINER", (*root, "n1")))
    made = agent.exited(root)
    assert [one.route for one in of(made, act.Reply)] == [route]
    assert agent.core.state.containers == {}


def test_executor_may_not_touch_what_is_anothers() -> None:
    agent = Harness().start()
    root = group(agent).spec.container_id
    asked = call("LAUNCH_NESTED_CONTAINER", (*root, "n1"))
    _route, made = ask(agent, asked, cid="another")
    assert [one.status for one in of(made, act.Reply)] == [403]
    _route, made = ask(agent, asked, cid=root[0])
    assert len(of(made, act.LaunchContainer)) == 1


# Sessions.


def test_session_ends_with_its_reader() -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "s1")
    route, made = ask(agent, call("LAUNCH_NESTED_CONTAINER_SESSION", container_id))
    (launch,) = of(made, act.LaunchContainer)
    assert launch.spec.kind is ContainerKind.DEBUG
    made = agent.step(ev.ContainerLaunched(container_id, 77))
    assert made == [act.OpenSession(route, container_id)]
    made = agent.step(ev.ContainerCallerLost(route))
    assert made == [act.DestroyContainer(container_id)]
    assert agent.exited(container_id) == []


def test_session_whose_reader_has_gone_early_is_destroyed() -> None:
    agent = Harness().start()
    container_id = (*group(agent).spec.container_id, "s1")
    route, _made = ask(agent, call("LAUNCH_NESTED_CONTAINER_SESSION", container_id))
    agent.step(ev.ContainerCallerLost(route))
    made = agent.step(ev.ContainerLaunched(container_id, 77))
    assert made == [act.DestroyContainer(container_id)]


# Standalone containers.


def test_standalone_container_is_nobodys() -> None:
    agent = Harness(gc_non_executor_container_sandboxes=True).start()
    asked = call("LAUNCH_CONTAINER", ("alone",))
    asked.launch_container.command.value = "true"
    asked.launch_container.resources.extend(resources())
    asked.launch_container.limits["mem"].value = 64
    route, made = ask(agent, asked)
    (launch,) = of(made, act.LaunchContainer)
    assert launch.spec.sandbox == "/w/containers/alone"
    assert launch.spec.limits == {"mem": 64.0}
    assert agent.step(ev.ContainerLaunched(("alone",), 5)) == [act.Reply(route, 200)]
    made = agent.exited(("alone",))
    assert made == [act.ScheduleGc("/w/containers/alone")]
    assert agent.core.state.containers == {}


def shown(agent: Harness, *, show_nested: bool, show_standalone: bool) -> list[ContainerId]:
    """What GET_CONTAINERS tells, by the values of the ids."""
    core = agent.core
    view = View(
        core.state,
        core.settings,
        core.metrics,
        {},
        mesos_pb2.VersionInfo(version="1.11.0"),
        ev.Now(agent.now_ms, 0),
    )
    asked = _Call(type=_Call.GET_CONTAINERS)
    asked.get_containers.show_nested = show_nested
    asked.get_containers.show_standalone = show_standalone
    found = operator.ANSWERS[_Call.GET_CONTAINERS](view, asked)
    assert isinstance(found, agent_pb2.Response)
    return [(one.container_id.value,) for one in found.get_containers.containers]


def test_containers_are_shown_as_far_as_they_are_wanted() -> None:
    agent = Harness().start()
    root = group(agent).spec.container_id
    nested(agent, (*root, "n1"))
    asked = call("LAUNCH_CONTAINER", ("alone",))
    asked.launch_container.command.value = "true"
    ask(agent, asked)
    assert shown(agent, show_nested=False, show_standalone=False) == [root]
    assert shown(agent, show_nested=True, show_standalone=False) == [root, ("n1",)]
    assert shown(agent, show_nested=False, show_standalone=True) == [root, ("alone",)]
