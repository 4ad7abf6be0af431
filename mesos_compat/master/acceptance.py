"""An ACCEPT that is being carried out: what its operations take from, and what they have done."""

from __future__ import annotations

from dataclasses import dataclass, field

from mesos_compat.master.state import Agent, Framework
from mesos_compat.resources import Conversion, Resources


@dataclass(slots=True)
class Acceptance:
    """See the module. All resources are allocated to ``role``."""

    framework: Framework
    agent: Agent
    role: str
    # What the offers held.
    offered: Resources
    # What is left of it, and what shared volumes there are for tasks to use again and again.
    left: Resources
    shared: Resources
    # What volumes that were resized have become.
    resized: Resources = field(default_factory=Resources)
    # What has happened to the allocation, for the allocator.
    conversions: list[Conversion] = field(default_factory=list)

    @property
    def available(self) -> Resources:
        """What a task may use."""
        return self.left + (self.shared - self.left.shared())

    def consume(self, consumed: Resources) -> None:
        """A task uses ``consumed``, which is available."""
        again = consumed.shared() - self.left.shared()
        self.left = self.left - consumed
        if again:
            self.conversions.append(Conversion(Resources(), again))
