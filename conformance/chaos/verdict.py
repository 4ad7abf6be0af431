"""What a run came to: the figures, and each promise that was broken."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from conformance.chaos.client import Holding
from conformance.chaos.history import Action, Entry, Outcome
from conformance.chaos.load import LoadTally
from conformance.chaos.tree import Tree
from conformance.chaos.verify import (
    check_ephemerals,
    check_errors,
    check_load,
    check_registers,
    check_replicas,
    check_session_order,
    check_unique,
    check_zxids,
)

_WRITES = (Action.SET, Action.SWAP, Action.CREATE)


@dataclass(slots=True)
class Check:
    """A promise, how many things it was checked on, and where it was broken."""

    promise: str
    count: int
    problems: list[str]


@dataclass(slots=True)
class Sessions:
    """What became of the clients' sessions."""

    clients: int = 0
    #: Times that a session went on at another server.
    moves: int = 0
    #: Times that a client lost its connection.
    losses: int = 0
    expired: int = 0


@dataclass(slots=True)
class Verdict:
    """Everything a run has to tell; passed if there are no problems."""

    seed: int
    seconds: float = 0.0
    #: Operations by action and outcome.
    operations: dict[str, dict[str, int]] = field(default_factory=dict)
    #: What clients were told in place of an answer, by the errors' names.
    errors: dict[str, int] = field(default_factory=dict)
    #: Faults by kind.
    faults: dict[str, int] = field(default_factory=dict)
    #: Seconds until a write was answered again, by the kind of fault that took the leader away.
    recoveries_s: dict[str, list[float]] = field(default_factory=dict)
    sessions: Sessions = field(default_factory=Sessions)
    load: LoadTally = field(default_factory=LoadTally)
    probe_writes: int = 0
    checks: list[Check] = field(default_factory=list)
    #: What went wrong while it ran.
    events: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """All of them, in words."""
        return [*self.events, *(problem for check in self.checks for problem in check.problems)]

    def count_operations(self, history: Sequence[Entry]) -> None:
        """Fill in the figures about the clients' operations."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for entry in history:
            counts[entry.action][entry.outcome] += 1
        self.operations = {action: dict(counts[action]) for action in sorted(counts)}
        errors = Counter(entry.error for entry in history if entry.error)
        self.errors = dict(errors.most_common())

    def count_sessions(self, holdings: Sequence[Holding]) -> None:
        """Fill in the figures about the clients' sessions."""
        self.sessions = Sessions(
            clients=len(holdings),
            moves=sum(holding.moves for holding in holdings),
            losses=sum(holding.losses for holding in holdings),
            expired=sum(len(holding.gone) for holding in holdings),
        )

    def check_recovery(self, fault: str, median_s_max: float) -> None:
        """Add the promise that after such a fault writes work again within a time."""
        times = self.recoveries_s.get(fault, [])
        problems = []
        if times and (median_s := statistics.median(times)) >= median_s_max:
            problems.append(f"the median after {fault} is {median_s:.2f} s")
        promise = f"writes are back within {median_s_max:g} s in the median after {fault}"
        self.checks.append(Check(promise, len(times), problems))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the checks look at; ``trees`` are by server id, read one after the other."""

    history: Sequence[Entry]
    holdings: Sequence[Holding]
    trees: dict[int, Tree]
    #: When the first of the trees was read, from and to.
    read_start_s: float
    read_end_s: float
    load_root: str
    load_acknowledged: int


def check_all(evidence: Evidence) -> list[Check]:
    """Every promise, checked."""
    history, trees = evidence.history, evidence.trees
    tree = next(iter(trees.values()))
    acknowledged = [each for each in history if each.outcome is Outcome.OK]
    actions = Counter(each.action for each in acknowledged)
    writes = sum(actions[action] for action in _WRITES)
    unique = [
        f"server {server_id}: {problem}"
        for server_id, each in trees.items()
        for problem in check_unique(history, each)
    ]
    registers = check_registers(history, tree, evidence.read_start_s, evidence.read_end_s)
    load = check_load(tree, evidence.load_root, evidence.load_acknowledged)
    reads = actions[Action.READ] + actions[Action.PEEK]
    return [
        Check(
            "acknowledged creations and deletions are there, on every server, and only those",
            actions[Action.CREATE] + actions[Action.DELETE],
            unique,
        ),
        Check(
            "writes and reads behind a sync are linearizable",
            actions[Action.SET] + actions[Action.SWAP] + actions[Action.READ],
            registers,
        ),
        Check("the load generator's writes are counted", evidence.load_acknowledged, load),
        Check("zxids agree with real time and are unique", writes, check_zxids(history)),
        Check("no session sees a znode go back", reads + writes, check_session_order(history)),
        Check(
            "ephemerals live as long as their sessions",
            len(evidence.holdings) + sum(len(each.gone) for each in evidence.holdings),
            check_ephemerals(evidence.holdings, tree),
        ),
        Check("all servers hold the same znodes", len(tree), check_replicas(trees)),
        Check("clients see no other errors", len(history), check_errors(history)),
    ]
