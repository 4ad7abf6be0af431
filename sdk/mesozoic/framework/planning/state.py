"""Specs and instances, and what of them is to be written. Pure.

Every change of what is kept goes through here, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mesozoic.framework.planning import records
from mesozoic.framework.planning.actions import Change, Delete, Put
from mesozoic.framework.planning.instances import Instance
from mesozoic.framework.planning.specs import Standing


class State:
    """What is wanted and what there is. Others change members, and then call ``put_...``."""

    __slots__ = ("_changes", "replaced", "slots", "standings")

    def __init__(
        self, standings: Iterable[Standing] = (), instances: Iterable[Instance] = ()
    ) -> None:
        self.standings: dict[str, Standing] = {one.spec.name: one for one in standings}
        #: The last instance of each slot, live or ended, by name and number.
        self.slots: dict[str, dict[int, Instance]] = {name: {} for name in self.standings}
        #: Instances that have no slot any more, by task id: they are killed when heard of.
        self.replaced: dict[str, Instance] = {}
        self._changes: dict[str, Change] = {}
        for instance in instances:
            if instance.is_replaced or instance.name not in self.slots:
                instance.is_replaced = True
                self.replaced[instance.task_id] = instance
            else:
                self.slots[instance.name][instance.slot] = instance

    @classmethod
    def of_records(cls, contents: Mapping[str, bytes]) -> State:
        """What a store has kept. Raises ``ValueError`` when these are no records of ours."""
        items = sorted(contents.items())
        return cls(
            (records.decode_standing(data) for key, data in items if key.startswith(records.SPECS)),
            (
                records.decode_instance(data)
                for key, data in items
                if key.startswith(records.INSTANCES)
            ),
        )

    def find(self, task_id: str) -> Instance | None:
        """An instance by its id, if it is kept."""
        found = self.replaced.get(task_id)
        if found is not None:
            return found
        # Names may have dots; slots and what is behind them do not.
        name, _, rest = task_id.rpartition(".")
        name, _, slot = name.rpartition(".")
        if not rest or not slot.isdecimal():
            return None
        instance = self.slots.get(name, {}).get(int(slot))
        return instance if instance is not None and instance.task_id == task_id else None

    def instances(self) -> Iterable[Instance]:
        """All that are kept."""
        for slots in self.slots.values():
            yield from slots.values()
        yield from self.replaced.values()

    def take_changes(self) -> tuple[Change, ...]:
        """What has changed since this was asked last."""
        changes = tuple(self._changes.values())
        self._changes.clear()
        return changes

    def put_standing(self, standing: Standing) -> None:
        """A spec is new or has changed."""
        name = standing.spec.name
        self.standings[name] = standing
        self.slots.setdefault(name, {})
        self._note(Put(records.SPECS + name, records.encode_standing(standing)))

    def drop_standing(self, name: str) -> None:
        """A spec is over; it has no instances in its slots."""
        del self.standings[name], self.slots[name]
        self._note(Delete(records.SPECS + name))

    def put_instance(self, instance: Instance) -> None:
        """An instance is new or has changed."""
        data = records.encode_instance(instance)
        self._note(Put(records.INSTANCES + instance.task_id, data))

    def drop_instance(self, instance: Instance) -> None:
        """Nothing has to be known of it any more."""
        if instance.is_replaced:
            self.replaced.pop(instance.task_id, None)
        else:
            self.slots[instance.name].pop(instance.slot, None)
        self._note(Delete(records.INSTANCES + instance.task_id))

    def replace(self, instance: Instance) -> None:
        """Its slot is for another one, though it may still run."""
        self.slots[instance.name].pop(instance.slot, None)
        instance.is_replaced = True
        self.replaced[instance.task_id] = instance
        self.put_instance(instance)

    def _note(self, change: Change) -> None:
        self._changes[change.key] = change
