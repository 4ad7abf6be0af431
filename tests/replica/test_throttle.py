"""The connection throttle: tokens that come back with time, and refusals by chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance import rawclient as raw
from conformance.servers import four_letter_word
from tests.server.harness import Client
from zkserver.replica.throttle import ConnectionThrottle, ThrottleSettings
from zkserver.testing import EmbeddedServer


def lucky(count: int) -> bytes:
    return b"\xff" * count


def throttle(draw: Callable[[int], bytes] = lucky, **settings: Any) -> ConnectionThrottle:
    return ConnectionThrottle(ThrottleSettings(**settings), draw)


def test_without_tokens_nothing_is_throttled() -> None:
    one = throttle()
    assert all(one.admits(5, renews=False) for _ in range(1000))


def test_tokens_are_used_up_and_come_back() -> None:
    one = throttle(tokens=3, fill_time_ms=10, fill_count=2)
    assert [one.admits(100, renews=False) for _ in range(4)] == [True, True, True, False]
    assert not one.admits(110, renews=False), "the time has to have passed"
    assert [one.admits(111, renews=False) for _ in range(3)] == [True, True, False]
    assert [one.admits(9_999, renews=False) for _ in range(4)] == [True, True, True, False]


def test_weights_tell_new_sessions_from_others() -> None:
    one = throttle(tokens=5, fill_time_ms=1_000_000, new_weight=3, renew_weight=2)
    assert one.admits(1, renews=False)
    assert not one.admits(1, renews=False)
    assert one.admits(1, renews=True)
    assert not one.admits(1, renews=True)


def test_drop_probability_grows_while_the_bucket_is_empty_and_shrinks_while_it_is_full() -> None:
    settings: dict[str, Any] = {"tokens": 1, "fill_time_ms": 1000, "freeze_time_ms": 10}
    one = throttle(**settings, drop_increase=0.4, drop_decrease=0.3)
    # Chance is drawn before a token is taken, from what was found before.
    assert one.admits(2_000, renews=False)
    for now, expected in ((2_011, 0.4), (2_015, 0.4), (2_022, 0.8), (2_033, 1.0)):
        assert not one.admits(now, renews=False)
        assert one.drop_probability == pytest.approx(expected)
    assert one.admits(3_040, renews=False), "there is a token again, and luck"
    assert one.drop_probability == pytest.approx(0.7)
    unlucky = throttle(bytes, **settings)
    assert unlucky.admits(2_000, renews=False)
    assert not unlucky.admits(2_011, renews=False)
    assert not unlucky.admits(5_000, renews=False), "there is a token, and bad luck"


def test_server_closes_the_connection_and_counts_it() -> None:
    settings = {
        "connection_throttle_tokens": "2",
        "connection_throttle_fill_time": "1000000",
        "4lw.commands.whitelist": "*",
    }
    with (
        EmbeddedServer(settings=settings) as server,
        Client(server.port) as first,
        Client(server.port) as second,
    ):
        for _ in range(3):
            with raw.RawConnection(server.port) as third:
                assert third.handshake(raw.pack_connect()) is None
        assert first.create(b"/a") == 0
        assert second.exists(b"/a")
        assert "zk_connection_rejected\t3\n" in four_letter_word(server.port, "mntr")
