"""When nothing goes wrong any more, everything has to come right, within a bound.

All agents are registered and schedulers subscribed, all tasks are over and their frameworks
know it, all operations are done, masters and agents believe the same; and then, when nobody
gives offers back, all that is free is offered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mesos_compat.agent.state import Phase
from mesos_compat.sim import books, orders
from mesos_compat.sim.answers import OPERATION_OVER
from mesos_compat.sim.world import Violation
from mesos_compat.wire.v1 import mesos_pb2

if TYPE_CHECKING:
    from mesos_compat.sim.agents import SimAgent
    from mesos_compat.sim.cluster import Cluster
    from mesos_compat.sim.masters import SimMaster
    from mesos_compat.sim.schedulers import Launched, SimScheduler

#: How often it is looked whether all is well, and how often operators set things right.
_LOOK_MS: Final = 200
_OPERATE_MS: Final = 2_000
#: How long it may take beside what time-outs take.
_FIXED_MS: Final = 40_000
#: Of operations that are lost with a call nobody knows anything.
_OPERATION_SETTLED: Final = (*OPERATION_OVER, mesos_pb2.OPERATION_UNKNOWN)
#: What is less than this of both need not be offered, in thousandths.
_CPUS_MIN: Final = 10
_MEM_MIN: Final = 32_000


def converge(cluster: Cluster) -> None:
    """Heal everything, and run until all is well; raises :class:`Violation` if it never is."""
    cluster.heal()
    knobs, world = cluster.knobs, cluster.world
    bound_ms = (
        _FIXED_MS
        + 2 * knobs.reregister_timeout_ms
        + 2 * knobs.ping_timeout_ms * knobs.pings_max
        + knobs.removal_rate_ms * 2 * knobs.agents
        + 2 * (knobs.task_ms + knobs.backoff_max_ms + knobs.retry_max_ms)
        + 4 * (knobs.reconcile_ms + knobs.store_timeout_ms)
    )
    _run_until(cluster, bound_ms, missing)
    began_ms = world.now_ms
    cluster.is_hoarding = True
    for scheduler in cluster.schedulers:
        for offer_id in list(scheduler.offers):
            del scheduler.offers[offer_id]
    _run_until(cluster, bound_ms, not_offered)
    world.note("sim", "converged", f"offered after {world.now_ms - began_ms} ms")


def _run_until(cluster: Cluster, bound_ms: int, look: Callable[[Cluster], str]) -> None:
    world = cluster.world
    began_ms, operated_ms, why = world.now_ms, -_OPERATE_MS, "never looked"
    while world.now_ms < began_ms + bound_ms:
        if world.now_ms - operated_ms >= _OPERATE_MS:
            operated_ms = world.now_ms
            _set_right(cluster)
        world.run_until(world.now_ms + _LOOK_MS)
        why = look(cluster)
        if not why:
            return
    raise Violation("liveness", f"{bound_ms} ms after everything healed: {why}")


def _set_right(cluster: Cluster) -> None:
    """Operators take back all that keeps agents from being used."""
    cluster.operate(orders.no_quota())
    for agent in cluster.agents:
        for call in orders.end_of_maintenance(agent.hostname, agent.number):
            cluster.operate(call)
        if agent.agent_id:
            cluster.operate(orders.reactivate(agent.agent_id))
    # As in Mesos, a framework that ended with its master has no failover timeout: the next master
    # knows it from agents, and only an operator can say that it will not be back.
    if cluster.leader is not None:
        ours = [scheduler.framework_id for scheduler in cluster.schedulers]
        for framework in list(cluster.leader.core.state.frameworks.values()):
            if framework.is_recovered and framework.framework_id not in ours:
                cluster.operate(orders.teardown(framework.framework_id))


def missing(cluster: Cluster) -> str:
    """What is not in order yet; empty when everything is."""
    leader = cluster.leader
    if leader is None or not leader.is_ready:
        return "no master leads"
    state = leader.core.state
    if state.recovered_agents:
        return f"agents {list(state.recovered_agents)} have not come back"
    reasons = [_agent_missing(leader, agent) for agent in cluster.agents]
    reasons += [_scheduler_missing(leader, scheduler) for scheduler in cluster.schedulers]
    if len(state.agents) != len(cluster.agents):
        reasons.append(f"agents {list(state.agents)} are registered")
    if len(state.frameworks) != len(cluster.schedulers):
        reasons.append(f"frameworks {list(state.frameworks)} are there")
    return next((why for why in reasons if why), "")


def _agent_missing(leader: SimMaster, agent: SimAgent) -> str:
    core = agent.core
    if core is None or core.state.phase is not Phase.RUNNING:
        return f"{agent.name} is not registered"
    known = leader.core.state.agents.get(agent.agent_id)
    if known is None or not known.is_active:
        return f"{agent.name}, {agent.agent_id}, is not active"
    if known.total != core.state.total:
        return f"{agent.name}: master {known.total}, agent {core.state.total}"
    if known.tasks or known.used or known.executors:
        tasks = [task_id for tasks in known.tasks.values() for task_id in tasks]
        return f"{agent.name}: the master has {tasks} {list(known.executors)} {list(known.used)}"
    if core.state.frameworks or core.state.update_streams:
        return f"{agent.name} has {list(core.state.frameworks)}"
    if known.operations or core.state.operations:
        return f"{agent.name}: operations {len(known.operations)} {len(core.state.operations)}"
    return f"{agent.name} has executors left" if agent.running else ""


def _scheduler_missing(leader: SimMaster, scheduler: SimScheduler) -> str:
    framework = leader.core.state.frameworks.get(scheduler.framework_id)
    if not scheduler.is_connected or framework is None or not framework.is_connected:
        return f"{scheduler.name}, {scheduler.framework_id}, is not subscribed"
    gone = leader.core.state.unreachable_agents
    untold = [
        task_id
        for task_id in scheduler.unsettled
        if not _is_settled(scheduler.tasks[task_id], list(gone))
    ]
    if untold:
        return f"{scheduler.name} knows nothing of {untold}"
    lost = [one for one, task in framework.unreachable_tasks.items() if task.agent_id not in gone]
    if framework.tasks or framework.operations or lost:
        return f"{scheduler.name}: {list(framework.tasks)} {lost} {len(framework.operations)}"
    waiting = [one for one, its in scheduler.operations.items() if its not in _OPERATION_SETTLED]
    return f"{scheduler.name} waits for {waiting}" if waiting else ""


def _is_settled(task: Launched, gone: list[str]) -> bool:
    """Whether no more can be known of a task: nobody has it, or its agent never came back."""
    if task.state == mesos_pb2.TASK_UNREACHABLE:
        return task.agent_id in gone
    return task.state == mesos_pb2.TASK_UNKNOWN


def not_offered(cluster: Cluster) -> str:
    """What is free and nobody is offered; empty when everything is."""
    why = missing(cluster)
    if why or cluster.scenario.allocator == "capacity":
        # A queue's users may be kept below all that there is.
        return why
    leader = cluster.leader
    if leader is None:
        return "no master leads"
    for agent in leader.core.state.agents.values():
        free = books.free_of_offers(agent)
        if free.get("cpus", 0) >= _CPUS_MIN or free.get("mem", 0) >= _MEM_MIN:
            return f"{free} of {agent.agent_id} is offered to nobody"
    return ""
