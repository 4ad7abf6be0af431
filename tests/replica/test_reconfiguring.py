"""A reconfig on the tree: the order of its checks, what it shows, and who may ask for it.

The answers are those of Apache ZooKeeper 3.8.0: an ensemble of three servers was asked with
raw frames, with and without the super user, with skipACL=yes, with reconfigEnabled=false,
and after the ACL of /zookeeper/config had been changed.
"""

from __future__ import annotations

import pytest

from conformance import rawclient as raw
from zkserver.replica.connection import Caller
from zkserver.replica.membership import Membership
from zkserver.replica.reconfiguring import (
    Outcome,
    ReconfigRequest,
    execute_reconfig,
    read_reconfig,
    show_membership,
)
from zkserver.tree.node import data_of, stat_of
from zkserver.tree.tree import CONFIG_PATH, TreeRules, ZnodeTree
from zkserver.wire.jute import DecodeError, Reader
from zkserver.wire.opcodes import Code, EventType, Perm

CURRENT = Membership.parse(
    b"server.1=127.0.0.1:2101:2102:participant\n"
    b"server.2=127.0.0.1:2201:2202:participant\n"
    b"server.3=127.0.0.1:2301:2302:participant\n"
    b"version=100000000"
)
NINE = b"server.9=127.0.0.1:1:2:observer;3"
NINE_SHOWN = b"server.9=127.0.0.1:1:2:observer;0.0.0.0:3\n"
NOTHING = ReconfigRequest(None, None, None, -1)
NOBODY = Caller(1, ((b"ip", b"127.0.0.1"),))
SUPER = Caller(1, ((b"ip", b"127.0.0.1"), (b"super", b"")))
ZXID, TIME_MS = 0x1_0000_0013, 1_700_000_000_000


def new_tree(**rules: bool) -> ZnodeTree:
    tree = ZnodeTree(TreeRules(**{"reconfig_enabled": True, **rules}))
    show_membership(tree, CURRENT, TIME_MS - 1)
    return tree


def execute(
    tree: ZnodeTree,
    request: ReconfigRequest,
    caller: Caller = SUPER,
    current: Membership | None = CURRENT,
) -> Outcome:
    outcome = execute_reconfig(tree, current, caller, request, ZXID, TIME_MS)
    tree.check_invariants()
    return outcome


def test_who_joins_is_shown_answered_and_told() -> None:
    tree = new_tree()
    outcome = execute(tree, ReconfigRequest(NINE, None, None, CURRENT.version))
    assert outcome.membership is not None
    assert outcome.membership.version == ZXID
    assert outcome.membership.observers == (9,)
    text = CURRENT.text().replace(b"version=100000000", NINE_SHOWN + b"version=100000013")
    assert outcome.membership.text() == data_of(tree.nodes[CONFIG_PATH]) == text
    assert outcome.events == [(EventType.NODE_DATA_CHANGED, CONFIG_PATH)]
    reply = raw.Cursor(outcome.reply) if isinstance(outcome.reply, bytes) else raw.Cursor(b"")
    assert reply.buffer() == text
    assert reply.stat() == raw.Stat(0, ZXID, 0, TIME_MS, -1, 0, -1, 0, len(text), 0, 0)
    assert reply.rest == b""


def test_the_first_membership_is_shown_as_of_zxid_0() -> None:
    tree = ZnodeTree()
    show_membership(tree, Membership(0, CURRENT.members), TIME_MS)
    tree.check_invariants()
    stat = stat_of(tree.nodes[CONFIG_PATH])
    assert (stat.mzxid, stat.mtime, stat.version, stat.aversion) == (0, TIME_MS, -1, -1)


def test_asking_for_nothing_makes_a_new_version() -> None:
    outcome = execute(new_tree(), NOTHING)
    assert outcome.membership == Membership(ZXID, CURRENT.members)


#: A request -> what anybody gets, and what the super user gets (None: success).
ORDER: list[tuple[ReconfigRequest, int, int | None]] = [
    (ReconfigRequest(None, None, None, 5), -103, -103),
    (ReconfigRequest(b"bad", None, None, 5), -103, -103),
    (ReconfigRequest(b"bad", None, None, -1), -8, -8),
    (ReconfigRequest(b"x", b"x", None, -1), -5, -5),
    (ReconfigRequest(b"server.9=127.0.0.1:70000:2;3", None, None, -1), -5, -5),
    (ReconfigRequest(None, b"1,2", None, -1), -8, -8),
    (ReconfigRequest(b"\xff\xfe", None, None, -1), -8, -8),
    (ReconfigRequest(b"", b"", b"", -1), -8, -8),
    (ReconfigRequest(None, None, b"", -1), -8, -8),
    (ReconfigRequest(b"", b"", None, -1), -102, None),
    (ReconfigRequest(NINE, None, None, -1), -102, None),
    (NOTHING, -102, None),
]


@pytest.mark.parametrize(("request_", "anybody", "super_user"), ORDER)
def test_what_is_asked_is_looked_at_before_who_asks(
    request_: ReconfigRequest, anybody: int, super_user: int | None
) -> None:
    tree = new_tree()
    before = dict(tree.nodes)
    assert execute(tree, request_, NOBODY) == Outcome(None, anybody, [])
    assert tree.nodes == before
    outcome = execute(tree, request_)
    assert (outcome.membership is None) == (super_user is not None)
    if super_user is not None:
        assert outcome == Outcome(None, super_user, [])
        assert tree.nodes == before


@pytest.mark.parametrize("current", [CURRENT, None])
@pytest.mark.parametrize("request_", [row[0] for row in ORDER])
def test_being_disabled_is_said_before_anything_else(
    request_: ReconfigRequest, current: Membership | None
) -> None:
    outcome = execute(new_tree(reconfig_enabled=False), request_, NOBODY, current)
    assert outcome == Outcome(None, Code.RECONFIG_DISABLED, [])


def test_a_standalone_server_has_nothing_to_change() -> None:
    for request in (NOTHING, ReconfigRequest(b"bad", None, None, 5)):
        assert execute(new_tree(), request, NOBODY, None).reply == Code.UNIMPLEMENTED


def test_one_voter_is_enough_where_standalone_is_not_enabled() -> None:
    request = ReconfigRequest(None, b"1,2", None, -1)
    outcome = execute(new_tree(standalone_enabled=False), request)
    assert outcome.membership is not None
    assert outcome.membership.voters == (3,)


def test_skip_acl_lets_everybody_do_it() -> None:
    tree = new_tree(skip_acl=True)
    assert execute(tree, NOTHING, NOBODY).membership is not None
    assert execute(tree, ReconfigRequest(None, None, None, 7), NOBODY).reply == -103
    assert execute(tree, ReconfigRequest(b"bad", None, None, -1), NOBODY).reply == -8


@pytest.mark.parametrize(
    ("perms", "may"), [(Perm.ALL, True), (Perm.WRITE, True), (Perm.READ | Perm.ADMIN, False)]
)
def test_the_acl_of_the_znode_says_who_may(perms: Perm, may: bool) -> None:
    tree = new_tree()
    acl = ((int(perms), b"world", b"anyone"),)
    assert isinstance(tree.set_acl(CONFIG_PATH, acl, -1, SUPER.identities), bytes)
    outcome = execute(tree, NOTHING, NOBODY)
    assert (outcome.membership is not None) == may
    assert may or outcome.reply == Code.NO_AUTH


def test_what_the_super_user_wrote_into_the_znode_is_overwritten() -> None:
    tree = new_tree()
    assert isinstance(
        tree.set_data(CONFIG_PATH, raw.pack_bytes(None), -1, SUPER.identities, ZXID - 1, 5), bytes
    )
    assert stat_of(tree.nodes[CONFIG_PATH]).version == 0
    outcome = execute(tree, NOTHING)
    assert outcome.membership is not None
    assert data_of(tree.nodes[CONFIG_PATH]) == outcome.membership.text()
    assert stat_of(tree.nodes[CONFIG_PATH]).version == -1


def test_children_of_the_znode_stay() -> None:
    tree = new_tree()
    path, owner = CONFIG_PATH + b"/x", SUPER.identities
    acl = ((31, b"world", b"anyone"),)
    assert isinstance(tree.create(1, path, b"1", acl, 0, 0, 1, owner, ZXID - 1, 5), tuple)
    assert execute(tree, NOTHING).membership is not None
    stat = stat_of(tree.nodes[CONFIG_PATH])
    assert (stat.num_children, stat.cversion, stat.pzxid) == (1, 1, ZXID - 1)


def test_replicas_that_execute_the_same_agree_on_the_digest() -> None:
    digests = []
    for _ in range(2):
        tree = new_tree()
        untouched = tree.digest.fold(tree.nodes)
        execute(tree, ReconfigRequest(NINE, None, None, -1))
        digests.append(tree.digest.fold(tree.nodes))
        assert digests[-1] != untouched
    assert digests[0] == digests[1]


def test_the_record_is_read() -> None:
    body = raw.pack_bytes(b"a") + raw.pack_bytes(None) + raw.pack_bytes(b"") + raw.pack_long(-1)
    assert read_reconfig(Reader(body)) == ReconfigRequest(b"a", None, b"", -1)
    with pytest.raises(DecodeError):
        read_reconfig(Reader(body[:-1]))
