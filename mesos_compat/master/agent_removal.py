"""How agents go: removed, marked unreachable, marked gone.

Source: ``Master::removeSlave``, ``markUnreachable``, ``markGone`` and ``__removeSlave``. Each is
stored first; then the tasks there end in a state that says what is known of them, and all
frameworks hear that the agent has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mesos_compat.master import (
    agent_events,
    holdings,
    inverse_offers,
    operations,
    scheduler_events,
    statuses,
    stream,
    tasks,
)
from mesos_compat.master import offers as offering
from mesos_compat.master.actions import CloseAgent
from mesos_compat.master.context import Context
from mesos_compat.master.registry import MarkGone, MarkUnreachable, RemoveAgent
from mesos_compat.master.state import (
    TERMINAL_STATES,
    Agent,
    Framework,
    Task,
    UnreachableAgent,
)
from mesos_compat.master.timers import Timer, TimerKind
from mesos_compat.master.validation.maintenance import machine_key
from mesos_compat.wire.v1 import mesos_pb2

_Status = mesos_pb2.TaskStatus

GONE_TEXT = "Agent has been marked gone"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of the tasks and operations of an agent that goes."""

    message: str
    # Of tasks of PARTITION_AWARE frameworks; those of others are lost.
    state: mesos_pb2.TaskState
    reason: mesos_pb2.TaskStatus.Reason
    operation_state: mesos_pb2.OperationState
    # When the agent became unreachable, if that is what has happened; its tasks may come back.
    unreachable_ns: int | None = None


def remove(context: Context, agent: Agent, why: str, cause: str | None = None) -> None:
    """The agent has ended; ``cause`` is what it is counted under."""
    state, agent_id = context.state, agent.agent_id
    if agent_id in state.removing:
        return
    state.removing[agent_id] = None
    context.store(RemoveAgent(agent_id), lambda _changed: _removed(context, agent_id, why, cause))


def _removed(context: Context, agent_id: str, why: str, cause: str | None) -> None:
    del context.state.removing[agent_id]
    agent = context.state.agents.get(agent_id)
    if agent is None:
        return
    context.metrics.count("slave_removals")
    if cause is not None:
        context.metrics.count(f"slave_removals/reason_{cause}")
    fate = Fate(
        f"Agent {agent.info.hostname} removed: {why}",
        mesos_pb2.TASK_LOST,
        _Status.REASON_AGENT_REMOVED,
        mesos_pb2.OPERATION_UNKNOWN,
    )
    _take_down(context, agent, fate)
    stream.agent_removed(context, agent_id)


def mark_unreachable(context: Context, agent_id: str, why: str) -> None:
    """A registered or recovered agent is given up; it may come back."""
    state = context.state
    if agent_id in state.marking_unreachable:
        return
    state.marking_unreachable[agent_id] = None
    time_ns = context.now.wall_ns
    context.store(
        MarkUnreachable(agent_id, time_ns),
        lambda _changed: _marked_unreachable(context, agent_id, why, time_ns),
    )


def _marked_unreachable(context: Context, agent_id: str, why: str, time_ns: int) -> None:
    state, metrics = context.state, context.metrics
    del state.marking_unreachable[agent_id]
    recovered = state.recovered_agents.pop(agent_id, None)
    agent = state.agents.get(agent_id)
    if recovered is not None:
        metrics.count("recovery_slave_removals")
        state.unreachable_agents[agent_id] = UnreachableAgent(
            time_ns, recovered.drain_info, recovered.is_deactivated
        )
        context.note(agent_id, f"unreachable: {why}")
        _tell_failure(context, agent_id)
    elif agent is not None:
        for name in (
            "slave_unreachable_completed",
            "slave_shutdowns_completed",
            "slave_removals",
            "slave_removals/reason_unhealthy",
        ):
            metrics.count(name)
        state.unreachable_agents[agent_id] = UnreachableAgent(
            time_ns, agent.drain_info, agent.is_deactivated
        )
        fate = Fate(
            why,
            mesos_pb2.TASK_UNREACHABLE,
            _Status.REASON_AGENT_REMOVED,
            mesos_pb2.OPERATION_UNREACHABLE,
            unreachable_ns=time_ns,
        )
        _take_down(context, agent, fate)


def mark_gone(context: Context, agent_id: str, then: Callable[[], None]) -> None:
    """An operator says that an agent will never be back; ``then`` follows when that is stored."""
    state = context.state
    state.marking_gone[agent_id] = None
    time_ns = context.now.wall_ns

    def marked(_changed: bool) -> None:
        _marked_gone(context, agent_id, time_ns)
        then()

    context.store(MarkGone(agent_id, time_ns), marked)


def _marked_gone(context: Context, agent_id: str, time_ns: int) -> None:
    state = context.state
    del state.marking_gone[agent_id]
    state.gone_agents[agent_id] = time_ns
    was_recovered = state.recovered_agents.pop(agent_id, None) is not None
    state.unreachable_agents.pop(agent_id, None)
    fate = Fate(
        GONE_TEXT,
        mesos_pb2.TASK_GONE_BY_OPERATOR,
        _Status.REASON_AGENT_REMOVED_BY_OPERATOR,
        mesos_pb2.OPERATION_GONE_BY_OPERATOR,
    )
    agent = state.agents.get(agent_id)
    if agent is not None:
        context.metrics.count("slave_removals")
        context.tell_agent(agent, agent_events.shutdown(GONE_TEXT))
        _take_down(context, agent, fate)
        return
    context.note(agent_id, GONE_TEXT)
    for framework in state.frameworks.values():
        for task in list(framework.unreachable_tasks.values()):
            if task.agent_id == agent_id:
                _end_unreachable(context, framework, task, fate)
    if was_recovered:
        _tell_failure(context, agent_id)


def _end_unreachable(context: Context, framework: Framework, task: Task, fate: Fate) -> None:
    """A task that could have come back will not."""
    status = _status(context, framework, task, fate)
    del framework.unreachable_tasks[task.task_id]
    tasks.update(context, task, status)
    tasks.complete(framework, task.message)
    tasks.forward(context, framework, status)


def _status(context: Context, framework: Framework, task: Task, fate: Fate) -> mesos_pb2.TaskStatus:
    is_aware = framework.is_partition_aware
    status = statuses.make_of(
        context,
        task,
        fate.state if is_aware else mesos_pb2.TASK_LOST,
        fate.message,
        fate.reason if is_aware else _Status.REASON_AGENT_REMOVED,
    )
    if fate.unreachable_ns is not None:
        status.unreachable_time.nanoseconds = fate.unreachable_ns
    return status


def _take_down(context: Context, agent: Agent, fate: Fate) -> None:
    """Forget an agent that was registered, and all that was there."""
    state, agent_id = context.state, agent.agent_id
    context.note(agent_id, f"down: {fate.message}")
    context.allocator.remove_agent(agent_id)
    for framework_id in list(agent.tasks):
        framework = state.frameworks[framework_id]
        for task in list(agent.tasks[framework_id].values()):
            if task.message.state in TERMINAL_STATES:
                # The framework was told what became of it.
                tasks.remove(context, task)
                continue
            status = _status(context, framework, task, fate)
            is_unreachable = fate.unreachable_ns is not None
            tasks.end(context, task, status, unreachable=is_unreachable)
    for framework_id in list(agent.executors):
        for executor_id in list(agent.executors[framework_id]):
            holdings.remove_executor(context, agent, framework_id, executor_id, recover=False)
    offering.rescind_all(context, agent.offers.values())
    inverse_offers.withdraw_all(context, agent.inverse_offers.values())
    operations.end_all(context, agent.operations.values(), fate.operation_state, fate.message)
    _forget(context, agent)
    _tell_failure(context, agent_id)


def _forget(context: Context, agent: Agent) -> None:
    state, agent_id = context.state, agent.agent_id
    if agent.route is not None:
        del state.agent_routes[agent.route]
        context.emit(CloseAgent(agent.route))
        agent.route, agent.stream_id = None, ""
    for kind in (TimerKind.AGENT_PING, TimerKind.AGENT_REREGISTER):
        context.timers.cancel(Timer(kind, agent_id))
    state.doomed_agents.pop(agent_id, None)
    key = machine_key(agent.machine_id)
    machine = state.machines[key]
    del machine.agent_ids[agent_id]
    if not machine.agent_ids and machine.info.mode == mesos_pb2.MachineInfo.UP:
        del state.machines[key]
    if state.agents_by_pid.get(agent.pid) == agent_id:
        del state.agents_by_pid[agent.pid]
    del state.agents[agent_id]


def _tell_failure(context: Context, agent_id: str) -> None:
    """FAILURE to everybody, whether they had anything there or not."""
    for framework in context.state.frameworks.values():
        context.tell(framework, scheduler_events.agent_failure(agent_id))
