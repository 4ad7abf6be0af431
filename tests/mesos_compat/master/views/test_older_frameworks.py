"""Frameworks in the older endpoints."""

from __future__ import annotations

import json

from mesos_compat.master.state import Framework, MasterState, Task
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.views.older_worlds import (
    busy_state,
    busy_view,
    framework_of,
    hiding,
    one_line,
    recorded,
    task_of,
    text,
    told,
)
from tests.mesos_compat.master.views.worlds import add_agent, empty_state, recorded_response, view


def the_framework(state: MasterState) -> Framework:
    (framework,) = state.frameworks.values()
    return framework


def test_completed_frameworks_are_told_as_recorded() -> None:
    expected = recorded("failover", "frameworks-completed")
    state = empty_state()
    for shown in json.loads(expected)["completed_frameworks"]:
        state.completed_frameworks[shown["id"]] = framework_of(shown)
    assert text(told(view(state), "/frameworks")) == expected


def test_a_framework_that_subscribed_again_is_told_as_recorded() -> None:
    expected = recorded("failover", "state-changed-user")
    (shown,) = json.loads(expected)["frameworks"]
    state = empty_state()
    agent = add_agent(
        state, recorded_response("operator", "get_state").get_state.get_agents.agents[0]
    )
    framework = state.frameworks[shown["id"]] = framework_of(shown)
    framework.route = next(iter(busy_state().frameworks.values())).route
    (message,) = (task_of(one) for one in shown["tasks"])
    framework.tasks[message.task_id.value] = Task(message, Resources(message.resources))
    framework.agent_ids[agent.agent_id] = None
    agent.used[framework.framework_id] = Resources(message.resources)

    assert text(told(view(state), "/frameworks", framework_id=shown["id"])) == expected


def test_a_framework_that_is_gone_for_now_is_neither_active_nor_connected() -> None:
    state = busy_state()
    the_framework(state).route = None
    the_framework(state).is_recovered = True
    (shown,) = told(busy_view(state=state), "/frameworks")["frameworks"]
    assert (shown["active"], shown["connected"], shown["recovered"]) == (False, False, True)


def test_a_framework_of_one_role_has_a_role_and_no_roles() -> None:
    state = busy_state()
    info = the_framework(state).info
    del info.capabilities[:]
    del info.roles[:]
    (shown,) = told(busy_view(state=state), "/frameworks")["frameworks"]
    assert shown["role"] == "*"
    assert "roles" not in shown
    info.role = "r1"
    (shown,) = told(busy_view(state=state), "/frameworks")["frameworks"]
    assert shown["role"] == "r1"


def test_a_recovered_framework_that_never_subscribed_did_not_do_so_again() -> None:
    state = busy_state()
    the_framework(state).reregistered_ns = 0
    (shown,) = told(busy_view(state=state), "/frameworks")["frameworks"]
    assert "reregistered_time" not in shown


def test_tasks_that_cannot_be_reached_are_apart() -> None:
    state = busy_state()
    framework = the_framework(state)
    framework.unreachable_tasks["st1"] = framework.tasks.pop("st1")
    (shown,) = told(busy_view(state=state), "/frameworks")["frameworks"]
    assert shown["tasks"] == []
    assert [task["id"] for task in shown["unreachable_tasks"]] == ["st1"]
    assert [task["id"] for task in shown["completed_tasks"]] == ["st3", "st2"]


def test_offer_constraints_are_told() -> None:
    state = busy_state()
    the_framework(state).offer_constraints = constraints = scheduler_pb2.OfferConstraints()
    constraints.role_constraints["r1"].groups.add()
    (shown,) = told(busy_view(state=state), "/frameworks")["frameworks"]
    assert shown["offer_constraints"] == {"role_constraints": {"r1": {"groups": [{}]}}}


# Executors.


def state_with_executors() -> MasterState:
    state = busy_state()
    framework = the_framework(state)
    executor = mesos_pb2.ExecutorInfo(
        executor_id=mesos_pb2.ExecutorID(value="custom"),
        framework_id=framework.info.id,
        name="Custom",
        type=mesos_pb2.ExecutorInfo.CUSTOM,
        resources=Resources.parse("cpus:0.1").allocate("r1"),
    )
    command = executor.command
    command.user = "root"
    command.shell = False
    command.value = "/bin/run"
    command.arguments.extend(["run", "-x"])
    command.environment.variables.add(name="N", value="V")
    command.uris.add(value="http://h/f", extract=False)
    command.uris.add(value="http://h/x", executable=True)
    executor.labels.labels.add(key="k", value="v")
    other = mesos_pb2.ExecutorInfo(executor_id=mesos_pb2.ExecutorID(value="bare"))
    other.command.user = "bare"
    agent = state.agents[next(iter(framework.agent_ids))]
    agent.executors[framework.framework_id] = {"custom": executor, "bare": other}
    return state


def test_everything_about_an_executor_comes_in_its_order() -> None:
    state = state_with_executors()
    framework = the_framework(state)
    (agent_id,) = framework.agent_ids
    (shown,) = told(busy_view(state=state), "/frameworks")["frameworks"]
    assert text(shown["executors"]) == one_line(
        f"""[{{"executor_id": "custom", "name": "Custom",
        "framework_id": "{framework.framework_id}",
        "command": {{"shell": false, "value": "/bin/run", "argv": ["run", "-x"],
            "environment": {{"variables": [{{"name": "N", "type": "VALUE", "value": "V"}}]}},
            "uris": [{{"value": "http://h/f", "executable": false}},
                     {{"value": "http://h/x", "executable": true}}]}},
        "resources": {{"disk": 0.0, "mem": 0.0, "gpus": 0.0, "cpus": 0.1}}, "role": "r1",
        "labels": [{{"key": "k", "value": "v"}}], "type": "CUSTOM", "slave_id": "{agent_id}"}},
        {{"executor_id": "bare", "name": "", "framework_id": "",
        "command": {{"argv": [], "uris": []}},
        "resources": {{"disk": 0.0, "mem": 0.0, "gpus": 0.0, "cpus": 0.0}},
        "slave_id": "{agent_id}"}}]"""
    )


def test_executors_on_agents_that_are_gone_are_not_told() -> None:
    state = state_with_executors()
    for agent_id in the_framework(state).agent_ids:
        del state.agents[agent_id]
    (shown,) = told(busy_view(state=state), "/frameworks")["frameworks"]
    assert shown["executors"] == []
    assert set(shown["used_resources"].values()) == {0.0}


# Who may see what.


def test_frameworks_tasks_and_executors_are_told_only_to_who_may_see_them() -> None:
    state = state_with_executors()
    hidden = busy_view(hiding("view_frameworks", "users", "else"), state=state)
    assert told(hidden, "/frameworks")["frameworks"] == []

    hidden = busy_view(hiding("view_tasks", "users", "else"), state=state)
    (shown,) = told(hidden, "/frameworks")["frameworks"]
    assert (shown["tasks"], shown["completed_tasks"]) == ([], [])
    assert len(shown["executors"]) == 2

    hidden = busy_view(hiding("view_executors", "users", "bare"), state=state)
    (shown,) = told(hidden, "/frameworks")["frameworks"]
    assert [one["executor_id"] for one in shown["executors"]] == ["bare"]
    assert len(shown["tasks"]) == 1


def test_tasks_that_cannot_be_reached_are_told_only_to_who_may_see_them() -> None:
    state = busy_state()
    framework = the_framework(state)
    framework.unreachable_tasks["st1"] = framework.tasks.pop("st1")
    hidden = busy_view(hiding("view_tasks", "users", "else"), state=state)
    (shown,) = told(hidden, "/frameworks")["frameworks"]
    assert shown["unreachable_tasks"] == []


def test_a_framework_id_chooses_among_those_that_run_and_those_that_are_over() -> None:
    state = busy_state()
    runs = the_framework(state).framework_id
    for framework_id in ("over", "long-over"):
        info = mesos_pb2.FrameworkInfo(user="root", name=framework_id)
        state.completed_frameworks[framework_id] = Framework(framework_id, info)

    def found(framework_id: str) -> tuple[list[str], list[str]]:
        answer = told(busy_view(state=state), "/frameworks", framework_id=framework_id)
        running, over = answer["frameworks"], answer["completed_frameworks"]
        return [one["id"] for one in running], [one["id"] for one in over]

    assert found(runs) == ([runs], [])
    assert found("over") == ([], ["over"])


def test_an_unknown_framework_id_finds_none() -> None:
    answer = told(busy_view(), "/frameworks", framework_id="nope")
    assert answer == {"frameworks": [], "completed_frameworks": [], "unregistered_frameworks": []}
