"""Where a framework keeps what must outlive its process, and who may write there.

A *store* holds records by key. Before anything is written one has to lead: :meth:`Store.lead`
waits for that, and gives a :class:`Tenure`, with all records and the number of the *epoch*. A
write is a whole: all of its changes or none. Once another process leads, a tenure can write
nothing more, even if it does not know yet (fencing).

* :mod:`.memory`: ends with the process.
* :mod:`.file`: a file of SQLite; a second process on the same file waits for its turn.
* :mod:`.zookeeper`: a znode for each record; standbys wait on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from mesozoic.framework.planning.actions import Change


class Tenure(Protocol):
    """The time in which one process leads."""

    @property
    def epoch(self) -> int:
        """Larger than those of all tenures before."""

    @property
    def before(self) -> Mapping[str, bytes]:
        """Records as they were when this process began to wait; at least those without a slash."""

    @property
    def contents(self) -> Mapping[str, bytes]:
        """All records as they were when it began to lead."""

    async def write(self, changes: Sequence[Change]) -> None:
        """Make changes durable, all or none; one call at a time.

        Raises :class:`~mesozoic.framework.errors.Deposed` when this does not lead any more, also
        for no changes, and :class:`~mesozoic.framework.errors.StoreFailed`.
        """

    async def wait_deposed(self) -> None:
        """Return when this does not lead any more, as far as one can know."""

    async def close(self) -> None:
        """Let others lead."""


class Store(Protocol):
    """See the package."""

    @property
    def is_durable(self) -> bool:
        """Whether another process can go on with what is kept."""

    async def lead(self) -> Tenure:
        """Wait until this process leads; can be cancelled.

        Raises :class:`~mesozoic.framework.errors.StoreFailed` when that can never be.
        """
