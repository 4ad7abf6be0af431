"""Agents in the older endpoints."""

from __future__ import annotations

import json

from mesos_compat.master.state import Agent, MasterState, RecoveredAgent
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.views.older_worlds import (
    busy_state,
    hiding,
    nanoseconds,
    one_line,
    recorded,
    text,
    told,
)
from tests.mesos_compat.master.views.worlds import SECOND_NS, empty_state, view


def one_agent() -> tuple[MasterState, Agent]:
    state = busy_state()
    agent = list(state.agents.values())[1]
    state.agents = {agent.agent_id: agent}
    state.frameworks = {}
    agent.offers = {}
    agent.used = {}
    return state, agent


def test_reservations_are_told_as_recorded() -> None:
    expected = recorded("legacy", "slaves-reserved")
    (shown,) = json.loads(expected)["slaves"]
    state, agent = one_agent()
    agent.info.id.value, agent.info.hostname = shown["id"], shown["hostname"]
    agent.registered_ns = nanoseconds(shown["registered_time"])
    info = mesos_pb2.Resource.ReservationInfo(
        type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role="r1"
    )
    cpus = Resources.parse("cpus:1")
    agent.total = (agent.total - cpus) + cpus.push_reservation(info)
    assert text(told(view(state), "/slaves")) == expected


def test_an_agent_that_came_back_says_when() -> None:
    state, agent = one_agent()
    agent.reregistered_ns = 1500 * SECOND_NS // 1000
    (shown,) = told(view(state), "/slaves")["slaves"]
    assert shown["reregistered_time"] == 1.5
    assert list(shown).index("reregistered_time") == list(shown).index("registered_time") + 1


def test_an_agent_that_is_drained_says_so_last() -> None:
    state, agent = one_agent()
    agent.is_deactivated = True
    agent.drain_info = mesos_pb2.DrainInfo(state=mesos_pb2.DRAINED)
    agent.drain_info.config.max_grace_period.nanoseconds = 0
    agent.drain_start_ns = 2 * SECOND_NS
    (shown,) = told(view(state), "/state")["slaves"]
    assert (shown["active"], shown["deactivated"]) == (False, True)
    assert text(dict(list(shown.items())[-2:])) == one_line(
        """{"drain_info": {"state": "DRAINED", "config": {
            "max_grace_period": {"nanoseconds": 0}, "mark_gone": false}},
        "estimated_drain_start_time_seconds": 2.0}"""
    )


def test_an_agent_whose_drain_has_not_begun_does_not_say_when() -> None:
    state, agent = one_agent()
    agent.drain_info = mesos_pb2.DrainInfo(state=mesos_pb2.DRAINING)
    (shown,) = told(view(state), "/slaves")["slaves"]
    assert shown["drain_info"]["state"] == "DRAINING"
    assert "estimated_drain_start_time_seconds" not in shown


def test_an_agent_that_is_not_connected_is_not_active() -> None:
    state, agent = one_agent()
    agent.route = None
    (shown,) = told(view(state), "/slaves")["slaves"]
    assert (shown["active"], shown["deactivated"]) == (False, False)


def test_where_an_agent_is_comes_after_its_attributes() -> None:
    state, agent = one_agent()
    agent.info.domain.fault_domain.region.name = "eu"
    agent.info.domain.fault_domain.zone.name = "eu-1"
    (shown,) = told(view(state), "/slaves")["slaves"]
    names = list(shown)
    assert names[names.index("attributes") + 1] == "domain"
    assert shown["domain"] == {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "eu-1"}}}


def test_agents_that_did_not_come_back_yet_are_told_of_by_their_info() -> None:
    state = empty_state()
    info = mesos_pb2.AgentInfo(hostname="h", port=1, id=mesos_pb2.AgentID(value="S0"))
    state.recovered_agents["S0"] = RecoveredAgent(info)
    expected = [{"id": "S0", "hostname": "h", "port": 1, "attributes": {}}]
    assert told(view(state), "/slaves") == {"slaves": [], "recovered_slaves": expected}
    assert told(view(state), "/state")["recovered_slaves"] == expected
    assert told(view(state), "/slaves", slave_id="S0")["recovered_slaves"] == expected
    assert told(view(state), "/slaves", slave_id="S1")["recovered_slaves"] == []


def test_resources_of_roles_are_told_only_to_who_may_see_them() -> None:
    state, agent = one_agent()
    agent.total = Resources.parse("cpus(seen):1;cpus(unseen):2;cpus:4")
    agent.used = {
        "F": Resources.parse("cpus(seen):1").allocate("seen"),
        "G": Resources.parse("cpus:1").allocate("unseen"),
    }
    (shown,) = told(view(state, acls=hiding("view_roles", "roles", "seen")), "/slaves")["slaves"]
    assert list(shown["reserved_resources"]) == ["seen"]
    assert list(shown["reserved_resources_full"]) == ["seen"]
    assert [one["scalar"]["value"] for one in shown["unreserved_resources_full"]] == [4.0]
    assert [one["allocation_info"]["role"] for one in shown["used_resources_full"]] == ["seen"]
    # Sums tell nothing about roles.
    assert shown["resources"]["cpus"] == 7.0
    assert shown["used_resources"]["cpus"] == 2.0


def test_revocable_resources_are_told_by_a_name_of_their_own() -> None:
    state, agent = one_agent()
    revocable = next(iter(Resources.parse("cpus:2")))
    revocable.revocable.SetInParent()
    agent.total = Resources([*Resources.parse("cpus:4"), revocable])
    (shown,) = told(view(state), "/slaves")["slaves"]
    assert shown["resources"]["cpus"] == 4.0
    assert shown["resources"]["cpus_revocable"] == 2.0
    assert [one.get("revocable") for one in shown["unreserved_resources_full"]] == [None, {}]
