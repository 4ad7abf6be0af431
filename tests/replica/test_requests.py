"""Answers of single operations: refusals, authentication, watches after a reconnect, reads."""

from __future__ import annotations

import base64
import hashlib

import pytest

from tests.replica.driver import (
    Client,
    Driver,
    Event,
    Op,
    Reply,
    create_body,
    delete_body,
    multi_body,
    raw,
    set_body,
    watch_body,
)

DIGEST = b"u:" + base64.b64encode(hashlib.sha1(b"u:secret").digest())


def auth(client: Client, scheme: bytes, secret: bytes) -> None:
    body = raw.pack_int(0) + raw.pack_bytes(scheme) + raw.pack_bytes(secret)
    client.request(Op.AUTH, body, xid=-4)


def acl(perms: int, scheme: bytes, ident: bytes) -> bytes:
    entry = raw.pack_int(perms) + raw.pack_bytes(scheme) + raw.pack_bytes(ident)
    return raw.pack_vector([entry])


@pytest.mark.parametrize("op", [0, -1, 10, 13, 20, -10, 23, 99, 108, 1 << 30, -(1 << 31)])
def test_unknown_or_internal_operation_is_unimplemented_and_ends_the_connection(
    driver: Driver, op: int
) -> None:
    client = driver.connect()
    before = driver.core.zxid
    client.request(op, raw.pack_bytes(b"/") + raw.pack_int(-1))
    client.request(Op.EXISTS, watch_body(b"/"))
    driver.commit_all()
    assert client.replies() == [Reply(1, -1, -6, b"")]
    assert client.is_ended
    assert driver.core.zxid == before


@pytest.mark.parametrize("op", [0, 13, 20, -10])
def test_unknown_operation_behind_a_write_is_refused_in_its_turn(driver: Driver, op: int) -> None:
    client = driver.connect()
    client.request(Op.CREATE, create_body(b"/a"))
    client.request(op, raw.pack_bytes(b"/a") + raw.pack_int(-1))
    client.request(Op.EXISTS, watch_body(b"/a"))
    driver.commit_all()
    assert [(r.xid, r.err) for r in client.replies()] == [(1, 0), (2, -6)]
    assert client.is_ended


def test_ping_is_answered_as_a_ping_whatever_its_xid(driver: Driver) -> None:
    client = driver.connect()
    client.request(Op.PING, xid=77)
    assert client.replies() == [Reply(-2, driver.core.zxid, 0, b"")]


@pytest.mark.parametrize("size", [-1, 0, 7, 0x100000, (1 << 31) - 1])
def test_frame_of_an_impossible_size_ends_the_connection(driver: Driver, size: int) -> None:
    client = driver.connect()
    client.send(raw.pack_int(size) + b"\0" * 20)
    assert client.frames() == []
    assert client.is_ended


def test_largest_frame_is_taken(driver: Driver) -> None:
    client = driver.connect()
    overhead = 8 + len(set_body(b"/", b""))
    size = driver.settings.frame_bytes_max - overhead
    assert client.call(Op.SET_DATA, set_body(b"/", bytes(size))).err == 0
    client.request(Op.SET_DATA, set_body(b"/", bytes(size + 1)))
    assert client.is_ended


def test_digest_opens_what_was_locked_with_the_same_secret(driver: Driver) -> None:
    owner, other = driver.connect(), driver.connect()
    auth(owner, b"digest", b"u:secret")
    assert owner.replies() == [Reply(-4, 0, 0, b"")]
    body = create_body(b"/locked", b"x", acl=acl(31, b"auth", b""))
    assert owner.call(Op.CREATE, body).err == 0
    assert driver.core.tree.acls[b"/locked"] == ((31, b"digest", DIGEST),)
    for op, denied in (
        (Op.GET_DATA, watch_body(b"/locked")),
        (Op.EXISTS, watch_body(b"/locked")),
        (Op.GET_CHILDREN, watch_body(b"/locked")),
        (Op.GET_ACL, raw.pack_bytes(b"/locked")),
        (Op.SET_DATA, set_body(b"/locked", b"y")),
        (Op.CREATE, create_body(b"/locked/a")),
    ):
        assert other.call(op, denied).err == -102, op
    auth(other, b"digest", b"u:secret")
    other.replies()
    assert other.call(Op.GET_DATA, watch_body(b"/locked")).err == 0


def test_identity_counts_from_the_request_behind_it_on(driver: Driver) -> None:
    client = driver.connect()
    locked = acl(31, b"digest", DIGEST)
    packet = raw.pack_int(0) + raw.pack_bytes(b"digest") + raw.pack_bytes(b"u:secret")
    client.send(
        raw.pack_request(1, Op.CREATE, create_body(b"/l", acl=locked))
        + raw.pack_request(2, Op.SET_DATA, set_body(b"/l", b"a"))
        + raw.pack_request(-4, Op.AUTH, packet)
        + raw.pack_request(3, Op.SET_DATA, set_body(b"/l", b"b"))
        + raw.pack_request(4, Op.GET_DATA, watch_body(b"/l"))
    )
    driver.commit_all()
    told = {reply.xid: reply.err for reply in client.replies()}
    assert told == {-4: 0, 1: 0, 2: -102, 3: 0, 4: 0}


@pytest.mark.parametrize("scheme", [b"sasl", b"world", b"nonsense", b""])
def test_failed_authentication_ends_the_connection_but_not_the_session(
    driver: Driver, scheme: bytes
) -> None:
    client = driver.connect()
    auth(client, scheme, b"x")
    assert client.replies() == [Reply(-4, 0, -115, b"")]
    assert client.is_ended
    driver.core.lost(client.conn)
    again = driver.again(client)
    assert again.handshake is not None
    assert again.handshake.accepted


def test_ip_scheme_succeeds_and_adds_nothing(driver: Driver) -> None:
    client = driver.connect()
    auth(client, b"ip", b"")
    assert client.replies() == [Reply(-4, 0, 0, b"")]
    assert client.conn.caller.identities == ((b"ip", b"127.0.0.1"),)


def test_super_user_may_do_everything() -> None:
    # The pair that the documentation of Apache ZooKeeper gives for super:test.
    driver = Driver().varied(super_digest="super:D/InIHSb7yEEbrWz8b9l71RjZJU=")
    client = driver.connect()
    client.call(Op.CREATE, create_body(b"/locked", acl=acl(31, b"digest", b"no:body")))
    assert client.call(Op.GET_DATA, watch_body(b"/locked")).err == -102
    auth(client, b"digest", b"super:test")
    client.replies()
    assert client.call(Op.GET_DATA, watch_body(b"/locked")).err == 0
    assert client.call(Op.SET_DATA, set_body(b"/zookeeper/config", b"")).err == 0


def test_enforced_scheme_is_demanded_before_anything_else() -> None:
    driver = Driver().varied(enforced_schemes=frozenset((b"digest",)))
    client = driver.connect()
    client.request(Op.EXISTS, watch_body(b"/"))
    assert [reply.err for reply in client.replies()] == [-124]
    assert client.is_ended
    proven = driver.connect()
    auth(proven, b"digest", b"u:secret")
    proven.request(Op.EXISTS, watch_body(b"/"))
    assert [reply.err for reply in proven.replies()] == [0, 0]


def test_who_am_i_shows_users_but_no_hashes(driver: Driver) -> None:
    client = driver.connect()
    auth(client, b"digest", b"u:secret")
    client.replies()
    cursor = raw.Cursor(client.call(Op.WHO_AM_I).body)
    told = {(cursor.buffer(), cursor.buffer()) for _ in range(cursor.i32())}
    assert told == {(b"ip", b"127.0.0.1"), (b"digest", b"u")}


def test_acl_is_masked_for_whom_may_not_administer(driver: Driver) -> None:
    client = driver.connect()
    entries = raw.pack_int(2) + acl(31, b"digest", DIGEST)[4:] + acl(1, b"world", b"anyone")[4:]
    client.call(Op.CREATE, create_body(b"/a", acl=entries))
    told = client.call(Op.GET_ACL, raw.pack_bytes(b"/a")).body
    assert b"u:x" in told
    assert DIGEST not in told
    auth(client, b"digest", b"u:secret")
    client.replies()
    assert DIGEST in client.call(Op.GET_ACL, raw.pack_bytes(b"/a")).body


def test_sasl_token_is_answered_with_the_null_token(driver: Driver) -> None:
    client = driver.connect()
    assert client.call(Op.SASL, raw.pack_bytes(b"")) == Reply(1, 0, 0, raw.pack_bytes(None))


def test_missed_changes_are_told_before_the_reply_of_set_watches(driver: Driver) -> None:
    client, other = driver.connect(), driver.connect()
    for path in (b"/same", b"/changed", b"/deleted", b"/parent", b"/quiet"):
        other.call(Op.CREATE, create_body(path))
    seen = driver.core.zxid
    other.call(Op.SET_DATA, set_body(b"/changed", b"x"))
    other.call(Op.DELETE, delete_body(b"/deleted"))
    other.call(Op.CREATE, create_body(b"/born"))
    other.call(Op.CREATE, create_body(b"/parent/child"))
    lists = (
        [b"/same", b"/changed", b"/deleted"],
        [b"/born", b"/unborn"],
        [b"/parent", b"/quiet", b"/deleted"],
    )
    vectors = b"".join(raw.pack_vector([raw.pack_bytes(p) for p in paths]) for paths in lists)
    client.request(Op.SET_WATCHES, raw.pack_long(seen) + vectors, xid=-8)
    told = client.received()
    assert told == [
        Event(3, b"/changed", -1),
        Event(2, b"/deleted", -1),
        Event(1, b"/born", -1),
        Event(4, b"/parent", -1),
        Event(2, b"/deleted", -1),
        Reply(-8, driver.core.zxid, 0, b""),
    ]
    # What had not changed is watched from now on, what was told is not.
    for path in (b"/same", b"/changed"):
        other.call(Op.SET_DATA, set_body(path, b"y"))
    other.call(Op.CREATE, create_body(b"/unborn"))
    other.call(Op.CREATE, create_body(b"/quiet/child"))
    other.call(Op.CREATE, create_body(b"/parent/other"))
    kinds = [(told.kind, told.path) for told in client.received() if isinstance(told, Event)]
    assert kinds == [(3, b"/same"), (1, b"/unborn"), (4, b"/quiet")]


def test_set_watches2_restores_persistent_watches_and_tells_nothing_of_the_past(
    driver: Driver,
) -> None:
    client, other = driver.connect(), driver.connect()
    other.call(Op.CREATE, create_body(b"/p"))
    empty = raw.pack_vector([])
    vectors = empty * 3 + raw.pack_vector([raw.pack_bytes(b"/p")]) * 2
    client.request(Op.SET_WATCHES2, raw.pack_long(0) + vectors, xid=-8)
    assert client.received() == [Reply(-8, driver.core.zxid, 0, b"")]
    for _ in range(2):
        other.call(Op.SET_DATA, set_body(b"/p", b"x"))
    other.call(Op.CREATE, create_body(b"/p/c"))
    kinds = [(told.kind, told.path) for told in client.received() if isinstance(told, Event)]
    assert kinds == [(3, b"/p"), (3, b"/p"), (1, b"/p/c"), (4, b"/p")]


def test_watches_end_with_their_connection(driver: Driver) -> None:
    client, other = driver.connect(), driver.connect()
    client.call(Op.GET_CHILDREN, watch_body(b"/", watch=True))
    client.call(Op.ADD_WATCH, raw.pack_bytes(b"/") + raw.pack_int(1))
    driver.core.lost(client.conn)
    assert not driver.core.watches
    other.call(Op.CREATE, create_body(b"/a"))
    assert client.conn.out == []


def test_event_is_not_told_to_whom_may_not_read(driver: Driver) -> None:
    client, other = driver.connect(), driver.connect()
    client.call(Op.ADD_WATCH, raw.pack_bytes(b"/") + raw.pack_int(1))
    auth(other, b"digest", b"u:secret")
    other.replies()
    other.call(Op.CREATE, create_body(b"/hidden", acl=acl(31, b"digest", DIGEST)))
    other.call(Op.CREATE, create_body(b"/shown"))
    assert [told.path for told in client.received() if isinstance(told, Event)] == [b"/shown"]


# The number is that of the paths below path + "/", but for the root itself, which Apache
# counts apart; so the two names of the root differ by one.
@pytest.mark.parametrize(("path", "descendants"), [(b"", 4), (b"/", 3)])
def test_empty_path_is_the_root_for_reads(driver: Driver, path: bytes, descendants: int) -> None:
    client = driver.connect()
    client.call(Op.SET_DATA, set_body(b"/", b"top"))
    assert raw.Cursor(client.call(Op.GET_DATA, watch_body(path)).body).buffer() == b"top"
    listing = client.call(Op.GET_CHILDREN2, watch_body(path)).body
    assert raw.Cursor(listing).i32() == 1
    number = client.call(Op.GET_ALL_CHILDREN_NUMBER, raw.pack_bytes(path)).body
    assert raw.Cursor(number).i32() == descendants


def test_listing_is_never_stale(driver: Driver) -> None:
    client = driver.connect()

    def names(path: bytes) -> set[bytes | None]:
        cursor = raw.Cursor(client.call(Op.GET_CHILDREN, watch_body(path)).body)
        return {cursor.buffer() for _ in range(cursor.i32())}

    client.call(Op.CREATE, create_body(b"/a"))
    assert names(b"/a") == set()
    client.call(Op.CREATE, create_body(b"/a/x"))
    assert names(b"/a") == {b"x"}
    failing = multi_body(
        (Op.CREATE, create_body(b"/a/y")), (Op.DELETE, delete_body(b"/a/x")),
        (Op.CHECK, delete_body(b"/none")),
    )  # fmt: skip
    client.call(Op.MULTI, failing)
    assert names(b"/a") == {b"x"}
    client.call(Op.DELETE, delete_body(b"/a/x"))
    assert names(b"/a") == set()
    assert names(b"/") == names(b"") == {b"zookeeper", b"a"}


def test_reconfig_on_a_standalone_server_says_that_it_is_off(driver: Driver) -> None:
    body = raw.pack_bytes(None) * 3 + raw.pack_long(-1)
    assert driver.connect().call(Op.RECONFIG, body).err == -123


@pytest.mark.parametrize(
    ("scheme", "code"),
    [
        (None, -114),
        (b"world", -5),
        (b"digest", -5),
        (b"ip", -5),
        (b"x509", -114),
        (b"auth", -114),
        (b"super", -114),
        (b"nonsense", -114),
    ],
)
def test_acl_entry_with_nulls_is_refused_as_apache_does(
    driver: Driver, scheme: bytes | None, code: int
) -> None:
    # What Apache 3.8.0 answered to the same requests.
    entry = raw.pack_int(1) + raw.pack_bytes(scheme) + raw.pack_bytes(None)
    client = driver.connect()
    reply = client.call(Op.CREATE, create_body(b"/n", acl=raw.pack_vector([entry])))
    assert reply.err == code
