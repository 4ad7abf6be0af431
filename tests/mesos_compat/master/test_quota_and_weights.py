"""Quotas and weights, and the offers that are taken back for them."""

from __future__ import annotations

import pytest

from mesos_compat.allocator.interface import Reason
from mesos_compat.master import quota_and_weights
from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.validation import older_calls
from mesos_compat.resources import Quantities, Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2
from tests.mesos_compat.master.operated import FORBIDDEN, OK, World, acls
from tests.mesos_compat.master.validation import recorded

Call = master_pb2.Call


def quota(
    role: str,
    guarantees: dict[str, float] | None = None,
    limits: dict[str, float] | None = None,
    *,
    force: bool = False,
) -> Call:
    call = Call(type=Call.UPDATE_QUOTA)
    if force:
        call.update_quota.force = True
    config = call.update_quota.quota_configs.add(role=role)
    for name, value in (guarantees or {}).items():
        config.guarantees[name].value = value
    for name, value in (limits or {}).items():
        config.limits[name].value = value
    return call


def set_quota(role: str, guarantee: str, *, force: bool = False) -> Call:
    call = Call(type=Call.SET_QUOTA)
    call.set_quota.quota_request.role = role
    call.set_quota.quota_request.guarantee.extend(Resources.parse(guarantee))
    if force:
        call.set_quota.quota_request.force = True
    return call


def remove_quota(role: str) -> Call:
    call = Call(type=Call.REMOVE_QUOTA)
    call.remove_quota.role = role
    return call


def weights(**given: float) -> Call:
    call = Call(type=Call.UPDATE_WEIGHTS)
    call.update_weights.SetInParent()
    for role, weight in given.items():
        call.update_weights.weight_infos.add(role=role, weight=weight)
    return call


def guarantees(world: World) -> dict[str, str]:
    return {
        role: str(Quantities.from_map(config.guarantees))
        for role, config in world.state.quotas.items()
    }


# UPDATE_QUOTA.


def test_recorded_quotas_are_taken_and_stay_listed_when_they_are_reset() -> None:
    world = World()
    world.agent()
    for case in ("update_quota", "update_quota-star", "update_quota-overcommit-force"):
        call = recorded.request("operator", case, Call)
        assert world.operate(call) == recorded.answer("operator", case), case
    assert guarantees(world) == {"q1": "cpus:1; mem:128", "*": "cpus:2", "q2": "cpus:1000"}
    assert world.operate(recorded.request("operator", "update_quota-reset", Call)) == OK
    assert guarantees(world) == {"q1": "{}", "*": "cpus:2", "q2": "{}"}
    assert world.core.registrar.tables.quotas == world.state.quotas


def test_a_quota_counts_only_when_it_is_stored() -> None:
    world = World()
    world.agent()
    route = world.submit(quota("r", {"cpus": 1}))
    assert (world.answers(route), world.state.quotas) == ([], {})
    world.store()
    assert world.answers(route) == [OK]
    assert guarantees(world) == {"r": "cpus:1"}


def test_the_allocator_keeps_to_a_limit() -> None:
    world = World()
    world.agent(resources="cpus:4;mem:128")
    world.operate(quota("r", limits={"cpus": 1}))
    framework = world.framework("r")
    (offer,) = framework.offers.values()
    assert offer.resources.amount("cpus") == 1_000


def test_offers_beyond_a_new_limit_are_taken_back() -> None:
    world = World()
    world.agent("agent0", resources="cpus:4;mem:128")
    world.agent("agent1", resources="cpus:4;mem:128")
    framework = world.framework("r/below")
    world.forget()
    assert world.operate(quota("r", limits={"cpus": 4})) == OK
    assert world.heard(framework) == ["RESCIND"]
    assert len(framework.offers) == 1


def test_offers_within_a_new_limit_are_left() -> None:
    world = World()
    world.agent(resources="cpus:4;mem:128")
    framework, other = world.framework("r"), world.framework("other")
    world.forget()
    assert world.operate(quota("r", limits={"cpus": 4})) == OK
    assert world.told(framework) + world.told(other) == []


def test_offers_to_others_are_taken_back_until_a_guarantee_can_be_met() -> None:
    world = World()
    for hostname in ("agent0", "agent1", "agent2"):
        world.agent(hostname, resources="cpus:4;mem:128")
    other = world.framework("other")
    assert len(other.offers) == 3
    world.forget()
    assert world.operate(quota("r", {"cpus": 5})) == OK
    assert world.heard(other) == ["RESCIND", "RESCIND"]
    framework = world.framework("r")
    assert sum(one.resources.amount("cpus") for one in framework.offers.values()) >= 5_000


def test_offers_to_a_role_itself_are_left_for_its_guarantee() -> None:
    world = World()
    framework = world.framework("r/below")
    world.agent("agent0", resources="cpus:4;mem:128")
    other = world.framework("other")
    world.agent("agent1", resources="cpus:4;mem:128")
    assert (len(framework.offers), len(other.offers)) == (1, 1)
    world.forget()
    assert world.operate(quota("r", {"cpus": 8})) == OK
    assert world.heard(other) == ["RESCIND"]
    assert world.told(framework) == []


def test_what_a_role_has_and_is_offered_counts_for_its_guarantee() -> None:
    world = World()
    agent = world.agent("agent0", resources="cpus:4;mem:128")
    framework = world.framework("r")
    world.launch(framework, agent, "t", "cpus:3;mem:32")
    world.agent("agent1", resources="cpus:4;mem:128")
    other = world.framework("other")
    world.advance(10_000)
    world.forget()
    offered = quota_and_weights.offered_to(world.state, "r").amount("cpus")
    guaranteed = (3_000 + offered) / 1_000
    assert world.operate(quota("r", {"cpus": guaranteed})) == OK
    assert world.told(framework) + world.told(other) == []


def test_consumption_is_what_is_used_and_what_is_reserved_and_not_used() -> None:
    world = World()
    agent = world.agent(resources="cpus:4;mem:128")
    call = Call(type=Call.RESERVE_RESOURCES)
    call.reserve_resources.agent_id.value = agent.agent_id
    (cpus,) = Resources.parse("cpus:2")
    cpus.reservations.add(type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role="r/below")
    call.reserve_resources.resources.append(cpus)
    world.operate(call)
    framework = world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    assert str(quota_and_weights.consumed_by(world.state, "r")) == "cpus:3; mem:32"
    assert str(quota_and_weights.consumed_by(world.state, "r/below")) == "cpus:2"
    assert str(quota_and_weights.consumed_by(world.state, "other")) == "{}"
    below = world.framework("r/below")
    world.advance(10_000)
    used = [one for one in agent.total.reserved() if one.name == "cpus"]
    world.launch(below, agent, "b", used)
    assert str(quota_and_weights.consumed_by(world.state, "r/below")) == "cpus:2"
    assert str(quota_and_weights.consumed_by(world.state, "r")) == "cpus:3; mem:32"


def test_a_limit_below_what_is_consumed_must_be_forced() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r1")
    world.launch(framework, agent, "t", "cpus:0.5;mem:64;ports:[31000-31001]")
    case = "update_quota-limit-below-consumption"
    call = recorded.request("operator", case, Call)
    assert world.operate(call) == recorded.answer("operator", case)
    call.update_quota.force = True
    assert world.operate(call) == OK


def test_guarantees_beyond_the_cluster_are_refused_as_recorded() -> None:
    world = World()
    world.agent("agent0")
    world.agent("agent1")
    world.operate(recorded.request("operator", "update_quota", Call))
    case = "update_quota-overcommit"
    call = recorded.request("operator", case, Call)
    assert world.operate(call) == recorded.answer("operator", case)
    assert list(world.state.quotas) == ["q1"]


@pytest.mark.parametrize(
    "case", ["update_quota-bad-role", "update_quota-guarantee-over-limit", "update_quota-negative"]
)
def test_recorded_quotas_that_make_no_sense_are_refused(case: str) -> None:
    world = World()
    call = recorded.request("operator", case, Call)
    assert world.operate(call) == recorded.answer("operator", case)
    assert world.state.quotas == {}


def test_a_disconnected_agent_still_counts_for_the_capacity() -> None:
    world = World()
    agent = world.agent(resources="cpus:4;mem:128")
    world.lose(agent)
    assert world.operate(quota("r", {"cpus": 4})) == OK


def test_what_may_be_taken_away_does_not_count_for_the_capacity() -> None:
    world = World()
    agent = world.agent(resources="cpus:4;mem:128")
    call = link_pb2.Call(type=link_pb2.Call.UPDATE_AGENT)
    call.update_agent.resources.extend(agent.total)
    (revocable,) = Resources.parse("cpus:8")
    revocable.revocable.SetInParent()
    call.update_agent.oversubscribed.append(revocable)
    world.call_of(agent, call)
    assert agent.total.amount("cpus") == 12_000
    assert world.operate(quota("r", {"cpus": 5}))[0] == 400
    assert world.operate(quota("r", {"cpus": 4})) == OK


def test_no_quotas_at_all_are_no_mistake() -> None:
    call = Call(type=Call.UPDATE_QUOTA)
    call.update_quota.SetInParent()
    assert World(acls=acls("update_quotas", "roles")).operate(call, "guest") == OK


def test_another_master_knows_quotas_and_weights() -> None:
    before = World()
    before.agent()
    before.operate(quota("r", {"cpus": 1}, {"cpus": 2}))
    before.operate(weights(r=2.5))
    world = World(registry=before.registry, master_id="N")
    assert world.state.quotas == before.state.quotas
    assert world.state.weights == {"r": 2.5}
    assert world.operate(remove_quota("r")) == OK
    assert World(registry=world.registry, master_id="O").state.quotas == {}


# SET_QUOTA and REMOVE_QUOTA.


def test_the_older_call_sets_limits_as_well_and_only_once() -> None:
    world = World()
    world.agent()
    call = recorded.request("operator", "set_quota", Call)
    assert world.operate(call) == recorded.answer("operator", "set_quota")
    config = world.state.quotas["q4"]
    assert dict(config.guarantees) == dict(config.limits)
    assert config.limits["cpus"].value == 1
    assert world.operate(call) == recorded.answer("operator", "set_quota-again")
    call = recorded.request("operator", "remove_quota", Call)
    assert world.operate(call) == recorded.answer("operator", "remove_quota")
    assert world.state.quotas == world.core.registrar.tables.quotas == {}


def test_of_two_who_set_a_quota_at_once_the_second_is_refused() -> None:
    world = World()
    world.agent()
    first = world.submit(set_quota("r", "cpus:1"))
    second = world.submit(set_quota("r", "cpus:2"))
    world.store()
    assert world.answers(first) == [OK]
    assert world.answers(second) == [
        (
            400,
            "Failed to validate set quota request: Cannot set quota for role 'r' which already"
            " has quota",
        )
    ]
    assert guarantees(world) == {"r": "cpus:1"}
    assert world.core.registrar.tables.quotas == world.state.quotas


def test_of_two_who_remove_a_quota_at_once_the_second_is_refused() -> None:
    world = World()
    world.agent()
    world.operate(set_quota("r", "cpus:1"))
    first, second = world.submit(remove_quota("r")), world.submit(remove_quota("r"))
    world.store()
    assert world.answers(first) == [OK]
    assert world.answers(second) == [(400, "Failed to remove quota: Role 'r' has no quota set")]


def test_a_role_without_quota_has_none_to_remove() -> None:
    assert World().operate(remove_quota("r")) == (
        400,
        "Failed to remove quota: Role 'r' has no quota set",
    )


def test_a_removed_quota_limits_no_more() -> None:
    world = World()
    world.agent(resources="cpus:4;mem:128")
    framework = world.framework("r")
    world.operate(quota("r", limits={"cpus": 1}))
    world.operate(remove_quota("r"))
    world.advance(10_000)
    assert sum(one.resources.amount("cpus") for one in framework.offers.values()) == 4_000


def test_after_the_older_call_offers_are_taken_back_agent_by_agent_until_it_is_enough() -> None:
    world = World()
    for hostname in ("agent0", "agent1", "agent2"):
        world.agent(hostname, resources="cpus:4;mem:128")
    other = world.framework("other")
    world.forget()
    assert world.operate(set_quota("r", "cpus:1")) == OK
    assert world.heard(other) == ["RESCIND"]


def test_after_the_older_call_there_is_an_agent_for_each_framework_of_the_role() -> None:
    world = World()
    other = world.framework("other")
    for hostname in ("agent0", "agent1", "agent2"):
        world.agent(hostname, resources="cpus:4;mem:128")
    world.framework("r")
    world.framework("r")
    world.forget()
    assert world.operate(set_quota("r", "cpus:1")) == OK
    assert world.heard(other) == ["RESCIND", "RESCIND"]


def test_agents_without_offers_are_not_counted_for_the_frameworks_of_the_role() -> None:
    world = World()
    full = world.agent("full", resources="cpus:4;mem:128")
    other = world.framework("other")
    world.launch(other, full, "t", "cpus:4;mem:128")
    for hostname in ("agent0", "agent1", "agent2"):
        world.agent(hostname, resources="cpus:4;mem:128")
    world.framework("r")
    world.framework("r")
    world.forget()
    assert world.operate(set_quota("r", "cpus:1")) == OK
    assert world.heard(other) == ["RESCIND", "RESCIND"]


def test_frameworks_that_are_not_there_need_no_agent() -> None:
    world = World()
    other = world.framework("other")
    for hostname in ("agent0", "agent1", "agent2"):
        world.agent(hostname, resources="cpus:4;mem:128")
    world.framework("r")
    world.disconnect(world.framework("r"))
    world.forget()
    assert world.operate(set_quota("r", "cpus:1")) == OK
    assert world.heard(other) == ["RESCIND"]


def test_the_older_call_may_go_beyond_the_cluster_only_by_force() -> None:
    world = World()
    world.agent(resources="cpus:4;mem:128;ports:[1-5]")
    assert world.operate(set_quota("r", "cpus:5")) == (
        409,
        "Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota"
        " guarantees 'cpus:5' exceed cluster capacity 'cpus:4; mem:128'",
    )
    assert world.operate(set_quota("r", "cpus:5", force=True)) == OK


def test_a_recorded_quota_of_ports_is_refused() -> None:
    call = older_calls.set_quota(recorded.body("operator", "quota-post-ranges"))
    assert isinstance(call, Call)
    assert World().operate(call) == recorded.answer("operator", "quota-post-ranges")


@pytest.mark.parametrize("call", [quota("r", {"cpus": 1}), set_quota("r", "cpus:1")])
def test_setting_a_quota_needs_a_permission(call: Call) -> None:
    world = World(acls=acls("update_quotas", "roles"))
    world.agent()
    assert world.operate(call, "guest") == FORBIDDEN
    assert world.state.quotas == {}
    assert world.operate(call, "ops") == OK
    assert world.operate(remove_quota("r"), "guest") == FORBIDDEN
    assert world.operate(remove_quota("r"), "ops") == OK


# Weights.


def test_recorded_weights_are_taken() -> None:
    world = World()
    call = recorded.request("operator", "update_weights", Call)
    assert world.operate(call) == recorded.answer("operator", "update_weights")
    assert world.state.weights == {"r1": 2.5}
    assert world.operate(recorded.request("operator", "update_weights-empty", Call)) == OK
    assert world.core.registrar.tables.weights == {"r1": 2.5}


@pytest.mark.parametrize(
    "case", ["update_weights-zero", "update_weights-negative", "update_weights-bad-role"]
)
def test_recorded_weights_that_make_no_sense_are_refused(case: str) -> None:
    world = World()
    call = recorded.request("operator", case, Call)
    assert world.operate(call) == recorded.answer("operator", case)
    assert world.state.weights == {}


def test_an_infinite_weight_is_refused() -> None:
    world = World()
    status, text = world.operate(weights(r=float("inf")))
    assert status == 400
    assert text.endswith("for role 'r': Invalid weight 'inf': Weights must be finite")


def test_all_offers_are_taken_back_when_a_role_in_use_is_weighed() -> None:
    world = World()
    world.agent("agent0")
    first, second = world.framework("r"), world.framework("other")
    world.agent("agent1")
    assert len(first.offers) + len(second.offers) == 2
    world.forget()
    assert world.operate(weights(unused=3.0)) == OK
    assert world.told(first) + world.told(second) == []
    assert world.operate(weights(r=3.0)) == OK
    assert world.heard(first).count("RESCIND") + world.heard(second).count("RESCIND") == 2


def test_a_role_that_only_tasks_are_left_in_is_in_use() -> None:
    world = World()
    agent, framework = world.agent(), world.framework("r")
    world.launch(framework, agent, "t", "cpus:1;mem:32")
    del framework.info.roles[:]
    framework.info.roles.append("new")
    assert quota_and_weights.is_in_use(world.state, "r")
    assert quota_and_weights.is_in_use(world.state, "new")
    assert not quota_and_weights.is_in_use(world.state, "other")


def test_a_role_with_more_weight_is_served_first() -> None:
    world = World()
    agent = world.agent("agent0", resources="cpus:4;mem:4096")
    light, heavy = world.framework("light"), world.framework("weighty")
    world.launch(light, agent, "l", "cpus:1;mem:32")
    world.advance(6_000)
    world.launch(heavy, agent, "h", "cpus:2;mem:64")
    order = world.allocator.explain().order
    assert [role for role, _framework in order] == ["light", "weighty"]
    assert world.operate(weights(weighty=3.0)) == OK
    explained = world.allocator.explain()
    assert [role for role, _framework in explained.order] == ["weighty", "light"]
    assert all(one.reason is not Reason.QUOTA_LIMIT for one in explained.verdicts)


def test_spaces_around_a_role_do_not_count() -> None:
    world = World()
    call = Call(type=Call.UPDATE_WEIGHTS)
    call.update_weights.weight_infos.add(role=" r ", weight=2.0)
    assert world.operate(call) == OK
    assert world.state.weights == {"r": 2.0}


def test_only_roles_of_the_whitelist_have_weights_and_quotas() -> None:
    world = World(settings=MasterSettings(roles=("r",)))
    assert world.operate(weights(other=2.0))[0] == 400
    assert world.operate(quota("other", {"cpus": 1}))[0] == 400
    assert world.operate(weights(r=2.0)) == OK


def test_weighing_needs_a_permission_even_for_nothing() -> None:
    world = World(acls=acls("update_weights", "roles"))
    assert world.operate(weights(r=2.0), "guest") == FORBIDDEN
    assert world.operate(weights(), "guest") == FORBIDDEN
    assert world.state.weights == {}
    assert world.operate(weights(r=2.0), "ops") == OK
