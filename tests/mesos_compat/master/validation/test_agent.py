"""Agents that register or come back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mesos_compat.master.validation import agent
from mesos_compat.master.validation.agent import AgentRules
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.validation.launching import executor

Subscribe = link_pb2.Call.Subscribe


def subscribe(agent_id: str | None = "A") -> link_pb2.Call.Subscribe:
    """An agent that is new, or comes back with a framework, an executor and a task."""
    made = Subscribe(version="1.11.0")
    made.agent.hostname = "h"
    made.agent.resources.extend(Resources.parse("cpus:1"))
    made.resources.extend(Resources.parse("cpus:1"))
    if agent_id is None:
        return made
    made.agent.id.value = agent_id
    made.frameworks.add(user="u", name="n").id.value = "F"
    made.executors.add().info.CopyFrom(executor())
    task = made.tasks.add(name="t", state=mesos_pb2.TASK_RUNNING)
    task.task_id.value = "t"
    task.framework_id.value = "F"
    task.agent_id.value = agent_id
    task.executor_id.value = "e"
    task.resources.extend(Resources.parse("cpus:1"))
    return made


def test_agents_that_nothing_is_wrong_with() -> None:
    assert agent.validate_subscribe(subscribe(None), AgentRules()) is None
    assert agent.validate_subscribe(subscribe(), AgentRules()) is None


BAD_CPUS = "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"


@pytest.mark.parametrize(
    ("prepare", "fault"),
    [
        (lambda made: setattr(made.agent.id, "value", "a/b"), "'a/b' contains invalid characters"),
        (lambda made: setattr(made.agent.resources[0].scalar, "value", -1), BAD_CPUS),
        (lambda made: setattr(made.resources[0].scalar, "value", -1), BAD_CPUS),
        (
            lambda made: setattr(made.frameworks[0], "role", "-r"),
            "'FrameworkInfo.role' is not a valid role:"
            " Role component '-r' is invalid because it starts with a dash",
        ),
        (
            lambda made: made.frameworks.append(made.frameworks[0]),
            "Framework has a duplicate FrameworkID: 'F'",
        ),
        (
            lambda made: made.executors[0].info.ClearField("command"),
            "'ExecutorInfo.command' must be set for 'CUSTOM' executor",
        ),
        (lambda made: setattr(made.executors[0].info.resources[0].scalar, "value", -1), BAD_CPUS),
        (
            lambda made: setattr(made.executors[0].info.framework_id, "value", "G"),
            "Executor has an invalid FrameworkID 'G'",
        ),
        (
            lambda made: made.executors.append(made.executors[0]),
            "Framework 'F' has a duplicate ExecutorID 'e'",
        ),
        (
            lambda made: setattr(made.tasks[0].task_id, "value", ""),
            "Task has an invalid TaskID: ID must not be empty",
        ),
        (
            lambda made: setattr(made.tasks[0].agent_id, "value", "B"),
            "Task has an invalid AgentID 'B'",
        ),
        (
            lambda made: setattr(made.tasks[0].framework_id, "value", "G"),
            "Task has an invalid FrameworkID 'G'",
        ),
        (
            lambda made: setattr(made.tasks[0].executor_id, "value", "x"),
            "Task has an invalid ExecutorID 'x'",
        ),
        (
            lambda made: setattr(made.tasks[0].resources[0].scalar, "value", -1),
            f"Task uses invalid resources: {BAD_CPUS}",
        ),
        (lambda made: setattr(made, "version", "x"), "Failed to parse version 'x'"),
        (
            lambda made: setattr(made.agent.domain.fault_domain.region, "name", "r"),
            "Agent is configured with a domain but the master has no configured domain",
        ),
    ],
)
def test_agents_that_are_refused(
    prepare: Callable[[link_pb2.Call.Subscribe], object], fault: str
) -> None:
    made = subscribe()
    prepare(made)
    assert agent.validate_subscribe(made, AgentRules()) == fault


def test_tasks_that_ended_may_have_lost_their_executor() -> None:
    made = subscribe()
    made.tasks[0].state = mesos_pb2.TASK_FINISHED
    made.tasks[0].executor_id.value = "gone"
    assert agent.validate_subscribe(made, AgentRules()) is None


@pytest.mark.parametrize(
    ("has_domain", "rules", "is_admitted"),
    [
        (False, AgentRules(), True),
        (True, AgentRules(), False),
        (True, AgentRules(master_has_domain=True), True),
        (False, AgentRules(master_has_domain=True), True),
        (False, AgentRules(master_has_domain=True, require_domain=True), False),
        (True, AgentRules(master_has_domain=True, require_domain=True), True),
    ],
)
def test_domains_of_agents_and_masters(
    has_domain: bool, rules: AgentRules, is_admitted: bool
) -> None:
    made = subscribe(None)
    if has_domain:
        made.agent.domain.fault_domain.region.name = "r"
        made.agent.domain.fault_domain.zone.name = "z"
    assert (agent.validate_subscribe(made, rules) is None) == is_admitted


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        ("1.0.0", None),
        ("1", None),
        ("1.12.0-rc1+git.5", None),
        ("10.0", None),
        ("0.28.2", "agent version is 0.28.2, minimum supported agent version is 1.0.0"),
        ("", "Failed to parse version ''"),
        ("1.2.3.4", "Failed to parse version '1.2.3.4'"),
        ("1.x", "Failed to parse version '1.x'"),
        ("1.0.0\n", "Failed to parse version '1.0.0\n'"),
    ],
)
def test_versions_are_not_too_old(version: str, fault: str | None) -> None:
    assert agent.validate_version(version) == fault
