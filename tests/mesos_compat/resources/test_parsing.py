"""Resources given on a command line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.resources import Resources


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "{}"),
        (
            "cpus:4;mem:1024;ports:[31000-32000,33000-33001];zones:{a,b}",
            "cpus:4; mem:1024; ports:[31000-32000, 33000-33001]; zones:{a, b}",
        ),
        (" cpus ( r ) : 1 ; cpus(*):2;", "cpus(reservations: [(STATIC,r)]):1; cpus:2"),
        ("cpus:1;cpus:0.5;gpus:0", "cpus:1.5"),
        ("ports:[1-5,3-8]", "ports:[1-8]"),
        ("[]", "{}"),
        (
            '[{"name":"cpus","type":"SCALAR","scalar":{"value":1.5}},'
            '{"name":"mem","type":"SCALAR","scalar":{"value":8},"role":"r"}]',
            "cpus:1.5; mem(reservations: [(STATIC,r)]):8",
        ),
        (
            '[{"name":"disk","type":"SCALAR","scalar":{"value":8},'
            '"disk":{"source":{"type":"MOUNT","mount":{"root":"/mnt/a"}}}}]',
            "disk[MOUNT:/mnt/a]:8",
        ),
    ],
)
def test_both_forms_are_read(text: str, shown: str) -> None:
    assert str(Resources.parse(text)) == shown


def test_what_names_no_role_is_for_the_default_role() -> None:
    as_json = '[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]'
    expected = "cpus(reservations: [(STATIC,d)]):1"
    assert str(Resources.parse("cpus:1", "d")) == expected
    assert str(Resources.parse(as_json, "d")) == expected
    assert str(Resources.parse("cpus(r):1", "d")) == "cpus(reservations: [(STATIC,r)]):1"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cpus", "Bad value for resources, missing or extra ':' in cpus"),
        ("cpus:1:2", "Bad value for resources, missing or extra ':' in cpus:1:2"),
        ("[1", "Bad value for resources, missing or extra ':' in [1"),
        ("cpus(r:1", "Bad value for resources, mismatched parentheses in cpus(r:1"),
        ("cpus)r(:1", "Bad value for resources, mismatched parentheses in cpus)r(:1"),
        ("cpus:x", "Bad type for resource cpus value x type TEXT"),
        ("cpus:-1", "Bad type for resource cpus value -1 type TEXT"),
        (
            "ports:[1-2",
            "Failed to parse resource ports value [1-2 error Mismatched brackets",
        ),
        ("ports:[5-1]", "Invalid ranges resource: begin > end"),
        ("zones:{a,a}", "Invalid set resource: duplicated elements"),
        ("cpus:0.0001", "Invalid scalar resource: value <= 0"),
        ("cpus(-r):1", "Role component '-r' is invalid because it starts with a dash"),
        (
            "a:1;a:[1-2]",
            "Resources with the same name ('a') but different types are not allowed",
        ),
        (
            "[1]",
            "Some JSON resources were not formatted properly: Expecting a JSON object",
        ),
    ],
)
def test_malformed_text_is_refused(text: str, why: str) -> None:
    with pytest.raises(ResourceError) as caught:
        Resources.parse(text)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"revocable": {}}, "Revocable resources cannot be specified at the command line"),
        (
            {"reservations": [{"type": "DYNAMIC", "role": "r"}]},
            "Dynamic reservations cannot be specified at the command line",
        ),
        (
            {"role": "r", "disk": {"persistence": {"id": "v"}}},
            "Persistent volumes cannot be specified at the command line",
        ),
    ],
)
def test_what_only_frameworks_make_is_refused(members: dict[str, object], why: str) -> None:
    resource = {"name": "disk", "type": "SCALAR", "scalar": {"value": 1}} | members
    with pytest.raises(ResourceError, match=f"^{why}"):
        Resources.parse(json.dumps([resource]))


@given(st.text(alphabet="cpus:;()[]{}0123-, \nar*/"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parsed = Resources.parse(text)
    except ResourceError:
        return
    assert Resources(parsed.messages()) == parsed
