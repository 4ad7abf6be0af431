"""Whether the history of a register with unique values is linearizable.

A history is linearizable if each operation can be given a moment between its invocation and
its answer so that, in the order of these moments, every read returns what was written last.
Wing and Gong (Testing and verifying concurrent objects, 1993) search for such an order: any
operation may come next as long as no other one that is left was answered before it was
invoked; where that leads nowhere, it is taken back. With many clients in one outage the
search takes exponential time. But where no value is written twice, nothing has to be
searched; this is the argument of Gibbons and Korach (Testing shared memories, 1997),
extended to swaps:

* The operations of a value are its write and its reads. A swap (a write that needs a certain
  value to be there) follows directly on the operations of that value. So values that were
  swapped for one another make a **chain**, in which the order is known, and in any order
  that explains the history a chain stands in one piece, since no value comes back.
* Within a chain, no operation may be answered before an earlier one of it was invoked.
* Chain A has to stand before chain B when one of A's operations was answered before one of
  B's was invoked: when the first answer of A is earlier than the last invocation of B. If
  such demands make a circle at all, then two chains demand to stand before one another: take
  the one with the earliest first answer in the circle; it stands before the one from which
  its predecessor's demand comes as well.

So the history is linearizable if and only if there is no such pair (the register's initial
value has a chain as well, which stands before all others). The tests compare this with Wing
and Gong's search.

An operation without an answer may have happened, at any time after its invocation, or not.
If nobody has seen its value, leaving it out does no harm. If somebody has, it has happened.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

#: What a register holds; values are compared, not looked into.
Value = str
Time = float
NEVER: Time = math.inf


class Kind(enum.Enum):
    """What an operation does to the register."""

    READ = "read"
    WRITE = "write"
    SWAP = "swap"
    """Writes ``value`` if the register holds ``expected``. One that was refused is not an
    operation here."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a client; times are of one monotonic clock, in any unit.

    ``end`` is ``NEVER`` when there was no answer. ``value`` is what was read or written.
    """

    client: str
    kind: Kind
    value: Value
    start: Time
    end: Time = NEVER
    expected: Value | None = None

    def __str__(self) -> str:
        what = f"{self.kind.value} {self.value!r}"
        if self.kind is Kind.SWAP:
            what += f" for {self.expected!r}"
        end = "was not answered" if self.end == NEVER else f"answered {self.end:.6f}"
        return f"{self.client}: {what}, invoked {self.start:.6f}, {end}"


@dataclass(frozen=True, slots=True)
class Nonlinearizable:
    """Why no order explains a history, with the operations that contradict one another."""

    why: str
    operations: tuple[Operation, ...]

    def __str__(self) -> str:
        return "\n".join([self.why, *(f"    {operation}" for operation in self.operations)])


@dataclass(slots=True)
class _Chain:
    """Operations that stand in one piece; ``first`` is answered first, ``last`` invoked last."""

    first: Operation
    last: Operation
    #: Per value in its order: what wrote it, if it is not the initial one, and what read it.
    links: list[tuple[Operation | None, list[Operation]]] = field(default_factory=list)


def check_register(history: Iterable[Operation], initial: Value) -> Nonlinearizable | None:
    """None if ``history``, on a register that held ``initial`` at first, is linearizable.

    Raises ``ValueError`` when a value is written twice, on which nothing here would hold.
    """
    readers: dict[Value, list[Operation]] = {}
    writers: dict[Value, Operation] = {}
    for operation in history:
        if operation.kind is not Kind.READ:
            if operation.value in writers or operation.value == initial:
                raise ValueError(f"{operation.value!r} is written twice")
            writers[operation.value] = operation
        elif operation.end != NEVER:
            readers.setdefault(operation.value, []).append(operation)
    _leave_out_unseen(writers, readers)
    swaps: dict[Value, Operation] = {}
    for operation in writers.values():
        if operation.expected is not None:
            other = swaps.setdefault(operation.expected, operation)
            if other is not operation:
                return Nonlinearizable("a value was swapped twice", (other, operation))
    seen = {**{value: ops[0] for value, ops in readers.items()}, **swaps}
    for value, operation in seen.items():
        if value not in writers and value != initial:
            return Nonlinearizable("a value was seen that nobody wrote", (operation,))
    chains = list(_chains(writers, readers, swaps, initial))
    chained = {id(link) for chain in chains for link, _ in chain.links}
    loose = [operation for operation in writers.values() if id(operation) not in chained]
    if loose:
        return Nonlinearizable("swaps that needed one another's values", tuple(loose))
    return _check_chains(chains)


def _leave_out_unseen(
    writers: dict[Value, Operation], readers: dict[Value, list[Operation]]
) -> None:
    """Take out the writes that were not answered and whose values nobody has seen.

    One that happened has seen the value that it replaced, so that one happened as well.
    """
    happened = [op for op in writers.values() if op.end != NEVER or op.value in readers]
    kept: set[Value] = set()
    while happened:
        operation = happened.pop()
        if operation.value in kept:
            continue
        kept.add(operation.value)
        if operation.expected in writers:
            happened.append(writers[operation.expected])
    for value in writers.keys() - kept:
        del writers[value]


def _chains(
    writers: dict[Value, Operation],
    readers: dict[Value, list[Operation]],
    swaps: dict[Value, Operation],
    initial: Value,
) -> Iterator[_Chain]:
    """The chain of the initial value, then those of the plain writes."""
    starts: list[tuple[Value, Operation | None]] = [(initial, None)]
    starts += [(op.value, op) for op in writers.values() if op.kind is Kind.WRITE]
    # The register was made by somebody before all others.
    made = Operation("-", Kind.WRITE, initial, -NEVER, -NEVER)
    for value, writer in starts:
        chain = _Chain(writer or made, writer or made)
        link: Operation | None = writer
        while True:
            reads = readers.get(value, [])
            chain.links.append((link, reads))
            for operation in [link, *reads] if link else reads:
                if operation.end < chain.first.end:
                    chain.first = operation
                if operation.start > chain.last.start:
                    chain.last = operation
            if value not in swaps:
                break
            link = swaps[value]
            value = link.value
        yield chain


def _check_chains(chains: list[_Chain]) -> Nonlinearizable | None:
    for chain in chains:
        if problem := _check_inside(chain):
            return problem
    # Earlier chains by first answer, without those that demand nothing of later ones.
    earlier: deque[_Chain] = deque()
    for chain in sorted(chains, key=lambda each: each.first.end):
        while earlier and earlier[0].last.start <= chain.first.end:
            earlier.popleft()
        if earlier and earlier[0].first.end < chain.last.start:
            other = earlier[0]
            return Nonlinearizable(
                "two values were each there before and after the other",
                (other.first, chain.last, chain.first, other.last),
            )
        earlier.append(chain)
    return None


def _check_inside(chain: _Chain) -> Nonlinearizable | None:
    """Whether an operation of the chain was answered before an earlier one was invoked."""
    latest: Operation | None = None
    for link, reads in chain.links:
        for group in ([link] if link else [], reads):
            for operation in group:
                if latest is not None and operation.end < latest.start:
                    why = "a value was seen before it was there, or after it was replaced"
                    return Nonlinearizable(why, (operation, latest))
            for operation in group:
                if latest is None or operation.start > latest.start:
                    latest = operation
    return None
