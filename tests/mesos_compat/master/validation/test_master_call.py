"""Calls to the master's operator API."""

from __future__ import annotations

import pytest

from mesos_compat.master.validation import master_call
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import master_pb2
from tests.mesos_compat.master.validation import recorded

Call = master_pb2.Call
PREFIX = "Failed to validate master::Call: "


@pytest.mark.parametrize("case", ["get_metrics", "missing-sub-message", "no-type", "unknown-type"])
def test_recorded_calls_are_refused_with_the_recorded_answer(case: str) -> None:
    call = recorded.request("operator", case, Call)
    answer = (400, f"{PREFIX}{master_call.validate(call)}")
    assert answer == recorded.answer("operator", case)


#: The calls that have a member of their name but can do without it, or have none.
BARE = {"UNKNOWN", "SUBSCRIBE"}
BARE.update(name for name, _kind in Call.Type.items() if name.startswith("GET_"))
BARE.discard("GET_METRICS")


@pytest.mark.parametrize("name", sorted(Call.Type.keys()))
def test_calls_need_their_member(name: str) -> None:
    expected = None if name in BARE else f"Expecting '{name.lower()}' to be present"
    assert master_call.validate(Call(type=name)) == expected


def test_resources_to_reserve_are_well_formed() -> None:
    for member in ("reserve_resources", "unreserve_resources"):
        call = Call(type=member.upper())
        asked = getattr(call, member)
        asked.agent_id.value = "A"
        asked.resources.extend(Resources.parse("cpus:1"))
        assert master_call.validate(call) is None
        asked.resources[0].scalar.value = -1
        assert master_call.validate(call) == (
            "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"
        )


def test_volumes_to_resize_are_some_agents() -> None:
    (disk,) = Resources.parse("disk:1")
    call = Call(type=Call.GROW_VOLUME)
    call.grow_volume.volume.CopyFrom(disk)
    call.grow_volume.addition.CopyFrom(disk)
    missing = (
        "Expecting 'agent_id' to be present; only agent default resources are supported right now"
    )
    assert master_call.validate(call) == missing
    call.grow_volume.agent_id.value = "A"
    assert master_call.validate(call) is None
    call = Call(type=Call.SHRINK_VOLUME)
    call.shrink_volume.volume.CopyFrom(disk)
    call.shrink_volume.subtract.value = 1
    assert master_call.validate(call) == missing
    call.shrink_volume.agent_id.value = "A"
    assert master_call.validate(call) is None
