"""The four questions about the past, answered as plain data for JSON or for a terminal."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from zkserver.history.kept import Kept, NoHistoryError
from zkserver.history.past import Change, Entry, Past
from zkserver.history.points import Point, time_text
from zkserver.tree.node import data_of, stat_of

Fields = dict[str, Any]


def past_at(kept: Kept, point: Point) -> Past:
    """The tree as of ``point``; raises :class:`NoHistoryError` where that is not kept any more."""
    past = Past(kept)
    if past.oldest_zxid and point.is_before(past.oldest_zxid, past.oldest_ms):
        raise NoHistoryError(
            f"{point} is not kept any more: the oldest state is that of zxid"
            f" {past.oldest_zxid:#x}, {time_text(past.oldest_ms)}"
        )
    past.go_to(point)
    return past


def show(kept: Kept, path: str, point: Point) -> Fields:
    """One znode; raises :class:`NoHistoryError` when there was none."""
    past = past_at(kept, point)
    key = path.encode()
    record = past.nodes.get(key)
    if record is None:
        raise NoHistoryError(f"{path}: no such znode as of {point} (zxid {past.zxid:#x})")
    prefix = key if key.endswith(b"/") else key + b"/"
    children = sorted(
        _text(other[len(prefix) :])
        for other in past.nodes
        if other.startswith(prefix) and other != key and b"/" not in other[len(prefix) :]
    )
    acl = [
        {"perms": perms, "scheme": _text(scheme), "id": _text(ident)}
        for perms, scheme, ident in past.acl(key)
    ]
    return {**_as_of(past), "path": path, **_znode(record), "acl": acl, "children": children}


def tree(kept: Kept, path: str, point: Point) -> Fields:
    """All znodes at and below ``path``."""
    past = past_at(kept, point)
    found = {
        _text(at): _znode(record)
        for at, record in sorted(past.nodes.items())
        if _is_within(at, path.encode())
    }
    return {**_as_of(past), "path": path, "znodes": found}


def diff(kept: Kept, path: str, first: Point, second: Point) -> Fields:
    """What differs at and below ``path`` between two points, the earlier one first."""
    past = past_at(kept, first)
    before, begin = past.nodes, past.zxid
    if second.is_before(begin, past.time_ms):
        raise NoHistoryError(f"{second} lies before {first}: give the earlier point first")
    past.go_to(second)
    after = past.nodes
    changes = [
        Change(at, before.get(at), after.get(at))
        for at in sorted(before.keys() | after.keys())
        if before.get(at) != after.get(at) and _is_within(at, path.encode())
    ]
    return {"from_zxid": _hex(begin), **_as_of(past), "changes": [_change(one) for one in changes]}


def changes(kept: Kept, path: str, since: Point, until: Point, *, below: bool) -> Iterator[Fields]:
    """Who has changed ``path``, and with ``below`` what is below it, in order."""
    key = path.encode()
    past = Past(kept)
    for entry in past.entries():
        if until.is_before(entry.zxid, entry.time_ms):
            break
        if since is not until and not _is_from(since, entry):
            continue
        told = [
            one for one in entry.changes if one.path == key or (below and _is_within(one.path, key))
        ]
        if told:
            yield {**_entry(entry), "changes": [_change(one) for one in told]}


def _is_from(since: Point, entry: Entry) -> bool:
    """Whether an entry is at the point or behind it; ``now`` stands for the beginning there."""
    if since.zxid is not None:
        return entry.zxid >= since.zxid
    return since.time_ms is None or entry.time_ms >= since.time_ms


def _is_within(path: bytes, top: bytes) -> bool:
    return path == top or top == b"/" or path.startswith(top + b"/")


def _as_of(past: Past) -> Fields:
    return {"zxid": _hex(past.zxid), "time": time_text(past.time_ms) if past.time_ms else None}


def _entry(entry: Entry) -> Fields:
    return {
        "zxid": _hex(entry.zxid),
        "time": time_text(entry.time_ms),
        "session": _hex(entry.session_id),
        "address": entry.address,
        "identities": list(entry.identities),
        "operation": entry.operation,
    }


def _change(change: Change) -> Fields:
    return {
        "path": _text(change.path),
        "kind": change.kind,
        "before": None if change.before is None else _znode(change.before),
        "after": None if change.after is None else _znode(change.after),
    }


def _znode(record: bytes) -> Fields:
    data, stat = data_of(record), stat_of(record)._asdict()
    for name in ("czxid", "mzxid", "pzxid", "ephemeral_owner"):
        stat[name] = _hex(stat[name])
    found: Fields = {"data": None, "stat": stat}
    if data is not None:
        try:
            found["data"] = data.decode()
        except UnicodeDecodeError:
            found["data_base64"] = base64.b64encode(data).decode()
    return found


def _hex(number: int) -> str:
    return f"0x{number & 0xFFFF_FFFF_FFFF_FFFF:x}"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
