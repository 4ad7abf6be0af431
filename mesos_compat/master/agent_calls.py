"""Calls of agents on their streams: who makes them, and what they change.

Source: ``Master::updateSlave``, ``unregisterSlave`` and the handlers of the other messages.
"""

from __future__ import annotations

from mesos_compat.master import (
    agent_health,
    agent_removal,
    executors,
    operations,
    tasks,
)
from mesos_compat.master import offers as offering
from mesos_compat.master.context import Context
from mesos_compat.master.events import AgentCalled
from mesos_compat.master.state import TERMINAL_OPERATION_STATES, Agent
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2

_Call = link_pb2.Call


def called(context: Context, event: AgentCalled) -> Agent | None:
    """Any call but SUBSCRIBE; the agent, or None when its stream is not open any more."""
    agent = context.state.agents.get(context.state.agent_routes.get(event.route, ""))
    if agent is None:
        return None
    call = event.call
    match call.type:
        case _Call.PONG:
            agent.cpus_measured = call.pong.cpus_used
            agent.mem_measured_bytes = call.pong.mem_used_bytes
            agent_health.answered(context, agent)
        case _Call.UNREGISTER:
            context.metrics.count("messages_unregister_slave")
            agent_removal.remove(context, agent, "the agent unregistered", "unregistered")
        case _Call.UPDATE_AGENT:
            update(context, agent, call.update_agent)
        case _Call.STATUS_UPDATE:
            tasks.status_update(context, agent, call.status_update)
        case _Call.OPERATION_STATUS:
            operations.status_update(context, agent, call.operation_status)
        case _Call.EXECUTOR_MESSAGE:
            executors.message_from(context, agent, call.executor_message)
        case _Call.EXITED_EXECUTOR:
            executors.exited(context, agent, call.exited_executor)
    return agent


def update(context: Context, agent: Agent, call: link_pb2.Call.UpdateAgent) -> None:
    """UPDATE_AGENT: what the agent has by now, which ends the offers of anything else.

    As long as its version of that is the one that it is sent operations with, our books may have
    operations that it had not when it said this. A new version says that our books are wrong:
    what it was sent with the old one it has done already, or will drop.
    """
    context.metrics.count("messages_update_slave")
    is_new = call.HasField("resource_version") and call.resource_version != agent.resource_version
    if call.HasField("resource_version"):
        agent.resource_version = call.resource_version
    is_ahead = any(
        one.message.latest_status.state not in TERMINAL_OPERATION_STATES
        for one in agent.operations.values()
    )
    has = Resources(call.resources)
    if not call.resources or (is_ahead and not is_new):
        has = agent.total.nonrevocable()
    total = has + Resources(call.oversubscribed)
    if total == agent.total:
        return
    offering.rescind_all(context, agent.offers.values())
    agent.total = total
    context.allocator.update_agent(agent.agent_id, info=agent.info, total=total)
