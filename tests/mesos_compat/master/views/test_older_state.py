"""``/state`` and ``/state-summary``."""

from __future__ import annotations

import json

from mesos_compat.master.state import Framework, Task, UnreachableAgent
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.views.older_worlds import (
    busy_state,
    busy_view,
    framework_of,
    hiding,
    recorded,
    text,
    told,
)
from tests.mesos_compat.master.views.worlds import empty_state, recorded_state, view

COUNTED = [
    "TASK_STAGING",
    "TASK_STARTING",
    "TASK_RUNNING",
    "TASK_KILLING",
    "TASK_FINISHED",
    "TASK_KILLED",
    "TASK_FAILED",
    "TASK_LOST",
    "TASK_ERROR",
    "TASK_UNREACHABLE",
]


# /state.


def test_frameworks_that_have_lost_their_agent_are_told_as_recorded() -> None:
    expected = json.loads(recorded("agent-loss", "state-unreachable"))
    state = recorded_state("agent-loss", "get_state-unreachable")
    state.unreachable_agents["S0"] = UnreachableAgent(1)
    answer = told(view(state), "/state")
    for member in ("slaves", "recovered_slaves", "unreachable_slaves", "completed_frameworks"):
        assert text(answer[member]) == json.dumps(expected[member])
    by_id = {one["id"]: one for one in expected["frameworks"]}
    assert [text(one) for one in answer["frameworks"]] == [
        json.dumps(by_id[one["id"]]) for one in answer["frameworks"]
    ]
    assert len(answer["frameworks"]) == 2


def test_completed_frameworks_are_in_the_state_too() -> None:
    (shown, other) = json.loads(recorded("failover", "frameworks-completed"))[
        "completed_frameworks"
    ]
    state = empty_state()
    for one in (shown, other):
        state.completed_frameworks[one["id"]] = framework_of(one)
    assert text(told(view(state), "/state")["completed_frameworks"]) == json.dumps([shown, other])


def test_agents_are_counted_by_whether_they_are_active() -> None:
    state = busy_state()
    next(iter(state.agents.values())).is_deactivated = True
    state.unreachable_agents["S9"] = UnreachableAgent(1)
    answer = told(view(state), "/state")
    counts = (answer[f"{name}_slaves"] for name in ("activated", "deactivated", "unreachable"))
    assert text(list(counts)) == "[1.0, 1.0, 1.0]"


def test_where_a_master_is_told_of_itself_and_of_the_leader() -> None:
    state = empty_state()
    state.info.domain.fault_domain.region.name = "eu"
    state.info.domain.fault_domain.zone.name = "eu-1"
    answer = told(view(state), "/state")
    expected = {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "eu-1"}}}
    assert answer["domain"] == answer["leader_info"]["domain"] == expected
    names = list(answer)
    assert names[names.index("unreachable_slaves") + 1] == "domain"


def test_flags_and_what_is_taken_from_them_are_told_only_to_who_may_view_them() -> None:
    flags = {"quiet": "false", "log_dir": "/logs", "cluster": "C"}
    answer = told(view(empty_state(), flags=flags), "/state")
    names = list(answer)
    start = names.index("leader_info") + 1
    assert names[start : start + 3] == ["cluster", "log_dir", "flags"]
    assert list(answer["flags"]) == ["cluster", "log_dir", "quiet"]

    hidden = view(empty_state(), flags=flags, acls=hiding("view_flags", "flags"))
    assert [name for name in names if name not in told(hidden, "/state")] == [
        "cluster",
        "log_dir",
        "flags",
    ]


def test_a_master_that_was_not_elected_has_no_time_of_it() -> None:
    state = empty_state()
    state.elected_ns = None
    assert "elected_time" not in told(view(state), "/state")


def test_frameworks_are_told_only_to_who_may_see_them() -> None:
    answer = told(busy_view(hiding("view_frameworks", "users", "else")), "/state")
    assert answer["frameworks"] == []
    assert len(answer["slaves"]) == 2


# /state-summary.


def make_task(task_id: str, state: mesos_pb2.TaskState, agent_id: str) -> mesos_pb2.Task:
    return mesos_pb2.Task(
        name=task_id,
        state=state,
        task_id=mesos_pb2.TaskID(value=task_id),
        framework_id=mesos_pb2.FrameworkID(value="F"),
        agent_id=mesos_pb2.AgentID(value=agent_id),
    )


def test_tasks_are_counted_by_framework_and_by_agent() -> None:
    state = empty_state()
    state.agents = busy_state().agents
    first, second = state.agents
    framework = Framework("F", mesos_pb2.FrameworkInfo(user="u", name="f"))
    state.frameworks["F"] = framework
    state.frameworks["G"] = Framework("G", mesos_pb2.FrameworkInfo(user="v", name="g"))
    for task_id, agent_id in (("a", first), ("b", second)):
        message = make_task(task_id, mesos_pb2.TASK_RUNNING, agent_id)
        framework.tasks[task_id] = Task(message, Resources())
    lost = make_task("c", mesos_pb2.TASK_UNREACHABLE, "gone")
    framework.unreachable_tasks["c"] = Task(lost, Resources())
    framework.completed_tasks.append(make_task("d", mesos_pb2.TASK_KILLED, second))
    # In a state that has no count, which leaves the agent in the list.
    framework.completed_tasks.append(make_task("e", mesos_pb2.TASK_GONE, "other"))
    state.completed_frameworks["H"] = ended = Framework("H", framework.info)
    ended.completed_tasks.append(make_task("f", mesos_pb2.TASK_KILLED, second))

    answer = told(view(state), "/state-summary")

    def counts(shown: dict[str, int]) -> dict[str, int]:
        assert [name for name in shown if name.startswith("TASK_")] == COUNTED
        return {name: shown[name] for name in COUNTED if shown[name]}

    one, other = answer["slaves"]
    assert counts(one) == {"TASK_RUNNING": 1}
    assert counts(other) == {"TASK_RUNNING": 1, "TASK_KILLED": 1}
    assert one["framework_ids"] == other["framework_ids"] == ["F"]
    f, g = answer["frameworks"]
    assert counts(f) == {"TASK_RUNNING": 2, "TASK_KILLED": 1, "TASK_UNREACHABLE": 1}
    assert f["slave_ids"] == [first, second, "gone", "other"]
    assert counts(g) == {}
    assert g["slave_ids"] == []

    hidden = told(view(state, acls=hiding("view_frameworks", "users", "v")), "/state-summary")
    assert [one["id"] for one in hidden["frameworks"]] == ["G"]
    assert [one["framework_ids"] for one in hidden["slaves"]] == [[], []]
    assert [counts(one) for one in hidden["slaves"]] == [{}, {}]


def test_a_cluster_with_a_name_is_told_by_it() -> None:
    answer = told(view(empty_state(), flags={"cluster": "C"}), "/state-summary")
    assert text(answer) == (
        '{"hostname": "localhost", "cluster": "C", "slaves": [], "frameworks": []}'
    )
