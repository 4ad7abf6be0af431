"""The registry: what masters store outlives them, slowly, and not always.

As :mod:`mesos_compat.ha.registries` has it: who fetches it owns it, and what an earlier owner
stores after that fails. A store that fails may have been done all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from mesos_compat.sim.knobs import Knobs
from mesos_compat.sim.world import World
from mesos_compat.wire import link_pb2


class SimRegistry:
    """One, for all masters of a run."""

    def __init__(self, world: World, knobs: Knobs) -> None:
        self._world = world
        self._knobs = knobs
        self._dice = world.stream("registry")
        self._data = b""
        self._owner = 0
        #: How many faults let stores and fetches fail, and make them slow.
        self.failing = self.slow = 0

    def _delay_ms(self) -> int:
        usual_ms = self._knobs.store_ms
        return self._dice.randint(usual_ms // 2, usual_ms * 2) * (20 if self.slow else 1)

    def _fails(self) -> bool:
        return self.failing > 0 and self._dice.random() < 0.7

    def fetch(
        self, owner: int, done: Callable[[link_pb2.Registry], None], failed: Callable[[str], None]
    ) -> None:
        """Give what was stored last to master number ``owner``, whose it is from then on."""

        def finish() -> None:
            if self._fails():
                failed("it cannot be read")
            else:
                self._owner = max(self._owner, owner)
                done(link_pb2.Registry.FromString(self._data))

        self._world.after(self._delay_ms(), finish)

    def store(
        self,
        owner: int,
        registry: link_pb2.Registry,
        done: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        """Replace it, if it is ``owner``'s; the answer comes later than that."""
        data = registry.SerializeToString()

        def write() -> None:
            if owner != self._owner:
                self._world.after(1, failed, "another master has taken it over")
                return
            if not self._fails():
                self._data = data
                self._world.after(self._delay_ms() // 4, done)
                return
            if self._dice.random() < 0.5:
                self._data = data
            self._world.after(self._delay_ms() // 4, failed, "it cannot be written")

        self._world.after(self._delay_ms(), write)

    def heal(self) -> None:
        """Nothing fails any more."""
        self.failing = self.slow = 0
