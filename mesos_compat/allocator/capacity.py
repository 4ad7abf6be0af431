"""Policy capacity: queues with guaranteed and greatest capacities, after YARN's scheduler.

Each time the most underserved queue is served: at each level of the tree the one that uses the
smallest part of its guarantee, and within a queue the framework that has waited longest. A run
goes over the agents twice. First each queue gets no more than what its guarantee (and those of
the queues above it) still lacks; then, elastically, what is left goes up to the maximum
capacities. So a queue may use what others leave unused, but whatever becomes free goes first
to those that lack it.

A user (FrameworkInfo.user) has a limit within a queue: the greater of an equal part among the
users who want something and ``minimum_user_limit_percent``, of the queue's capacity, times
``user_limit_factor``. Unlike YARN's, a queue that says nothing about users does not limit them:
otherwise a queue with a single user could never grow beyond its guarantee.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from mesos_compat.allocator import queues
from mesos_compat.allocator.policy import Policy
from mesos_compat.allocator.queues import Queue
from mesos_compat.allocator.quota import least
from mesos_compat.allocator.state import Amounts, Candidate, add_to
from mesos_compat.allocator.tree import VIRTUAL_LEAF, SorterTree

_GUARANTEED: Final = 0


class CapacityScheduling(Policy):
    """Who is furthest below its guarantee comes first."""

    name = "capacity"
    passes = 2

    def __init__(self, policy_text: str, excluded_names: Iterable[str] = ()) -> None:
        """Raises :class:`~mesos_compat.errors.FlagError` for a policy file that is no good."""
        self._queues = queues.parse(policy_text)
        # Queues with queues below them: whoever is in such a queue itself has no guarantee.
        self._parents = {queue.above[-1]: None for queue in self._queues.values() if queue.above}
        self._weights = {path: queue.capacity for path, queue in self._queues.items()}
        for path in self._parents:
            self._weights[f"{path}/{VIRTUAL_LEAF}"] = Fraction(0)
        self.tree = SorterTree(self._path_of, excluded_names, leaves_are_fifo=True)
        self.tree.set_weights(self._weights)
        self._totals: Amounts = {}
        # By queue and user: how many of the user's frameworks want offers, and what all hold.
        self._wanting: dict[str, dict[str, int]] = {}
        self._held: dict[tuple[str, str], Amounts] = {}
        # The user under whom each candidate is counted, since frameworks can change theirs.
        self._users: dict[Candidate, str] = {}
        # Allowances by queue, user and pass, until something changes.
        self._allowances: dict[tuple[str, str, int], Amounts | None] = {}

    def _path_of(self, candidate: Candidate) -> str:
        queue = queues.queue_of(candidate.role, self._queues)
        return candidate.role if queue is None else queue.path

    def set_totals(self, totals: Amounts) -> None:
        """See :class:`Policy`."""
        self._totals = dict(totals)
        self._allowances.clear()
        self.tree.set_totals(totals)

    def enter(self, candidate: Candidate) -> None:
        """See :class:`Policy`."""
        user = self._count_under_user(candidate)
        wanting = self._wanting.setdefault(self._path_of(candidate), {})
        wanting[user] = wanting.get(user, 0) + 1
        self._allowances.clear()
        self.tree.enter(candidate)

    def leave(self, candidate: Candidate) -> None:
        """See :class:`Policy`."""
        wanting = self._wanting[self._path_of(candidate)]
        user = self._users[candidate]
        wanting[user] -= 1
        if not wanting[user]:
            del wanting[user]
        self._allowances.clear()
        self.tree.leave(candidate)

    def changed(self, candidate: Candidate, change: Amounts, *, picked: bool) -> None:
        """See :class:`Policy`."""
        self._note_role(candidate)
        self._allowances.clear()
        user = self._users.get(candidate)
        if user is not None:
            self._change_held(candidate, user, change, 1)
        self.tree.changed(candidate, change, picked=picked)

    def forget(self, candidate: Candidate) -> None:
        """See :class:`Policy`."""
        self._users.pop(candidate, None)
        self.tree.forget(candidate)

    def _note_role(self, candidate: Candidate) -> None:
        """A top-level role without a queue has weight zero, which the tree must know."""
        top = candidate.top_role
        if top not in self._weights and queues.queue_of(candidate.role, self._queues) is None:
            self._weights[top] = Fraction(0)
            self.tree.set_weights(self._weights)

    def _count_under_user(self, candidate: Candidate) -> str:
        """Count what ``candidate`` holds under the user that it has now."""
        self._note_role(candidate)
        user = candidate.framework.info.user if candidate.framework is not None else ""
        before = self._users.get(candidate)
        if before != user:
            if before is not None:
                self._change_held(candidate, before, candidate.allocated, -1)
            self._change_held(candidate, user, candidate.allocated, 1)
            self._users[candidate] = user
        return user

    def _change_held(self, candidate: Candidate, user: str, change: Amounts, sign: int) -> None:
        key = self._path_of(candidate), user
        held = self._held.setdefault(key, {})
        add_to(held, change, sign)
        if not held:
            del self._held[key]

    def order(self) -> Iterable[Candidate]:
        """See :class:`Policy`."""
        return self.tree.order()

    def allowance(self, candidate: Candidate, pass_number: int) -> Amounts | None:
        """See :class:`Policy`."""
        key = self._path_of(candidate), self._users.get(candidate, ""), pass_number
        if key not in self._allowances:
            self._allowances[key] = self._worked_out(*key)
        return self._allowances[key]

    def _worked_out(self, path: str, user: str, pass_number: int) -> Amounts | None:
        guaranteed = pass_number == _GUARANTEED
        queue = self._queues.get(path)
        if guaranteed and (queue is None or path in self._parents):
            return dict.fromkeys(self._totals, 0)
        if queue is None:
            return None
        bounds = [
            self._left(
                self.tree.allocated(one.path),
                one.absolute_capacity if guaranteed else one.absolute_maximum,
            )
            for one in (*(self._queues[above] for above in queue.above), queue)
        ]
        return least(*bounds, self._user_allowance(queue, user))

    def _user_allowance(self, queue: Queue, user: str) -> Amounts | None:
        if not queue.limits_users:
            return None
        users = max(1, len(self._wanting.get(queue.path, {})))
        part = max(Fraction(1, users), queue.minimum_user_limit) * queue.user_limit_factor
        held = self._held.get((queue.path, user), {})
        return self._left(held, queue.absolute_capacity * part)

    def _left(self, held: Amounts, part: Fraction) -> Amounts:
        """What is left of ``part`` of the cluster when ``held`` is taken off; rounded down."""
        numerator, denominator = part.numerator, part.denominator
        return {
            name: max(0, total * numerator // denominator - held.get(name, 0))
            for name, total in self._totals.items()
        }
