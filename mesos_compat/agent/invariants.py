"""What must hold of an agent after every step."""

from __future__ import annotations

from mesos_compat.agent.state import AgentState, Executor, ExecutorState, Framework
from mesos_compat.errors import invariant


def check_all(state: AgentState) -> None:
    """Stop loudly when what the agent knows does not fit together."""
    for framework in state.frameworks.values():
        for executor in framework.executors.values():
            _check_executor(state, framework, executor)
        for task_id, executor in framework.holders.items():
            invariant(
                executor.find(task_id) is not None
                and framework.executors.get(executor.executor_id) is executor,
                "a task's executor has it",
                task_id=task_id,
            )
    for route, executor in state.executor_routes.items():
        invariant(executor.route == route, "a stream belongs to its executor", route=route)
    for key, stream in state.update_streams.items():
        for uuid in (pending.uuid for pending in stream.pending):
            invariant(uuid in stream.received, "a status that waits has come", key=key)
        stored = [pending.is_stored for pending in stream.pending]
        invariant(
            stored == sorted(stored, reverse=True), "statuses are stored in their order", key=key
        )
    for container_id in state.containers:
        above = container_id[:-1]
        invariant(
            len(above) <= 1 or above in state.containers,
            "a nested container has a parent",
            container_id=container_id,
        )


def _check_executor(state: AgentState, framework: Framework, executor: Executor) -> None:
    name = executor.key
    is_gone = executor.state is ExecutorState.TERMINATED
    known = state.executors_by_container.get(executor.container_id)
    invariant((known is None) == is_gone, "who is not gone has a container id", executor=name)
    invariant(not is_gone or executor.route is None, "who is gone is not there", executor=name)
    invariant(
        executor.state is not ExecutorState.RUNNING or executor.has_container,
        "who runs has a container",
        executor=name,
    )
    places = [*executor.queued, *executor.launched, *executor.terminated]
    invariant(len(places) == len(dict.fromkeys(places)), "a task is in one place", executor=name)
    for task_id in places:
        invariant(framework.holders.get(task_id) is executor, "a task is known", task_id=task_id)
    for task in (*executor.queued.values(), *executor.launched.values()):
        invariant(not task.is_terminal, "what is not over can go on", task_id=task.task_id)
    for task in executor.terminated.values():
        invariant(task.is_terminal, "what is over does not go on", task_id=task.task_id)
    waiting = [task_id for one in executor.queue for task_id in one.task_ids]
    for task_id in executor.queued:
        invariant(task_id in waiting, "what is queued will be delivered", task_id=task_id)
