"""Maintenance, recorded answers first."""

from __future__ import annotations

import pytest

from mesos_compat.master.validation import maintenance, older_calls
from mesos_compat.wire.v1 import maintenance_pb2, master_pb2, mesos_pb2
from tests.mesos_compat.master.validation import recorded

Call = master_pb2.Call
Mode = mesos_pb2.MachineInfo.Mode


def machine(mode: mesos_pb2.MachineInfo.Mode, hostname: str = "agent0") -> mesos_pb2.MachineInfo:
    return mesos_pb2.MachineInfo(
        id=mesos_pb2.MachineID(hostname=hostname, ip="127.0.0.1"), mode=mode
    )


@pytest.mark.parametrize(
    ("case", "mode"),
    [
        ("schedule-bad-duration", Mode.UP),
        ("schedule-dup", Mode.UP),
        ("schedule-empty-machine", Mode.UP),
        ("schedule-no-machines", Mode.UP),
        ("schedule-bad-ip", Mode.UP),
        ("schedule-remove-down-machine", Mode.DOWN),
        ("machine-down-not-scheduled", Mode.UP),
        ("machine-down-empty", Mode.UP),
        ("machine-down-again", Mode.DOWN),
        ("machine-up-not-down", Mode.DRAINING),
        ("stop_maintenance-again", Mode.UP),
    ],
)
def test_recorded_requests_are_refused_with_the_recorded_text(
    case: str, mode: mesos_pb2.MachineInfo.Mode
) -> None:
    assert (400, fault_of(case, mode)) == recorded.answer("maintenance", case)


@pytest.mark.parametrize(
    ("case", "mode"),
    [
        ("schedule-post", Mode.UP),
        ("machine-down", Mode.DRAINING),
        ("machine-up", Mode.DOWN),
    ],
)
def test_recorded_requests_that_were_accepted_are(
    case: str, mode: mesos_pb2.MachineInfo.Mode
) -> None:
    assert fault_of(case, mode) is None


def fault_of(case: str, mode: mesos_pb2.MachineInfo.Mode) -> str | None:
    """What is wrong with a recorded request when agent0 is in ``mode``."""
    body = recorded.body("maintenance", case)
    if case.startswith("schedule"):
        call = older_calls.update_maintenance_schedule(body)
    elif case.startswith("machine-down"):
        call = older_calls.start_maintenance(body)
    elif case.startswith("machine-up"):
        call = older_calls.stop_maintenance(body)
    else:
        call = recorded.request("maintenance", case, Call)
    assert isinstance(call, Call)
    machines = [machine(mode)]
    if call.type == Call.UPDATE_MAINTENANCE_SCHEDULE:
        schedule = call.update_maintenance_schedule.schedule
        return maintenance.validate_schedule(schedule, machines)
    if call.type == Call.START_MAINTENANCE:
        return maintenance.validate_start(call.start_maintenance.machines, machines)
    return maintenance.validate_stop(call.stop_maintenance.machines, machines)


def test_host_names_are_the_same_in_small_and_large_letters() -> None:
    ids = [mesos_pb2.MachineID(hostname="AGENT0", ip="127.0.0.1")]
    assert maintenance.validate_start(ids, [machine(Mode.DRAINING)]) is None
    assert maintenance.validate_start([*ids, machine(Mode.UP).id], [machine(Mode.DRAINING)]) == (
        'Machine \'{"hostname":"agent0","ip":"127.0.0.1"}\' appears more than once in the schedule'
    )


def test_a_machine_without_address_is_another_one() -> None:
    ids = [mesos_pb2.MachineID(hostname="agent0")]
    assert maintenance.validate_start(ids, [machine(Mode.DRAINING)]) == (
        'Machine \'{"hostname":"agent0"}\' is not part of a maintenance schedule'
    )


def test_machines_that_are_down_stay_in_the_schedule() -> None:
    schedule = maintenance_pb2.Schedule()
    schedule.windows.add().machine_ids.append(machine(Mode.DOWN).id)
    schedule.windows[0].unavailability.start.nanoseconds = 1
    assert maintenance.validate_schedule(schedule, [machine(Mode.DOWN)]) is None
    down = [machine(Mode.DOWN), machine(Mode.DOWN, "agent1"), machine(Mode.DRAINING, "agent2")]
    assert maintenance.validate_schedule(schedule, down) == (
        'Machine \'{"hostname":"agent1","ip":"127.0.0.1"}\' is deactivated and cannot be removed'
        " from the schedule"
    )


@pytest.mark.parametrize(
    ("machine_id", "text"),
    [
        (mesos_pb2.MachineID(hostname="h", ip="1.2.3.4"), "h (1.2.3.4)"),
        (mesos_pb2.MachineID(hostname="h"), "h"),
        (mesos_pb2.MachineID(ip="1.2.3.4"), "(1.2.3.4)"),
    ],
)
def test_machines_are_shown_by_name_and_address(machine_id: mesos_pb2.MachineID, text: str) -> None:
    assert maintenance.machine_text(machine_id) == text
