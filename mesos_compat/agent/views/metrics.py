"""All metrics of the agent, by the names that they have in ``/metrics/snapshot``.

What events change is counted in :mod:`mesos_compat.agent.metrics`; what can be read off the
state is read here; and what only the shell can measure, it gives. The names are Mesos's older
ones, in which agents are slaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mesos_compat.agent.state import ExecutorState, Phase
from mesos_compat.agent.views.view import View
from mesos_compat.master.views import prometheus
from mesos_compat.resources import Resources
from mesos_compat.resources.values import to_double
from mesos_compat.wire.v1 import mesos_pb2

_NS_PER_SECOND: Final = 1_000_000_000
_RESOURCES: Final = ("cpus", "disk", "gpus", "mem")
_TASK_STATES: Final = {
    "staging": mesos_pb2.TASK_STAGING,
    "starting": mesos_pb2.TASK_STARTING,
    "running": mesos_pb2.TASK_RUNNING,
    "killing": mesos_pb2.TASK_KILLING,
}
_EXECUTOR_STATES: Final = {
    "registering": ExecutorState.REGISTERING,
    "running": ExecutorState.RUNNING,
    "terminating": ExecutorState.TERMINATING,
}


def snapshot(view: View) -> dict[str, float]:
    """Everything, sorted by name."""
    found = {name: float(value) for name, value in view.counters}
    found.update(_agent(view))
    found.update(_tasks(view))
    found.update(_resources(view))
    found.update(view.measured)
    return {name: found[name] for name in sorted(found)}


def as_prometheus(view: View) -> str:
    """Everything, as Prometheus reads it."""
    return prometheus.text(snapshot(view), frozenset(name for name, _ in view.counters))


def _agent(view: View) -> Iterator[tuple[str, float]]:
    state = view.state
    started_ns = view.now.wall_ns if state.started_ns is None else state.started_ns
    yield "slave/uptime_secs", (view.now.wall_ns - started_ns) / _NS_PER_SECOND
    yield "slave/registered", float(state.phase is Phase.RUNNING)
    if state.phase is not Phase.RECOVERING:
        yield "slave/recovery_time_secs", state.recovery_ms / 1000
    yield "slave/frameworks_active", float(len(state.frameworks))
    counts = Counter(executor.state for executor in state.executors())
    for name, executor_state in _EXECUTOR_STATES.items():
        yield f"slave/executors_{name}", float(counts[executor_state])


def _tasks(view: View) -> Iterator[tuple[str, float]]:
    counts = Counter[int](
        task.message.state for executor in view.state.executors() for task in executor.tasks()
    )
    for name, state in _TASK_STATES.items():
        yield f"slave/tasks_{name}", float(counts[state])


def _resources(view: View) -> Iterator[tuple[str, float]]:
    total = view.state.total
    used = sum((executor.allocated for executor in view.state.executors()), Resources())
    for suffix, all_of, part in (
        ("", total.nonrevocable(), used.nonrevocable()),
        ("_revocable", total.revocable(), used.revocable()),
    ):
        for name in _RESOURCES:
            there, taken = all_of.amount(name), part.amount(name)
            yield f"slave/{name}{suffix}_total", to_double(there)
            yield f"slave/{name}{suffix}_used", to_double(taken)
            yield f"slave/{name}{suffix}_percent", taken / there if there else 0.0
