"""Which paths may name a znode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkserver.tree.paths import is_valid, parent_of


@pytest.mark.parametrize(
    "path",
    ["/", "/a", "/a/b", "/.a", "/...", "/a/..b", "/a b", "/~", "/é", "/日本", "/\ud7ff", "/\uffef"],
)
def test_path_is_valid(path: str) -> None:
    assert is_valid(path.encode())


@pytest.mark.parametrize(
    "path",
    [
        b"", b"a", b"a/b", b"//", b"//a", b"/a/", b"/a//b", b"/.", b"/..", b"/a/.", b"/a/../b",
        b"/a/./b", b"/\x00", b"/a\x1f", b"/\x7f", b"/a\n",
        "/\x80".encode(), "/\x9f".encode(), "/\ue000".encode(), "/\uf8ff".encode(),
        "/\ufff0".encode(), "/\uffff".encode(), "/\U0001f600".encode(), "/é/../a".encode(),
        "/é/".encode(), "/é//a".encode(), b"/\xff", b"/\xc3", b"/\xed\xa0\x80",
    ],
)  # fmt: skip
def test_path_is_refused(path: bytes) -> None:
    assert not is_valid(path)


def refused_by_java(char: str) -> bool:
    """``PathUtils.validatePath``'s ranges over UTF-16 units."""
    code = ord(char)
    return (
        code <= 0x1F
        or 0x7F <= code <= 0x9F
        or 0xD800 <= code <= 0xF8FF
        or 0xFFF0 <= code <= 0xFFFF
        or code > 0xFFFF
    )


@given(st.characters(exclude_characters="/.", exclude_categories=["Cs"]))
def test_character_is_refused_exactly_where_java_refuses_it(char: str) -> None:
    assert is_valid(f"/a{char}b".encode()) == (not refused_by_java(char))


@given(st.lists(st.sampled_from((b"", b".", b"..", b"a", b"...", b".b", "é".encode())), max_size=5))
def test_components_decide(names: list[bytes]) -> None:
    path = b"/" + b"/".join(names)
    fine = all(name not in (b"", b".", b"..") for name in names)
    assert is_valid(path) == (fine or path == b"/")


@pytest.mark.parametrize(("path", "parent"), [(b"/a", b""), (b"/a/b", b"/a"), (b"/a/", b"/a")])
def test_parent_of_a_top_level_path_is_the_root(path: bytes, parent: bytes) -> None:
    assert parent_of(path) == parent
