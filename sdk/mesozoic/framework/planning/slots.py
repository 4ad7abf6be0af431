"""What each slot of a spec needs now: an instance, a kill, patience, or nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mesozoic.framework.planning.instances import Ending, Instance
from mesozoic.framework.planning.killing import Kills
from mesozoic.framework.planning.specs import Standing
from mesozoic.framework.planning.state import State

_MS: Final = 1_000


@dataclass(slots=True)
class Needs:
    """What was found out about a spec."""

    # Slots that want an instance now.
    pending: list[int] = field(default_factory=list)
    # When to look again; None: when something happens.
    due_ms: int | None = None
    # Whether nothing will ever happen by itself: all slots have ended for good.
    is_settled: bool = False
    # The write with which all of this is durable.
    token: int = 0

    def look_again(self, at_ms: int) -> None:
        """Not later than this."""
        self.due_ms = at_ms if self.due_ms is None else min(self.due_ms, at_ms)


def is_unwanted(standing: Standing | None, instance: Instance) -> bool:
    """Whether an instance is to end because somebody wants it so."""
    return (
        standing is None
        or standing.is_stopped
        or instance.is_replaced
        or instance.slot >= standing.count
        or instance.generation < standing.generation
    )


def is_finished(standing: Standing, instance: Instance) -> bool:
    """Whether an instance has done all that its slot was for."""
    end = instance.end
    return (
        end is not None and end.ending is Ending.FINISHED and standing.spec.restart.when != "always"
    )


def look(state: State, standing: Standing, kills: Kills, now_ms: int) -> Needs | None:
    """What a spec needs; None when it is over and dropped. Kills are noted in ``kills``."""
    needs = Needs()
    name = standing.spec.name
    slots = state.slots[name]
    for slot in [one for one in slots if standing.is_stopped or one >= standing.count]:
        _clear(state, standing, slots[slot], kills, now_ms)
    if standing.is_stopped:
        if slots:
            return needs
        state.drop_standing(name)
        return None
    for slot in range(standing.count):
        _look_at_slot(state, standing, slot, needs, now_ms)
    _roll(standing, slots, kills, now_ms)
    needs.is_settled = not standing.spec.is_service and all(
        (instance := slots.get(slot)) is not None
        and instance.end is not None
        and instance.end.due_ms is None
        for slot in range(standing.count)
    )
    return needs


def _clear(state: State, standing: Standing, instance: Instance, kills: Kills, now_ms: int) -> None:
    """A slot is not wanted any more."""
    if instance.end is not None:
        state.drop_instance(instance)
        return
    kills.want(instance.task_id, instance.agent_id, now_ms)
    if instance.unreachable_ms is not None:
        kills.wait(instance.task_id)
        if standing.is_stopped:
            # Perhaps it never comes back, and nobody shall wait for that.
            state.replace(instance)


def _look_at_slot(state: State, standing: Standing, slot: int, needs: Needs, now_ms: int) -> None:
    instance = state.slots[standing.spec.name].get(slot)
    if instance is None:
        needs.pending.append(slot)
    elif instance.end is not None:
        is_stale = instance.generation < standing.generation
        due_ms = instance.end.due_ms
        if is_stale and not is_finished(standing, instance):
            due_ms = now_ms
        if due_ms is not None and due_ms <= now_ms:
            needs.pending.append(slot)
        elif due_ms is not None:
            needs.look_again(due_ms)
    elif instance.unreachable_ms is not None:
        patience = standing.spec.restart.unreachable_seconds
        if patience is None:
            return
        due_ms = instance.unreachable_ms + round(patience * _MS)
        if due_ms > now_ms:
            needs.look_again(due_ms)
        else:
            state.replace(instance)
            needs.pending.append(slot)


def _roll(standing: Standing, slots: dict[int, Instance], kills: Kills, now_ms: int) -> None:
    """Kill one instance of an earlier generation, if all others run."""
    has_check = standing.spec.health is not None
    stale = [one for one in slots.values() if one.is_live and one.generation < standing.generation]
    if not stale or any(one.task_id in kills for one in stale):
        return
    others = [slot for slot in range(standing.count) if slots.get(slot) not in stale]
    if not all(_is_in_order(standing, slots.get(slot)) for slot in others):
        return
    # What does not run anyway goes first.
    stale.sort(key=lambda one: (one.is_up(has_health_check=has_check), one.slot))
    kills.want(stale[0].task_id, stale[0].agent_id, now_ms)


def _is_in_order(standing: Standing, instance: Instance | None) -> bool:
    if instance is None:
        return False
    has_check = standing.spec.health is not None
    return instance.is_up(has_health_check=has_check) or is_finished(standing, instance)
