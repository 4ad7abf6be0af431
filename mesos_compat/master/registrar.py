"""The registrar: changes of the registry, stored before anybody hears of them.

What happens while a store is under way waits and is stored together. When a store is done, what
was to follow each of its changes is done, in their order. A master whose registry cannot be
stored must stop, since it cannot know what the next one will find; so the tables may run ahead
of what is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mesos_compat.errors import invariant
from mesos_compat.master.actions import StoreRegistry
from mesos_compat.master.registry import RegistryOperation, RegistryTables

# What follows a change; it is told whether there was anything to change.
Then = Callable[[bool], None]


@dataclass(slots=True)
class Registrar:
    """The queue of changes, and the store under way."""

    tables: RegistryTables = field(default_factory=RegistryTables)
    _queue: list[tuple[RegistryOperation, Then]] = field(default_factory=list)
    # The token of the store under way, and what follows it.
    _token: int | None = None
    _following: list[tuple[Then, bool]] = field(default_factory=list)
    _next_token: int = 1

    @property
    def queued(self) -> int:
        """How many changes are not stored yet."""
        return len(self._queue) + len(self._following)

    @property
    def is_storing(self) -> bool:
        """Whether a store is under way."""
        return self._token is not None

    def apply(self, operation: RegistryOperation, then: Then) -> None:
        """Let ``operation`` be stored, and ``then`` follow."""
        self._queue.append((operation, then))

    def flush(self) -> StoreRegistry | None:
        """Begin to store what waits, unless a store is under way.

        What follows changes that turn out to be none need not wait; it is done at once, in its
        place between the others.
        """
        while self._queue and self._token is None:
            queue, self._queue = self._queue, []
            following = [(then, operation.apply(self.tables)) for operation, then in queue]
            if any(changed for _then, changed in following):
                self._token = self._next_token
                self._next_token += 1
                self._following = following
                return StoreRegistry(self._token, self.tables.message())
            for then, _changed in following:
                then(False)
        return None

    def stored(self, token: int) -> None:
        """The store under way is durable: what waited for it is done."""
        invariant(token == self._token, "the store that ends is the one under way", token=token)
        following, self._following, self._token = self._following, [], None
        for then, changed in following:
            then(changed)
