"""Roles that are known, who is in them, and what they hold."""

from __future__ import annotations

from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import MasterState
from mesos_compat.master.views.roles import Role, known_roles
from mesos_compat.resources import Quantities, Resources
from mesos_compat.wire.v1 import mesos_pb2, quota_pb2
from tests.mesos_compat.master.views.worlds import empty_state, recorded_state


def by_name(state: MasterState, settings: MasterSettings | None = None) -> dict[str, Role]:
    return {role.name: role for role in known_roles(state, settings or MasterSettings())}


def reserved(amount: int, *roles: str) -> Resources:
    resource = mesos_pb2.Resource(name="cpus", type=mesos_pb2.Value.SCALAR)
    resource.scalar.value = amount
    for role in roles:
        resource.reservations.add(type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role=role)
    return Resources([resource])


def cpus(amount: int) -> Quantities:
    return Quantities([("cpus", amount * 1000)] if amount else [])


def test_a_master_that_knows_nobody_knows_no_roles() -> None:
    assert not known_roles(empty_state(), MasterSettings())


def test_roles_of_weights_quotas_and_reservations_are_known_with_all_above() -> None:
    state = recorded_state()
    (agent, *_others) = state.agents.values()
    agent.total += reserved(1, "kept", "kept/inner")
    state.weights["heavy/one"] = 2.5
    state.quotas["bounded"] = quota_pb2.QuotaConfig(role="bounded")

    found = by_name(state)

    names = ["*", "bounded", "heavy", "heavy/one", "kept", "kept/inner", "r1"]
    assert list(found) == names
    assert found["heavy/one"].weight == 2.5
    assert found["heavy"].weight == 1.0


def test_with_a_whitelist_its_roles_are_known_and_no_others() -> None:
    state = recorded_state()
    state.weights["other"] = 2.0
    found = by_name(state, MasterSettings(roles=("r1", "eng/ads")))
    assert list(found) == ["eng", "eng/ads", "r1"]
    assert found["r1"].frameworks


def test_a_framework_is_in_roles_that_it_left_while_it_uses_something_there() -> None:
    state = recorded_state()
    (framework,) = state.frameworks.values()
    del framework.info.roles[:]
    framework.info.roles.append("new")
    found = by_name(state)
    assert list(found["new"].frameworks) == [framework.framework_id]
    assert list(found["r1"].frameworks) == [framework.framework_id]


def test_what_roles_below_hold_a_role_holds_with_them() -> None:
    state = recorded_state()
    for agent in state.agents.values():
        agent.used.clear()
    (first, *_others) = state.agents.values()
    first.used = {
        "A": Resources.parse("cpus:1").allocate("eng"),
        "B": Resources.parse("cpus:2").allocate("eng/ads"),
    }
    found = by_name(state)
    assert found["eng"].allocated == cpus(3)
    assert found["eng/ads"].allocated == cpus(2)
    # Who is in a role below is not in the role.
    assert list(found["eng"].frameworks) == ["A"]


def test_reservations_count_against_the_quota_whether_they_are_used_or_not() -> None:
    state = recorded_state()
    for agent in state.agents.values():
        agent.used.clear()
    (first, second) = state.agents.values()
    first.total += reserved(5, "eng", "eng/ads")
    second.total += reserved(3, "eng")
    first.used = {
        "A": reserved(2, "eng", "eng/ads").allocate("eng/ads")
        + Resources.parse("cpus:1").allocate("eng/ads")
    }
    found = by_name(state)
    assert found["eng/ads"].reserved == cpus(5)
    assert found["eng/ads"].allocated == cpus(3)
    assert found["eng/ads"].consumed == cpus(6)
    assert found["eng"].reserved == cpus(8)
    assert found["eng"].consumed == cpus(9)
