"""What changes a cluster: ``kill`` and ``drain``."""

from __future__ import annotations

import asyncio

import click
from rich.status import Status

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import OperatorClient
from mesozoic.cli.addresses import Addresses
from mesozoic.cli.failures import Failure
from mesozoic.cli.found_tasks import find
from mesozoic.cli.options import json_option, pass_addresses
from mesozoic.cli.printing import console, print_json

_POLL_S = 0.2
_DRAINED = mesos_pb2.DRAINED


@click.command()
@click.argument("tasks", nargs=-1)
@click.option("--framework", help="Tear down this framework, with all its tasks.")
@json_option
@pass_addresses
def kill(
    addresses: Addresses, tasks: tuple[str, ...], framework: str | None, as_json: bool
) -> None:
    """Kill TASKS, by their ids or the beginnings of them.

    Mesos knows no call by which an operator kills a task of somebody's framework. So this kills
    the container the task runs in, through its agent: the framework hears that the task has
    failed, and may well start another one. With a custom executor that is its container with all
    of its tasks. --framework ends a framework for good.
    """
    if bool(tasks) == (framework is not None):
        raise click.UsageError("name tasks, or a framework")

    async def asked(operator: OperatorClient) -> list[str]:
        if framework is not None:
            return [await _teardown(operator, framework)]
        return [await _kill(operator, task) for task in tasks]

    done = addresses.ask(asked)
    if as_json:
        print_json(done)
    else:
        for one in done:
            click.echo(f"killed {one}")


async def _teardown(operator: OperatorClient, wanted: str) -> str:
    known = (await operator.get_frameworks()).frameworks
    ids = [one.framework_info.id.value for one in known]
    named = [one.framework_info.id.value for one in known if one.framework_info.name == wanted]
    found = [one for one in ids if one == wanted] or named
    found = found or [one for one in ids if one.startswith(wanted)]
    if not found:
        raise Failure(f"there is no framework '{wanted}'", "'mesozoic frameworks' lists them.")
    if len(found) > 1:
        raise Failure(f"several frameworks are '{wanted}'", ", ".join(found))
    await operator.teardown(found[0])
    return found[0]


async def _kill(operator: OperatorClient, wanted: str) -> str:
    found = await find(operator, wanted, alive=True)
    container_id = found.container_id
    if container_id.HasField("parent"):
        await found.agent.kill_nested_container(container_id)
    else:
        await found.agent.kill_container(container_id)
    return found.task.task_id.value


@click.command()
@click.argument("agent")
@click.option("--grace", type=float, help="Seconds that tasks have to end, at most.")
@click.option("--gone", is_flag=True, help="Mark the agent as gone for good when it has drained.")
@click.option("--undo", is_flag=True, help="Offer the agent's resources again.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it has drained.")
@json_option
@pass_addresses
def drain(
    addresses: Addresses,
    agent: str,
    grace: float | None,
    gone: bool,
    undo: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Kill all tasks on AGENT, and offer nothing of it any more.

    AGENT is an id, or host:port.
    """

    async def asked(operator: OperatorClient) -> str:
        agent_id = await _agent_id(operator, agent)
        if undo:
            await operator.reactivate_agent(agent_id)
            return agent_id
        await operator.drain_agent(agent_id, max_grace_period_s=grace, mark_gone=gone)
        if not no_wait:
            with Status(f"draining {agent_id}", console=console()):
                while not await _has_drained(operator, agent_id):
                    await asyncio.sleep(_POLL_S)
        return agent_id

    agent_id = addresses.ask(asked)
    what = "is offered again" if undo else "is draining" if no_wait else "has drained"
    if as_json:
        print_json({"agent_id": agent_id, "state": what.rpartition(" ")[2]})
    else:
        click.echo(f"{agent_id} {what}")


async def _agent_id(operator: OperatorClient, wanted: str) -> str:
    known = (await operator.get_agents()).agents
    addresses = {f"{one.agent_info.hostname}:{one.agent_info.port}": one for one in known}
    if wanted in addresses:
        return addresses[wanted].agent_info.id.value
    found = [one.agent_info.id.value for one in known]
    exact = [one for one in found if one == wanted]
    found = exact or [one for one in found if one.startswith(wanted)]
    if not found:
        raise Failure(f"there is no agent '{wanted}'", "'mesozoic agents' lists them.")
    if len(found) > 1:
        raise Failure(f"several agents begin with '{wanted}'", ", ".join(found))
    return found[0]


async def _has_drained(operator: OperatorClient, agent_id: str) -> bool:
    for agent in (await operator.get_agents()).agents:
        if agent.agent_info.id.value == agent_id:
            return agent.drain_info.state == _DRAINED
    # It was marked as gone.
    return True
