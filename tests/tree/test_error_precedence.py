"""Of several things wrong with a write the first in Apache's order decides.

Each row has one mistake more than the row behind it, so each code must beat all that
follow it.
"""

from __future__ import annotations

import pytest

from tests.tree.arguments import check, create, data, delete, set_acl, set_data, stat
from zkserver.tree.acl import AclList
from zkserver.tree.tree import TreeRules, ZnodeTree
from zkserver.wire.opcodes import Code, Op

NOBODYS: AclList = ((31, b"digest", b"no:body"),)
INVALID: AclList = ((31, b"nonsense", b"x"),)
BAD, NO_NODE, NO_AUTH = Code.BAD_ARGUMENTS, Code.NO_NODE, Code.NO_AUTH
BAD_VERSION, EXISTS, NOT_EMPTY = Code.BAD_VERSION, Code.NODE_EXISTS, Code.NOT_EMPTY


@pytest.fixture
def tree() -> ZnodeTree:
    """``/open`` with a child, ``/locked`` for nobody, ``/eph``, and a hard quota on ``/q``."""
    tree = ZnodeTree(TreeRules(enforce_quota=True))
    create(tree, b"/open")
    create(tree, b"/open/child")
    create(tree, b"/locked", acl=NOBODYS)
    create(tree, b"/eph", flags=1)
    create(tree, b"/q")
    create(tree, b"/q/eph", flags=1)
    create(tree, b"/zookeeper/quota/q")
    limits = b"count=-1,bytes=-1=;byteHardLimit=4;countHardLimit=2"
    create(tree, b"/zookeeper/quota/q/zookeeper_limits", limits)
    create(tree, b"/zookeeper/quota/q/zookeeper_stats")
    set_data(tree, b"/q", b"1234")
    return tree


@pytest.mark.parametrize(
    ("path", "acl", "flags", "op", "code"),
    [
        (b"none", INVALID, 7, Op.CREATE, BAD),
        (b"none", INVALID, -1, Op.CREATE2, BAD),
        (b"none", INVALID, 5, Op.CREATE, BAD),
        (b"none", INVALID, 0, Op.CREATE_TTL, BAD),
        (b"none", INVALID, 0, Op.CREATE, BAD),
        (b"/none/\0", INVALID, 0, Op.CREATE, BAD),
        (b"/none/a", INVALID, 0, Op.CREATE, Code.INVALID_ACL),
        (b"/none/a", (), 0, Op.CREATE, Code.INVALID_ACL),
        (b"/none//", ((31, b"world", b"anyone"),), 0, Op.CREATE, NO_NODE),
        (b"/locked/", ((31, b"world", b"anyone"),), 0, Op.CREATE, NO_AUTH),
        (b"/open/", ((31, b"world", b"anyone"),), 0, Op.CREATE, BAD),
        (b"/open/..", ((31, b"world", b"anyone"),), 0, Op.CREATE, BAD),
        (b"//x", ((31, b"world", b"anyone"),), 0, Op.CREATE, BAD),
        (b"//", ((31, b"world", b"anyone"),), 2, Op.CREATE, BAD),
        (b"/eph/", ((31, b"world", b"anyone"),), 0, Op.CREATE, BAD),
        (b"/open/child", ((31, b"world", b"anyone"),), 0, Op.CREATE, EXISTS),
        (b"/", ((31, b"world", b"anyone"),), 0, Op.CREATE, EXISTS),
        (b"/q/eph/x", ((1, b"world", b"anyone"),), 0, Op.CREATE, Code.NO_CHILDREN_FOR_EPHEMERALS),
        (b"/q/x", ((31, b"world", b"anyone"),), 0, Op.CREATE, Code.QUOTA_EXCEEDED),
    ],
)
def test_create_reports_the_first_mistake(
    tree: ZnodeTree, path: bytes, acl: AclList, flags: int, op: Op, code: Code
) -> None:
    before = dict(tree.nodes)
    assert create(tree, path, b"12345", acl=acl, flags=flags, op=op) == code
    assert tree.nodes == before
    tree.check_invariants()


@pytest.mark.parametrize(
    ("path", "version", "code"),
    [
        (b"none", 9, BAD),
        (b"/", -1, BAD),
        (b"/zookeeper", -1, BAD),
        (b"/zookeeper/quota", -1, BAD),
        (b"/zookeeper/config", -1, BAD),
        (b"/locked/\0", 9, BAD),
        (b"/none/a", 9, NO_NODE),
        (b"/locked/none", 9, NO_AUTH),
        (b"/none", 9, NO_NODE),
        (b"/open", 9, BAD_VERSION),
        (b"/open", 0, NOT_EMPTY),
        (b"/open", -1, NOT_EMPTY),
    ],
)
def test_delete_reports_the_first_mistake(
    tree: ZnodeTree, path: bytes, version: int, code: Code
) -> None:
    assert delete(tree, path, version=version) == code


def test_delete_needs_no_permission_on_the_znode_itself(tree: ZnodeTree) -> None:
    assert delete(tree, b"/locked") == 0


@pytest.mark.parametrize(
    ("path", "new", "version", "code"),
    [
        (b"/locked/", b"", 9, BAD),
        (b"", b"", 9, BAD),
        (b"/none", b"", 9, NO_NODE),
        (b"/locked", b"", 9, NO_AUTH),
        (b"/q", b"12345", 9, Code.QUOTA_EXCEEDED),
        (b"/q", b"1234", 9, BAD_VERSION),
        (b"/open", b"", 1, BAD_VERSION),
    ],
)
def test_set_data_reports_the_first_mistake(
    tree: ZnodeTree, path: bytes, new: bytes, version: int, code: Code
) -> None:
    assert set_data(tree, path, new, version=version) == code


@pytest.mark.parametrize(
    ("path", "acl", "version", "code"),
    [
        (b"/locked/", INVALID, 9, BAD),
        (b"/none", INVALID, 9, Code.INVALID_ACL),
        (b"/locked", (), 9, Code.INVALID_ACL),
        (b"/none", NOBODYS, 9, NO_NODE),
        (b"/locked", NOBODYS, 9, NO_AUTH),
        (b"/open", NOBODYS, 9, BAD_VERSION),
    ],
)
def test_set_acl_reports_the_first_mistake(
    tree: ZnodeTree, path: bytes, acl: AclList, version: int, code: Code
) -> None:
    assert set_acl(tree, path, acl, version=version) == code


@pytest.mark.parametrize(
    ("path", "version", "code"),
    [
        (b"/locked/", 9, BAD),
        (b"/none", 9, NO_NODE),
        (b"/locked", 9, NO_AUTH),
        (b"/open", 9, BAD_VERSION),
        (b"/open", 0, 0),
        (b"/open", -1, 0),
    ],
)
def test_check_reports_the_first_mistake(
    tree: ZnodeTree, path: bytes, version: int, code: int
) -> None:
    assert check(tree, path, version) == code


@pytest.mark.parametrize(
    ("path", "code"), [(b"/none", NO_NODE), (b"/open", NOT_EMPTY), (b"/eph", BAD_VERSION)]
)
def test_delete_container_reports_the_first_mistake(
    tree: ZnodeTree, path: bytes, code: Code
) -> None:
    assert tree.delete_container(path, 9) == code


@pytest.mark.parametrize("flags", [5, 6])
def test_ttl_mode_while_extended_types_are_off_beats_everything_but_the_flags(flags: int) -> None:
    tree = ZnodeTree(TreeRules(extended_types=False))
    told = create(tree, b"none", acl=INVALID, flags=flags, op=Op.CREATE_TTL, ttl_ms=0)
    assert told == Code.UNIMPLEMENTED
    assert create(tree, b"none", flags=7, op=Op.CREATE_TTL) == BAD


@pytest.mark.parametrize(
    ("ttl_ms", "code"), [(0, BAD), (-1, BAD), (1 << 40, BAD), (1, b"/t"), ((1 << 40) - 1, b"/t")]
)
def test_ttl_is_between_one_and_the_largest_of_forty_bits(ttl_ms: int, code: Code | bytes) -> None:
    assert create(ZnodeTree(), b"/t", flags=5, op=Op.CREATE_TTL, ttl_ms=ttl_ms) == code


@pytest.mark.parametrize(
    ("op", "flags", "owner", "marked"),
    [
        (Op.CREATE, 4, 0, False),
        (Op.CREATE, 1, 7, False),
        (Op.CREATE2, 1, 7, False),
        (Op.CREATE_CONTAINER, 0, 0, True),
        (Op.CREATE_CONTAINER, 4, 0, True),
    ],
)
def test_operation_decides_what_is_made(op: Op, flags: int, owner: int, marked: bool) -> None:
    tree = ZnodeTree()
    assert create(tree, b"/a", op=op, flags=flags, session_id=7) == b"/a"
    assert stat(tree, b"/a").ephemeral_owner == owner
    assert (b"/a" in tree.special) == marked


def test_sequential_root_and_directory_names_are_legal() -> None:
    tree = ZnodeTree()
    assert create(tree, b"/", flags=2) == b"/0000000000"
    assert create(tree, b"/dir") == b"/dir"
    assert create(tree, b"/dir/", flags=2) == b"/dir/0000000000"
    assert create(tree, b"/", flags=2) == b"/0000000002"


def test_sequence_number_overflows_into_eleven_characters() -> None:
    tree = ZnodeTree()
    create(tree, b"/d")
    tree.created[b"/d"] = 2147483647
    assert create(tree, b"/d/n", flags=2) == b"/d/n2147483647"
    assert create(tree, b"/d/n", flags=2) == b"/d/n-2147483648"


def test_version_skips_minus_one_and_wraps() -> None:
    tree = ZnodeTree()
    create(tree, b"/a")
    record = tree.nodes[b"/a"]
    for before, after in ((-2, 0), (0x7FFFFFFF, -0x80000000)):
        at = len(record) - 68 + 32
        tree.nodes[b"/a"] = record[:at] + before.to_bytes(4, "big", signed=True) + record[at + 4 :]
        assert set_data(tree, b"/a", b"") == 0
        assert stat(tree, b"/a").version == after


def test_null_data_stays_null() -> None:
    tree = ZnodeTree()
    create(tree, b"/a", None)
    assert (data(tree, b"/a"), stat(tree, b"/a").data_length) == (None, 0)
    set_data(tree, b"/a", b"")
    assert data(tree, b"/a") == b""


def test_set_acl_changes_nothing_but_aversion() -> None:
    tree = ZnodeTree()
    create(tree, b"/a", zxid=5, time_ms=6)
    before = stat(tree, b"/a")
    set_acl(tree, b"/a", ((1, b"world", b"anyone"),))
    assert stat(tree, b"/a") == before._replace(aversion=1)


def test_fresh_tree_has_the_stats_of_a_fresh_apache_server() -> None:
    tree = ZnodeTree()
    assert (stat(tree, b"/").cversion, stat(tree, b"/").num_children) == (-1, 1)
    assert (stat(tree, b"/zookeeper").cversion, stat(tree, b"/zookeeper").num_children) == (-2, 2)
    assert stat(tree, b"/zookeeper/config").aversion == -1
    assert tree.acls[b"/zookeeper/config"] == ((1, b"world", b"anyone"),)
    assert tree.nodes[b""] == tree.nodes[b"/"]
