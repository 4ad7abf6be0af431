"""What a cluster is made of: ``ps``, ``tasks``, ``agents``, ``frameworks``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import click

from mesos_compat.resources import Resources
from mesos_compat.resources.objects import quantities_to_object
from mesos_compat.wire.v1 import master_pb2, mesos_pb2
from mesozoic.aio import OperatorClient
from mesozoic.cli.addresses import Addresses
from mesozoic.cli.found_tasks import TERMINAL, executor_id, state_name
from mesozoic.cli.options import json_option, pass_addresses
from mesozoic.cli.printing import Row, object_of, print_json, print_rows

_SHOWN: Final = ("cpus", "mem", "disk", "gpus")
_TASK_COLUMNS: Final = {
    "id": "TASK",
    "name": "NAME",
    "state": "STATE",
    "framework": "FRAMEWORK",
    "agent": "AGENT",
    "resources": "RESOURCES",
}

State = master_pb2.Response.GetState


def amounts(resources: Iterable[mesos_pb2.Resource]) -> str:
    """``cpus 2, mem 512``: what people look for first."""
    quantities = quantities_to_object(Resources(resources).quantities())
    shown = [f"{name} {quantities[name]:g}" for name in _SHOWN if quantities.get(name)]
    return ", ".join(shown) or "-"


def _task_row(task: mesos_pb2.Task, names: Mapping[str, str], hosts: Mapping[str, str]) -> Row:
    status = task.statuses[-1] if task.statuses else mesos_pb2.TaskStatus()
    return {
        "id": task.task_id.value,
        "name": task.name,
        "state": state_name(task.state),
        "framework": names.get(task.framework_id.value, task.framework_id.value),
        "framework_id": task.framework_id.value,
        "agent": hosts.get(task.agent_id.value, task.agent_id.value),
        "agent_id": task.agent_id.value,
        "executor_id": executor_id(task),
        "container_id": status.container_status.container_id.value,
        "resources": amounts(task.resources),
        "message": status.message,
    }


def _names(state: State) -> dict[str, str]:
    every = [*state.get_frameworks.frameworks, *state.get_frameworks.completed_frameworks]
    return {one.framework_info.id.value: one.framework_info.name for one in every}


def _hosts(state: State) -> dict[str, str]:
    return {
        one.agent_info.id.value: f"{one.agent_info.hostname}:{one.agent_info.port}"
        for one in state.get_agents.agents
    }


def _task_rows(state: State, *, ended: bool) -> list[Row]:
    names, hosts = _names(state), _hosts(state)
    known = state.get_tasks
    every = [*known.pending_tasks, *known.tasks, *known.unreachable_tasks]
    every += known.completed_tasks
    return [_task_row(task, names, hosts) for task in every if ended or task.state not in TERMINAL]


async def _state(operator: OperatorClient) -> State:
    return await operator.get_state()


@click.command()
@json_option
@pass_addresses
def ps(addresses: Addresses, as_json: bool) -> None:
    """What runs: tasks that have not ended, with a line about the cluster."""

    async def asked(operator: OperatorClient) -> tuple[str, State]:
        return await operator.wait_master(), await operator.get_state()

    master, state = addresses.ask(asked)
    rows = _task_rows(state, ended=False)
    if as_json:
        print_json({"master": master, "tasks": rows})
        return
    agents = state.get_agents.agents
    active = sum(agent.active for agent in agents)
    frameworks = len(state.get_frameworks.frameworks)
    click.echo(
        f"{master} leads; agents active: {active} of {len(agents)}; frameworks: {frameworks};"
        f" tasks: {len(rows)}"
    )
    if rows:
        print_rows(rows, _TASK_COLUMNS, "")


@click.command()
@click.option("--all", "-a", "every", is_flag=True, help="Those that have ended too.")
@click.option("--framework", help="Only those of a framework, by id or name.")
@json_option
@pass_addresses
def tasks(addresses: Addresses, every: bool, framework: str | None, as_json: bool) -> None:
    """List tasks."""
    rows = _task_rows(addresses.ask(_state), ended=every)
    if framework is not None:
        rows = [row for row in rows if framework in (row["framework"], row["framework_id"])]
    if as_json:
        print_json(rows)
        return
    columns = {**_TASK_COLUMNS, "message": "MESSAGE"} if every else _TASK_COLUMNS
    print_rows(rows, columns, "no tasks" if every else "no tasks run; --all lists the ended ones")


@click.command()
@json_option
@pass_addresses
def agents(addresses: Addresses, as_json: bool) -> None:
    """List agents, with what they have and what of it is in use."""
    found = addresses.ask(_state).get_agents.agents
    if as_json:
        print_json([object_of(one) for one in found])
        return
    columns = {
        "id": "AGENT",
        "address": "ADDRESS",
        "state": "STATE",
        "total": "TOTAL",
        "used": "IN USE",
        "attributes": "ATTRIBUTES",
    }
    print_rows([_agent_row(one) for one in found], columns, "no agents are registered")


def _agent_row(agent: master_pb2.Response.GetAgents.Agent) -> Row:
    info = agent.agent_info
    state = "active" if agent.active else "inactive"
    if agent.deactivated:
        state = "deactivated"
    if agent.HasField("drain_info"):
        state = mesos_pb2.DrainState.Name(agent.drain_info.state).lower()
    return {
        "id": info.id.value,
        "address": f"{info.hostname}:{info.port}",
        "state": state,
        "total": amounts(agent.total_resources),
        "used": amounts(agent.allocated_resources),
        "attributes": [f"{one.name}={_attribute(one)}" for one in info.attributes],
    }


def _attribute(attribute: mesos_pb2.Attribute) -> str:
    if attribute.type == mesos_pb2.Value.SCALAR:
        return f"{attribute.scalar.value:g}"
    if attribute.type == mesos_pb2.Value.RANGES:
        return ",".join(f"{one.begin}-{one.end}" for one in attribute.ranges.range)
    if attribute.type == mesos_pb2.Value.SET:
        return ",".join(attribute.set.item)
    return attribute.text.value


@click.command()
@click.option("--all", "-a", "every", is_flag=True, help="Those that are over too.")
@json_option
@pass_addresses
def frameworks(addresses: Addresses, every: bool, as_json: bool) -> None:
    """List frameworks."""
    state = addresses.ask(_state)
    known = state.get_frameworks
    found = [*known.frameworks, *(known.completed_frameworks if every else ())]
    if as_json:
        print_json([object_of(one) for one in found])
        return
    counts: dict[str, int] = {}
    for task in state.get_tasks.tasks:
        if task.state not in TERMINAL:
            counts[task.framework_id.value] = counts.get(task.framework_id.value, 0) + 1
    rows = [_framework_row(one, counts, over=one in known.completed_frameworks) for one in found]
    columns = {
        "id": "FRAMEWORK",
        "name": "NAME",
        "state": "STATE",
        "roles": "ROLES",
        "user": "USER",
        "tasks": "TASKS",
        "used": "IN USE",
    }
    print_rows(rows, columns, "no frameworks")


def _framework_row(
    framework: master_pb2.Response.GetFrameworks.Framework, counts: Mapping[str, int], *, over: bool
) -> dict[str, Any]:
    info = framework.framework_info
    state = "connected" if framework.connected else "disconnected"
    if not framework.active and framework.connected:
        state = "inactive"
    return {
        "id": info.id.value,
        "name": info.name,
        "state": "over" if over else state,
        "roles": list(info.roles) or [info.role],
        "user": info.user,
        "tasks": counts.get(info.id.value, 0),
        "used": amounts(framework.allocated_resources),
    }
