"""What must hold after everything was healed: each check returns the promises broken."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from conformance.chaos.client import Holding
from conformance.chaos.history import (
    EPHEMERALS,
    INITIAL,
    REGISTERS,
    UNIQUE,
    Action,
    Entry,
    Outcome,
)
from conformance.chaos.linearize import NEVER, Kind, Operation, check_register
from conformance.chaos.tree import Tree

_KINDS = {Action.SET: Kind.WRITE, Action.SWAP: Kind.SWAP, Action.READ: Kind.READ}
_WRITES = (Action.SET, Action.SWAP, Action.CREATE)
#: What a client is told when it cannot know: an operation that stays without an answer for the
#: whole patience of a client (``KazooTimeoutError``) is not among them.
_LOSSES = ("ConnectionLoss", "ConnectionClosedError", "SessionExpiredError")
_MOVED_ON = "BadVersionError"
#: More of one kind tell nothing more.
_SHOWN = 10


def check_unique(history: Iterable[Entry], tree: Tree) -> list[str]:
    """Every acknowledged creation and deletion took effect once, and nothing was invented."""
    problems: list[str] = []
    created: dict[str, Entry] = {}
    deleted: dict[str, Entry] = {}
    for entry in history:
        if entry.action is Action.CREATE:
            created[entry.path] = entry
        elif entry.action is Action.DELETE:
            deleted[entry.path] = entry
        else:
            continue
        if entry.outcome is Outcome.REFUSED:
            # A name is used once, and deleted after its creation was acknowledged.
            problems.append(f"{entry.action} of {entry.path} was refused: {entry.error}")
    for path, entry in created.items():
        node, deletion = tree.get(path), deleted.get(path)
        if node is None:
            if entry.outcome is Outcome.OK and deletion is None:
                problems.append(f"LOST: {path} was acknowledged at {entry.end_s:.3f}")
        elif deletion is not None and deletion.outcome is Outcome.OK:
            problems.append(f"{path} is there, and its deletion was acknowledged")
        elif node.data.decode(errors="replace") != entry.value:
            problems.append(f"{path} holds {node.data!r}, {entry.value!r} was written")
        elif entry.outcome is Outcome.OK and node.stat.mzxid != entry.mzxid:
            problems.append(f"{path} has zxid {node.stat.mzxid:#x}, told was {entry.mzxid:#x}")
    for path in tree:
        is_leaf = path.startswith(f"{UNIQUE}/") and path.count("/") > UNIQUE.count("/") + 1
        if is_leaf and path not in created:
            problems.append(f"{path} was never created")
    return _shortened(problems)


def check_registers(
    history: Sequence[Entry], tree: Tree, read_start_s: float, read_end_s: float
) -> list[str]:
    """Each register is linearizable, with ``tree``, read behind a sync, as its last reading.

    And its version has counted every write that took effect once.
    """
    problems: list[str] = []
    by_path: dict[str, list[Entry]] = defaultdict(list)
    for entry in history:
        if entry.path.startswith(f"{REGISTERS}/"):
            by_path[entry.path].append(entry)
    for path, node in tree.items():
        if not path.startswith(f"{REGISTERS}/"):
            continue
        entries = by_path[path]
        final = Operation(
            "the end", Kind.READ, node.data.decode(errors="replace"), read_start_s, read_end_s
        )
        found = check_register([*_operations(entries), final], INITIAL)
        if found is not None:
            problems.append(f"NOT LINEARIZABLE: {path}: {found}")
        problems += _check_versions(path, entries, node.stat.version)
    problems += [f"LOST: {path} is gone" for path in by_path if path not in tree]
    return _shortened(problems)


def _operations(entries: Iterable[Entry]) -> Iterable[Operation]:
    for entry in entries:
        kind = _KINDS.get(entry.action)
        if kind is None or entry.outcome is Outcome.REFUSED or entry.value is None:
            continue
        end = entry.end_s if entry.outcome is Outcome.OK else NEVER
        yield Operation(entry.client, kind, entry.value, entry.start_s, end, entry.expected)


def _check_versions(path: str, entries: Iterable[Entry], version: int) -> list[str]:
    problems = []
    writes = [entry for entry in entries if entry.action in _WRITES]
    acknowledged = [entry for entry in writes if entry.outcome is Outcome.OK]
    unknown = sum(entry.outcome is Outcome.UNKNOWN for entry in writes)
    if not len(acknowledged) <= version <= len(acknowledged) + unknown:
        problems.append(
            f"{path} has version {version} after {len(acknowledged)} acknowledged writes and "
            f"{unknown} without an answer"
        )
    by_version: dict[int, Entry] = {}
    for entry in acknowledged:
        other = by_version.setdefault(entry.version, entry)
        if other is not entry:
            problems.append(
                f"{path}: version {entry.version} was given to {other.value} and {entry.value}"
            )
    return problems


def check_zxids(history: Iterable[Entry]) -> list[str]:
    """A write that was acknowledged before another one began has the lower zxid.

    That makes the order of all writes, whatever their znodes, agree with real time.
    """
    problems: list[str] = []
    writes = [entry for entry in history if entry.action in _WRITES and entry.outcome is Outcome.OK]
    under_way: list[tuple[float, int, str]] = []
    highest, by = 0, ""
    holders: dict[int, str] = {}
    for entry in sorted(writes, key=lambda each: each.start_s):
        while under_way and under_way[0][0] < entry.start_s:
            _, mzxid, path = heapq.heappop(under_way)
            if mzxid > highest:
                highest, by = mzxid, path
        if entry.mzxid <= highest:
            problems.append(
                f"{entry.path} got zxid {entry.mzxid:#x} after {by} was told {highest:#x}"
            )
        other = holders.setdefault(entry.mzxid, entry.path)
        if other is not entry.path:
            problems.append(f"zxid {entry.mzxid:#x} was given to {other} and {entry.path}")
        heapq.heappush(under_way, (entry.end_s, entry.mzxid, entry.path))
    return _shortened(problems)


def check_session_order(history: Iterable[Entry]) -> list[str]:
    """No session has seen a register go back to an earlier version, on whatever server.

    ``history`` has the entries of each client in their order.
    """
    problems: list[str] = []
    seen: dict[tuple[str, int, str], int] = {}
    for entry in history:
        if not entry.path.startswith(f"{REGISTERS}/") or entry.outcome is not Outcome.OK:
            continue
        if not entry.session:
            # It waited for a connection, and which session that one had is not known.
            continue
        key = (entry.client, entry.session, entry.path)
        least = seen.get(key, 0) + (entry.action in _WRITES)
        if entry.version < least:
            problems.append(
                f"{entry.client}: {entry.action} of {entry.path} at {entry.start_s:.3f} shows "
                f"version {entry.version}, at least {least} was due"
            )
        seen[key] = max(entry.version, seen.get(key, 0))
    return _shortened(problems)


def check_errors(history: Iterable[Entry]) -> list[str]:
    """Clients are told of lost connections and of versions that have moved on, nothing else."""
    kinds: Counter[str] = Counter()
    first: dict[str, Entry] = {}
    for entry in history:
        if entry.error in _LOSSES or (entry.action is Action.SWAP and entry.error == _MOVED_ON):
            continue
        if entry.error:
            kind = f"{entry.action} was answered {entry.error}"
            kinds[kind] += 1
            first.setdefault(kind, entry)
    return [
        f"{kind} {count} times, first {entry.client} on {entry.path} at {entry.start_s:.3f}"
        for kind, count in kinds.items()
        for entry in [first[kind]]
    ]


def check_load(tree: Tree, root: str, acknowledged: int) -> list[str]:
    """The versions of the load generator's znodes have counted its acknowledged writes."""
    counted = sum(node.stat.version for path, node in tree.items() if path.startswith(f"{root}/"))
    if counted >= acknowledged:
        return []
    return [f"LOST: {root} counts {counted} writes, {acknowledged} were acknowledged"]


def check_ephemerals(holdings: Iterable[Holding], tree: Tree) -> list[str]:
    """The ephemerals of living sessions are there, and no others."""
    problems: list[str] = []
    living: set[str] = set()
    for holding in holdings:
        if not holding.settled:
            problems.append(f"{holding.name} has no session, though everything was healed")
            continue
        living.add(holding.ephemeral)
        node = tree.get(holding.ephemeral)
        if node is None:
            problems.append(f"{holding.name}: {holding.ephemeral} is gone, its session lives")
        elif node.stat.ephemeral_owner != holding.session:
            owner = node.stat.ephemeral_owner
            problems.append(f"{holding.ephemeral} belongs to {owner:#x}")
        problems += [f"{path} outlived its session" for path in holding.gone if path in tree]
    there = {path for path in tree if path.startswith(f"{EPHEMERALS}/")}
    gone = {path for holding in holdings for path in holding.gone}
    problems += [f"{path} belongs to nobody" for path in sorted(there - living - gone)]
    return _shortened(problems)


def check_replicas(trees: dict[int, Tree]) -> list[str]:
    """All servers hold the same znodes, with the same data and the same Stats."""
    problems: list[str] = []
    for (one, left), (other, right) in itertools.pairwise(trees.items()):
        differing = [
            path for path in left.keys() | right.keys() if left.get(path) != right.get(path)
        ]
        problems += [
            f"servers {one} and {other} differ in {path}: {left.get(path)} and {right.get(path)}"
            for path in sorted(differing)
        ]
    return _shortened(problems)


def _shortened(problems: list[str]) -> list[str]:
    if len(problems) <= _SHOWN:
        return problems
    return [*problems[:_SHOWN], f"... and {len(problems) - _SHOWN} more like these"]
