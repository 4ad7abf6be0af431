"""The door of the plan: what happens goes in, what is to be done comes out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework.planning import actions, events, restarts, slots
from mesozoic.framework.planning.actions import Action
from mesozoic.framework.planning.constraints import COUNTING
from mesozoic.framework.planning.explanations import Explanation, slot_text
from mesozoic.framework.planning.instances import Ended, Ending, Instance, ending_of
from mesozoic.framework.planning.killing import Kills
from mesozoic.framework.planning.placing import PLACEMENTS_MAX, Offers, Placement
from mesozoic.framework.planning.restarts import Next
from mesozoic.framework.planning.slots import Needs
from mesozoic.framework.planning.specs import Spec, Standing
from mesozoic.framework.planning.state import State
from mesozoic.framework.planning.task_infos import task_info
from mesozoic.framework.planning.writing import Behind, Plan, Writes

_UNREACHABLE: Final = mesos_pb2.TASK_UNREACHABLE


class PlanningCore:
    """See the package. ``epoch`` is larger than that of every core before on the same state.

    ``below(n)`` draws an integer from 0 to n - 1. Times are milliseconds since the epoch, which
    never go back while this lives.
    """

    def __init__(self, epoch: int, state: State, below: Callable[[int], int]) -> None:
        self._epoch = epoch
        self._state = state
        self._below = below
        self._offers = Offers()
        self._kills = Kills()
        # By name; those of ``_dirty`` are to be looked at again.
        self._needs: dict[str, Needs] = {}
        self._dirty: dict[str, None] = dict.fromkeys(state.standings)
        # Offers that are promised to a plan which is being written down.
        self._promised: dict[str, None] = {}
        self._writes = Writes()
        self._last_number = 0
        self._is_subscribed = False
        # A slot has come to want an instance, or may find a place where there was none.
        self._has_news = False
        # Of the step that is being done.
        self._looked: list[Needs] = []
        self._behind = Behind()

    # What is so.

    @property
    def standings(self) -> Mapping[str, Standing]:
        """The specs, by name."""
        return self._state.standings

    def instances(self, name: str) -> list[Instance]:
        """The last instance of each slot, live or ended, by slot."""
        return [one for _, one in sorted(self._state.slots.get(name, {}).items())]

    def live(self) -> Iterable[Instance]:
        """All that may run."""
        return [one for one in self._state.instances() if one.is_live]

    def wants_offers(self) -> bool:
        """Whether there is work for resources, or some are promised already."""
        return bool(self._promised) or any(needs.pending for needs in self._needs.values())

    def is_settled(self, name: str) -> bool:
        """Whether all slots have ended for good, and this is durable."""
        needs = self._needs.get(name)
        return needs is not None and needs.is_settled and needs.token <= self._writes.written

    def is_done(self) -> bool:
        """Whether there is nothing left to do, ever, unless something is declared."""
        if not self._writes.is_idle:
            return False
        return all(self.is_settled(name) for name in self._state.standings)

    def next_due_ms(self) -> int | None:
        """When a Tick is due."""
        due = [needs.due_ms for needs in self._needs.values()]
        if self._is_subscribed:
            due.append(self._kills.next_due_ms(self._writes.written))
        return min((one for one in due if one is not None), default=None)

    def explain(self, name: str, now_ms: int) -> Explanation:
        """How a spec stands, and what came of the offers that were looked at for it."""
        standing = self._state.standings[name]
        lines = []
        for slot in range(standing.count):
            last = self._state.slots[name].get(slot)
            is_finished = last is not None and slots.is_finished(standing, last)
            lines.append(slot_text(slot, last, now_ms, is_finished=is_finished))
        return Explanation(name, tuple(lines), self._offers.verdicts(name))

    # The door.

    def step(self, event: events.Event, now_ms: int) -> list[Action]:
        """What follows from an event."""
        done = self._happened(event, now_ms)
        self._look(now_ms)
        done += self._place(now_ms)
        done += self._writes.ask(self._state.take_changes(), self._behind)
        self._behind = Behind()
        self._kills.asked_behind(self._writes.last)
        for needs in self._looked:
            needs.token = self._writes.last
        self._looked.clear()
        if self._is_subscribed:
            # So nothing is killed for a reason that a crash could undo.
            done += self._kills.due(self._writes.written, now_ms)
        return done

    def _happened(self, event: events.Event, now_ms: int) -> list[Action]:
        match event:
            case events.StatusCame(status):
                return self._status(status, now_ms)
            case events.OffersCame(offers):
                self._has_news |= self._offers.add(offers, now_ms) and self._does_count()
            case events.Written(token):
                return self._written(self._writes.done(token), now_ms)
            case events.LaunchRefused(task_ids, why):
                for task_id in task_ids:
                    self._never_started(task_id, why, now_ms)
            case events.Tick():
                for name, needs in self._needs.items():
                    if needs.due_ms is not None and needs.due_ms <= now_ms:
                        self._dirty[name] = None
            case events.OfferRescinded(offer_id):
                self._offers.remove(offer_id)
                self._promised.pop(offer_id, None)
            case events.AgentLost(agent_id):
                self._offers.agent_lost(agent_id)
                self._has_news |= self._does_count()
            case events.Subscribed():
                self._is_subscribed = True
                self._kills.subscribed(now_ms)
            case events.Disconnected():
                self._is_subscribed = False
                self._offers.clear()
                self._promised.clear()
            case events.FrameworkRemoved():
                self._framework_removed(now_ms)
            case _:
                self._asked(event)
        return []

    # What somebody wants.

    def _asked(
        self, event: events.Declared | events.Scaled | events.RestartAsked | events.StopAsked
    ) -> None:
        if isinstance(event, events.Declared):
            self._declared(event.spec)
            return
        standing = self._state.standings[event.name]
        match event:
            case events.Scaled(_, count):
                standing.count = count
            case events.RestartAsked():
                standing.generation += 1
            case events.StopAsked():
                standing.is_stopped = True
        self._changed(standing)

    def _declared(self, spec: Spec) -> None:
        standing = self._state.standings.get(spec.name)
        if standing is None:
            self._changed(Standing(spec, spec.count))
            return
        is_same = standing.spec.is_as(spec) and not standing.is_stopped
        if is_same and standing.spec.count == spec.count:
            # What was scaled since stays so.
            return
        standing.generation += not is_same
        standing.spec = replace(spec, call=standing.spec.call) if is_same else spec
        standing.count = spec.count
        standing.is_stopped = False
        self._changed(standing)

    def _changed(self, standing: Standing) -> None:
        self._state.put_standing(standing)
        self._dirty[standing.spec.name] = None

    # What becomes of instances.

    def _status(self, status: mesos_pb2.TaskStatus, now_ms: int) -> list[Action]:
        instance = self._state.find(status.task_id.value)
        ending = ending_of(status.state)
        if instance is None or instance.end is not None:
            return self._status_of_unknown(status, ending, now_ms)
        if status.state == _UNREACHABLE:
            self._unreachable(instance, status, now_ms)
        elif ending is None:
            self._runs(instance, status, now_ms)
        else:
            name = mesos_pb2.TaskState.Name(status.state)
            self._end(instance, ending, name, status.message, status.data, now_ms)
            self._behind.statuses.append(status)
            return []
        return _acknowledged(status)

    def _status_of_unknown(
        self, status: mesos_pb2.TaskStatus, ending: Ending | None, now_ms: int
    ) -> list[Action]:
        """Of a task that is over as far as we know: it must not run on."""
        task_id = status.task_id.value
        if ending is not None:
            self._kills.ended(task_id)
        else:
            agent_id = status.agent_id.value if status.HasField("agent_id") else None
            self._kills.want(task_id, agent_id, now_ms)
            if status.state == _UNREACHABLE:
                self._kills.wait(task_id)
            else:
                self._kills.heard(task_id, now_ms)
        return _acknowledged(status)

    def _runs(self, instance: Instance, status: mesos_pb2.TaskStatus, now_ms: int) -> None:
        instance.state = status.state
        instance.unreachable_ms = None
        if status.HasField("healthy"):
            instance.healthy = status.healthy
        if status.container_status.HasField("container_id"):
            instance.container_id = status.container_status.container_id.value
        if instance.is_replaced:
            self._kills.want(instance.task_id, instance.agent_id, now_ms)
        self._kills.heard(instance.task_id, now_ms)
        self._dirty[instance.name] = None

    def _unreachable(self, instance: Instance, status: mesos_pb2.TaskStatus, now_ms: int) -> None:
        if instance.unreachable_ms is None:
            since_ms = status.unreachable_time.nanoseconds // 1_000_000
            instance.unreachable_ms = min(since_ms, now_ms) if since_ms else now_ms
        instance.state = status.state
        self._kills.wait(instance.task_id)
        self._dirty[instance.name] = None

    def _end(
        self,
        instance: Instance,
        ending: Ending,
        state: str,
        message: str,
        data: bytes,
        now_ms: int,
    ) -> None:
        is_our_will = instance.task_id in self._kills
        self._kills.ended(instance.task_id)
        if instance.is_replaced:
            self._state.drop_instance(instance)
            return
        standing = self._state.standings[instance.name]
        restart = standing.spec.restart
        is_finished = ending is Ending.FINISHED and restart.when != "always"
        if (is_our_will or slots.is_unwanted(standing, instance)) and not is_finished:
            ending = Ending.STOPPED
        before = Next(None, instance.failures, instance.streak)
        then = restarts.after(restart, ending, before, instance.launched_ms, now_ms, self._below)
        instance.failures, instance.streak = then.failures, then.streak
        instance.end = Ended(ending, state, message, data, now_ms, then.due_ms)
        self._state.put_instance(instance)
        self._dirty[instance.name] = None
        # Where it has run, others may now.
        self._has_news |= _is_counting(standing.spec)

    def _never_started(self, task_id: str, why: str, now_ms: int) -> None:
        instance = self._state.find(task_id)
        if instance is not None and instance.end is None:
            self._end(instance, Ending.NEVER_STARTED, "", why, b"", now_ms)

    def _framework_removed(self, now_ms: int) -> None:
        """The master has killed everything, or does as soon as it can."""
        self._kills.clear()
        for instance in list(self._state.instances()):
            if instance.end is None:
                self._end(instance, Ending.LOST, "", "the framework was removed", b"", now_ms)

    # What is to be done about it.

    def _does_count(self) -> bool:
        """Whether a slot that looks at what runs elsewhere waits for an offer."""
        return any(
            needs.pending and _is_counting(self._state.standings[name].spec)
            for name, needs in self._needs.items()
        )

    def _look(self, now_ms: int) -> None:
        while self._dirty:
            name = next(iter(self._dirty))
            del self._dirty[name]
            standing = self._state.standings.get(name)
            if standing is None:
                continue
            before = self._needs.pop(name, None)
            needs = slots.look(self._state, standing, self._kills, now_ms)
            if needs is None:
                self._offers.forget(name)
                continue
            self._needs[name] = needs
            self._looked.append(needs)
            known = before.pending if before is not None else []
            self._has_news |= bool(set(needs.pending) - set(known))

    def _place(self, now_ms: int) -> list[Action]:
        """Find places for what is pending, and give back what is of no use."""
        done: list[Action] = []
        pending = {name: needs.pending for name, needs in self._needs.items() if needs.pending}
        if self._offers:
            live = {
                name: [one for one in self._state.slots[name].values() if one.is_live]
                for name in pending
            }
            specs = {name: self._state.standings[name].spec for name in pending}
            placements = self._offers.place(pending, specs, live, now_ms)
            self._promise(placements, now_ms)
            # With as many as can be written at a time the rest waits for that.
            unused = self._offers.take_all() if len(placements) < PLACEMENTS_MAX else ()
            if unused:
                done.append(actions.Decline(unused))
        if self._has_news and self._is_subscribed:
            self._has_news = False
            if any(needs.pending for needs in self._needs.values()):
                done.append(actions.AskForOffers())
        return done

    def _promise(self, placements: list[Placement], now_ms: int) -> None:
        plans: dict[str, Plan] = {}
        for placement in placements:
            room = placement.room
            plan = plans.setdefault(room.agent_id, Plan(room.offer_ids))
            instance = self._make(placement, now_ms)
            plan.instances.append((instance, placement.resources))
            self._promised |= dict.fromkeys(room.offer_ids)
            self._needs[placement.name].pending.remove(placement.slot)
        self._behind.plans += plans.values()

    def _make(self, placement: Placement, now_ms: int) -> Instance:
        standing = self._state.standings[placement.name]
        room = placement.room
        self._last_number += 1
        counted = [one.field for one in standing.spec.constraints if one.operator in COUNTING]
        instance = Instance(
            task_id=f"{placement.name}.{placement.slot}.{self._epoch}-{self._last_number}",
            name=placement.name,
            slot=placement.slot,
            generation=standing.generation,
            agent_id=room.agent_id,
            hostname=room.hostname,
            ports=placement.ports,
            fields=tuple((one, room.fields[one]) for one in counted if one in room.fields),
            launched_ms=now_ms,
        )
        before = self._state.slots[placement.name].get(placement.slot)
        if before is not None:
            if before.generation == standing.generation:
                instance.failures, instance.streak = before.failures, before.streak
            self._state.drop_instance(before)
        self._state.slots[placement.name][placement.slot] = instance
        self._state.put_instance(instance)
        return instance

    def _written(self, behind: Behind, now_ms: int) -> list[Action]:
        done: list[Action] = []
        for plan in behind.plans:
            done += self._launch(plan, now_ms)
        for status in behind.statuses:
            done += _acknowledged(status)
        return done

    def _launch(self, plan: Plan, now_ms: int) -> list[Action]:
        offer_ids = tuple(one for one in plan.offer_ids if one in self._promised)
        for offer_id in offer_ids:
            del self._promised[offer_id]
        is_good = offer_ids == plan.offer_ids
        tasks = []
        for instance, resources in plan.instances:
            standing = self._state.standings.get(instance.name)
            if not is_good or instance.task_id in self._kills or standing is None:
                self._never_started(instance.task_id, "its offer was void", now_ms)
            elif instance.end is None:
                tasks.append(task_info(standing.spec, instance, resources))
        if tasks:
            return [actions.Launch(offer_ids, tuple(tasks))]
        return [actions.Decline(offer_ids)] if offer_ids else []


def _is_counting(spec: Spec) -> bool:
    return any(one.operator in COUNTING for one in spec.constraints)


def _acknowledged(status: mesos_pb2.TaskStatus) -> list[Action]:
    return [actions.Acknowledge(status)] if status.uuid else []
