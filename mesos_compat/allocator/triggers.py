"""When to run, and for which agents.

Source: ``generateOffers``, ``recover`` and ``resume`` of HierarchicalAllocator. Events name the
agents they concern; all that happens between two runs makes one run. Apart from that all
agents are looked at once per interval.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(slots=True)
class Triggers:
    """What the next run is for, and the pause after a failover. All times in milliseconds."""

    interval_ms: int
    # Agents that the next run is for, in the order in which they became concerned.
    concerned: dict[str, None] = field(default_factory=dict)
    # When the next run over all agents is due; None until there has been one.
    periodic_ms: int | None = None
    # After a failover: when offers begin in any case, and with how many agents.
    paused_until_ms: int | None = None
    expected_agents: int = 0

    def pause(self, expected_agents: int, factor: Fraction, until_ms: int) -> None:
        """Wait for ``factor`` of the expected agents, or until that time."""
        expected = expected_agents * factor.numerator // factor.denominator
        if expected:
            self.expected_agents = expected
            self.paused_until_ms = until_ms

    def agent_added(self, agents: int) -> None:
        """There are so many agents now."""
        if agents >= self.expected_agents:
            self.paused_until_ms = None

    def concern(self, agent_ids: Iterable[str]) -> None:
        """The next run is for these agents too; while paused that is forgotten."""
        if self.paused_until_ms is None:
            self.concerned.update(dict.fromkeys(agent_ids))

    def is_paused(self, now_ms: int) -> bool:
        """Whether nothing is to be offered."""
        return self.paused_until_ms is not None and now_ms < self.paused_until_ms

    def wants_run(self, now_ms: int) -> bool:
        """Whether there is anything to run for."""
        return not self.is_paused(now_ms) and (bool(self.concerned) or self._is_periodic(now_ms))

    def _is_periodic(self, now_ms: int) -> bool:
        return self.periodic_ms is None or now_ms >= self.periodic_ms

    def next_due_ms(self) -> int:
        """When :meth:`wants_run` becomes true by itself; zero until there has been a run."""
        return max(self.periodic_ms or 0, self.paused_until_ms or 0)

    def begin(self, now_ms: int, all_agent_ids: Iterable[str]) -> list[str]:
        """A run begins, which is no longer paused; the agents that it is for."""
        self.paused_until_ms = None
        if self._is_periodic(now_ms):
            self.concern(all_agent_ids)
            due_ms = (now_ms if self.periodic_ms is None else self.periodic_ms) + self.interval_ms
            # On the same beat as before, unless a beat was missed.
            self.periodic_ms = due_ms if due_ms > now_ms else now_ms + self.interval_ms
        concerned = list(self.concerned)
        self.concerned.clear()
        return concerned
