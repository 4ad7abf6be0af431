"""Random orders, in which a greater weight makes an early place likelier.

Source: ``RandomSorter`` of Mesos. The places are drawn one by one, each with a probability
proportional to weight among those not yet drawn, and only as far as somebody asks: a run
mostly needs the first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")

# ``below(n)`` is a number of the allocator's own random stream, at least 0 and less than n.
Below = Callable[[int], int]


def shuffle(items: list[T], below: Below) -> None:
    """Bring ``items`` into a random order."""
    for last in range(len(items) - 1, 0, -1):
        other = below(last + 1)
        items[last], items[other] = items[other], items[last]


def draw(items: Sequence[T], below: Below) -> Iterator[T]:
    """All of ``items`` in a random order, drawn as they are asked for."""
    left = list(items)
    for last in range(len(left) - 1, -1, -1):
        other = below(last + 1)
        left[last], left[other] = left[other], left[last]
        yield left[last]


def draw_weighted(weighted: Sequence[tuple[T, int]], below: Below) -> Iterator[T]:
    """All items in a random order, each likelier to come early the greater its weight.

    Weights are whole and positive. What was drawn before is drawn again and thrown away, until
    that is more than half of the weight; then the rest is summed anew.
    """
    left = list(weighted)
    while left:
        sums = list(accumulate(weight for _item, weight in left))
        drawn: dict[int, None] = {}
        drawn_weight = 0
        while 2 * drawn_weight <= sums[-1] and len(drawn) < len(left):
            index = bisect_right(sums, below(sums[-1]))
            if index not in drawn:
                drawn[index] = None
                drawn_weight += left[index][1]
                yield left[index][0]
        left = [one for index, one in enumerate(left) if index not in drawn]
