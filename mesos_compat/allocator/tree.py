"""Roles as a tree, sorted by share: the sorter of dominant resource fairness.

Source: ``DRFSorter`` of Mesos; Ghodsi et al., *Dominant Resource Fairness*, NSDI 2011. Inner
nodes are roles, leaves are frameworks. A role's own frameworks hang below a virtual child
``.``, which competes with the role's sub-roles.

A node's share is the greatest, over resources, of what it holds divided by what the cluster
has; siblings are ordered by share divided by weight, then by how often they were picked, then
by name. Shares are exact: all are brought to one common denominator, the least common multiple
of the totals (and of the weights' numerators), so that they are whole numbers which Python
compares quickly. A change of what one candidate holds moves the nodes on its path and nothing
else; a change of totals or weights makes all shares stale, to be computed anew when needed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from math import lcm
from typing import Final

from mesos_compat.allocator.state import Amounts, Candidate, add_to
from mesos_compat.errors import invariant

VIRTUAL_LEAF: Final = "."
_ONE: Final = Fraction(1)

# Place in the order of siblings: without a weight after all others, share by weight, number of
# picks, path. The node itself comes last and is never compared, since paths differ.
Place = tuple[bool, int, int, str, "Node"]


class Node:
    """A role, a virtual leaf, or a framework in a role."""

    __slots__ = (
        "allocated", "candidate", "children", "order", "parent", "path", "picks", "place",
        "share", "wanting",
    )  # fmt: skip

    def __init__(self, path: str, parent: Node | None, candidate: Candidate | None = None) -> None:
        self.path = path
        self.parent = parent
        self.candidate = candidate
        self.children: dict[str, Node] = {}
        # What is held below, in thousandths, and how often something was picked.
        self.allocated: Amounts = {}
        self.picks = 0
        # The share in the tree's common denominator, not divided by the weight.
        self.share = 0
        # How many candidates below want offers.
        self.wanting = 0
        # The children below which somebody wants offers, sorted.
        self.order: list[Place] = []
        # Where this is in the parent's order, or None when it is not.
        self.place: Place | None = None


class SorterTree:
    """The tree. ``path_of`` says to which role (or queue) a candidate belongs."""

    def __init__(
        self,
        path_of: Callable[[Candidate], str],
        excluded_names: Iterable[str] = (),
        *,
        leaves_are_fifo: bool = False,
    ) -> None:
        self._path_of = path_of
        self._excluded = dict.fromkeys(excluded_names)
        self._fifo = leaves_are_fifo
        self._root = Node("", None)
        self._nodes: dict[Candidate, Node] = {}
        # Weights by path; those without one have weight 1. Zero means after all others.
        self._weights: dict[str, Fraction] = {}
        self._totals: Amounts = {}
        # What makes whole numbers of amounts and weights; see _refresh.
        self._factors: dict[str, int] = {}
        self._denominator = 1
        self._weight_scale = 1
        self._stale = True
        # Counts changes of the order, to know when the flat list is out of date.
        self._version = 0
        # Counts changes of who is in the order, and of weights.
        self._members_version = 0
        self._flat: list[Candidate] = []
        self._flat_version = -1
        self._asked_version = -1

    # What happens.

    def set_totals(self, totals: Amounts) -> None:
        """What the cluster has, in thousandths."""
        self._totals = {name: total for name, total in totals.items() if total > 0}
        self._stale = True

    def set_weights(self, weights: Mapping[str, Fraction]) -> None:
        """Weights by path; other paths have weight 1."""
        self._weights = dict(weights)
        self._stale = True
        self._members_version += 1

    def enter(self, candidate: Candidate) -> None:
        """``candidate`` is part of the order."""
        self._members_version += 1
        node: Node | None = self._node(candidate)
        while node is not None:
            node.wanting += 1
            if node.wanting == 1 and node.parent is not None:
                self._insert(node)
            node = node.parent

    def leave(self, candidate: Candidate) -> None:
        """``candidate`` is no longer part of the order."""
        self._members_version += 1
        node: Node | None = self._node(candidate)
        while node is not None:
            node.wanting -= 1
            if node.wanting == 0 and node.parent is not None:
                self._remove(node)
            node = node.parent

    def changed(self, candidate: Candidate, change: Amounts, *, picked: bool) -> None:
        """What ``candidate`` holds has changed."""
        node = self._node(candidate)
        while node.parent is not None:
            add_to(node.allocated, change)
            node.picks += picked
            if not self._stale:
                node.share = self._share_of(node)
                if node.place is not None:
                    self._remove(node)
                    self._insert(node)
            node = node.parent

    def forget(self, candidate: Candidate) -> None:
        """Drop ``candidate``, which is not in the order and holds nothing."""
        node = self._nodes.pop(candidate, None)
        while node is not None and node.parent is not None and not node.children:
            invariant(not node.wanting, "what is forgotten wants nothing", path=node.path)
            parent = node.parent
            del parent.children[node.path]
            node = parent

    def _node(self, candidate: Candidate) -> Node:
        node = self._nodes.get(candidate)
        if node is None:
            parent, path = self._root, ""
            for component in (*self._path_of(candidate).split("/"), VIRTUAL_LEAF):
                path = f"{path}/{component}" if path else component
                child = parent.children.get(path)
                if child is None:
                    child = parent.children[path] = Node(path, parent)
                parent = child
            # Several roles may share one queue, so the framework alone is no name.
            name = f"{candidate.framework_id}\0{candidate.role}"
            node = parent.children[name] = self._nodes[candidate] = Node(name, parent, candidate)
        return node

    # Places.

    def _share_of(self, node: Node) -> int:
        factors = self._factors
        share = 0
        for name, amount in node.allocated.items():
            factor = factors.get(name)
            if factor is not None and amount * factor > share:
                share = amount * factor
        return share

    def _insert(self, node: Node) -> None:
        parent = node.parent
        if parent is None or self._stale:
            # _refresh gives all of them their places; the root needs none.
            return
        candidate = node.candidate
        if candidate is None:
            weight = self._weights.get(node.path, _ONE)
            if weight:
                scaled = node.share * (self._weight_scale // weight.numerator) * weight.denominator
                node.place = (False, scaled, node.picks, node.path, node)
            else:
                node.place = (True, node.share, node.picks, node.path, node)
        elif self._fifo:
            node.place = (False, candidate.wanting_number, 0, node.path, node)
        else:
            node.place = (False, node.share, node.picks, node.path, node)
        insort(parent.order, node.place)
        self._version += 1

    def _remove(self, node: Node) -> None:
        parent = node.parent
        if parent is not None and node.place is not None:
            del parent.order[bisect_left(parent.order, node.place)]
            node.place = None
            self._version += 1

    def _refresh(self) -> None:
        if not self._stale:
            return
        self._stale = False
        counted = {
            name: total for name, total in self._totals.items() if name not in self._excluded
        }
        self._denominator = lcm(*counted.values())
        self._factors = {name: self._denominator // total for name, total in counted.items()}
        self._weight_scale = lcm(*(weight.numerator for weight in self._weights.values() if weight))
        for node in self._all_nodes():
            node.order = []
            node.place = None
            node.share = self._share_of(node)
        for node in self._all_nodes():
            if node.wanting and node.parent is not None:
                self._insert(node)
        self._version += 1

    def _all_nodes(self) -> Iterator[Node]:
        pending = [self._root]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(node.children.values())

    # The order.

    def order(self) -> Iterable[Candidate]:
        """Candidates that want offers, by the shares of their roles and then their own."""
        self._refresh()
        if self._flat_version != self._version:
            if self._asked_version != self._version:
                # The order has just changed and probably will again, so it is not written down.
                self._asked_version = self._version
                return self._walk()
            self._flat = list(self._walk())
            self._flat_version = self._version
        return self._flat

    def _walk(self) -> Iterator[Candidate]:
        for leaf in self.leaves():
            yield from self.frameworks_of(leaf)

    def leaves(self) -> Iterator[Node]:
        """The virtual leaves below which somebody wants offers, in order.

        Siblings are ordered as they are when the first of them is reached.
        """
        self._refresh()
        pending = [iter(list(self._root.order))]
        while pending:
            place = next(pending[-1], None)
            if place is None:
                pending.pop()
            elif place[4].path.endswith("/" + VIRTUAL_LEAF):
                yield place[4]
            else:
                pending.append(iter(list(place[4].order)))

    def frameworks_of(self, leaf: Node) -> list[Candidate]:
        """The candidates below ``leaf`` that want offers, in order."""
        return [place[4].candidate for place in leaf.order if place[4].candidate is not None]

    def leaf_weights(self) -> list[tuple[Node, int]]:
        """The leaves as in :meth:`leaves`, each with its part of the whole by weights alone."""
        self._refresh()
        parts: list[tuple[Node, Fraction]] = []
        pending = [(self._root, _ONE)]
        while pending:
            node, part = pending.pop()
            if node.path.endswith("/" + VIRTUAL_LEAF):
                parts.append((node, part))
                continue
            children = [place[4] for place in node.order]
            weights = [self._weights.get(child.path, _ONE) for child in children]
            whole = sum(weights)
            pending.extend(
                (child, part * weight / whole)
                for child, weight in zip(children, weights, strict=True)
            )
        # Not in order of shares, which a random order must not depend on.
        parts.sort(key=lambda one: one[0].path)
        scale = lcm(*(part.denominator for _leaf, part in parts))
        return [(leaf, part.numerator * (scale // part.denominator)) for leaf, part in parts]

    @property
    def members_version(self) -> int:
        """Changes when :meth:`leaf_weights` may have changed."""
        return self._members_version

    def allocated(self, path: str) -> Amounts:
        """What is held below the node ``path``, not to be changed."""
        parent, prefix = self._root, ""
        for component in path.split("/"):
            prefix = f"{prefix}/{component}" if prefix else component
            child = parent.children.get(prefix)
            if child is None:
                return {}
            parent = child
        return parent.allocated

    def check(self) -> None:
        """Raise when sums, places or counts are not what they should be."""
        self._refresh()
        for node in self._all_nodes():
            children = node.children.values()
            wanting = [child for child in children if child.wanting]
            places = list(node.order)
            invariant(places == sorted(places), "an order is sorted", path=node.path)
            invariant(
                sorted(place[3] for place in places) == sorted(child.path for child in wanting),
                "those who want offers are in the order",
                path=node.path,
            )
            for child in children:
                invariant(
                    child.share == self._share_of(child), "a share is up to date", path=child.path
                )
            if node.candidate is not None:
                invariant(
                    node.allocated == node.candidate.allocated,
                    "the sorter knows what is held",
                    path=node.path,
                )
            elif node.parent is not None:
                sums: Amounts = {}
                for child in children:
                    add_to(sums, child.allocated)
                invariant(
                    sums == node.allocated, "a node holds what its children hold", path=node.path
                )
