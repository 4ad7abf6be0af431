"""Maintenance: when machines will be unavailable, and bringing them down and up.

Source: the maintenance handlers of the master's http.cpp and ``Master::updateUnavailability``.

========  =====================  ===========================================================
mode      comes with             agents there
========  =====================  ===========================================================
UP        -                      are offered
DRAINING  a schedule             are offered with the time of the maintenance; frameworks are
                                 asked by inverse offers whether they can do without
DOWN      START_MAINTENANCE      are ended and removed, and may not register
========  =====================  ===========================================================

STOP_MAINTENANCE brings a machine up, and takes it out of the schedule. What frameworks answer
to inverse offers the allocator keeps, until the plan for their agent changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Final

from mesos_compat.master import agent_events, agent_removal, inverse_offers
from mesos_compat.master import offers as offering
from mesos_compat.master.actions import Reply
from mesos_compat.master.context import Context
from mesos_compat.master.events import OperatorCalled
from mesos_compat.master.registry import (
    StartMaintenance,
    StopMaintenance,
    UpdateSchedule,
    without_machines,
)
from mesos_compat.master.state import Machine
from mesos_compat.master.validation.maintenance import (
    MachineKey,
    machine_key,
    machine_text,
    validate_schedule,
    validate_start,
    validate_stop,
)
from mesos_compat.wire.v1 import maintenance_pb2, master_pb2, mesos_pb2

_Call = master_pb2.Call
_Mode = mesos_pb2.MachineInfo.Mode

# Why agents on a machine that goes down are removed, as they and their frameworks hear it.
DOWN_TEXT: Final = "Operator initiated 'Machine DOWN'"


def update_schedule(context: Context, event: OperatorCalled) -> None:
    """UPDATE_MAINTENANCE_SCHEDULE: the schedule takes the place of the one before."""
    schedule = maintenance_pb2.Schedule()
    schedule.CopyFrom(event.call.update_maintenance_schedule.schedule)
    fault = validate_schedule(schedule, _machines(context))
    is_about_machines = any(window.machine_ids for window in schedule.windows)
    action = "update_maintenance_schedules" if is_about_machines else None
    if _refuse(context, event, fault, action):
        return

    def stored(_changed: bool) -> None:
        _reschedule(context, schedule)
        context.emit(Reply(event.route, HTTPStatus.OK))

    context.store(UpdateSchedule(schedule), stored)


def start(context: Context, event: OperatorCalled) -> None:
    """START_MAINTENANCE: scheduled machines go down, with all that runs there."""
    machine_ids = _copies(event.call.start_maintenance.machines)
    fault = validate_start(machine_ids, _machines(context))
    if _refuse(context, event, fault, "start_maintenances"):
        return

    def stored(_changed: bool) -> None:
        for machine_id in machine_ids:
            _bring_down(context, machine_id)
        context.emit(Reply(event.route, HTTPStatus.OK))

    context.store(StartMaintenance(machine_ids), stored)


def stop(context: Context, event: OperatorCalled) -> None:
    """STOP_MAINTENANCE: machines that are down are up again, and not scheduled any more."""
    machine_ids = _copies(event.call.stop_maintenance.machines)
    fault = validate_stop(machine_ids, _machines(context))
    if _refuse(context, event, fault, "stop_maintenances"):
        return

    def stored(_changed: bool) -> None:
        state = context.state
        state.schedule = without_machines(state.schedule, machine_ids)
        for machine_id in machine_ids:
            machine = state.machines.get(machine_key(machine_id))
            if machine is not None:
                _bring_up(context, machine)
        context.emit(Reply(event.route, HTTPStatus.OK))

    context.store(StopMaintenance(machine_ids), stored)


CALLS: Final[Mapping[master_pb2.Call.Type, Callable[[Context, OperatorCalled], None]]] = {
    _Call.UPDATE_MAINTENANCE_SCHEDULE: update_schedule,
    _Call.START_MAINTENANCE: start,
    _Call.STOP_MAINTENANCE: stop,
}


def _machines(context: Context) -> list[mesos_pb2.MachineInfo]:
    return [machine.info for machine in context.state.machines.values()]


def _copies(machine_ids: Iterable[mesos_pb2.MachineID]) -> tuple[mesos_pb2.MachineID, ...]:
    """Ids that outlive the call that they came in."""
    copies = []
    for machine_id in machine_ids:
        copy = mesos_pb2.MachineID()
        copy.CopyFrom(machine_id)
        copies.append(copy)
    return tuple(copies)


def _refuse(context: Context, event: OperatorCalled, fault: str | None, action: str | None) -> bool:
    """Answer a call that is at fault or not allowed; False when there is nothing against it.

    As in Mesos nobody needs a permission to do nothing; then ``action`` is None.
    """
    if fault is not None:
        context.emit(Reply(event.route, HTTPStatus.BAD_REQUEST, fault))
        return True
    if action is not None and not context.authorizer.allows(action, event.principal):
        context.emit(Reply(event.route, HTTPStatus.FORBIDDEN, "403 Forbidden."))
        return True
    return False


def _reschedule(context: Context, schedule: maintenance_pb2.Schedule) -> None:
    """The registry has a new schedule: let its machines drain, and those not in it be up."""
    state = context.state
    planned: dict[MachineKey, tuple[mesos_pb2.MachineID, mesos_pb2.Unavailability]] = {
        machine_key(machine_id): (machine_id, window.unavailability)
        for window in schedule.windows
        for machine_id in window.machine_ids
    }
    for key, machine in list(state.machines.items()):
        if key not in planned and machine.info.HasField("unavailability"):
            _bring_up(context, machine)
    for key, (machine_id, unavailability) in planned.items():
        if key not in state.machines:
            info = mesos_pb2.MachineInfo(id=machine_id, mode=_Mode.UP)
            state.machines[key] = Machine(info)
        machine = state.machines[key]
        if machine.info.mode == _Mode.UP:
            machine.info.mode = _Mode.DRAINING
        _set_unavailability(context, machine, unavailability)
    state.schedule = schedule


def _set_unavailability(
    context: Context, machine: Machine, unavailability: mesos_pb2.Unavailability | None
) -> None:
    """Plan for a machine anew, even if it is the same plan, or call maintenance off with None.

    Offers that are out do not tell of it, and questions that are out are about something else;
    the allocator makes new ones.
    """
    if unavailability is not None:
        machine.info.unavailability.CopyFrom(unavailability)
    else:
        machine.info.ClearField("unavailability")
    for agent_id in machine.agent_ids:
        agent = context.state.agents[agent_id]
        context.note(agent_id, "its maintenance is planned anew")
        offering.rescind_all(context, agent.offers.values())
        inverse_offers.withdraw_all(context, agent.inverse_offers.values())
        context.allocator.update_unavailability(agent_id, unavailability)


def _bring_up(context: Context, machine: Machine) -> None:
    """No maintenance is planned for a machine. As in Mesos it stays known, even without agents."""
    machine.info.mode = _Mode.UP
    _set_unavailability(context, machine, None)


def _bring_down(context: Context, machine_id: mesos_pb2.MachineID) -> None:
    """A machine is down in the registry: end the agents there.

    They are told, and removed at once all the same, since they may not hear it.
    """
    state = context.state
    machine = state.machines.get(machine_key(machine_id))
    if machine is None or machine.info.mode == _Mode.UP:
        # Another schedule has come in between, and the registry has left it alone too.
        return
    machine.info.mode = _Mode.DOWN
    for agent_id in machine.agent_ids:
        if agent_id in state.removing:
            continue
        agent = state.agents[agent_id]
        context.note(agent_id, f"the machine {machine_text(machine_id)} goes down")
        context.tell_agent(agent, agent_events.shutdown(DOWN_TEXT))
        agent_removal.remove(context, agent, DOWN_TEXT)
