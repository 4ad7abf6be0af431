"""A master that is elected takes over what the last one has stored."""

from __future__ import annotations

from mesos_compat.master import actions as act
from mesos_compat.master import events as ev
from mesos_compat.master.settings import MasterSettings
from mesos_compat.wire.v1 import master_pb2, mesos_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import Agent, Scheduler, framework_info

Call = master_pb2.Call


def test_a_master_is_recovered_when_it_has_stored_that_it_leads() -> None:
    cluster = Cluster()
    cluster.stores = False
    cluster.lead("N")
    assert cluster.state.elected_ns == cluster.now.wall_ns
    recovered = [cluster.state.is_recovered]
    cluster.store()
    recovered.append(cluster.state.is_recovered)
    assert recovered == [False, True]
    stored = cluster.registry
    assert stored.master.id == "N"


def test_weights_of_the_flag_count_until_the_registry_has_some() -> None:
    settings = MasterSettings(weights=(("r", 2.0),))
    cluster = Cluster(settings)
    assert cluster.state.weights == {"r": 2.0}
    call = Call(type=Call.UPDATE_WEIGHTS)
    call.update_weights.weight_infos.add(role="r", weight=5)
    assert cluster.operate(call) == (200, "")
    cluster.fail_over("N")
    assert cluster.state.weights == {"r": 5.0}


def test_agents_of_all_kinds_are_known_to_the_next_master() -> None:
    cluster = Cluster()
    there, gone, silent = (Agent(cluster, f"agent{number}") for number in range(3))
    call = Call(type=Call.MARK_AGENT_GONE)
    call.mark_agent_gone.agent_id.value = gone.agent_id
    assert cluster.operate(call) == (200, "")
    call = Call(type=Call.DRAIN_AGENT)
    call.drain_agent.agent_id.value = there.agent_id
    assert cluster.operate(call) == (200, "")
    silent.lose()
    cluster.advance(120_000)
    marked_ns = cluster.state.unreachable_agents[silent.agent_id].unreachable_ns
    cluster.fail_over("N")
    state = cluster.state
    assert list(state.recovered_agents) == [there.agent_id]
    recovered = state.recovered_agents[there.agent_id]
    assert recovered.is_deactivated
    assert recovered.drain_info is not None
    assert recovered.drain_info.state == mesos_pb2.DRAINED
    assert list(state.gone_agents) == [gone.agent_id]
    assert state.unreachable_agents[silent.agent_id].unreachable_ns == marked_ns


def test_quotas_hold_and_offers_wait_for_the_agents() -> None:
    cluster = Cluster()
    agents = [Agent(cluster, f"agent{number}") for number in range(5)]
    call = Call(type=Call.UPDATE_QUOTA)
    config = call.update_quota.quota_configs.add(role="r")
    config.limits["cpus"].value = 6
    assert cluster.operate(call) == (200, "")
    cluster.fail_over("N")
    assert list(cluster.state.quotas) == ["r"]
    scheduler = Scheduler(cluster, framework_info("r"))
    for agent in agents[:3]:
        agent.subscribe()
    cluster.advance(10_000)
    assert not scheduler.offers
    # Four of five are enough.
    agents[3].subscribe()
    cluster.advance(1_000)
    cpus = [one for offer in scheduler.offers.values() for one in offer.resources]
    assert sum(one.scalar.value for one in cpus if one.name == "cpus") == 6


def test_maintenance_goes_on() -> None:
    cluster = Cluster()
    agent = Agent(cluster)
    machine = mesos_pb2.MachineID(hostname="agent0", ip="127.0.0.1")
    call = Call(type=Call.UPDATE_MAINTENANCE_SCHEDULE)
    window = call.update_maintenance_schedule.schedule.windows.add(machine_ids=[machine])
    window.unavailability.start.nanoseconds = 7
    assert cluster.operate(call) == (200, "")
    cluster.fail_over("N")
    assert len(cluster.state.schedule.windows) == 1
    agent.subscribe()
    scheduler = Scheduler(cluster, framework_info("r"))
    (offer,) = scheduler.offers.values()
    assert offer.unavailability.start.nanoseconds == 7
    call = Call(type=Call.START_MAINTENANCE)
    call.start_maintenance.machines.append(machine)
    assert cluster.operate(call) == (200, "")
    cluster.fail_over("O")
    agent.told()
    agent.subscribe()
    assert agent.heard() == ["SHUTDOWN"]


def test_a_registry_that_fails_stops_the_master() -> None:
    cluster = Cluster()
    cluster.step(ev.RegistryFailed("disk full"))
    assert cluster.stopped == "Failed to use the registry: disk full"


def test_a_registry_that_is_too_slow_stops_the_master() -> None:
    cluster = Cluster()
    cluster.stores = False
    Agent(cluster)
    cluster.advance(19_999)
    assert cluster.stopped is None
    cluster.advance(1)
    assert cluster.stopped == "Failed to update registry: it took too long to store"


def test_a_registry_that_is_busy_but_not_slow_does_not() -> None:
    cluster = Cluster()
    cluster.stores = False
    for number in range(5):
        Agent(cluster, f"agent{number}")
        cluster.advance(15_000)
        cluster.store_once()
    assert cluster.stopped is None


def test_one_store_is_under_way_at_a_time() -> None:
    cluster = Cluster()
    cluster.stores = False
    stores = []
    for number in range(3):
        agent = Agent(cluster, f"agent{number}", subscribes=False)
        actions = cluster.core.step(
            ev.AgentSubscribed(cluster.new_route(), agent.subscription()), cluster.now
        )
        stores += [action for action in actions if isinstance(action, act.StoreRegistry)]
    assert len(stores) == 1
