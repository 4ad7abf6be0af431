"""Planned maintenance, and how far it has come. Source: ``_getMaintenanceStatus`` of Mesos."""

from __future__ import annotations

from mesos_compat.master.views.view import View
from mesos_compat.wire.v1 import maintenance_pb2, mesos_pb2


def schedule(view: View) -> maintenance_pb2.Schedule:
    """The schedule; empty to who may not see it."""
    if view.visible.sees_maintenance_schedule():
        return view.state.schedule
    return maintenance_pb2.Schedule()


def status(view: View) -> maintenance_pb2.ClusterStatus:
    """Machines that are drained, with what frameworks say to that, and those that are down."""
    found = maintenance_pb2.ClusterStatus()
    if not view.visible.sees_maintenance_status():
        return found
    answers = view.allocator.inverse_offer_statuses()
    for machine in view.state.machines.values():
        mode = machine.info.mode
        if mode == mesos_pb2.MachineInfo.DRAINING:
            draining = found.draining_machines.add(id=machine.info.id)
            for agent_id in machine.agent_ids:
                draining.statuses.extend(answers.get(agent_id, {}).values())
        elif mode == mesos_pb2.MachineInfo.DOWN:
            found.down_machines.add().CopyFrom(machine.info.id)
    return found
