"""Specs and instances come out of the store as they went in."""

from __future__ import annotations

import json

import pytest

from mesozoic.framework import HealthCheck, Service, Uri, Volume, attribute, group_by
from mesozoic.framework.planning import records
from mesozoic.framework.planning.instances import Ended, Ending, Instance
from mesozoic.framework.planning.specs import Standing

SERVICE = Service(
    "s",
    len,
    args=["abc"],
    resources={"cpus": 0.1, "mem": 32, "ports": 2},
    count=3,
    constraints=[attribute("rack") == "r1", group_by("zone", 2)],
    uris=["u", Uri("v", cache=True, output_file="w")],
    volumes=[Volume("a", "b")],
    environment={"A": "1"},
    labels={"l": "2"},
    kill_grace_seconds=1.5,
    version="3",
)
INSTANCE = Instance(
    "s.0.1-1", "s", 0, 2, "a1", "host", (1, 2), (("zone", "z"),), 17, (1, 2), 3, is_replaced=True
)


def test_spec_is_the_same_again() -> None:
    standing = Standing(SERVICE.spec(), 5, 7, is_stopped=True)
    assert records.decode_standing(records.encode_standing(standing)) == standing
    checked = Service("s", "x", resources={"cpus": 1, "ports": 1}, health=HealthCheck(tcp=True))
    standing = Standing(checked.spec(), 1)
    assert records.decode_standing(records.encode_standing(standing)) == standing


def test_instance_is_the_same_again() -> None:
    INSTANCE.end = Ended(Ending.FAILED, "TASK_FAILED", "m", b"\xff", 18, None)
    assert records.decode_instance(records.encode_instance(INSTANCE)) == INSTANCE


def test_members_of_later_versions_are_ignored() -> None:
    read = json.loads(records.encode_instance(INSTANCE))
    data = json.dumps(read | {"later": 1}).encode()
    assert records.decode_instance(data) == INSTANCE


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"spec":{}}'])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"record|Expecting"):
        records.decode_standing(data)
    with pytest.raises(ValueError, match=r"record|Expecting"):
        records.decode_instance(data)
