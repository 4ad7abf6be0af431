"""``/state``, all that a master knows, and ``/state-summary``, how many of what.

Source: ``ReadOnlyHandler::state`` and ``stateSummary`` of Mesos.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mesos_compat.master.views import older_agents, older_frameworks
from mesos_compat.master.views.older_tasks import STATES, all_tasks
from mesos_compat.master.views.older_values import JsonObject, seconds
from mesos_compat.master.views.view import View
from mesos_compat.wire.json_dialect import JsonValue, to_value
from mesos_compat.wire.v1 import mesos_pb2

# Those that are counted; the others are younger than the endpoint.
_COUNTED: Final = (
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
)
_Counts = dict[str, int]


def state(view: View, _query: Mapping[str, str]) -> JsonValue:
    """``/state``."""
    known = view.state
    made = _version(view.version)
    made["start_time"] = seconds(known.started_ns)
    if known.elected_ns is not None:
        made["elected_time"] = seconds(known.elected_ns)
    made |= _master(view)
    if view.visible.sees_flags():
        for name in ("cluster", "log_dir", "external_log_file"):
            if name in view.flags:
                made[name] = view.flags[name]
        made["flags"] = {name: view.flags[name] for name in sorted(view.flags)}
    made["slaves"] = [older_agents.agent(one, view.visible) for one in known.agents.values()]
    made["recovered_slaves"] = older_agents.recovered(view)
    made["frameworks"] = older_frameworks.shown(known.frameworks.values(), view)
    made["completed_frameworks"] = older_frameworks.shown(known.completed_frameworks.values(), view)
    # There have been none of either for long; tools look at them all the same.
    made["orphan_tasks"] = []
    made["unregistered_frameworks"] = []
    return made


def _version(version: mesos_pb2.VersionInfo) -> JsonObject:
    found = to_value(version)
    order = (
        "version",
        "git_sha",
        "git_branch",
        "git_tag",
        "build_date",
        "build_time",
        "build_user",
    )
    return {name: found[name] for name in order if name in found}


def _master(view: View) -> JsonObject:
    info, agents = view.state.info, view.state.agents
    active = sum(one.is_active for one in agents.values())
    made: JsonObject = {
        "id": info.id,
        "pid": info.pid,
        "hostname": info.hostname,
        "capabilities": [
            mesos_pb2.MasterInfo.Capability.Type.Name(one.type) for one in info.capabilities
        ],
        # Gauges, and so no integers.
        "activated_slaves": float(active),
        "deactivated_slaves": float(len(agents) - active),
        "unreachable_slaves": float(len(view.state.unreachable_agents)),
    }
    leader: JsonObject = {
        "id": info.id,
        "pid": info.pid,
        "port": info.port,
        "hostname": info.hostname,
    }
    if info.HasField("domain"):
        made["domain"] = leader["domain"] = to_value(info.domain)
    # Only the master that leads is asked.
    made["leader"] = info.pid
    made["leader_info"] = leader
    return made


def state_summary(view: View, _query: Mapping[str, str]) -> JsonValue:
    """``/state-summary``: tasks are counted of frameworks that are not completed."""
    of_frameworks: dict[str, _Counts] = {}
    of_agents: dict[str, _Counts] = {}
    # Each other's ids, in the order in which tasks have brought them up.
    framework_ids: dict[str, dict[str, JsonValue]] = {}
    agent_ids: dict[str, dict[str, JsonValue]] = {}
    frameworks = [
        one for one in view.state.frameworks.values() if view.visible.sees_framework(one.info)
    ]
    for one in frameworks:
        counts = of_frameworks[one.framework_id] = dict.fromkeys(_COUNTED, 0)
        its_agents = agent_ids[one.framework_id] = {}
        for message in all_tasks(one):
            agent_id, name = message.agent_id.value, STATES[message.state]
            if agent_id not in of_agents:
                of_agents[agent_id] = dict.fromkeys(_COUNTED, 0)
            if name in counts:
                counts[name] += 1
                of_agents[agent_id][name] += 1
            its_agents[agent_id] = None
            framework_ids.setdefault(agent_id, {})[one.framework_id] = None
    made: JsonObject = {"hostname": view.state.info.hostname}
    if "cluster" in view.flags:
        made["cluster"] = view.flags["cluster"]
    made["slaves"] = [
        older_agents.agent(one, view.visible)
        | _counted(of_agents.get(agent_id, {}))
        | {"framework_ids": list(framework_ids.get(agent_id, {}))}
        for agent_id, one in view.state.agents.items()
    ]
    made["frameworks"] = [
        older_frameworks.summary(one, view.state)
        | _counted(of_frameworks[one.framework_id])
        | {"slave_ids": list(agent_ids[one.framework_id])}
        for one in frameworks
    ]
    return made


def _counted(counts: _Counts) -> JsonObject:
    return {name: counts.get(name, 0) for name in _COUNTED}
