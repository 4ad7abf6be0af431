"""What was logged gives the same state again, however it is cut; so does a snapshot of it."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replica.driver import (
    Driver,
    Logged,
    Op,
    create_body,
    delete_body,
    multi_body,
    raw,
    set_body,
)
from zkserver.errors import StartError
from zkserver.paxos.node import alone
from zkserver.replica.core import ReplicaCore
from zkserver.replica.state import FORMAT, State, dump, load
from zkserver.tree.tree import TreeRules

READ_ONLY = raw.pack_vector(
    [raw.pack_int(1) + raw.pack_bytes(b"world") + raw.pack_bytes(b"anyone")]
)
LIMITS = b"count=-1,bytes=-1=;byteHardLimit=100000;countHardLimit=100"


def state_of(core: ReplicaCore) -> dict[str, object]:
    """Everything that replicas must agree on."""
    tree = core.tree
    return {
        "nodes": dict(tree.nodes),
        "children": {path: set(names) for path, names in tree.children.items() if names},
        "created": {path: count for path, count in tree.created.items() if count},
        "acls": dict(tree.acls),
        "special": dict(tree.special),
        "ephemerals": {owner: set(own) for owner, own in tree.ephemerals.items() if own},
        "quotas": set(tree.quotas),
        "data_bytes": tree.data_bytes,
        "sessions": dict(core.sessions),
        "zxid": core.zxid,
        "digest": tree.digest.fold(tree.nodes),
    }


def write_everything(driver: Driver) -> None:
    """A log with every kind of entry, failed ones and several clients included."""
    one, other, gone = driver.connect(), driver.connect(), driver.connect()
    one.call(Op.CREATE, create_body(b"/q"))
    for path in (b"/zookeeper/quota/q",):
        one.call(Op.CREATE, create_body(path))
    one.call(Op.CREATE, create_body(b"/zookeeper/quota/q/zookeeper_limits", LIMITS))
    one.call(Op.CREATE, create_body(b"/zookeeper/quota/q/zookeeper_stats"))
    one.call(Op.CREATE_CONTAINER, create_body(b"/q/box", flags=4))
    one.call(Op.CREATE_TTL, create_body(b"/q/ttl", b"x", flags=5) + struct.pack(">q", 777))
    one.call(Op.CREATE, create_body(b"/q/null", None))
    one.call(Op.CREATE, create_body(b"/q/read", b"r", acl=READ_ONLY))
    other.call(Op.CREATE, create_body(b"/q/e", b"mine", flags=1))
    gone.call(Op.CREATE, create_body(b"/gone", flags=1))
    for client in (one, other):
        for _ in range(3):
            client.request(Op.CREATE, create_body(b"/q/box/n-", flags=3))
    driver.commit_all()
    assert [reply.err for reply in (*one.replies(), *other.replies())] == [0] * 6
    one.call(Op.DELETE, delete_body(b"/q/box/n-0000000001"))
    one.call(Op.DELETE, delete_body(b"/none"))
    one.call(Op.SET_DATA, set_body(b"/", b"root"))
    one.call(Op.CREATE, create_body(b"/under-root"))
    one.call(Op.SET_ACL, raw.pack_bytes(b"/q") + READ_ONLY + raw.pack_int(-1))
    one.call(Op.MULTI, multi_body((Op.CREATE, create_body(b"/m")), (Op.DELETE, delete_body(b"/n"))))
    one.call(
        Op.MULTI, multi_body((Op.CREATE, create_body(b"/m")), (Op.SET_DATA, set_body(b"/m", b"z")))
    )
    gone.call(Op.CLOSE_SESSION)
    other.call(Op.SET_DATA, set_body(b"/q/e", b"changed"))


@pytest.fixture
def written(driver: Driver) -> Driver:
    write_everything(driver)
    return driver


def loaded_from(core: ReplicaCore, driver: Driver) -> ReplicaCore:
    fresh = driver.new_core()
    load(fresh, list(dump(State.of(core, copied=False))))
    fresh.zxid = core.zxid
    fresh.recovered(alone(driver.settings.server_id, core.executed, core.zxid), driver.now_ms)
    fresh.tree.check_invariants()
    return fresh


def test_replayed_log_gives_the_running_core_s_state(written: Driver) -> None:
    recovered = written.recovered()
    recovered.tree.check_invariants()
    assert state_of(recovered) == state_of(written.core)


def test_recovered_core_tracks_all_sessions_with_their_full_timeout(written: Driver) -> None:
    recovered = written.recovered()
    assert set(recovered.expiry.sessions) == set(written.core.sessions)
    for live in recovered.expiry.sessions.values():
        assert live.heard_ms == written.now_ms


def test_recovered_core_goes_on_with_higher_zxids(written: Driver) -> None:
    before = written.core.zxid
    written.core = written.recovered()
    assert written.connect().call(Op.CREATE, create_body(b"/next")).zxid == before + 2


def test_snapshot_gives_the_same_state_but_for_the_digest(written: Driver) -> None:
    expected, told = state_of(written.core), state_of(loaded_from(written.core, written))
    del expected["digest"], told["digest"]
    assert told == expected


def test_snapshot_gives_the_same_digest(written: Driver) -> None:
    expected = state_of(written.core)["digest"]
    assert state_of(loaded_from(written.core, written))["digest"] == expected


def test_snapshot_of_a_snapshot_is_the_same_bytes(written: Driver) -> None:
    first = list(dump(State.of(written.core, copied=False)))
    again = list(dump(State.of(loaded_from(written.core, written), copied=False)))
    assert b"".join(sorted(first)) == b"".join(sorted(again))


def test_copied_state_does_not_follow_the_running_core(written: Driver) -> None:
    state = State.of(written.core, copied=True)
    before = list(dump(state))
    written.connect().call(Op.CREATE, create_body(b"/later"))
    assert list(dump(state)) == before


def test_quota_still_counts_after_loading_a_snapshot(written: Driver) -> None:
    loaded = loaded_from(written.core, written)
    for core in (written.core, loaded):
        written.core = core
        writer = written.connect()
        assert writer.call(Op.CREATE, create_body(b"/q/box/more")).err == 0
    stats = b"/zookeeper/quota/q/zookeeper_stats"
    assert loaded.tree.nodes[stats][:40] == written.core.tree.nodes[stats][:40]


def test_sequence_goes_on_after_loading_a_snapshot(written: Driver) -> None:
    number = written.core.tree.created[b"/q/box"]
    written.core = loaded_from(written.core, written)
    reply = written.connect().call(Op.CREATE, create_body(b"/q/box/n-", flags=2))
    assert raw.Cursor(reply.body).buffer() == b"/q/box/n-%010d" % number


def test_ephemeral_of_a_loaded_snapshot_goes_with_its_session(written: Driver) -> None:
    written.core = loaded_from(written.core, written)
    for session_id in list(written.core.sessions):
        written.core.expire_session(session_id, written.now_ms)
    written.commit_all()
    assert written.core.tree.ephemerals == {}
    assert b"/q/e" not in written.core.tree.nodes


def test_snapshot_of_another_format_is_refused(driver: Driver) -> None:
    with pytest.raises(StartError, match=f"state format 9, this version reads {FORMAT}"):
        load(driver.new_core(), [b"F" + raw.pack_int(9)])


def test_loading_replaces_whatever_was_there(written: Driver) -> None:
    target = written.recovered()
    empty = written.new_core()
    load(target, list(dump(State.of(empty, copied=False))))
    told, expected = state_of(target), state_of(empty)
    for part in ("nodes", "children", "created", "ephemerals", "quotas", "sessions", "special"):
        assert told[part] == expected[part], part


def as_one(log: list[Logged]) -> Logged:
    return Logged(
        b"".join(entry.payload for entry in log),
        log[0].zxid,
        log[0].time_ms,
        sum(entry.count for entry in log),
    )


def test_replay_does_not_depend_on_how_entries_were_cut_into_batches() -> None:
    """The same requests, once each in a batch of its own and once all in one."""
    states = []
    for together in (False, True):
        driver = Driver()
        client = driver.connect()
        driver.wall_ms = 5
        for n in range(20):
            client.request(Op.CREATE, create_body(b"/n", flags=2))
            client.request(Op.SET_DATA, set_body(b"/n%010d" % n, b"x" * n))
            if n % 3 == 0:
                client.request(Op.DELETE, delete_body(b"/n%010d" % n))
            if not together:
                driver.wall_ms = 4
                driver.commit_all()
        driver.wall_ms = 4
        driver.commit_all()
        assert (len(driver.log) == 2) == together
        assert state_of(driver.recovered()) == state_of(driver.core)
        states.append(state_of(driver.core))
    assert states[0] == states[1]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_snapshot_taken_inside_a_batch_and_the_rest_of_the_log_give_the_same(
    data: st.DataObject,
) -> None:
    driver = Driver()
    client = driver.connect()
    for n in range(data.draw(st.integers(1, 8))):
        client.request(Op.CREATE, create_body(b"/n", bytes(n), flags=2))
        client.request(Op.SET_DATA, set_body(b"/", bytes(n)))
    driver.take()
    entry = driver.log[-1]
    first = data.draw(st.integers(0, entry.count))
    driver.commit_all()
    core = driver.new_core()
    handshake = driver.log[0]
    core.replay(handshake.payload, handshake.zxid, handshake.time_ms)
    core.replay(entry.payload, entry.zxid, entry.time_ms, count=first)
    snapshot = list(dump(State.of(core, copied=False)))
    fresh = driver.new_core()
    load(fresh, snapshot)
    fresh.zxid = core.zxid
    fresh.replay(entry.payload, entry.zxid, entry.time_ms, first=first)
    told, expected = state_of(fresh), state_of(driver.core)
    del told["digest"], expected["digest"]
    assert told == expected


def test_epoch_grows_when_the_counter_is_full(driver: Driver) -> None:
    client = driver.connect()
    driver.core.node.log.start_zxid = driver.core.zxid = 0xFFFFFFFE
    assert client.call(Op.CREATE, create_body(b"/last")).zxid == 0xFFFFFFFF
    assert client.call(Op.CREATE, create_body(b"/first")).zxid == (1 << 32) + 1
    assert driver.core.node.promised.number == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TreeRules(), TreeRules(skip_acl=True)),
        (TreeRules(skip_acl=True), TreeRules()),
        (TreeRules(), TreeRules(extended_types=False)),
        (TreeRules(enforce_quota=True), TreeRules()),
        (TreeRules(), TreeRules(digest_scheme=False)),
    ],
)
def test_change_of_settings_does_not_change_what_was_written_before(
    driver: Driver, before: TreeRules, after: TreeRules
) -> None:
    """A write that was refused stays refused, or its znodes would differ from what clients saw."""
    written = driver.varied(rules=before)
    write_everything(written)
    client = written.connect()
    client.call(Op.CREATE, create_body(b"/read only", b"kept", acl=READ_ONLY))
    client.call(Op.DELETE, delete_body(b"/read only"))
    client.call(Op.CREATE, create_body(b"/read only/child"))
    client.call(Op.CREATE, create_body(b"/q/" + b"x" * 50, bytes(200_000)))
    digest = raw.pack_vector(
        [raw.pack_int(31) + raw.pack_bytes(b"digest") + raw.pack_bytes(b"joe:abc")]
    )
    client.call(Op.CREATE, create_body(b"/joe", acl=digest))
    expected = state_of(written.core)
    written.settings = replace(written.settings, rules=after)
    restarted = written.recovered()
    assert state_of(restarted) == expected
    assert restarted.tree.rules == after


def test_the_leader_s_settings_decide_and_not_those_of_who_replays(driver: Driver) -> None:
    lenient = driver.varied(rules=TreeRules(skip_acl=True))
    client = lenient.connect()
    client.call(Op.CREATE, create_body(b"/read only", acl=READ_ONLY))
    assert client.call(Op.SET_DATA, set_body(b"/read only", b"x")).err == 0
    strict = driver.recovered(lenient.log)
    assert state_of(strict) == state_of(lenient.core)
    assert not strict.tree.permits(b"/read only", 2, ())


def test_rules_fit_into_the_byte_that_travels_with_a_batch() -> None:
    for bits in range(64):
        assert TreeRules.unpacked(bits).packed() == bits
    assert TreeRules().packed() < 256
