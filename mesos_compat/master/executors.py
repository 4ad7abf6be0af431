"""Executors as far as the master knows of them: messages, exits, and their shutdown.

Only custom and default executors are known here; an agent makes those of commands itself.
"""

from __future__ import annotations

from mesos_compat.master import agent_events, holdings, scheduler_events
from mesos_compat.master.context import Context
from mesos_compat.master.state import Agent, Framework
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import scheduler_pb2


def message_to(context: Context, framework: Framework, call: scheduler_pb2.Call.Message) -> None:
    """MESSAGE of a scheduler: passed on if the agent is there, else lost."""
    agent = context.state.agents.get(call.agent_id.value)
    is_valid = agent is not None and agent.is_connected
    context.metrics.valid("framework_to_executor_messages", is_valid=is_valid)
    if agent is not None:
        event = agent_events.framework_message(
            framework.framework_id, call.executor_id.value, call.data
        )
        context.tell_agent(agent, event)


def message_from(context: Context, agent: Agent, call: link_pb2.Call.ExecutorMessage) -> None:
    """EXECUTOR_MESSAGE of an agent: passed on if the framework is there, else lost."""
    context.metrics.count("messages_executor_to_framework")
    framework = context.state.frameworks.get(call.framework_id.value)
    sent = framework is not None and context.tell(
        framework, scheduler_events.message(agent.agent_id, call.executor_id.value, call.data)
    )
    context.metrics.valid("executor_to_framework_messages", is_valid=sent)


def shut_down(context: Context, framework: Framework, call: scheduler_pb2.Call.Shutdown) -> None:
    """SHUTDOWN of a scheduler: passed on if the executor is known."""
    agent = context.state.agents.get(call.agent_id.value)
    executor_id = call.executor_id.value
    if agent is not None and executor_id in agent.executors.get(framework.framework_id, {}):
        event = agent_events.shutdown_executor(framework.framework_id, executor_id)
        context.tell_agent(agent, event)


def exited(context: Context, agent: Agent, call: link_pb2.Call.ExitedExecutor) -> None:
    """EXITED_EXECUTOR of an agent; what becomes of the tasks the agent tells by itself."""
    context.metrics.count("messages_exited_executor")
    framework_id, executor_id = call.framework_id.value, call.executor_id.value
    if not holdings.remove_executor(context, agent, framework_id, executor_id, recover=True):
        return
    framework = context.state.frameworks.get(framework_id)
    if framework is not None:
        event = scheduler_events.executor_failure(agent.agent_id, executor_id, call.status)
        context.tell(framework, event)
