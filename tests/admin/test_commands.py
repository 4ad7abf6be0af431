"""The AdminServer's commands on views of our own, and the form of its JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkserver.admin.commands import answer
from zkserver.admin.fourletter import SetTraceMask
from zkserver.admin.json_text import json_text
from zkserver.admin.status_view import MemberView, PeerView, StatusView
from zkserver.config import Config

ViewMaker = Callable[..., StatusView]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

MEMBERS = tuple(
    MemberView(number, f"host{number}", 2888, 3888, number == 3, "0.0.0.0:2181")
    for number in (1, 2, 3)
)


@given(values)
def test_what_is_written_is_read_again(value: object) -> None:
    assert json.loads(json_text(value)) == value


def test_it_is_written_as_jackson_does() -> None:
    value = {"a": {}, "b": [], "c": [1, 2.5], "d": [{"e": None}, {"f": {"g": "h"}}]}
    assert json_text(value) == (
        '{\n  "a" : { },\n  "b" : [ ],\n  "c" : [ 1, 2.5 ],\n  "d" : [ {\n    "e" : null\n  }, {\n'
        '    "f" : {\n      "g" : "h"\n    }\n  } ]\n}'
    )


def test_an_unknown_command_is_told(make_view: ViewMaker) -> None:
    assert answer("nope", {}, make_view()).fields == {
        "command": "nope",
        "error": "Unknown command: nope",
    }


@pytest.mark.parametrize(("name", "is_answered"), [("stat", False), ("envi", True)])
def test_who_does_not_serve_says_only_what_needs_no_leader(
    make_view: ViewMaker, name: str, is_answered: bool
) -> None:
    fields = answer(name, {}, make_view(serving=False)).fields
    why = "This ZooKeeper instance is not currently serving requests"
    assert fields["error"] == (None if is_answered else why)


@pytest.mark.parametrize(
    ("given_mask", "problem"),
    [
        ({}, "setTraceMask requires long traceMask argument"),
        ({"traceMask": "x"}, "setTraceMask requires long traceMask argument, got x"),
        (
            {"traceMask": str(1 << 63)},
            f"setTraceMask requires long traceMask argument, got {1 << 63}",
        ),
    ],
)
def test_a_trace_mask_is_a_long(
    make_view: ViewMaker, given_mask: dict[str, str], problem: str
) -> None:
    told = answer("stmk", given_mask, make_view())
    assert told.effect is None
    assert list(told.fields.items()) == [("error", problem), ("command", "set_trace_mask")]
    assert answer("stmk", {"traceMask": "310"}, make_view()).effect == SetTraceMask(310)


def test_passwords_are_not_told(make_view: ViewMaker) -> None:
    given_settings = (("tickTime", "2000"), ("ssl.keyStore.password", "secret"))
    view = make_view(config=Config(data_dir="data", given=given_settings))
    for name in ("icfg", "sysp"):
        told = json_text(answer(name, {}, view).fields)
        assert "tickTime" in told
        assert "secret" not in told


def _peer(leader_id: int | None, observers: tuple[tuple[int, str], ...] = ()) -> PeerView:
    return PeerView(
        2888, 3888, False, "", "following - broadcast", None, list, MEMBERS, leader_id, observers
    )


def test_the_leader_is_named_by_its_address(make_view: ViewMaker) -> None:
    view = make_view(state="follower", peer=_peer(2))
    assert answer("lead", {}, view).fields == {
        "is_leader": False,
        "leader_id": 2,
        "leader_ip": "host2",
        "command": "leader",
        "error": None,
    }
    assert answer("lead", {}, make_view()).fields["error"] == "server is not initialized"


def test_observers_have_no_vote(make_view: ViewMaker) -> None:
    view = make_view(state="leader", peer=_peer(1, ((3, "/127.0.0.1:1"),)))
    assert list(answer("voting_view", {}, view).fields["current_config"]) == ["1", "2"]
    observers = answer("obsr", {}, view).fields
    assert observers["synced_observers"] == 1
    assert observers["observers"] == [{"remote_socket_address": "/127.0.0.1:1", "sid": 3}]
