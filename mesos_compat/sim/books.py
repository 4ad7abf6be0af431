"""What is used, offered and allowed, worked out anew and compared with what masters believe."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from mesos_compat.agent.state import ExecutorState, TaskKey
from mesos_compat.master.state import Agent
from mesos_compat.resources import Resources
from mesos_compat.resources.convert import needs_checkpointing
from mesos_compat.sim.world import Violation
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

if TYPE_CHECKING:
    from mesos_compat.sim.agents import SimAgent
    from mesos_compat.sim.masters import SimMaster


def brief(event: scheduler_pb2.Event) -> str:
    """What of an event is worth a place in the trace."""
    if event.HasField("offers"):
        return " ".join(f"{one.id.value}@{one.agent_id.value}" for one in event.offers.offers)
    if event.HasField("rescind"):
        return event.rescind.offer_id.value
    if event.HasField("update"):
        status = event.update.status
        return f"{status.task_id.value} {mesos_pb2.TaskState.Name(status.state)}"
    return ""


# Masters.


def compare(master: SimMaster) -> None:
    """What a master says is used and offered is what its allocator believes to be held."""
    state, ledger = master.core.state, master.allocator._ledger
    if sorted(ledger.agents) != sorted(state.agents):
        raise Violation("books", f"agents {sorted(ledger.agents)} and {sorted(state.agents)}")
    for agent_id, agent in state.agents.items():
        known = ledger.agents[agent_id]
        held = {key: one.resources for key, one in known.held.items()}
        ours = _held(agent)
        if ours != held:
            raise Violation("books", f"{agent_id}: master {ours}, allocator {held}")
        if known.active != agent.is_active:
            raise Violation("books", f"{agent_id}: active {agent.is_active} and {known.active}")


def _held(agent: Agent) -> dict[tuple[str, str], Resources]:
    """By role and framework, what it uses and is offered of an agent."""
    found: dict[tuple[str, str], Resources] = {}
    parts = [*agent.used.items()]
    parts += [(offer.framework_id, offer.resources) for offer in agent.offers.values()]
    for framework_id, resources in parts:
        for role, allocated in resources.allocations().items():
            key = role, framework_id
            found[key] = found.get(key, Resources()) + allocated.unallocate()
    return found


def _top(role: str) -> str:
    return role.partition("/")[0]


def _is_plain(resource: mesos_pb2.Resource) -> bool:
    return (
        resource.type == mesos_pb2.Value.SCALAR
        and not resource.reservations
        and not resource.HasField("revocable")
    )


def _amounts(resources: Iterable[mesos_pb2.Resource], *, plain: bool) -> dict[str, int]:
    """Thousandths by name, of plain resources or of reserved ones."""
    sums: dict[str, int] = {}
    for one in resources:
        if one.type != mesos_pb2.Value.SCALAR or _is_plain(one) != plain:
            continue
        sums[one.name] = sums.get(one.name, 0) + round(one.scalar.value * 1000)
    return sums


def consumed(master: SimMaster, role: str) -> dict[str, int]:
    """Thousandths that a top-level role has reserved, or uses and is offered of the rest."""
    sums: dict[str, int] = {}
    for agent in master.core.state.agents.values():
        reserved = [one for one in agent.total if one.reservations and _role_of(one) == role]
        parts = [_amounts(reserved, plain=False)]
        for (its, _framework_id), resources in _held(agent).items():
            if _top(its) == role:
                parts.append(_amounts(resources, plain=True))
        for part in parts:
            for name, amount in part.items():
                sums[name] = sums.get(name, 0) + amount
    return sums


def _role_of(resource: mesos_pb2.Resource) -> str:
    return _top(resource.reservations[-1].role)


def check_quotas(master: SimMaster, offers: list[mesos_pb2.Offer]) -> None:
    """Nothing is offered beyond the limits of quotas."""
    state = master.core.state
    # The messages may be in the older format, in which a reservation is a role.
    made = [state.offers[one.id.value] for one in offers if one.id.value in state.offers]
    for role, config in state.quotas.items():
        named: dict[str, None] = {}
        for offer in made:
            if _top(offer.role) == role:
                named.update(dict.fromkeys(_amounts(offer.resources, plain=True)))
        if not named:
            continue
        has = consumed(master, role)
        for name in named:
            if name not in config.limits:
                continue
            limit = round(config.limits[name].value * 1000)
            if has.get(name, 0) > limit:
                raise Violation("quota", f"{role} has {has[name]} of {name}, not {limit}")


# Agents.


def check_use(agent: SimAgent, unwanted: Container[TaskKey]) -> None:
    """What runs on an agent and is not about to end uses no more than there is.

    ``unwanted`` are tasks that the master has given up, and ends now that the agent is back: as
    in Mesos what they use may be offered at once.
    """
    if agent.core is None:
        return
    state = agent.core.state
    used, users = Resources(), []
    for framework in state.frameworks.values():
        if framework.is_terminating:
            continue
        for executor in framework.executors.values():
            if executor.state in (ExecutorState.TERMINATED, ExecutorState.TERMINATING):
                continue
            for task in (*executor.queued.values(), *executor.launched.values()):
                if TaskKey(framework.framework_id, task.task_id) not in unwanted:
                    used = used + task.resources
                    users.append(task.task_id)
            if not executor.is_generated:
                used = used + executor.resources
                users.append(executor.executor_id)
    plain = used.unallocate().filter(lambda one: not needs_checkpointing(one))
    if not state.total.contains(plain):
        raise Violation("use", f"{agent.name} has {state.total}, and {plain} is used by {users}")


def running_on(agent: SimAgent) -> list[TaskKey]:
    """The tasks that an agent believes to be running."""
    if agent.core is None:
        return []
    return [
        TaskKey(framework.framework_id, task_id)
        for framework in agent.core.state.frameworks.values()
        for executor in framework.executors.values()
        for task_id in executor.launched
    ]


def free_of_offers(agent: Agent) -> dict[str, int]:
    """Thousandths of an agent's plain resources that nobody uses or is offered."""
    free = _amounts(agent.total, plain=True)
    for resources in _held(agent).values():
        for name, amount in _amounts(resources, plain=True).items():
            free[name] = free.get(name, 0) - amount
    return free
