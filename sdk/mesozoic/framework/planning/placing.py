"""Which offers are there, and who goes where. Pure.

Each instance goes to the agent, among those on which it fits and may run, that runs the fewest
instances of its spec. What is not used is given back at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework.planning import constraints
from mesozoic.framework.planning.constraints import COUNTING
from mesozoic.framework.planning.explanations import Verdict
from mesozoic.framework.planning.instances import Instance
from mesozoic.framework.planning.matching import Room
from mesozoic.framework.planning.specs import Spec

#: So long after its last offer an agent does not count for GROUP_BY any more.
_AGENT_MEMORY_MS: Final = 15 * 60 * 1000
#: How many instances may be placed at a time: they are written together.
PLACEMENTS_MAX: Final = 500
#: Of so many agents the last verdicts on a spec are kept.
_VERDICTS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Placement:
    """A slot has found its place."""

    name: str
    slot: int
    room: Room
    resources: list[mesos_pb2.Resource]
    ports: tuple[int, ...]


@dataclass(slots=True)
class _Agent:
    fields: dict[str, str]
    seen_ms: int


class Offers:
    """The offers that are not promised to anybody, and what is known of their agents."""

    __slots__ = ("_agents", "_offers", "_verdicts")

    def __init__(self) -> None:
        self._offers: dict[str, mesos_pb2.Offer] = {}
        self._agents: dict[str, _Agent] = {}
        self._verdicts: dict[str, dict[str, Verdict]] = {}

    def __bool__(self) -> bool:
        return bool(self._offers)

    def add(self, offers: Iterable[mesos_pb2.Offer], now_ms: int) -> bool:
        """These have come; returns whether there is an agent among them that was not known."""
        is_new = False
        for offer in offers:
            self._offers[offer.id.value] = offer
            is_new |= offer.agent_id.value not in self._agents
            self._agents[offer.agent_id.value] = _Agent(constraints.fields_of(offer), now_ms)
        return is_new

    def remove(self, offer_id: str) -> None:
        """It is void."""
        self._offers.pop(offer_id, None)

    def clear(self) -> None:
        """All are void."""
        self._offers.clear()

    def take_all(self) -> tuple[str, ...]:
        """All that there are, which are not here any more."""
        offer_ids = tuple(self._offers)
        self._offers.clear()
        return offer_ids

    def agent_lost(self, agent_id: str) -> None:
        """An agent is gone."""
        self._agents.pop(agent_id, None)
        for verdicts in self._verdicts.values():
            verdicts.pop(agent_id, None)

    def forget(self, name: str) -> None:
        """A spec is over."""
        self._verdicts.pop(name, None)

    def verdicts(self, name: str) -> tuple[Verdict, ...]:
        """What came of the offers that were looked at for a spec, the oldest first."""
        return tuple(self._verdicts.get(name, {}).values())

    def place(
        self,
        pending: Mapping[str, Sequence[int]],
        specs: Mapping[str, Spec],
        live: Mapping[str, Sequence[Instance]],
        now_ms: int,
    ) -> list[Placement]:
        """Places for ``pending`` slots by name; their offers are taken out.

        ``live`` are the instances there are, by name.
        """
        rooms = self._rooms()
        done: list[Placement] = []
        for name, slots in pending.items():
            peers = _Peers(specs[name], live[name], self._known_values(specs[name], now_ms))
            for slot in slots[: PLACEMENTS_MAX - len(done)]:
                room = self._choose(specs[name], peers, rooms, now_ms)
                if room is None:
                    # What does not fit now does not fit for the next slot either.
                    break
                resources, ports = room.take(specs[name])
                peers.add(room.agent_id, room.fields)
                done.append(Placement(name, slot, room, resources, ports))
        for placement in done:
            for offer_id in placement.room.offer_ids:
                self._offers.pop(offer_id, None)
        return done

    def _rooms(self) -> list[Room]:
        by_agent: dict[str, list[mesos_pb2.Offer]] = {}
        for offer in self._offers.values():
            by_agent.setdefault(offer.agent_id.value, []).append(offer)
        return [Room(offers) for offers in by_agent.values()]

    def _known_values(self, spec: Spec, now_ms: int) -> dict[str, list[str]]:
        """The values of GROUP_BY's fields among the agents that were offered lately."""
        recent = [
            agent for agent in self._agents.values() if now_ms - agent.seen_ms < _AGENT_MEMORY_MS
        ]
        return {
            one.field: [agent.fields[one.field] for agent in recent if one.field in agent.fields]
            for one in spec.constraints
            if one.operator in COUNTING
        }

    def _choose(self, spec: Spec, peers: _Peers, rooms: list[Room], now_ms: int) -> Room | None:
        best: Room | None = None
        for room in rooms:
            reasons = peers.faults(room) + room.lacks(spec)
            if reasons:
                self._judge(spec.name, room, tuple(reasons), now_ms)
            elif best is None or peers.on(room.agent_id) < peers.on(best.agent_id):
                best = room
        if best is not None:
            best.placed[spec.name] += 1
            self._judge(spec.name, best, (), now_ms)
        return best

    def _judge(self, name: str, room: Room, reasons: tuple[str, ...], now_ms: int) -> None:
        verdicts = self._verdicts.setdefault(name, {})
        verdicts.pop(room.agent_id, None)
        verdicts[room.agent_id] = Verdict(
            room.agent_id, room.hostname, room.placed[name], reasons, now_ms
        )
        if len(verdicts) > _VERDICTS_MAX:
            del verdicts[next(iter(verdicts))]


class _Peers:
    """The live instances of one spec, counted as its constraints want it."""

    __slots__ = ("_by_agent", "_by_value", "_constraints", "_known")

    def __init__(
        self, spec: Spec, live: Sequence[Instance], known: Mapping[str, list[str]]
    ) -> None:
        self._constraints = spec.constraints
        self._known = known
        self._by_agent: Counter[str] = Counter()
        self._by_value: dict[str, Counter[str]] = {field: Counter() for field in known}
        for instance in live:
            self.add(instance.agent_id, dict(instance.fields))

    def add(self, agent_id: str, fields: Mapping[str, str]) -> None:
        """One more runs there."""
        self._by_agent[agent_id] += 1
        for field, counts in self._by_value.items():
            if field in fields:
                counts[fields[field]] += 1

    def on(self, agent_id: str) -> int:
        """How many run on an agent."""
        return self._by_agent[agent_id]

    def faults(self, room: Room) -> list[str]:
        """The constraints that the agent does not satisfy now."""
        found = (
            constraints.fault(
                one,
                room.fields,
                self._by_value.get(one.field, {}),
                self._known.get(one.field, ()),
            )
            for one in self._constraints
        )
        return [one for one in found if one is not None]
