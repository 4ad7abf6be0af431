"""Whether the master's books agree with each other; for tests and simulations.

Every task, offer and operation is written down in more than one place, so that it is found
quickly from all sides. The allocator keeps its own books, which are checked by itself.
"""

from __future__ import annotations

from mesos_compat.errors import invariant
from mesos_compat.master import holdings
from mesos_compat.master.state import Agent, Framework, MasterState
from mesos_compat.resources import Resources


def check(state: MasterState) -> None:
    """Raise :class:`~mesos_compat.errors.InvariantBroken` when they do not."""
    for agent in state.agents.values():
        _check_agent(state, agent)
    for framework in state.frameworks.values():
        _check_framework(state, framework)
    for offer in state.offers.values():
        invariant(
            state.frameworks[offer.framework_id].offers.get(offer.offer_id) is offer
            and state.agents[offer.agent_id].offers.get(offer.offer_id) is offer,
            "an offer is known to its framework and its agent",
            offer_id=offer.offer_id,
        )


def _check_agent(state: MasterState, agent: Agent) -> None:
    agent_id = agent.agent_id
    used = Resources()
    for framework_id, tasks in agent.tasks.items():
        for task in tasks.values():
            invariant(
                state.frameworks[framework_id].tasks.get(task.task_id) is task,
                "a task on an agent is its framework's",
                agent_id=agent_id,
                task_id=task.task_id,
            )
            if task.holds_resources:
                used = used + task.resources
    for executors in agent.executors.values():
        for executor in executors.values():
            used = used + Resources(executor.resources)
    counted = sum(agent.used.values(), Resources())
    invariant(
        counted == used,
        "what is used is what tasks and executors use",
        agent_id=agent_id,
        counted=counted,
        used=used,
    )
    _check_total(agent, used)
    invariant(
        not agent.offers or agent.is_active,
        "only agents are offered that are there",
        agent_id=agent_id,
    )


def _check_total(agent: Agent, used: Resources) -> None:
    """Nothing is offered that is used, or is not there.

    A task may use what an agent does not have: when its reservation was lost on the way to the
    agent, so was the task, and the agent is about to say so.
    """
    total, taken = _exclusive(agent.total), _exclusive(used)
    offered = _exclusive(sum((offer.resources for offer in agent.offers.values()), Resources()))
    held = offered + taken if total.contains(taken) else offered
    invariant(
        total.contains(held),
        "no more is used and offered than there is",
        agent_id=agent.agent_id,
        held=held,
        total=total,
    )


def _exclusive(resources: Resources) -> Resources:
    """Without shared volumes, which may be used and offered more than once."""
    return resources.unallocate().nonshared()


def _check_framework(state: MasterState, framework: Framework) -> None:
    framework_id = framework.framework_id
    invariant(
        not framework.offers or framework.is_connected,
        "only connected frameworks have offers",
        framework_id=framework_id,
    )
    for task in framework.tasks.values():
        agent = state.agents.get(task.agent_id)
        invariant(
            agent is not None and agent.tasks.get(framework_id, {}).get(task.task_id) is task,
            "a framework's task is on a registered agent",
            framework_id=framework_id,
            task_id=task.task_id,
            agent_id=task.agent_id,
        )
    holders = [one for one in state.agents.values() if holdings.has_any(one, framework_id)]
    invariant(
        set(framework.agent_ids) == {agent.agent_id for agent in holders},
        "a framework's agents are those where there is anything of it",
        framework_id=framework_id,
        agent_ids=list(framework.agent_ids),
        holders=[agent.agent_id for agent in holders],
    )
    for task_id in framework.unreachable_tasks:
        invariant(
            task_id not in framework.tasks,
            "a task is reachable or not",
            framework_id=framework_id,
            task_id=task_id,
        )
