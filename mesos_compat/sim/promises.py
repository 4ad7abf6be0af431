"""What operators were told to be done is known to every master that leads later.

An order that was answered with 200 is in the registry. One that was not answered may be there or
not, since its master may have died at any moment; one that was refused is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mesos_compat.sim.world import Violation
from mesos_compat.wire.v1 import master_pb2

if TYPE_CHECKING:
    from mesos_compat.sim.masters import SimMaster

Call = master_pb2.Call

#: What an order is about ("quota of r"), and what is to be there.
_Wish = tuple[str, str]


def _wishes(call: master_pb2.Call) -> Iterator[_Wish]:
    """What must be in the registry when ``call`` is answered."""
    for config in call.update_quota.quota_configs:
        sides = (("limits", config.limits), ("guarantees", config.guarantees))
        told = {side: {name: one.value for name, one in sorted(of.items())} for side, of in sides}
        yield f"quota of {config.role}", _shown(told)
    for weight in call.update_weights.weight_infos:
        yield f"weight of {weight.role}", str(weight.weight)
    if call.HasField("mark_agent_gone"):
        yield f"agent {call.mark_agent_gone.agent_id.value}", "gone"


def _shown(quota: dict[str, dict[str, float]]) -> str:
    return str(quota) if any(quota.values()) else ""


class Promises:
    """Remembers orders and their answers; raises :class:`Violation` for one that was broken."""

    def __init__(self, *, forgets_gone: bool) -> None:
        #: Whether masters may forget agents that are gone within a run.
        self.forgets_gone = forgets_gone
        #: What it may be, of all that was ever ordered.
        self._possible: dict[str, dict[str, None]] = {}
        #: Orders that were not answered, by the master and a number that they have there.
        self._open: dict[tuple[int, int], master_pb2.Call] = {}
        self._checked: dict[int, None] = {}

    def asked(self, master: SimMaster, number: int, call: master_pb2.Call) -> None:
        """A master has got an order."""
        self._open[master.number, number] = call
        for subject, value in _wishes(call):
            self._possible.setdefault(subject, {"": None})[value] = None

    def answered(self, master: SimMaster, number: int, status: int) -> None:
        """It has answered."""
        call = self._open.pop((master.number, number))
        if status != 200:
            return
        for subject, value in _wishes(call):
            self._possible[subject] = {value: None}
            for other in self._open.values():
                waiting = [its for about, its in _wishes(other) if about == subject]
                self._possible[subject].update(dict.fromkeys(waiting))

    def check(self, master: SimMaster) -> None:
        """What a master has recovered is what operators believe to be there."""
        if master.number in self._checked or not master.core.state.is_recovered:
            return
        self._checked[master.number] = None
        for subject, possible in self._possible.items():
            found = self._found(master, subject)
            if found not in possible:
                expected = ", or ".join(one or "nothing" for one in possible)
                why = f"{master.name}: {subject} is {found or 'nothing'}, not {expected}"
                raise Violation("promise", why)

    def _found(self, master: SimMaster, subject: str) -> str:
        state = master.core.state
        kind, _, name = subject.rpartition(" ")
        if kind == "quota of":
            config = state.quotas.get(name)
            if config is None:
                return ""
            sides = (("limits", config.limits), ("guarantees", config.guarantees))
            return _shown({side: {one: of[one].value for one in sorted(of)} for side, of in sides})
        if kind == "weight of":
            return str(state.weights[name]) if name in state.weights else ""
        is_gone = name in state.gone_agents or self.forgets_gone
        return "gone" if is_gone else ""
