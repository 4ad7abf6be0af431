"""Why something runs here and not there, or not yet. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework.planning.instances import Instance


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an agent's last offer that was looked at for a spec."""

    agent_id: str
    hostname: str
    # How many instances were placed there.
    placed: int
    # Why no more.
    reasons: tuple[str, ...]
    # Milliseconds since the epoch.
    at_ms: int

    @property
    def was_used(self) -> bool:
        """Whether an instance was placed there."""
        return self.placed > 0

    def __str__(self) -> str:
        used = [f"used for {self.placed}"] * self.was_used
        return f"{self.hostname} ({self.agent_id}): " + "; ".join([*used, *self.reasons])


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a task or service stands: a line for each slot, and a verdict for each agent."""

    name: str
    slots: tuple[str, ...]
    agents: tuple[Verdict, ...]

    def __str__(self) -> str:
        lines = [self.name, *(f"  {line}" for line in self.slots)]
        if not self.agents:
            lines.append("  no offer was looked at for it yet")
        return "\n".join([*lines, *(f"  {one}" for one in self.agents)])


def slot_text(slot: int, instance: Instance | None, now_ms: int, *, is_finished: bool) -> str:
    """How a slot stands; ``instance`` is its last one."""
    if instance is None:
        return f"slot {slot}: waits for an offer"
    where = f"slot {slot}: {instance.task_id} on {instance.hostname}"
    end = instance.end
    if end is None:
        if instance.state is None:
            return f"{where}: nothing was heard of it yet"
        return f"{where}: {mesos_pb2.TaskState.Name(instance.state)}"
    how = f"{where}: {end.state or end.ending.value}"
    if end.message:
        how += f" ({end.message})"
    if end.due_ms is None:
        return how if is_finished else f"{how}; it is given up"
    if end.due_ms > now_ms:
        return f"{how}; the next starts in {(end.due_ms - now_ms) / 1000:.1f} s"
    return f"{how}; the next waits for an offer"
