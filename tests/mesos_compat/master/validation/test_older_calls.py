"""Bodies of the older endpoints as calls."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.master.validation import older_calls
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.wire.v1 import master_pb2
from tests.mesos_compat.master.validation import recorded

Call = master_pb2.Call
Reader = Callable[[bytes], master_pb2.Call | Refusal]


@pytest.mark.parametrize(
    ("case", "read"),
    [
        ("http-reserve-no-slave", older_calls.reserve),
        ("http-reserve-no-resources", older_calls.reserve),
        ("http-reserve-bad-json", older_calls.reserve),
        ("http-reserve-no-slave", older_calls.create_volumes),
        ("http-reserve-no-slave", older_calls.destroy_volumes),
    ],
)
def test_recorded_forms_are_refused_with_the_recorded_answer(case: str, read: Reader) -> None:
    body = recorded.body("operations", case)
    assert read(body) == recorded.answer("operations", case)


@pytest.mark.parametrize("case", ["quota-post-bad", "weights-put-bad"])
def test_recorded_json_is_refused_with_the_recorded_answer(case: str) -> None:
    read = older_calls.set_quota if "quota" in case else older_calls.update_weights
    assert read(recorded.body("operator", case)) == recorded.answer("operator", case)


def test_a_recorded_schedule_that_is_no_json_is_refused_as_it_was() -> None:
    body = recorded.body("maintenance", "schedule-bad-json")
    expected = recorded.answer("maintenance", "schedule-bad-json")
    assert older_calls.update_maintenance_schedule(body) == expected


@pytest.mark.parametrize(
    ("case", "read", "member"),
    [
        ("http-reserve", older_calls.reserve, "reserve_resources"),
        ("http-unreserve", older_calls.unreserve, "unreserve_resources"),
        ("http-create-volumes", older_calls.create_volumes, "create_volumes"),
        ("http-destroy-volumes", older_calls.destroy_volumes, "destroy_volumes"),
    ],
)
def test_recorded_forms_are_calls(case: str, read: Reader, member: str) -> None:
    call = read(recorded.body("operations", case))
    assert isinstance(call, Call)
    assert call.type == Call.Type.Value(member.upper())
    asked = getattr(call, member)
    assert asked.agent_id.value == "e9211b1c-da26-458c-a3d2-d447d173f361-S0"
    (resource,) = getattr(asked, "volumes" if "volumes" in member else "resources")
    assert resource.reservations[0].role == "rr"


def test_escapes_and_pluses_of_forms_are_undone() -> None:
    call = older_calls.teardown(b"x=y;frameworkId=a%2Fb+%C3%A9")
    assert isinstance(call, Call)
    assert call.teardown.framework_id.value == "a/b é"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Missing 'frameworkId' query parameter in the request body"),
        (
            b"frameworkId=a%2",
            "Unable to decode query string: Malformed % escape in 'a%2': '%2'",
        ),
        (
            b"frameworkId=a%zzb",
            "Unable to decode query string: Malformed % escape in 'a%zzb': '%zz'",
        ),
    ],
)
def test_forms_that_are_none(body: bytes, message: str) -> None:
    assert older_calls.teardown(body) == (400, message)


def test_a_reservation_is_changed_by_a_form_with_source() -> None:
    call = older_calls.reserve(b"slaveId=A&resources=[]&source=[]")
    assert isinstance(call, Call)
    assert older_calls.reserve(b"slaveId=A&resources=[]&source={}") == (
        400,
        "Error parsing 'source' query parameter in the request body: Unexpected JSON type parsed",
    )
    assert older_calls.unreserve(b"slaveId=A&resources=[1]") == (
        400,
        "Error in parsing 'resources' query parameter in the request body: Expecting a JSON object",
    )


def test_json_that_is_no_message() -> None:
    assert older_calls.set_quota(b'{"force": []}') == (
        400,
        "Failed to validate set quota request JSON '{\"force\": []}':"
        " Not expecting a JSON array for field 'force'",
    )
    assert older_calls.update_weights(b'[{"role": "a"}]') == (
        400,
        'Failed to convert weights JSON array to protobuf \'[{"role": "a"}]\':'
        " Missing required fields: weight",
    )
    assert older_calls.set_quota(b"[]") == (
        400,
        "Failed to parse set quota request JSON '[]': Unexpected JSON type parsed",
    )
    assert older_calls.start_maintenance(b"{}") == (400, "Unexpected JSON type parsed")
    assert older_calls.stop_maintenance(b"[[]]") == (400, "Expecting a JSON object")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/master/quota/r", "r"),
        ("/master/quota/a/b", "a/b"),
        (
            "/master/quota",
            Refusal(
                400,  # type: ignore[arg-type]
                "Failed to parse remove quota request for path '/master/quota': expected 3 tokens,"
                " found 2 tokens",
            ),
        ),
    ],
)
def test_quota_is_removed_by_path(path: str, expected: str | Refusal) -> None:
    call = older_calls.remove_quota(path)
    assert (call.remove_quota.role if isinstance(call, Call) else call) == expected


@given(st.binary(max_size=60))
def test_any_bytes_are_a_call_or_refused(body: bytes) -> None:
    for read in (
        older_calls.reserve,
        older_calls.create_volumes,
        older_calls.teardown,
        older_calls.update_weights,
        older_calls.set_quota,
        older_calls.update_maintenance_schedule,
        older_calls.start_maintenance,
    ):
        assert isinstance(read(body), Call | Refusal)
