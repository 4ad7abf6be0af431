"""The writes of one writer, and the model of what they leave behind.

Every ``Op`` is one request. Its steps touch the writer's own subtree, where the model can
foretell everything (paths of sequential nodes included, as nobody else creates there), and the
shared one, where only the union of all writers can be checked. An op with a shared effect
always sets the writer's own ``value`` in the same multi, so the own subtree tells whether the
shared effect must be there.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from conformance.crash.connection import EPHEMERAL, SEQUENTIAL

ROOT = "/crash"
SHARED = f"{ROOT}/shared"
SHARED_LEFT = f"{SHARED}/left"
SHARED_RIGHT = f"{SHARED}/right"
SHARED_QUEUE = f"{SHARED}/queue"
#: Payload sizes; the rare large one makes a log record span several disk blocks.
_SIZES = (0, 10, 10, 100, 100, 1000, 20_000)
#: A writer deletes more than it creates while it has more nodes than this.
_NODES_MAX = 40


class Verb(Enum):
    """What a step does."""

    CREATE = "create"
    SET = "setData"
    DELETE = "delete"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Step:
    """One change. ``path`` is the final one (of a sequential node: with its number)."""

    verb: Verb
    path: str
    data: bytes = b""
    flags: int = 0
    #: The version that a check asks for; -1 elsewhere.
    version: int = -1

    @property
    def requested_path(self) -> str:
        """The path as it goes into the request: a sequential node's has no number yet."""
        return self.path[:-10] if self.flags & SEQUENTIAL else self.path


@dataclass(slots=True)
class Op:
    """One request and what became of it."""

    index: int
    steps: tuple[Step, ...]
    #: Whether the request must be refused as a whole, with no effect.
    fails: bool = False
    #: The version that each step's setData must answer; None where it cannot be known.
    versions: tuple[int | None, ...] = ()
    acknowledged: bool = False
    #: The name that the shared queue gave, once known.
    queue_path: str | None = None

    @property
    def enqueues(self) -> bool:
        """Whether it adds to the shared queue."""
        return any(s.verb is Verb.CREATE and s.path.startswith(SHARED_QUEUE) for s in self.steps)

    @property
    def dequeues(self) -> str | None:
        """The path that it removes from the shared queue."""
        for step in self.steps:
            if step.verb is Verb.DELETE and step.path.startswith(SHARED_QUEUE):
                return step.path
        return None

    @property
    def sets_shared(self) -> bytes | None:
        """The value that it writes to the shared pair."""
        for step in self.steps:
            if step.verb is Verb.SET and step.path == SHARED_LEFT:
                return step.data
        return None


@dataclass(frozen=True, slots=True)
class ModelNode:
    """A znode of the writer's subtree as the model knows it."""

    data: bytes
    version: int
    #: The owning session's id, 0 for a persistent znode.
    owner: int


@dataclass(slots=True)
class Subtree:
    """A writer's subtree: the model's, and in the same form the one read from the server."""

    nodes: dict[str, ModelNode] = field(default_factory=dict)
    #: cversion per parent: creations plus deletions of children.
    cversions: Counter[str] = field(default_factory=Counter)
    #: How many nodes were ever created in the sequential parent; the next one's number.
    sequence: int = 0

    def copy(self) -> Subtree:
        """An independent copy."""
        return Subtree(dict(self.nodes), Counter(self.cversions), self.sequence)

    def apply(self, op: Op, root: str, session_id: int) -> None:
        """Carry out the steps that touch ``root``; ``session_id`` owns new ephemerals."""
        if op.fails:
            return
        for step in op.steps:
            if step.path.startswith(f"{root}/"):
                self._apply_step(step, session_id)

    def _apply_step(self, step: Step, session_id: int) -> None:
        parent = step.path.rpartition("/")[0]
        if step.verb is Verb.SET:
            before = self.nodes[step.path]
            self.nodes[step.path] = ModelNode(step.data, before.version + 1, before.owner)
        elif step.verb is Verb.CREATE:
            owner = session_id if step.flags & EPHEMERAL else 0
            self.nodes[step.path] = ModelNode(step.data, 0, owner)
            self.cversions[parent] += 1
            if step.flags & SEQUENTIAL:
                self.sequence += 1
        elif step.verb is Verb.DELETE:
            del self.nodes[step.path]
            self.cversions[parent] += 1

    def end_session(self, session_id: int) -> None:
        """Remove the session's ephemerals, as closing or expiring it does."""
        for path in [p for p, node in self.nodes.items() if node.owner == session_id]:
            del self.nodes[path]
            self.cversions[path.rpartition("/")[0]] += 1

    def same_as(self, other: Subtree) -> bool:
        """Whether both hold the same nodes and cversions."""
        return self.nodes == other.nodes and all(
            self.cversions[parent] == other.cversions[parent]
            for parent in {*self.cversions, *other.cversions}
        )

    def difference(self, other: Subtree) -> str:
        """The first few things in which ``other`` (the server's) differs, as text."""
        found = []
        for path in sorted({*self.nodes, *other.nodes}):
            mine, theirs = self.nodes.get(path), other.nodes.get(path)
            if mine != theirs:
                found.append(f"{path}: expected {_show(mine)}, found {_show(theirs)}")
        found += [
            f"{parent}: expected cversion {self.cversions[parent]}, found {other.cversions[parent]}"
            for parent in sorted({*self.cversions, *other.cversions})
            if self.cversions[parent] != other.cversions[parent]
        ]
        return "; ".join(found[:4])


def _show(node: ModelNode | None) -> str:
    if node is None:
        return "no znode"
    return f"(data {node.data[:24]!r}, version {node.version}, owner {node.owner:#x})"


class Workload:
    """Makes one writer's ops, in an order that ``rng`` decides.

    ``ahead`` is the model with every op made so far applied: what the server will hold if it
    carries all of them out.
    """

    def __init__(self, root: str, rng: random.Random) -> None:
        self.root = root
        self.rng = rng
        self.ahead = Subtree()
        self.made = 0
        #: Queue paths that this writer added and knows of; it deletes only these.
        self.queue_paths: list[str] = []

    def setup_steps(self) -> tuple[Step, ...]:
        """The multi that lays out the subtree."""
        children = ("value", "left", "right", "seq")
        paths = [self.root, *(f"{self.root}/{child}" for child in children)]
        return tuple(Step(Verb.CREATE, path) for path in paths)

    def next_op(self, session_id: int) -> Op:
        """The next op; ``ahead`` has it applied already."""
        index = self.made
        self.made += 1
        op = Op(index, *self._steps(index))
        op.versions = tuple(self._version_after(step) for step in op.steps)
        self.ahead.apply(op, self.root, session_id)
        return op

    def _version_after(self, step: Step) -> int | None:
        if step.verb is not Verb.SET or not step.path.startswith(f"{self.root}/"):
            return None
        return self.ahead.nodes[step.path].version + 1

    def _steps(self, index: int) -> tuple[tuple[Step, ...], bool]:
        """The steps of op ``index``, and whether the server must refuse them."""
        root, rng = self.root, self.rng
        tag = f"{root}:{index}:".encode()
        data = tag + b"x" * rng.choice(_SIZES)
        value = Step(Verb.SET, f"{root}/value", tag)
        if len(self.ahead.nodes) > _NODES_MAX and rng.random() < 0.7:
            return (self._delete_one(),), False
        match rng.randrange(9):
            case 0:
                return (Step(Verb.CREATE, f"{root}/n-{index}", data),), False
            case 1:
                return (self._sequential(data),), False
            case 2:
                return (Step(Verb.CREATE, f"{root}/e-{index}", data, EPHEMERAL),), False
            case 3:
                return self._pair(f"{root}/left", f"{root}/right", data), False
            case 4:
                # The wrong version comes last, so the server has to take the rest back.
                wrong = self.ahead.nodes[f"{root}/value"].version + 7
                refused = Step(Verb.CHECK, f"{root}/value", version=wrong)
                return (*self._pair(f"{root}/left", f"{root}/right", data), refused), True
            case 5:
                return (*self._pair(SHARED_LEFT, SHARED_RIGHT, tag), value), False
            case 6:
                enqueue = Step(Verb.CREATE, f"{SHARED_QUEUE}/q-0000000000", tag, SEQUENTIAL)
                return (enqueue, value), False
            case 7 if self.queue_paths:
                return (Step(Verb.DELETE, self.queue_paths.pop(0)), value), False
            case _:
                return (Step(Verb.SET, f"{root}/value", data),), False

    def _pair(self, left: str, right: str, data: bytes) -> tuple[Step, Step]:
        return Step(Verb.SET, left, data), Step(Verb.SET, right, data)

    def _sequential(self, data: bytes) -> Step:
        path = f"{self.root}/seq/s-{self.ahead.sequence:010d}"
        return Step(Verb.CREATE, path, data, SEQUENTIAL)

    def _delete_one(self) -> Step:
        fixed = {f"{self.root}/{name}" for name in ("value", "left", "right", "seq")}
        return Step(Verb.DELETE, self.rng.choice(sorted(self.ahead.nodes.keys() - fixed)))
