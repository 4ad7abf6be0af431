"""Executes a reconfig, and keeps ``/zookeeper/config`` the way Apache's servers keep it.

The membership in force is the caller's to keep and to hand in: the znode only shows it.
(The super user may write anything into it with setData, and the next reconfig overwrites
that.) What a reconfig asks for is planned by :mod:`zkserver.replica.membership`.

The outcome depends on settings: whether reconfig is enabled, whether permissions are
checked (both in the tree's rules), and whether one voter is enough. All servers need the
same ones, as they need the same rules of the tree.

Whether a quorum of the planned voters is there (NEW_CONFIG_NO_QUORUM) and whether another
reconfig is on its way (RECONFIG_IN_PROGRESS) only the leader knows, when it proposes. In
Apache's order the second is said before anything of the request is looked at, and the
first behind everything but the permission.

Source: ``PrepRequestProcessor`` and ``FinalRequestProcessor`` (OpCode.reconfig), and
``ZKDatabase.initConfigInZKDatabase`` of Apache ZooKeeper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from zkserver.replica.membership import Membership, plan_reconfig
from zkserver.tree.node import STAT_BYTES, pack_record, stat_of
from zkserver.tree.tree import CONFIG_PATH
from zkserver.wire.opcodes import Code, EventType, Perm

if TYPE_CHECKING:
    from zkserver.replica.connection import Caller
    from zkserver.tree.tree import ZnodeTree
    from zkserver.wire.jute import Reader

#: Apache never counts the versions of this znode's data.
_DATA_VERSION: Final = -1


class ReconfigRequest(NamedTuple):
    """The record of a reconfig; a null list is None."""

    #: Comma separated ``server.N=...``.
    joining: bytes | None
    #: Comma separated ids.
    leaving: bytes | None
    #: A whole membership, lines separated by commas or ends of lines; outweighs the others.
    members: bytes | None
    #: The version of the membership that must be in force; -1 for any.
    version: int


class Outcome(NamedTuple):
    """What came of a reconfig."""

    #: The membership from now on; None when it was refused.
    membership: Membership | None
    #: The reply's body, or an error code.
    reply: bytes | int
    events: list[tuple[EventType, bytes]]


def read_reconfig(reader: Reader) -> ReconfigRequest:
    """The record of a reconfig; raises ``DecodeError``."""
    return ReconfigRequest(reader.string(), reader.string(), reader.string(), reader.int64())


def execute_reconfig(
    tree: ZnodeTree,
    current: Membership | None,
    caller: Caller,
    request: ReconfigRequest,
    zxid: int,
    time_ms: int,
) -> Outcome:
    """Change the membership as far as the tree shows it; the caller does the rest.

    ``current`` is None on a standalone server, which has nothing to change. ``zxid`` and
    ``time_ms`` (since 1970) are those of the entry.
    """
    if not tree.rules.reconfig_enabled:
        return _refused(Code.RECONFIG_DISABLED)
    if current is None:
        return _refused(Code.UNIMPLEMENTED)
    planned = plan_reconfig(
        current,
        request.joining,
        request.leaving,
        request.members,
        request.version,
        zxid=zxid,
        standalone_enabled=tree.rules.standalone_enabled,
    )
    if isinstance(planned, Code):
        return _refused(planned)
    if not tree.permits(CONFIG_PATH, Perm.WRITE, caller.identities):
        return _refused(Code.NO_AUTH)
    body = show_membership(tree, planned, time_ms)
    return Outcome(planned, body, [(EventType.NODE_DATA_CHANGED, CONFIG_PATH)])


def show_membership(tree: ZnodeTree, membership: Membership, time_ms: int) -> bytes:
    """Let ``/zookeeper/config`` say ``membership``; returns what getData answers from now on.

    The zxid of the change is the membership's version; for the one that the ensemble began
    with that is the beginning of its term, or 0. A quota above this znode is not charged.
    """
    before = tree.nodes[CONFIG_PATH]
    stat = stat_of(before)._replace(mzxid=membership.version, mtime=time_ms, version=_DATA_VERSION)
    text = membership.text()
    record = tree.nodes[CONFIG_PATH] = pack_record(text, stat)
    tree.digest.touched.setdefault(CONFIG_PATH, before)
    tree.data_bytes += len(text) - max(0, len(before) - STAT_BYTES - 4)
    return record


def _refused(code: Code) -> Outcome:
    return Outcome(None, int(code), [])
