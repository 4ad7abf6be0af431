"""Whether an agent may register, or come back.

Source: ``master::message::registerSlave`` and ``reregisterSlave``, and what
``Master::registerSlave`` asks after. Mesos tells such an agent nothing and only logs it; the
texts are Mesos's as far as it has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mesos_compat.master.validation import executor as executors
from mesos_compat.master.validation.framework import FrameworkRules, validate_info
from mesos_compat.master.validation.identifiers import validate_id
from mesos_compat.resources.validation import validate as validate_resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

# Older agents are refused.
_VERSION_MIN: Final = (1, 0, 0)
# As semver.org has it, but components may be missing.
_VERSION: Final = re.compile(
    r"(?P<numbers>\d{1,10}(\.\d{1,10}){0,2})(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class AgentRules:
    """What the master's flags say about agents."""

    # Whether the master itself has a --domain.
    master_has_domain: bool = False
    # --require_agent_domain.
    require_domain: bool = False


def validate_subscribe(subscribe: link_pb2.Call.Subscribe, rules: AgentRules) -> str | None:
    """Why an agent is refused, or None. One that has an id comes back, others are new."""
    agent = subscribe.agent
    return (
        (validate_id(agent.id.value) if agent.HasField("id") else None)
        or validate_resources(agent.resources)
        or validate_resources(subscribe.resources)
        or (_held_fault(subscribe) if agent.HasField("id") else None)
        or validate_version(subscribe.version)
        or _domain_fault(subscribe, rules)
    )


def validate_version(version: str) -> str | None:
    """Checks that ``version`` is one, and not too old."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return f"Failed to parse version '{version}'"
    numbers = [int(number) for number in match["numbers"].split(".")]
    numbers += [0] * (len(_VERSION_MIN) - len(numbers))
    if tuple(numbers) < _VERSION_MIN:
        least = ".".join(str(number) for number in _VERSION_MIN)
        return f"agent version is {version}, minimum supported agent version is {least}"
    return None


def _domain_fault(subscribe: link_pb2.Call.Subscribe, rules: AgentRules) -> str | None:
    has_domain = subscribe.agent.HasField("domain")
    if has_domain and not rules.master_has_domain:
        return "Agent is configured with a domain but the master has no configured domain"
    if rules.require_domain and not has_domain:
        return (
            "Agent attempted to register without a domain, but this master is configured to"
            " require agent domains"
        )
    return None


def _held_fault(subscribe: link_pb2.Call.Subscribe) -> str | None:
    """Checks frameworks, executors and tasks of an agent that comes back."""
    framework_ids: dict[str, None] = {}
    for info in subscribe.frameworks:
        fault = validate_info(info, FrameworkRules())
        if fault is not None:
            return fault
        if info.id.value in framework_ids:
            return f"Framework has a duplicate FrameworkID: '{info.id.value}'"
        framework_ids[info.id.value] = None
    executor_ids: dict[tuple[str, str], None] = {}
    for executor in subscribe.executors:
        fault = _executor_fault(executor, framework_ids, executor_ids)
        if fault is not None:
            return fault
    return _tasks_fault(subscribe, framework_ids, executor_ids)


def _executor_fault(
    executor: link_pb2.Call.Executor,
    framework_ids: dict[str, None],
    executor_ids: dict[tuple[str, str], None],
) -> str | None:
    info = executor.info
    fault = executors.validate_info(info) or validate_resources(info.resources)
    if fault is not None:
        return fault
    framework_id, executor_id = info.framework_id.value, info.executor_id.value
    if framework_id not in framework_ids:
        return f"Executor has an invalid FrameworkID '{framework_id}'"
    if (framework_id, executor_id) in executor_ids:
        return f"Framework '{framework_id}' has a duplicate ExecutorID '{executor_id}'"
    executor_ids[framework_id, executor_id] = None
    return None


def _tasks_fault(
    subscribe: link_pb2.Call.Subscribe,
    framework_ids: dict[str, None],
    executor_ids: dict[tuple[str, str], None],
) -> str | None:
    for task in subscribe.tasks:
        fault = validate_id(task.task_id.value)
        if fault is not None:
            return f"Task has an invalid TaskID: {fault}"
        if task.agent_id.value != subscribe.agent.id.value:
            return f"Task has an invalid AgentID '{task.agent_id.value}'"
        if task.framework_id.value not in framework_ids:
            return f"Task has an invalid FrameworkID '{task.framework_id.value}'"
        # Command executors are not known to the master, nor named by their tasks.
        if task.HasField("executor_id") and task.state == mesos_pb2.TASK_RUNNING:
            key = (task.framework_id.value, task.executor_id.value)
            if key not in executor_ids:
                return f"Task has an invalid ExecutorID '{task.executor_id.value}'"
        fault = validate_resources(task.resources)
        if fault is not None:
            return f"Task uses invalid resources: {fault}"
    return None
