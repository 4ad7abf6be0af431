"""What operators want of the leading master, as calls of the operator API."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import master_pb2, mesos_pb2

if TYPE_CHECKING:
    from mesos_compat.sim.cluster import Cluster

Call = master_pb2.Call
#: Top-level roles, which may have quotas and weights.
ROLES: Final = ("r", "s")
_NS_PER_MS: Final = 1_000_000

#: In so many milliseconds, this call.
Timed = tuple[int, Call]


def make(cluster: Cluster, kind: str, one: int, for_ms: int, dice: random.Random) -> list[Timed]:
    """The calls that an order comes to; none when there is nobody whom it could concern."""
    agent = cluster.agent(one)
    agent_id = agent.agent_id
    match kind:
        case "quota":
            return [(0, _quota(dice))]
        case "no-quota":
            return [(0, no_quota())]
        case "weights":
            call = Call(type=Call.UPDATE_WEIGHTS)
            call.update_weights.weight_infos.add(
                role=dice.choice(ROLES), weight=dice.choice((1, 3))
            )
            return [(0, call)]
        case "maintenance":
            return _maintenance(agent.hostname, agent.number, for_ms, cluster)
        case "operator-teardown":
            framework_id = cluster.scheduler(one).framework_id
            return [(0, teardown(framework_id))] if framework_id else []
    return _about_agent(kind, agent_id, for_ms, dice) if agent_id else []


def _quota(dice: random.Random) -> Call:
    call = Call(type=Call.UPDATE_QUOTA)
    config = call.update_quota.quota_configs.add(role=dice.choice(ROLES))
    config.limits["cpus"].value = dice.choice((0, 1, 2, 4, 100))
    if dice.random() < 0.4:
        config.limits["mem"].value = dice.choice((64, 256))
    if dice.random() < 0.3 and config.limits["cpus"].value >= 1:
        config.guarantees["cpus"].value = 1
    call.update_quota.force = dice.random() < 0.7
    return call


def no_quota() -> Call:
    """Nobody has a quota any more."""
    call = Call(type=Call.UPDATE_QUOTA)
    for role in ROLES:
        call.update_quota.quota_configs.add(role=role)
    call.update_quota.force = True
    return call


def teardown(framework_id: str) -> Call:
    """A framework will not be back."""
    call = Call(type=Call.TEARDOWN)
    call.teardown.framework_id.value = framework_id
    return call


def reactivate(agent_id: str) -> Call:
    """An agent may be used again."""
    call = Call(type=Call.REACTIVATE_AGENT)
    call.reactivate_agent.agent_id.value = agent_id
    return call


def end_of_maintenance(hostname: str, number: int) -> list[Call]:
    """A machine may be used again, and nothing is planned any more."""
    machine = _machine(hostname, number)
    stop = Call(type=Call.STOP_MAINTENANCE)
    stop.stop_maintenance.machines.append(machine)
    clear = Call(type=Call.UPDATE_MAINTENANCE_SCHEDULE)
    clear.update_maintenance_schedule.schedule.SetInParent()
    return [stop, clear]


def _machine(hostname: str, number: int) -> mesos_pb2.MachineID:
    return mesos_pb2.MachineID(hostname=hostname, ip=f"10.0.0.{number + 1}")


def _maintenance(hostname: str, number: int, for_ms: int, cluster: Cluster) -> list[Timed]:
    machine = _machine(hostname, number)
    plan = Call(type=Call.UPDATE_MAINTENANCE_SCHEDULE)
    window = plan.update_maintenance_schedule.schedule.windows.add(machine_ids=[machine])
    window.unavailability.start.nanoseconds = cluster.world.wall_ns() + for_ms * _NS_PER_MS
    start = Call(type=Call.START_MAINTENANCE)
    start.start_maintenance.machines.append(machine)
    stop, clear = end_of_maintenance(hostname, number)
    return [(0, plan), (for_ms, start), (for_ms * 2, stop), (for_ms * 2 + 100, clear)]


def _about_agent(kind: str, agent_id: str, for_ms: int, dice: random.Random) -> list[Timed]:
    call = Call()
    match kind:
        case "drain":
            call.type = Call.DRAIN_AGENT
            call.drain_agent.agent_id.value = agent_id
            call.drain_agent.mark_gone = dice.random() < 0.3
            if dice.random() < 0.5:
                grace_ms = dice.choice((0, 100, 1_000))
                call.drain_agent.max_grace_period.FromMilliseconds(grace_ms)
        case "deactivate":
            call.type = Call.DEACTIVATE_AGENT
            call.deactivate_agent.agent_id.value = agent_id
            return [(0, call), (for_ms, reactivate(agent_id))]
        case "reactivate":
            return [(0, reactivate(agent_id))]
        case "mark-gone":
            call.type = Call.MARK_AGENT_GONE
            call.mark_agent_gone.agent_id.value = agent_id
        case _:
            _reservation(call, kind, agent_id, dice)
    return [(0, call)]


def _reservation(call: Call, kind: str, agent_id: str, dice: random.Random) -> None:
    (resource,) = Resources.parse("cpus:1")
    reservation = resource.reservations.add()
    reservation.type = mesos_pb2.Resource.ReservationInfo.DYNAMIC
    reservation.role = dice.choice(ROLES)
    if kind == "reserve":
        call.type = Call.RESERVE_RESOURCES
        call.reserve_resources.agent_id.value = agent_id
        call.reserve_resources.resources.append(resource)
    else:
        call.type = Call.UNRESERVE_RESOURCES
        call.unreserve_resources.agent_id.value = agent_id
        call.unreserve_resources.resources.append(resource)
