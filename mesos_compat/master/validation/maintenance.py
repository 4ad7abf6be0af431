"""Maintenance: schedules, and machines that are brought down and up.

Source: ``maintenance::validation`` and the maintenance handlers of the master. The machines that
the functions are given are all that the master knows: those of the present schedule, draining or
down, and those of registered agents, up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from mesos_compat.wire.json_dialect import dumps
from mesos_compat.wire.v1 import maintenance_pb2, mesos_pb2

_Mode = mesos_pb2.MachineInfo.Mode

# Which machine an id means; letters of host names may be large or small.
MachineKey = tuple[str | None, str | None]


def machine_key(machine_id: mesos_pb2.MachineID) -> MachineKey:
    """The machine that ``machine_id`` means, as something to look up."""
    return (
        machine_id.hostname.lower() if machine_id.HasField("hostname") else None,
        machine_id.ip if machine_id.HasField("ip") else None,
    )


def machine_text(machine_id: mesos_pb2.MachineID) -> str:
    """A machine as Mesos prints it outside of JSON: ``host (ip)``."""
    if not machine_id.HasField("hostname"):
        return f"({machine_id.ip})"
    if not machine_id.HasField("ip"):
        return machine_id.hostname
    return f"{machine_id.hostname} ({machine_id.ip})"


def validate_schedule(
    schedule: maintenance_pb2.Schedule, machines: Iterable[mesos_pb2.MachineInfo]
) -> str | None:
    """Why ``schedule`` cannot replace the present one, or None; the status is 400."""
    scheduled: dict[MachineKey, None] = {}
    for window in schedule.windows:
        if not window.machine_ids:
            return "List of machines in the maintenance window is empty"
        if window.unavailability.duration.nanoseconds < 0:
            return "Unavailability 'duration' is negative"
        fault = _machines_fault(window.machine_ids, scheduled)
        if fault is not None:
            return fault
    for machine in machines:
        if machine.mode == _Mode.DOWN and machine_key(machine.id) not in scheduled:
            return (
                f"Machine '{dumps(machine.id)}' is deactivated and cannot be removed from the"
                " schedule"
            )
    return None


def validate_start(
    machine_ids: Sequence[mesos_pb2.MachineID], machines: Iterable[mesos_pb2.MachineInfo]
) -> str | None:
    """Why these machines cannot be brought down, or None; the status is 400."""
    return _transition_fault(machine_ids, machines, _Mode.DRAINING, "down")


def validate_stop(
    machine_ids: Sequence[mesos_pb2.MachineID], machines: Iterable[mesos_pb2.MachineInfo]
) -> str | None:
    """Why these machines cannot be brought up, or None; the status is 400."""
    return _transition_fault(machine_ids, machines, _Mode.DOWN, "up")


def _transition_fault(
    machine_ids: Sequence[mesos_pb2.MachineID],
    machines: Iterable[mesos_pb2.MachineInfo],
    wanted: mesos_pb2.MachineInfo.Mode,
    direction: str,
) -> str | None:
    if not machine_ids:
        return "List of machines is empty"
    fault = _machines_fault(machine_ids, {})
    if fault is not None:
        return fault
    modes = {machine_key(machine.id): machine.mode for machine in machines}
    for machine_id in machine_ids:
        mode = modes.get(machine_key(machine_id))
        if mode is None:
            return f"Machine '{dumps(machine_id)}' is not part of a maintenance schedule"
        if mode != wanted:
            return (
                f"Machine '{dumps(machine_id)}' is not in {_Mode.Name(wanted)} mode and cannot be"
                f" brought {direction}"
            )
    return None


def _machines_fault(
    machine_ids: Iterable[mesos_pb2.MachineID], seen: dict[MachineKey, None]
) -> str | None:
    """Checks each id, and that none is in ``seen``, to which they are added."""
    for machine_id in machine_ids:
        fault = validate_machine(machine_id)
        if fault is not None:
            return fault
        key = machine_key(machine_id)
        if key in seen:
            return f"Machine '{dumps(machine_id)}' appears more than once in the schedule"
        seen[key] = None
    return None


def validate_machine(machine_id: mesos_pb2.MachineID) -> str | None:
    """Checks that an id says something, and that its address is one."""
    if not machine_id.hostname and not machine_id.ip:
        return "Both 'hostname' and 'ip' for a machine are empty"
    if machine_id.ip:
        try:
            ipaddress.IPv4Address(machine_id.ip)
        except ValueError:
            return f"Failed to parse IPv4: {machine_id.ip}"
    return None
