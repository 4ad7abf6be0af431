"""All metrics of the master, by the names that they have in ``/metrics/snapshot``.

What events change is counted in :mod:`mesos_compat.master.metrics`; what can be read off the
state is read here; the allocator has its own; and what only the shell can measure, it gives.
The names are Mesos's older ones, in which agents are slaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mesos_compat.master.metrics import framework_prefix
from mesos_compat.master.state import (
    TERMINAL_OPERATION_STATES,
    TERMINAL_STATES,
    Framework,
    MasterState,
)
from mesos_compat.master.views.view import View
from mesos_compat.resources import Resources
from mesos_compat.resources.values import to_double
from mesos_compat.wire.v1 import mesos_pb2

_Operation = mesos_pb2.Offer.Operation

_NS_PER_SECOND: Final = 1_000_000_000
_RESOURCES: Final = ("cpus", "gpus", "mem", "disk")
_TASK_STATES: Final = {
    "staging": mesos_pb2.TASK_STAGING,
    "starting": mesos_pb2.TASK_STARTING,
    "running": mesos_pb2.TASK_RUNNING,
    "killing": mesos_pb2.TASK_KILLING,
}
_ACTIVE_STATES: Final = {
    name.lower(): number
    for name, number in mesos_pb2.TaskState.items()
    if number not in TERMINAL_STATES
}
_ENDED: Final = ("finished", "failed", "error", "dropped", "gone_by_operator")
_OPERATION_STATES: Final = ("pending", "recovering", "unreachable", *_ENDED)
# Launches are counted as tasks.
_OPERATION_TYPES: Final = tuple(
    name.lower()
    for name, number in _Operation.Type.items()
    if number not in (_Operation.UNKNOWN, _Operation.LAUNCH, _Operation.LAUNCH_GROUP)
)


def snapshot(view: View) -> dict[str, float]:
    """Everything, sorted by name."""
    found = view.counters.counters()
    found.update(_cluster(view))
    found.update(_tasks(view.state))
    found.update(_resources(view.state))
    found.update(_operations(view))
    found.update(_registrar(view))
    found.update((name, float(value)) for name, value in view.allocator.metrics().items())
    found.update(_frameworks(view))
    found.update(view.measured)
    return {name: found[name] for name in sorted(found)}


def counter_names(view: View) -> frozenset[str]:
    """Those that only grow; all others are as they are now."""
    names = {name for name in view.counters.counters() if name.startswith("master/")}
    names.update(name for name, _ in _operation_counters(view) if name.endswith(_ENDED))
    names.add("allocator/mesos/allocation_runs")
    if view.settings.publish_per_framework_metrics:
        for framework in view.state.frameworks.values():
            names.update(view.counters.of_framework(framework.info))
    return frozenset(names)


def _cluster(view: View) -> Iterator[tuple[str, float]]:
    state = view.state
    yield "master/elected", float(state.elected_ns is not None)
    yield "master/uptime_secs", (view.now.wall_ns - state.started_ns) / _NS_PER_SECOND
    agents, frameworks = state.agents.values(), state.frameworks.values()
    connected = sum(agent.is_connected for agent in agents)
    active = sum(agent.is_active for agent in agents)
    yield "master/slaves_connected", float(connected)
    yield "master/slaves_disconnected", float(len(agents) - connected)
    yield "master/slaves_active", float(active)
    yield "master/slaves_inactive", float(len(agents) - active)
    yield "master/slaves_unreachable", float(len(state.unreachable_agents))
    connected = sum(framework.is_connected for framework in frameworks)
    # A framework that is connected is active, there is no third way.
    for up, down in (("connected", "disconnected"), ("active", "inactive")):
        yield f"master/frameworks_{up}", float(connected)
        yield f"master/frameworks_{down}", float(len(frameworks) - connected)
    yield "master/outstanding_offers", float(len(state.offers))
    yield "master/operator_event_stream_subscribers", float(len(state.subscribers))
    # An event is taken when it comes, so nothing ever waits.
    for what in ("messages", "dispatches", "http_requests"):
        yield f"master/event_queue_{what}", 0.0
    yield "allocator/event_queue_dispatches", 0.0
    for framework in frameworks:
        # Messages of libprocess are counted in these, and no framework speaks that to this master.
        if framework.principal is not None:
            for what in ("processed", "received"):
                yield f"frameworks/{framework.principal}/messages_{what}", 0.0


def _tasks(state: MasterState) -> Iterator[tuple[str, float]]:
    counts = Counter[int](
        task.message.state
        for agent in state.agents.values()
        for tasks in agent.tasks.values()
        for task in tasks.values()
    )
    unreachable = sum(
        task.message.state == mesos_pb2.TASK_UNREACHABLE
        for framework in state.frameworks.values()
        for task in framework.unreachable_tasks.values()
    )
    for name, number in _TASK_STATES.items():
        yield f"master/tasks_{name}", float(counts[number])
    yield "master/tasks_unreachable", float(unreachable)


class _Sums:
    """Amounts of the usual resources in thousandths, firm and revocable."""

    __slots__ = ("firm", "revocable")

    def __init__(self) -> None:
        self.firm = dict.fromkeys(_RESOURCES, 0)
        self.revocable = dict.fromkeys(_RESOURCES, 0)

    def add(self, resources: Resources) -> None:
        for kind, amount in resources.kinds():
            if kind.is_scalar and kind.name in self.firm:
                sums = self.revocable if kind.revocable else self.firm
                sums[kind.name] += kind.thousandths(amount)


def _resources(state: MasterState) -> Iterator[tuple[str, float]]:
    total, used = _Sums(), _Sums()
    for agent in state.agents.values():
        total.add(agent.total)
        # Added up first: a shared volume counts once, whoever uses it.
        used.add(sum(agent.used.values(), Resources()))
    for name in _RESOURCES:
        for suffix, all_of, part in (
            ("", total.firm[name], used.firm[name]),
            ("_revocable", total.revocable[name], used.revocable[name]),
        ):
            key = f"master/{name}{suffix}"
            yield f"{key}_total", to_double(all_of)
            yield f"{key}_used", to_double(part)
            yield f"{key}_percent", part / all_of if all_of else 0.0
        if total.firm[name] + total.revocable[name]:
            allocated = used.firm[name] + used.revocable[name]
            ratio = allocated / (total.firm[name] + total.revocable[name])
            yield f"mesozoic/resource_allocation_ratio/{name}", ratio
    yield from _utilization(state)


def _utilization(state: MasterState) -> Iterator[tuple[str, float]]:
    """What containers really use of all there is, as agents have measured it."""
    total = sum((agent.total for agent in state.agents.values()), Resources())
    cpus, mem = total.amount("cpus") / 1000, total.amount("mem") / 1000 * (1 << 20)
    agents = state.agents.values()
    if cpus:
        yield (
            "mesozoic/resource_utilization/cpus",
            sum(agent.cpus_measured for agent in agents) / cpus,
        )
    if mem:
        yield (
            "mesozoic/resource_utilization/mem",
            sum(agent.mem_measured_bytes for agent in agents) / mem,
        )


def _operation_counters(view: View) -> Iterator[tuple[str, int]]:
    for prefix in ("", *(f"{name}/" for name in _OPERATION_TYPES)):
        for state in _OPERATION_STATES:
            key = f"operations/{prefix}{state}"
            yield f"master/{key}", view.counters.value(key)


def _operations(view: View) -> Iterator[tuple[str, float]]:
    """How operations ended, with those that have not ended yet by the state that they are in."""
    counts = Counter(dict(_operation_counters(view)))
    for agent in view.state.agents.values():
        for operation in agent.operations.values():
            latest = operation.message.latest_status.state
            if latest in TERMINAL_OPERATION_STATES:
                continue
            name = mesos_pb2.OperationState.Name(latest).removeprefix("OPERATION_").lower()
            kind = _Operation.Type.Name(operation.message.info.type).lower()
            counts[f"master/operations/{name}"] += 1
            counts[f"master/operations/{kind}/{name}"] += 1
    for prefix in ("", *(f"{name}/" for name in _OPERATION_TYPES)):
        names = [f"master/operations/{prefix}{state}" for state in _OPERATION_STATES]
        yield f"master/operations/{prefix}total", float(sum(counts[name] for name in names))
        for name in names:
            yield name, float(counts[name])


def _registrar(view: View) -> Iterator[tuple[str, float]]:
    yield "registrar/queued_operations", float(view.registrar.queued)
    if view.state.is_recovered:
        size_bytes = view.registrar.tables.message().ByteSize()
        yield "registrar/registry_size_bytes", float(size_bytes)


def _frameworks(view: View) -> Iterator[tuple[str, float]]:
    if view.settings.publish_per_framework_metrics:
        for framework in view.state.frameworks.values():
            yield from view.counters.of_framework(framework.info).items()
            prefix = framework_prefix(framework.info)
            for name, value in _of_framework(framework):
                yield f"{prefix}/{name}", value


def _of_framework(framework: Framework) -> Iterator[tuple[str, float]]:
    yield "subscribed", float(framework.is_connected)
    for role in framework.roles:
        yield f"roles/{role}/suppressed", float(role in framework.suppressed_roles)
    counts = Counter[int](
        task.message.state
        for tasks in (framework.tasks, framework.unreachable_tasks)
        for task in tasks.values()
    )
    for name, number in _ACTIVE_STATES.items():
        yield f"tasks/active/{name}", float(counts[number])
