"""Metrics as text for Prometheus."""

from __future__ import annotations

import re

import pytest

from mesos_compat.master.views.metrics import counter_names, snapshot
from mesos_compat.master.views.prometheus import text
from tests.mesos_compat.master.views.worlds import recorded_state, view


def samples(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if not line.startswith("#")]


def test_a_metric_has_its_help_its_type_and_its_value() -> None:
    assert text({"master/tasks_failed": 3.0}, ["master/tasks_failed"]) == (
        "# HELP mesos_master_tasks_failed master/tasks_failed of /metrics/snapshot.\n"
        "# TYPE mesos_master_tasks_failed counter\n"
        "mesos_master_tasks_failed 3\n"
    )


def test_what_is_not_said_to_be_a_counter_is_a_gauge() -> None:
    assert "# TYPE mesos_system_load_1min gauge\n" in text({"system/load_1min": 0.1})


def test_whole_numbers_are_written_without_exponent_and_others_exactly() -> None:
    shown = text({"system/mem_total_bytes": 25276502016.0, "system/load_1min": 0.1})
    assert samples(shown) == [
        "mesos_system_mem_total_bytes 25276502016",
        "mesos_system_load_1min 0.1",
    ]


@pytest.mark.parametrize(
    ("source", "sample"),
    [
        (
            "master/frameworks/a%2Fb/M-0001/calls/accept",
            'mesos_master_frameworks_calls_accept{framework="a/b",framework_id="M-0001"}',
        ),
        (
            "master/frameworks/n/M-0001/roles/eng/ads/suppressed",
            "mesos_master_frameworks_roles_suppressed"
            '{framework="n",framework_id="M-0001",role="eng/ads"}',
        ),
        (
            "allocator/mesos/roles/*/shares/dominant",
            'mesos_allocator_mesos_roles_shares_dominant{role="*"}',
        ),
        (
            "allocator/mesos/offer_filters/roles/a/b/active",
            'mesos_allocator_mesos_offer_filters_roles_active{role="a/b"}',
        ),
        (
            "allocator/mesos/quota/roles/a/b/resources/cpus/offered_or_allocated",
            "mesos_allocator_mesos_quota_roles_resources_offered_or_allocated"
            '{role="a/b",resource="cpus"}',
        ),
        (
            "allocator/mesos/resources/cpus/total",
            'mesos_allocator_mesos_resources_total{resource="cpus"}',
        ),
        (
            "frameworks/who/messages_received",
            'mesos_frameworks_messages_received{principal="who"}',
        ),
        ("mesozoic/task_success_ratio", "mesozoic_task_success_ratio"),
    ],
)
def test_names_of_frameworks_roles_and_resources_are_labels(source: str, sample: str) -> None:
    assert samples(text({source: 1.0})) == [f"{sample} 1"]


def test_labels_are_escaped() -> None:
    name = 'frameworks/a"b\\c\nd/messages_received'
    assert samples(text({name: 0.0})) == [
        r'mesos_frameworks_messages_received{principal="a\"b\\c\nd"} 0'
    ]


def test_all_of_one_name_stand_together_below_one_type() -> None:
    shown = text(
        {
            "allocator/mesos/resources/cpus/offered_or_allocated": 1.0,
            "allocator/mesos/resources/cpus/total": 2.0,
            "allocator/mesos/resources/mem/offered_or_allocated": 3.0,
        }
    )
    assert [line.split()[0].partition("{")[0] for line in shown.splitlines()] == [
        "#",
        "#",
        *["mesos_allocator_mesos_resources_offered_or_allocated"] * 2,
        "#",
        "#",
        "mesos_allocator_mesos_resources_total",
    ]


def test_everything_that_a_master_has_can_be_written() -> None:
    seen = view(recorded_state())
    found = snapshot(seen)
    lines = text(found, counter_names(seen)).splitlines()
    sample = re.compile(r'[a-z_][a-z0-9_]*(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+')
    written = [line for line in lines if not line.startswith("#")]
    assert all(sample.fullmatch(line) for line in written)
    # Nothing is lost, and nothing comes twice.
    assert len({line.rpartition(" ")[0] for line in written}) == len(found)
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(set(types)) == len(types)
