"""The registry as Mesos shows its own."""

from __future__ import annotations

import json
from typing import Any

from mesos_compat.master.registrar import Registrar
from mesos_compat.master.registry import (
    AdmitAgent,
    DeactivateAgent,
    DrainAgent,
    MarkGone,
    MarkUnreachable,
    RegistryTables,
    UpdateSchedule,
)
from mesos_compat.master.validation.maintenance import machine_key
from mesos_compat.master.views.older_registry import registry
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import maintenance_pb2, mesos_pb2
from tests.mesos_compat.master.views.older_worlds import busy_state, recorded, text
from tests.mesos_compat.master.views.worlds import empty_state, view


def shown(tables: RegistryTables) -> Any:
    seen = view(empty_state())
    seen.registrar.tables = tables
    return registry(seen)


def agent_info(agent_id: str, resources: str = "cpus:1") -> mesos_pb2.AgentInfo:
    return mesos_pb2.AgentInfo(
        id=mesos_pb2.AgentID(value=agent_id), hostname="h", resources=Resources.parse(resources)
    )


def test_the_registry_is_told_as_recorded() -> None:
    state = busy_state()
    tables = RegistryTables(master=state.info, weights=state.weights, quotas=state.quotas)
    assert len(tables.quotas) == 3
    for agent in reversed(state.agents.values()):
        AdmitAgent(agent.info).apply(tables)
    assert text(shown(tables)) == recorded("endpoints", "get-registrar1_registry")


def test_an_empty_registry_is_an_empty_object() -> None:
    assert shown(Registrar().tables) == {}


def test_agents_that_are_unreachable_or_gone_are_apart() -> None:
    tables = RegistryTables()
    for agent_id in ("S0", "S1"):
        AdmitAgent(agent_info(agent_id)).apply(tables)
    MarkUnreachable("S0", 1_000_000_000).apply(tables)
    MarkGone("S1", 2_000_000_000).apply(tables)
    assert shown(tables) == {
        "gone": {"slaves": [{"id": {"value": "S1"}, "timestamp": {"nanoseconds": 2_000_000_000}}]},
        "unreachable": {
            "slaves": [
                {
                    "deactivated": False,
                    "id": {"value": "S0"},
                    "timestamp": {"nanoseconds": 1_000_000_000},
                }
            ]
        },
    }


def test_reservations_are_in_the_older_format_unless_they_are_refined() -> None:
    refined = Resources.parse("cpus(r):1").push_reservation(
        mesos_pb2.Resource.ReservationInfo(
            type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role="r/s"
        )
    )
    info = agent_info("S0", "cpus(r):2")
    info.resources.extend(refined)
    tables = RegistryTables()
    AdmitAgent(info).apply(tables)
    before = tables.message().SerializeToString()

    static, stacked = shown(tables)["slaves"]["slaves"][0]["info"]["resources"]

    assert static["role"] == "r"
    assert "reservations" not in static
    assert [one["role"] for one in stacked["reservations"]] == ["r", "r/s"]
    assert tables.message().SerializeToString() == before


def test_a_registry_with_agents_out_of_use_can_be_read_by_who_knows_of_that_only() -> None:
    for operation in (DrainAgent("S0", mesos_pb2.DrainConfig()), DeactivateAgent("S0")):
        tables = RegistryTables()
        AdmitAgent(agent_info("S0")).apply(tables)
        operation.apply(tables)
        assert shown(tables)["minimum_capabilities"] == [{"capability": "AGENT_DRAINING"}]
        MarkUnreachable("S0", 1).apply(tables)
        assert shown(tables)["minimum_capabilities"] == [{"capability": "AGENT_DRAINING"}]


def test_maintenance_is_told_by_machine_and_as_planned() -> None:
    tables = RegistryTables()
    machine_id = mesos_pb2.MachineID(hostname="h", ip="10.0.0.1")
    window = maintenance_pb2.Window(machine_ids=[machine_id])
    window.unavailability.start.nanoseconds = 5
    UpdateSchedule(maintenance_pb2.Schedule(windows=[window])).apply(tables)
    assert machine_key(machine_id) in tables.machines
    ids = {"hostname": "h", "ip": "10.0.0.1"}
    start = {"start": {"nanoseconds": 5}}
    assert json.loads(text(shown(tables))) == {
        "machines": {
            "machines": [{"info": {"id": ids, "mode": "DRAINING", "unavailability": start}}]
        },
        "schedules": [{"windows": [{"machine_ids": [ids], "unavailability": start}]}],
    }
