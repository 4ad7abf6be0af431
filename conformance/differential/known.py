"""The short list of differences from Apache ZooKeeper 3.8.0 that are meant.

Each is a narrow pattern with its reason; whatever no pattern names fails the run. Most
are places where later Apache releases changed and we follow them.

What would make the two servers' *states* drift apart cannot be on this list, since every
later answer would differ: such requests are left out of the stream. Those marked with a
star are put to both servers at the end of a segment (:mod:`conformance.differential.probes`).

* (*) a bare ``check`` (opcode 13): 3.8.0 takes a zxid and does not answer a successful one,
  later releases answer Unimplemented and close;
* (*) ``createSession`` (-10) and ``deleteContainer`` (20) from a client: internal operations
  that 3.8.0 lets through and that take a zxid there;
* (*) ``removeWatches`` with type children or data on a path with a persistent watch, and
  with the types 4 and 5: 3.8.0 removes the persistent watch, or knows no such type;
* ``createTTL`` with a negative ttl and a mode that has none: 3.8.0 writes it to its log and
  ends itself when it applies it, at every later start again;
* ``createContainer`` and ``createTTL`` with an ephemeral's flags before a pipelined
  ``closeSession``: 3.8.0 was once seen to delete such a znode with the session and once not;
* watches of several modes (standard, persistent, recursive) by one connection on one path:
  until 3.9 the last one replaces the others, later they stay side by side;
* malformed data in ``zookeeper_stats``: 3.8.0 ends itself at the next change below.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from conformance.differential.normal import Ended, Item, Notification, Reply
from conformance.differential.operations import Request
from zkserver.wire.opcodes import Code, Op


@dataclass(frozen=True, slots=True)
class Watched:
    """What paths may be watched: by addWatch on this connection, and by other sessions."""

    persistent: frozenset[bytes] = frozenset()
    elsewhere: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class KnownDifference:
    """``applies(apache's item, our item)`` recognises it; ``reason`` says why it is right."""

    name: str
    reason: str
    applies: Callable[[Reply, Reply, Watched], bool]


def _requested(reply: Reply, *ops: int) -> Request | None:
    request = reply.request
    return request if request is not None and request.op in ops else None


def _newer_watcher_type(apache: Reply, ours: Reply, _watched: Watched) -> bool:
    request = _requested(apache, Op.CHECK_WATCHES)
    if request is None or request.damage or request.arguments[1] not in (4, 5):
        return False
    return apache.err == Code.MARSHALLING_ERROR and ours.err in (Code.OK, Code.NO_WATCHER)


def _type_counts_modes(apache: Reply, ours: Reply, watched: Watched) -> bool:
    request = _requested(apache, Op.CHECK_WATCHES)
    if request is None or request.arguments[1] not in (1, 2):
        return False
    return (
        request.arguments[0] in watched.persistent
        and apache.err == Code.OK
        and ours.err == Code.NO_WATCHER
    )


def _watch_of_another(apache: Reply, ours: Reply, watched: Watched) -> bool:
    request = _requested(apache, Op.CHECK_WATCHES)
    if request is None or not isinstance(request.arguments[0], bytes):
        return False
    path = request.arguments[0].decode(errors="replace")
    if path not in {each.decode(errors="replace") for each in watched.elsewhere}:
        return False
    return apache.err == Code.OK and ours.err == Code.NO_WATCHER


def _watch_on_no_path(apache: Reply, ours: Reply, _watched: Watched) -> bool:
    request = _requested(apache, Op.CHECK_WATCHES)
    if request is None:
        return False
    path = request.arguments[0]
    malformed = not isinstance(path, bytes) or not path.startswith(b"/")
    return malformed and apache.err == Code.MARSHALLING_ERROR and ours.err == Code.NO_WATCHER


EXISTS_NEEDS_READ: Final = "exists needs READ"


def _exists_without_read(apache: Reply, ours: Reply, _watched: Watched) -> bool:
    request = _requested(apache, Op.EXISTS)
    return request is not None and apache.err == Code.OK and ours.err == Code.NO_AUTH


def _body_with_error(apache: Reply, ours: Reply, _watched: Watched) -> bool:
    if _requested(apache, Op.MULTI, Op.MULTI_READ) is None or ours.body is not None:
        return False
    return apache.err == ours.err == Code.MARSHALLING_ERROR and apache.body is not None


def _replaced(apache: object, ours: object) -> bool:
    """Whether the first is the second as Java reads and writes it.

    Malformed UTF-8 becomes U+FFFD (how many of them differs between decoders), and a
    character outside the basic plane is written as two surrogates of three bytes each.
    """
    if not isinstance(apache, bytes) or not isinstance(ours, bytes):
        return False
    text = ours.decode(errors="replace")
    surrogates = text.encode("utf-16-be", "surrogatepass")
    if text.isprintable() and len(surrogates) > 2 * len(text):
        units = [surrogates[at : at + 2] for at in range(0, len(surrogates), 2)]
        cesu = "".join(unit.decode("utf-16-be", "surrogatepass") for unit in units)
        return apache == cesu.encode("utf-8", "surrogatepass")
    runs = [re.sub("\ufffd+", "\ufffd", each.decode(errors="replace")) for each in (apache, ours)]
    return runs[0] == runs[1] and "\ufffd" in runs[0]


def _replacement_in_sync(apache: Reply, ours: Reply, _watched: Watched) -> bool:
    request = _requested(apache, Op.SYNC)
    return request is not None and apache.err == ours.err and _replaced(apache.body, ours.body)


#: The differences between replies; the zxid of notifications is handled by :func:`same_event`.
KNOWN_DIFFERENCES: Final = (
    KnownDifference(
        "watcher types 4 and 5",
        "3.9 added persistent (4) and persistentRecursive (5) to checkWatches",
        _newer_watcher_type,
    ),
    KnownDifference(
        "watcher types 1 and 2 on a persistent watch",
        "since 3.9 they mean the standard watch of that table, before any mode in it",
        _type_counts_modes,
    ),
    KnownDifference(
        "checkWatches finds the watch of another connection",
        "3.8.0 answers whether anybody watches the path; removeWatches, which is compared "
        "without exception, does look at the connection there as well",
        _watch_of_another,
    ),
    KnownDifference(
        "checkWatches of a path without a slash",
        "3.8.0 walks up to the root while anybody has a recursive watch, and trips over it",
        _watch_on_no_path,
    ),
    KnownDifference(
        EXISTS_NEEDS_READ,
        "since 3.8.4 and 3.9.2 exists needs READ; the watch that 3.8.0 registers is removed",
        _exists_without_read,
    ),
    KnownDifference(
        "a body behind -5 of multi and multiRead",
        "with an error there is no body; 3.8.0 sends what results it had",
        _body_with_error,
    ),
    KnownDifference(
        "odd UTF-8 in a path that sync gives back",
        "how many U+FFFD stand for malformed bytes differs; Java writes surrogates one by one",
        _replacement_in_sync,
    ),
)

NOTIFICATION_ZXID: Final = "zxid of notifications"
LEFT_OPEN: Final = "a connection that ought to be closed"


def same_event(apache: Notification, ours: Notification) -> bool:
    """Equal but for the zxid, which is -1 until 3.8 and that of the change since 3.9.

    The path may hold malformed UTF-8 from a setWatches, which Java replaces.
    """
    same_path = apache.path == ours.path or _replaced(apache.path, ours.path)
    same = same_path and (apache.type, apache.state) == (ours.type, ours.state)
    return same and apache.zxid == -1 and (ours.zxid == -1 or ours.zxid > 0)


def explain(apache: Item, ours: Item, watched: Watched) -> str | None:
    """The name of the known difference between two items, ``None`` if there is none.

    ``watched`` says what may be watched; it may name too much, never too little.
    """
    if isinstance(apache, Notification) and isinstance(ours, Notification):
        return NOTIFICATION_ZXID if same_event(apache, ours) else None
    if isinstance(apache, Ended) and isinstance(ours, Ended):
        silent, closed = apache.how.startswith("silence"), ours.how.startswith("closed")
        return LEFT_OPEN if silent and closed else None
    if isinstance(apache, Reply) and isinstance(ours, Reply):
        for difference in KNOWN_DIFFERENCES:
            if apache.zxid == ours.zxid and difference.applies(apache, ours, watched):
                return difference.name
    return None


#: Names and reasons of all, for the report.
REASONS: Final = {
    **{difference.name: difference.reason for difference in KNOWN_DIFFERENCES},
    NOTIFICATION_ZXID: "since 3.9 the zxid of the change, before always -1",
    LEFT_OPEN: "3.8.0 does not notice a malformed frame now and then, one in some hundred",
}
