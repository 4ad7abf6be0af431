"""What can be declared, and what is refused with which words."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mesozoic.framework import DeclarationError, HealthCheck, Restart, Service, Task, max_per


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"name": "a/b"}, "is no name"),
        ({"name": ""}, "is no name"),
        ({"count": -1}, "count is -1"),
        ({"resources": {"cpus": 0}}, "cpus: 0 is not a positive"),
        ({"resources": {"ports": 1}}, "needs some resources"),
        ({"resources": {"cpus": 1, "ports": 1.5}}, "number of ports"),
        ({"constraints": [max_per("a", 0)]}, "allows nothing"),
        ({"constraints": [True]}, "is no constraint"),
        ({"health": HealthCheck()}, "one of command, http and tcp"),
        ({"health": HealthCheck(command="x", tcp=True)}, "one of command, http and tcp"),
        ({"health": HealthCheck(tcp=True)}, "needs one of the ports"),
        ({"command": len, "health": HealthCheck(command="x")}, "cannot have a health check"),
        ({"command": len, "args": [threading.Lock()]}, "cannot be pickled"),
        ({"command": len, "args": [b"x" * 300_000]}, "more than"),
    ],
)
def test_what_cannot_be_run_is_refused(members: dict[str, Any], words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        Task(**{"name": "t", "command": "x"} | members).spec()


def test_tasks_and_services_have_their_own_restarts() -> None:
    assert Task("t", "x").spec().restart == Restart("on_failure", attempts=3)
    assert Service("s", "x").spec().restart == Restart("always", unreachable_seconds=0.0)
    assert Service("s", "x", restart="never").spec().restart.when == "never"
    given = Restart("always", attempts=7)
    assert Task("t", "x", restart=given).spec().restart is given


def test_callable_is_known_by_its_name_and_version() -> None:
    first, again = Task("t", len, args=["a"]).spec(), Task("t", len, args=["b"]).spec()
    assert first.is_as(again)
    assert not first.is_as(Task("t", max, args=["a"]).spec())
    assert not first.is_as(Task("t", len, args=["a"], version="2").spec())
