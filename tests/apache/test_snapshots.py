"""Apache's snapshots: what is written is read again, and what is damaged is found."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apache.written import node, snapshot_bytes
from tests.strategies import int32s, int64s, strings
from zkserver.apache.directory import DamagedFileError
from zkserver.apache.snapshots import dump_snapshot, read_snapshot
from zkserver.apache.znodes import ApacheTree, Znode
from zkserver.tree.acl import OPEN, AclList

names = st.text("abé/", min_size=1, max_size=3).filter(lambda name: "/" not in name)
acl_lists: st.SearchStrategy[AclList] = st.just(OPEN) | st.lists(
    st.tuples(int32s, strings, strings), min_size=1, max_size=3
).map(tuple)


@st.composite
def trees(draw: st.DrawFn) -> ApacheTree:
    tree = ApacheTree()
    tree.sessions = draw(st.dictionaries(int64s, int32s, max_size=3))
    paths = [b""]
    for _ in range(draw(st.integers(1, 12))):
        path = draw(st.sampled_from(paths)) + b"/" + draw(names).encode()
        if path not in paths:
            paths.append(path)
    for path in paths:
        one = Znode(draw(st.none() | st.binary(max_size=20)), draw(acl_lists))
        one.czxid, one.mzxid, one.ctime, one.mtime = (draw(int64s) for _ in range(4))
        one.version, one.cversion, one.aversion = (draw(int32s) for _ in range(3))
        one.owner, one.pzxid = draw(int64s), draw(int64s)
        assert tree.load(path, one)
    return tree


def described(tree: ApacheTree) -> dict[bytes, object]:
    return {path: (one.data, one.acl, one.stat) for path, one in tree.nodes.items()}


@given(tree=trees(), zxid=st.integers(1, (1 << 63) - 1))
def test_what_was_written_is_read(
    tree: ApacheTree, zxid: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "snapshot.1"
    path.write_bytes(b"".join(dump_snapshot(tree, zxid)))
    found = read_snapshot(str(path))
    assert described(found.tree) == described(tree)
    assert found.tree.sessions == tree.sessions
    assert found.digest is not None
    assert (found.digest.zxid, found.digest.value) == (zxid, tree.digest())


def packed_by_java_s_snappy(data: bytes, block: int = 50) -> bytes:
    parts = [b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)]
    for at in range(0, len(data), block):
        packed = bytes(cramjam.snappy.compress_raw(data[at : at + block]))
        parts.append(struct.pack(">i", len(packed)) + packed)
    return b"".join(parts)


def test_compressed_snapshots_are_the_same(tmp_path: Path) -> None:
    plain = snapshot_bytes([node("/a", b"x" * 500), node("/a/b", None)], [(5, 4000)])
    for ending, content in (
        ("", plain),
        (".gz", gzip.compress(plain)),
        (".snappy", packed_by_java_s_snappy(plain)),
    ):
        path = tmp_path / f"snapshot.1{ending}"
        path.write_bytes(content)
        tree = read_snapshot(str(path)).tree
        assert tree.sessions == {5: 4000}
        assert tree.nodes[b"/a"].data == b"x" * 500
        assert tree.nodes[b"/a/b"].data is None


@pytest.mark.parametrize(
    "digest",
    [
        b"",
        # A server that has seen no transaction writes a digest of nothing.
        struct.pack(">qiq", 0, 2, 0),
        struct.pack(">qiq", 9, 2, 77),
        # As development versions had it.
        struct.pack(">qi", 9, 1) + struct.pack(">i", 2) + b"ab",
    ],
)
def test_every_form_of_the_end_is_read(tmp_path: Path, digest: bytes) -> None:
    path = tmp_path / "snapshot.9"
    path.write_bytes(snapshot_bytes([node("/a")], digest=digest))
    assert b"/a" in read_snapshot(str(path)).tree.nodes


def test_any_changed_or_missing_byte_is_found(tmp_path: Path) -> None:
    content = snapshot_bytes([node("/a", b"data", zxid=3)], [(5, 4000)])
    path = tmp_path / "snapshot.3"
    for at in range(len(content)):
        # The version and the id of the database say nothing to anybody.
        if not 4 <= at < 16:
            path.write_bytes(content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1 :])
            with pytest.raises(DamagedFileError, match="offset"):
                read_snapshot(str(path))
        path.write_bytes(content[:at])
        with pytest.raises(DamagedFileError, match="offset"):
            read_snapshot(str(path))


def test_znode_without_a_parent_is_named(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.3"
    path.write_bytes(snapshot_bytes([node("/a/b")]))
    with pytest.raises(DamagedFileError, match="the parent of /a/b is missing"):
        read_snapshot(str(path))
