"""A multi that fails puts back everything, whatever its operations had touched."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tests.tree.arguments import create, delete, set_data
from zkserver.errors import InvariantBrokenError
from zkserver.tree.tree import ZnodeTree
from zkserver.wire.opcodes import Op

READ_ONLY = ((1, b"world", b"anyone"),)


@pytest.fixture
def tree() -> ZnodeTree:
    tree = ZnodeTree()
    create(tree, b"/plain", b"data")
    create(tree, b"/eph", flags=1, session_id=4)
    create(tree, b"/box", op=Op.CREATE_CONTAINER, flags=4)
    create(tree, b"/ttl", op=Op.CREATE_TTL, flags=5, ttl_ms=9)
    create(tree, b"/acl", b"x", acl=READ_ONLY)
    create(tree, b"/parent")
    create(tree, b"/parent/n", flags=2)
    delete(tree, b"/parent/n0000000000")
    return tree


def parts(tree: ZnodeTree) -> dict[str, object]:
    return deepcopy(
        {
            "nodes": tree.nodes,
            "children": {path: names for path, names in tree.children.items() if names},
            "created": {path: count for path, count in tree.created.items() if count},
            "acls": tree.acls,
            "special": tree.special,
            "ephemerals": tree.ephemerals,
            "quotas": tree.quotas,
            "data_bytes": tree.data_bytes,
            "digest": tree.digest.fold(tree.nodes),
        }
    )


@pytest.mark.parametrize("path", [b"/plain", b"/eph", b"/box", b"/ttl", b"/acl", b"/parent"])
def test_deleted_znode_is_back_with_all_that_belongs_to_it(tree: ZnodeTree, path: bytes) -> None:
    before = parts(tree)
    tree.begin()
    assert delete(tree, path, zxid=9) == 0
    assert create(tree, path, b"another", zxid=9) == path
    assert create(tree, path + b"/child", zxid=9) == path + b"/child"
    tree.rollback()
    assert parts(tree) == before
    tree.check_invariants()


def test_created_znodes_are_gone_and_the_sequence_has_not_moved(tree: ZnodeTree) -> None:
    before = parts(tree)
    tree.begin()
    assert create(tree, b"/parent/n", flags=3, session_id=5) == b"/parent/n0000000001"
    assert create(tree, b"/parent/n", flags=2) == b"/parent/n0000000002"
    assert create(tree, b"/", flags=2, acl=READ_ONLY) == b"/0000000006"
    tree.rollback()
    assert parts(tree) == before
    assert create(tree, b"/parent/n", flags=2) == b"/parent/n0000000001"


def test_data_of_one_znode_written_twice_is_the_first_again(tree: ZnodeTree) -> None:
    before = parts(tree)
    tree.begin()
    for path in (b"/plain", b"/", b"/plain", b"/"):
        assert set_data(tree, path, b"longer than before", zxid=9) == 0
    tree.rollback()
    assert parts(tree) == before


def test_committed_multi_stays_though_a_later_one_fails(tree: ZnodeTree) -> None:
    tree.begin()
    create(tree, b"/kept")
    tree.commit()
    tree.begin()
    delete(tree, b"/kept")
    tree.rollback()
    assert b"/kept" in tree.nodes


def test_multi_inside_a_multi_is_refused(tree: ZnodeTree) -> None:
    tree.begin()
    with pytest.raises(InvariantBrokenError, match="a multi inside a multi"):
        tree.begin()
