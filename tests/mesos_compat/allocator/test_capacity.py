"""Queues with guaranteed and greatest capacities."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

import pytest

from mesos_compat.allocator import AllocatorOptions, Reason
from mesos_compat.allocator.queues import parse, queue_of
from mesos_compat.errors import FlagError
from mesos_compat.resources import Resources
from tests.mesos_compat.allocator.cluster import Cluster, framework_info, holders, shown

TWO = {"prod": {"capacity": 75}, "dev": {"capacity": 25}}


def cluster_of(agents: int, queues: Mapping[str, Mapping[str, float]]) -> Cluster:
    cluster = Cluster("capacity", AllocatorOptions(policy_text=json.dumps(queues)))
    for number in range(agents):
        cluster.agent(f"a{number:02}", "cpus:1;mem:100")
    return cluster


def test_queues_get_their_guarantees() -> None:
    cluster = cluster_of(8, TWO)
    cluster.framework("f1", "prod")
    cluster.framework("f2", "dev")
    assert Counter(holders(cluster.run()).values()) == {"f1": 6, "f2": 2}


def test_queue_may_use_what_others_leave_unused() -> None:
    cluster = cluster_of(8, TWO)
    cluster.framework("f2", "dev")
    assert len(cluster.run()) == 8


def test_what_is_released_returns_to_the_queue_that_lacks_it() -> None:
    cluster = cluster_of(8, TWO)
    cluster.framework("f2", "dev")
    offers = cluster.run()
    cluster.framework("f1", "prod")
    assert cluster.run() == []
    for offer in offers[:7]:
        cluster.recover(offer, offer.resources)
    # Six are guaranteed to prod; dev still has one and gets one more, its guarantee.
    assert Counter(holders(cluster.tick()).values()) == {"f1": 6, "f2": 1}


def test_maximum_capacity_is_never_passed() -> None:
    cluster = cluster_of(
        8, {"prod": {"capacity": 75}, "dev": {"capacity": 25, "maximum_capacity": 50}}
    )
    cluster.framework("f2", "dev")
    offered = cluster.run()
    assert len(offered) == 4
    free = next(name for name in (f"a{n:02}" for n in range(8)) if name not in holders(offered))
    assert cluster.reason("f2", free) is Reason.POLICY_LIMIT


def test_part_of_an_agent_is_offered_when_a_guarantee_needs_no_more() -> None:
    cluster = Cluster("capacity", AllocatorOptions(policy_text=json.dumps(TWO)))
    cluster.agent("a1", "cpus:8;mem:800;ports:[1-9]")
    cluster.framework("f1", "prod")
    cluster.framework("f2", "dev")
    # Neither uses any of its guarantee, so the name decides who gets the ports.
    assert shown(cluster.run()) == [
        ("f1", "prod", "a1", "cpus:6; mem:600"),
        ("f2", "dev", "a1", "ports:[1-9]; cpus:2; mem:200"),
    ]


def test_child_queues_divide_their_parents_capacity() -> None:
    queues = {
        "prod": {"capacity": 80}, "prod/web": {"capacity": 75}, "prod/batch": {"capacity": 25},
        "dev": {"capacity": 20},
    }  # fmt: skip
    cluster = cluster_of(20, queues)
    for name, role in (("f1", "prod/web"), ("f2", "prod/batch"), ("f3", "dev")):
        cluster.framework(name, role)
    assert Counter(holders(cluster.run()).values()) == {"f1": 12, "f2": 4, "f3": 4}


def test_maximum_of_a_parent_bounds_its_children() -> None:
    queues = {
        "prod": {"capacity": 50, "maximum_capacity": 60}, "prod/web": {"capacity": 100},
        "dev": {"capacity": 50},
    }  # fmt: skip
    cluster = cluster_of(10, queues)
    cluster.framework("f1", "prod/web")
    assert len(cluster.run()) == 6


def test_within_a_queue_who_came_first_is_served_first() -> None:
    cluster = cluster_of(4, TWO)
    cluster.framework("z", "dev")
    cluster.framework("a", "dev/sub")
    assert set(holders(cluster.run()).values()) == {"z"}


def test_users_share_a_queue_that_limits_them() -> None:
    cluster = cluster_of(8, {"prod": {"capacity": 100, "minimum_user_limit_percent": 25}})
    cluster.framework("f1", "prod", user="ann")
    cluster.framework("f2", "prod", user="ann")
    cluster.framework("f3", "prod", user="bob")
    offered = Counter(holders(cluster.run()).values())
    assert offered == {"f1": 4, "f3": 4}


def test_user_limit_factor_multiplies_a_users_part() -> None:
    cluster = cluster_of(
        8, {"q": {"capacity": 50, "user_limit_factor": 1.5}, "dev": {"capacity": 50}}
    )
    cluster.framework("f1", "q", user="ann")
    assert len(cluster.run()) == 6


def test_role_without_a_queue_gets_what_the_queues_leave() -> None:
    cluster = cluster_of(8, TWO)
    cluster.framework("f0", "other")
    cluster.framework("f1", "prod")
    assert Counter(holders(cluster.run()).values()) == {"f1": 8}
    cluster.allocator.remove_framework("f1")
    assert Counter(holders(cluster.tick()).values()) == {"f0": 8}


def test_role_without_a_queue_belongs_to_the_default_queue_if_there_is_one() -> None:
    cluster = cluster_of(8, {"prod": {"capacity": 75}, "default": {"capacity": 25}})
    cluster.framework("f0", "other")
    cluster.framework("f1", "prod")
    assert Counter(holders(cluster.run()).values()) == {"f1": 6, "f0": 2}


def test_frameworks_in_a_parent_queue_itself_have_no_guarantee() -> None:
    queues = {"prod": {"capacity": 100}, "prod/web": {"capacity": 100}}
    cluster = cluster_of(4, queues)
    cluster.framework("f0", "prod")
    cluster.framework("f1", "prod/web")
    assert set(holders(cluster.run()).values()) == {"f1"}
    cluster.allocator.suppress("f1", [])
    cluster.allocator.remove_framework("f1")
    assert set(holders(cluster.tick()).values()) == {"f0"}


def test_used_resources_count_under_the_user_once_that_is_known() -> None:
    queues = {"prod": {"capacity": 100, "minimum_user_limit_percent": 50}}
    cluster = Cluster("capacity", AllocatorOptions(policy_text=json.dumps(queues)))
    used = Resources.parse("cpus:3;mem:300").allocate("prod")
    cluster.agent("a1", "cpus:4;mem:400", used={"f1": used})
    cluster.framework("f1", "prod", user="ann")
    cluster.framework("f2", "prod", user="bob")
    assert set(holders(cluster.run()).values()) == {"f2"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "no valid JSON"),
        ("[" * 100_000, "nested too deeply|no valid JSON"),
        ("[]", "an object with at least one queue"),
        ('{"a": 1}', "queue 'a' is no object"),
        ('{"a": {}}', "queue 'a' lacks its capacity"),
        ('{"a": {"capacity": "100"}}', "capacity of 'a' is no number"),
        ('{"a": {"capacity": true}}', "capacity of 'a' is no number"),
        ('{"a": {"capacity": 101}}', "must be from 0 to 100"),
        ('{"a": {"capacity": NaN}}', "NaN is no number"),
        ('{"a": {"capacity": 1e99999999}}', "too large or too small"),
        ('{"a": {"capacity": 99.00000000000000000001}}', "too many digits in 99.00"),
        ('{"a": {"capacity": 0}}', "at the top add up to 0"),
        ('{"a": {"capacity": 99}}', "at the top add up to 99"),
        ('{"a": {"capacity": 100}, "a/b": {"capacity": 50}}', "below 'a' add up to 50"),
        ('{"a": {"capacity": 100}, "b/c": {"capacity": 100}}', "'b/c' lacks its parent 'b'"),
        ('{"a": {"capacity": 100, "maximum_capacity": 50}}', "'a' is below its capacity"),
        ('{"a": {"capacity": 100, "user_limit_factor": 0}}', "must be more than 0"),
        ('{"a": {"capacity": 100, "colour": 1}}', "unknown member 'colour'"),
        ('{"-a": {"capacity": 100}}', "starts with a dash"),
    ],
)
def test_policy_file_that_makes_no_sense_is_refused(text: str, fault: str) -> None:
    with pytest.raises(FlagError, match=fault):
        parse(text)


def test_policy_file_is_needed() -> None:
    with pytest.raises(FlagError, match="needs a policy file"):
        Cluster("capacity")


def test_thirds_of_a_percent_add_up_exactly() -> None:
    queues = parse('{"a": {"capacity": 33.3}, "b": {"capacity": 33.3}, "c": {"capacity": 33.4}}')
    assert sum(queue.absolute_capacity for queue in queues.values()) == 1
    found = queue_of("a/x/y", queues)
    assert found is not None
    assert found.path == "a"
    assert queue_of("d", queues) is None


def test_changed_user_takes_along_what_the_framework_holds() -> None:
    queues = {"prod": {"capacity": 100, "minimum_user_limit_percent": 50}}
    cluster = Cluster("capacity", AllocatorOptions(policy_text=json.dumps(queues)))
    used = Resources.parse("cpus:2;mem:200").allocate("prod")
    cluster.agent("a1", "cpus:4;mem:400", used={"f1": used})
    cluster.framework("f1", "prod", user="ann")
    cluster.framework("f2", "prod", user="bob")
    cluster.allocator.deactivate_framework("f1")
    cluster.allocator.update_framework(
        "f1", framework_info("prod", user="bob"), suppressed_roles=[], offer_constraints=None
    )
    cluster.allocator.activate_framework("f1")
    # Bob is now the only user and may have it all.
    assert cluster.reason("f2", "a1") in (Reason.WAITING, Reason.BEHIND)
    (offer,) = cluster.run()
    assert offer.resources.unallocate() == Resources.parse("cpus:2;mem:200")
