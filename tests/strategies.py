"""Hypothesis strategies that several packages' tests share."""

from __future__ import annotations

from hypothesis import strategies as st

from zkserver.wire.records import Acl, Id

int32s = st.integers(-(1 << 31), (1 << 31) - 1)
int64s = st.integers(-(1 << 63), (1 << 63) - 1)
buffers = st.none() | st.binary(max_size=40)
strings = st.text(max_size=12).map(lambda text: text.encode("utf-8", "replace"))
acls = st.lists(st.builds(Acl, int32s, st.none() | strings, st.none() | strings), max_size=4).map(
    tuple
)
ids = st.lists(st.builds(Id, strings, strings), max_size=4).map(tuple)


def pieces(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """``data`` cut at some places, none to many, in order."""
    cuts = st.lists(st.integers(0, len(data)), max_size=12)
    return cuts.map(
        lambda at: [
            data[a:b] for a, b in zip([0, *sorted(at)], [*sorted(at), len(data)], strict=True)
        ]
    )
