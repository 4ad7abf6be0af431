"""The text of the four letter words, byte for byte, and their effects."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkserver.admin.figures import java_double
from zkserver.admin.fourletter import (
    NOT_SERVING,
    WORD_OF_BYTES,
    WORDS,
    Effect,
    ResetConnectionStats,
    ResetServerStats,
    SetTraceMask,
    answer,
)
from zkserver.admin.status_view import (
    ConnectionBucketView,
    ConnectionView,
    PeerView,
    SessionView,
    StatusView,
    Summary,
    WatcherView,
)
from zkserver.config import Config

ViewMaker = Callable[..., StatusView]

SESSION = 0x100002011DD0000
CONNECTION = ConnectionView(
    address="127.0.0.1:59102",
    interest_ops=1,
    queued=0,
    received=6,
    sent=6,
    session_id=SESSION,
    last_operation="GETC",
    established_ms=1795346703226,
    session_timeout_ms=10000,
    last_cxid=5,
    last_zxid=0x100000003,
    last_response_ms=2102102,
    last_latency_ms=0,
    min_latency_ms=0,
    avg_latency_ms=12,
    max_latency_ms=27,
)
ASKER = ConnectionView("[::1]:59104", 0, 0, 1, 0)


def text(word: str, view: StatusView) -> str:
    return answer(word, view).text.decode()


def test_srvr_and_stat(make_view: ViewMaker) -> None:
    view = make_view(
        avg_latency_ms=37 / 3,
        max_latency_ms=27,
        received=9,
        sent=8,
        connection_count=2,
        last_zxid=0x100000005,
        state="follower",
        node_count=8,
        connections=lambda: [CONNECTION, ASKER],
    )
    version = "Zookeeper version: 3.8.0-mesozoic-1.2.3, built on 2026-01-02 03:04 UTC\n"
    facts = (
        "Latency min/avg/max: 0/12.3333/27\nReceived: 9\nSent: 8\nConnections: 2\n"
        "Outstanding: 0\nZxid: 0x100000005\nMode: follower\nNode count: 8\n"
    )
    assert text("srvr", view) == version + facts
    assert text("stat", view) == (
        version + "Clients:\n"
        " /127.0.0.1:59102[1](queued=0,recved=6,sent=6)\n"
        " /[::1]:59104[0](queued=0,recved=1,sent=0)\n\n" + facts
    )


def test_srvr_of_a_leader_and_of_a_read_only_server(make_view: ViewMaker) -> None:
    leader = make_view(state="leader", proposal_bytes=(86, 48, 89))
    assert text("srvr", leader).endswith("Node count: 5\nProposal sizes last/min/max: 86/48/89\n")
    lines = text("srvr", make_view(read_only=True, state="read-only")).split("\n")
    assert lines[1] == "READ-ONLY mode; serving only read-only clients"
    assert text("isro", make_view(read_only=True)) == "ro"


def test_cons(make_view: ViewMaker) -> None:
    fresh = ConnectionView("127.0.0.1:1", 1, 0, 0, 0, session_id=-1)
    assert text("cons", make_view(connections=lambda: [CONNECTION, ASKER, fresh])) == (
        " /127.0.0.1:59102[1](queued=0,recved=6,sent=6,sid=0x100002011dd0000,lop=GETC,"
        "est=1795346703226,to=10000,lcxid=0x5,lzxid=0x100000003,lresp=2102102,llat=0,minlat=0,"
        "avglat=12,maxlat=27)\n"
        " /[::1]:59104[0](queued=0,recved=1,sent=0)\n"
        " /127.0.0.1:1[1](queued=0,recved=0,sent=0,sid=0xffffffffffffffff,lop=NA,est=0,to=0,"
        "lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,avglat=0,maxlat=0)\n"
        "\n"
    )


def test_dump(make_view: ViewMaker) -> None:
    view = make_view(
        sessions=lambda: [SessionView(1795355757000, [1, 2]), SessionView(1795355759000, [3])],
        ephemerals=lambda: [(2, ["/e", "/f"])],
        connection_buckets=lambda: [ConnectionBucketView(0, [("127.0.0.1:43100", 2)])],
    )
    assert text("dump", view) == (
        "SessionTracker dump:\nSession Sets (2)/(3):\n"
        "2 expire at Sun Nov 22 13:55:57 UTC 2026:\n\t0x1\n\t0x2\n"
        "1 expire at Sun Nov 22 13:55:59 UTC 2026:\n\t0x3\n"
        "ephemeral nodes dump:\nSessions with Ephemerals (1):\n0x2:\n\t/e\n\t/f\n"
        "Connections dump:\nConnections Sets (1)/(1):\n"
        "1 expire at Thu Jan 01 00:00:00 UTC 1970:\n\tip: /127.0.0.1:43100 sessionId: 0x2\n"
    )


MEMBERSHIP = "server.1=h1:1:2:participant;0.0.0.0:3\nserver.2=h2:1:2:observer;0.0.0.0:3\nversion=0"
LEADER = PeerView(2888, 3888, False, MEMBERSHIP, "leading - broadcast", None, None)
OBSERVER = PeerView(
    2888, 3888, True, MEMBERSHIP, "observing - broadcast", 1, lambda: [(1, 6000), (-1, 10000)]
)


def test_conf_of_a_member_goes_on_with_the_ensemble(make_view: ViewMaker) -> None:
    alone = text("conf", make_view())
    assert alone.endswith("\nserverId=0\n")
    peer = "initLimit=10\nsyncLimit=5\nelectionAlg=3\nelectionPort=3888\nquorumPort=2888\npeerType="
    led = text("conf", make_view(peer=LEADER))
    assert led == f"{alone}{peer}0\nmembership: \n{MEMBERSHIP}"
    observed = text("conf", make_view(peer=OBSERVER))
    assert observed == f"{alone}{peer}1\nmembership: \n{MEMBERSHIP}"
    assert text("conf", make_view(peer=OBSERVER, read_only=True)) == f"{alone}{peer}1\n"


def test_mntr_of_a_member_says_what_it_is(make_view: ViewMaker) -> None:
    def values(**changes: object) -> dict[str, str]:
        lines = text("mntr", make_view(**changes)).splitlines()
        assert len(dict(line.split("\t") for line in lines)) == len(lines)
        return dict(line.split("\t") for line in lines)

    alone = values()
    led = values(state="leader", peer=LEADER, proposal_bytes=(86, 48, 89))
    assert list(led)[:3] == ["zk_version", "zk_server_state", "zk_peer_state"]
    assert {key: led[key] for key in led.keys() - alone.keys()} == {
        "zk_peer_state": "leading - broadcast",
        "zk_last_proposal_size": "86",
        "zk_min_proposal_size": "48",
        "zk_max_proposal_size": "89",
    }
    observed = values(state="observer", peer=OBSERVER)
    assert {key: observed[key] for key in observed.keys() - alone.keys()} == {
        "zk_peer_state": "observing - broadcast",
        "zk_observer_master_id": "1",
    }
    read_only = values(state="read-only", read_only=True, peer=OBSERVER)
    assert read_only.keys() == alone.keys()
    assert read_only["zk_server_state"] == "read-only"


def test_dump_of_who_does_not_expire_sessions_lists_all_of_them(make_view: ViewMaker) -> None:
    sets = "Session Sets (1)/(1):\n1 expire at Thu Jan 01 00:00:00 UTC 1970:\n\t0x7\n"
    every = "Global Sessions(2):\n0x1\t6000ms\n0xffffffffffffffff\t10000ms\n"

    def sessions(**changes: object) -> str:
        shown = text("dump", make_view(sessions=lambda: [SessionView(0, [7])], **changes))
        return shown.removeprefix("SessionTracker dump:\n").partition("ephemeral nodes dump:")[0]

    assert sessions(peer=LEADER) == sets
    assert sessions(peer=OBSERVER) == every
    assert sessions(peer=OBSERVER, read_only=True) == f"Local {sets}{every}"


def test_watch_words(make_view: ViewMaker) -> None:
    watchers = [WatcherView(1, ["/a", "/b"]), WatcherView(2, ["/a"]), WatcherView(3, [])]
    view = make_view(watchers=lambda: watchers)
    assert text("wchs", view) == "2 connections watching 2 paths\nTotal watches:3\n"
    assert text("wchc", view) == "0x1\n\t/a\n\t/b\n0x2\n\t/a\n\n"
    assert text("wchp", view) == "/a\n\t0x1\n\t0x2\n/b\n\t0x1\n\n"


def test_the_short_words(make_view: ViewMaker) -> None:
    view = make_view(digests=lambda: [(0x80, 1371985504), (0x100, -1)])
    assert text("ruok", view) == "imok"
    assert text("isro", view) == "rw"
    assert text("gtmk", view) == "306"
    assert text("dirs", view) == "datadir_size: 457\nlogdir_size: 67109337\n"
    assert text("hash", view) == "80: 1371985504\n100: -1\n"
    assert text("envi", view).startswith("Environment:\nzookeeper.version=3.8.0-mesozoic-1.2.3, ")


def test_effects(make_view: ViewMaker) -> None:
    view = make_view()
    effects: dict[str, Effect] = {"crst": ResetConnectionStats(), "srst": ResetServerStats()}
    for word in WORDS:
        assert answer(word, view).effect == effects.get(word)
    mask = struct.pack(">q", 310)
    assert answer("stmk", view, mask + b"\n").effect == SetTraceMask(310)
    assert answer("stmk", view, mask).text == b"310"
    assert answer("stmk", view, mask[:7]).text == b""


def test_the_whitelist_is_obeyed(make_view: ViewMaker) -> None:
    view = make_view(config=Config(data_dir="d", four_letter_words=frozenset({"srvr", "ruok"})))
    for word in WORDS - {"srvr", "ruok"}:
        refused = answer(word, view, bytes(8))
        assert refused.text.decode() == (
            f"{word} is not executed because it is not in the whitelist.\n"
        )
        assert refused.effect is None
    assert text("ruok", view) == "imok"


def test_a_server_that_is_not_serving(make_view: ViewMaker) -> None:
    view = make_view(serving=False)
    for word in WORDS - {"ruok", "envi", "gtmk", "stmk", "isro"}:
        assert text(word, view) == NOT_SERVING
        assert answer(word, view).effect is None
    assert (text("ruok", view), text("isro", view), text("gtmk", view)) == ("imok", "null", "306")


def test_ruok_gathers_nothing(make_view: ViewMaker) -> None:
    def forbidden() -> list[ConnectionView]:
        raise AssertionError("gathered without need")

    view = make_view(connections=forbidden, watchers=forbidden, figures=forbidden)
    assert text("ruok", view) == "imok"
    assert text("srvr", view)


def test_mntr_values(make_view: ViewMaker) -> None:
    view = make_view(
        avg_latency_ms=7.5,
        received=20,
        figures=lambda: {"watch_count": 3, "app_quota_count_limit_per_namespace": 10},
        summaries=lambda: {
            "readlatency": Summary(3, 8, 1, 4, 3, 4, 4, 4),
            "fsynctime": Summary(3, 2, 0, 2),
            "app_read_per_namespace": Summary(1, 71, 71, 71),
        },
    )
    lines = text("mntr", view).splitlines()
    assert lines[0] == "zk_version\t3.8.0-mesozoic-1.2.3, built on 2026-01-02 03:04 UTC"
    assert lines[1] == "zk_server_state\tstandalone"
    values = dict(line.split("\t") for line in lines)
    assert len(values) == len(lines)
    expected = {
        "zk_avg_latency": "7.5",
        "zk_packets_received": "20",
        "zk_watch_count": "3",
        "zk_app_quota_count_limit_per_namespace": "10",
        "zk_connection_drop_probability": "0.0",
        "zk_last_client_response_size": "-1",
        "zk_avg_readlatency": "2.6667",
        "zk_p95_readlatency": "4",
        "zk_cnt_fsynctime": "3",
        "zk_sum_fsynctime": "2",
        "zk_avg_app_read_per_namespace": "71.0",
        "zk_sum_updatelatency": "0",
    }
    assert {key: values[key] for key in expected} == expected
    assert "zk_p50_fsynctime" not in values


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0.0, "0.0"),
        (7, "7.0"),
        (0.66666, "0.6667"),
        (2.00005, "2.0001"),
        (0.0001, "1.0E-4"),
        (0.00096, "0.001"),
        (0.00094, "9.0E-4"),
        (0.00001, "0.0"),
        (9999999.5, "9999999.5"),
        (1e7, "1.0E7"),
        (123456789.0, "1.23456789E8"),
    ],
)
def test_java_double(number: float, written: str) -> None:
    assert java_double(number) == written


@given(st.floats(min_value=0, max_value=1e11))
def test_java_double_loses_nothing_but_the_fifth_decimal(number: float) -> None:
    assert abs(float(java_double(number)) - number) <= 0.00005 + number * 1e-15


def test_words_by_their_bytes() -> None:
    assert len(WORDS) == 18
    assert {word.encode() for word in WORDS} == set(WORD_OF_BYTES)
    assert all(len(word) == 4 for word in WORD_OF_BYTES)
