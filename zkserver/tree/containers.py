"""Which containers and TTL znodes are due for removal.

Source: ``ContainerManager.getCandidates``. A container goes when it had children and has
none any more (or, if so configured, when it never had one for a while); a TTL znode when
it has no children and was not written for longer than its time to live. The leader only
proposes: the deletion itself is a log entry, which checks again.
"""

from __future__ import annotations

from collections.abc import Iterator

from zkserver.tree.node import is_ttl, stat_of, ttl_of
from zkserver.tree.tree import ZnodeTree


def candidates(tree: ZnodeTree, now_ms: int, never_used_ms: int) -> Iterator[bytes]:
    """Paths to delete as of the wall time ``now_ms``.

    ``never_used_ms`` is the age at which a container that never had a child goes; 0
    keeps it forever.
    """
    for path, marker in tree.special.items():
        stat = stat_of(tree.nodes[path])
        if stat.num_children:
            continue
        age_ms = now_ms - stat.mtime
        if is_ttl(marker):
            if age_ms > ttl_of(marker):
                yield path
        elif tree.created.get(path, 0) > 0 or 0 < never_used_ms < age_ms:
            yield path
