"""The plainest create and delete, without the generality of :class:`ZnodeTree`'s methods.

Most writes concern persistent znodes with the open ACL, below a parent without an ACL or
a quota. For those all the checks of the general methods come down to the few that are
here; whatever is not as plain is left alone, by returning ``False`` before anything is
touched, for the general method to decide. Both must leave the same tree behind, and a
test runs them against each other.
"""

from __future__ import annotations

from typing import Final

from zkserver.tree.node import (
    CHILDREN_TAIL_BYTES,
    STAT,
    STAT_BYTES,
    STAT_FOR_CHILDREN,
    VERSION,
)
from zkserver.tree.paths import is_valid_name
from zkserver.tree.tree import ZnodeTree

_NO_OWNER: Final = bytes(8)
_COUNT_MAX: Final = 0x7FFFFFFF
#: A path whose second byte is one of these may lie below /zookeeper, or be no path at all.
_UNUSUAL: Final = b"z/"
_unpack_children: Final = STAT_FOR_CHILDREN.unpack_from
_pack_children: Final = STAT_FOR_CHILDREN.pack
_pack_stat: Final = STAT.pack
_version_of: Final = VERSION.unpack_from


def create_plain(tree: ZnodeTree, path: bytes, raw: bytes, zxid: int, time_ms: int) -> bool:
    """Create a persistent znode with the open ACL, if that is all there is to it.

    ``raw`` is its data with the jute length in front, not null. The tree has no quotas.
    Not for use in a multi.
    """
    slash = path.rfind(b"/")
    parent = path[:slash]
    # Whoever had a child before exists, and is not ephemeral.
    names = tree.children.get(parent)
    nodes = tree.nodes
    if names is None or slash < 1 or path in nodes or path[1] in _UNUSUAL or parent in tree.acls:
        return False
    name = path[slash + 1 :]
    if not (name.isalnum() or is_valid_name(name)):
        return False
    before = nodes[parent]
    created = tree.created.get(parent, 0)
    tail = len(before) - CHILDREN_TAIL_BYTES
    cversion, middle, count, _ = _unpack_children(before, tail)
    if not 0 <= created < _COUNT_MAX or cversion == _COUNT_MAX:
        return False
    size = len(raw) - 4
    touched = tree.digest.touched
    if path not in touched:
        touched[path] = None
    if parent not in touched:
        touched[parent] = before
    nodes[path] = raw + _pack_stat(zxid, zxid, time_ms, time_ms, 0, 0, 0, 0, size, 0, zxid)
    nodes[parent] = before[:tail] + _pack_children(cversion + 1, middle, count + 1, zxid)
    tree.created[parent] = created + 1
    names[name] = None
    if parent in tree.listings:
        del tree.listings[parent]
    tree.data_bytes += len(path) + size
    return True


def delete_plain(tree: ZnodeTree, path: bytes, version: int, zxid: int) -> bool:
    """Delete a persistent znode that never had children, if that is all there is to it.

    The tree has no quotas. Not for use in a multi.
    """
    slash = path.rfind(b"/")
    nodes = tree.nodes
    record = nodes.get(path)
    if record is None or slash < 1 or path[1] in _UNUSUAL or record[-24:-16] != _NO_OWNER:
        return False
    parent = path[:slash]
    acls = tree.acls
    if parent in acls or path in acls or path in tree.created or path in tree.special:
        return False
    length = len(record)
    if version != -1 and version != _version_of(record, length - 36)[0]:
        return False
    before = nodes[parent]
    tail = len(before) - CHILDREN_TAIL_BYTES
    cversion, middle, count, _ = _unpack_children(before, tail)
    if cversion == _COUNT_MAX:
        return False
    touched = tree.digest.touched
    if path not in touched:
        touched[path] = record
    if parent not in touched:
        touched[parent] = before
    del nodes[path]
    nodes[parent] = before[:tail] + _pack_children(cversion + 1, middle, count - 1, zxid)
    del tree.children[parent][path[slash + 1 :]]
    listings = tree.listings
    if listings:
        if parent in listings:
            del listings[parent]
        if path in listings:
            del listings[path]
    tree.data_bytes -= len(path) + max(0, length - STAT_BYTES - 4)
    return True
