"""A multi of nothing but plain setData, which is what most multis are.

All of it is looked at before anything is changed, so nothing ever has to be undone. What
is not as plain as that goes the general way (:mod:`zkserver.replica.writes`), which must
come to the same result.
"""

from __future__ import annotations

import struct
from typing import Final

from zkserver.tree.node import STAT_BYTES, STAT_FOR_DATA
from zkserver.tree.tree import ZnodeTree
from zkserver.wire.jute import INT
from zkserver.wire.opcodes import Op
from zkserver.wire.records import MULTI_END, MULTI_HEAD

_SET_DATA: Final = int(Op.SET_DATA)
#: MultiHeader, and the length of the path behind it.
_OPERATION: Final = struct.Struct(">ibii")
_OPERATION_BYTES: Final = _OPERATION.size
_operation: Final = _OPERATION.unpack_from
_int: Final = INT.unpack_from
_stat_of: Final = STAT_FOR_DATA.unpack_from
_pack_stat: Final = STAT_FOR_DATA.pack
_RESULT_HEAD: Final = MULTI_HEAD.pack(_SET_DATA, 0, 0)
_VERSION_MAX: Final = 0x7FFFFFFF


def multi_of_sets(
    tree: ZnodeTree, frames: bytes, pos: int, end: int, zxid: int, time_ms: int
) -> tuple[list[bytes], bytes] | None:
    """Execute the multi whose record is ``frames[pos:end]``, if it is a plain one.

    Different existing znodes without ACLs, fitting versions; the tree has no quotas.
    Returns the paths and the reply's body; ``None``, with nothing changed, when it is
    anything else.
    """
    nodes, acls = tree.nodes, tree.acls
    changes: list[tuple[bytes, bytes, bytes]] = []
    paths: list[bytes] = []
    parts: list[bytes] = []
    while True:
        start = pos + _OPERATION_BYTES
        if start > end:
            if frames[pos:end] == MULTI_END:
                break
            return None
        kind, done, _, length = _operation(frames, pos)
        at = start + length
        if kind != _SET_DATA or done or length < 2 or at + 4 > end:
            return None
        size = _int(frames, at)[0]
        pos = at + 8 + size
        if size < 0 or pos > end:
            return None
        path = frames[start:at]
        record = nodes.get(path)
        if record is None or path in acls or path in paths:
            return None
        czxid, _, ctime, _, version, middle, _, tail = _stat_of(record, len(record) - STAT_BYTES)
        wanted = _int(frames, pos - 4)[0]
        if (wanted != -1 and wanted != version) or not 0 <= version < _VERSION_MAX:
            return None
        stat = _pack_stat(czxid, zxid, ctime, time_ms, version + 1, middle, size, tail)
        paths.append(path)
        changes.append((path, record, frames[at : pos - 4] + stat))
        parts += (_RESULT_HEAD, stat)
    touched = tree.digest.touched
    for path, old, new in changes:
        if path not in touched:
            touched[path] = old
        nodes[path] = new
        tree.data_bytes += len(new) - len(old)
    parts.append(MULTI_END)
    return paths, b"".join(parts)
