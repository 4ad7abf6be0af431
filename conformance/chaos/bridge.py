"""Which servers take writes while the outer ones of a bridge cannot see each other.

The one in the middle sees both outer servers, and one of these leads when the link between
them is cut. Every server's probe goes on; what is told of each is its longest time without
an answered write, from the cut to its end, and how many it answered in the second half.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from conformance.chaos.arena import arena, furnish, probing
from conformance.chaos.faults import Stage, cut_bridge
from conformance.chaos.probes import Probes

_WARM_UP_S = 2.0
_BACK_S_MAX = 60.0
#: Our servers' ``Timing.timeout_ms``; "a few" of them is what a cut may cost.
_ELECTION_TIMEOUT_S = 0.4
_GAP_S_MAX = 5 * _ELECTION_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Serving:
    """What one server, or whichever (``any``), did while the link was cut."""

    role: str
    #: The longest time without an answered write; all of the cut if there was none.
    gap_s: float
    #: Writes answered in the second half of the cut.
    late_writes: int


@dataclass(frozen=True, slots=True)
class Bridge:
    """One cut; the roles are those before it."""

    server: str
    cut_s: float
    #: ``any``, ``leader``, ``middle`` and ``other``.
    serving: tuple[Serving, ...]
    #: From the end of the cut until writes were answered by every server; None if never.
    back_s: float | None

    @property
    def problems(self) -> list[str]:
        """Why an ensemble of ours would have failed."""
        problems = []
        ensemble = self.serving[0]
        if ensemble.gap_s > _GAP_S_MAX:
            problems.append(f"no write was answered for {ensemble.gap_s:.2f} s in a bridge")
        if not ensemble.late_writes:
            problems.append("no writes were answered in the second half of a bridge")
        if self.back_s is None:
            problems.append(f"a server did not come back in {_BACK_S_MAX:.0f} s after a bridge")
        return problems


def measure_bridge(
    server: str, cuts: int, cut_s: float, seed: int, tell: Callable[[str], None]
) -> list[Bridge]:
    """Cut the bridge of ``server``'s ensemble so often, for ``cut_s`` seconds each.

    Raises ``RuntimeError`` with the logs when the servers do not come back.
    """
    found: list[Bridge] = []
    with arena(server, seed) as stage:
        furnish(stage.ensemble)
        with probing(stage.ensemble) as probes:
            for number in range(1, cuts + 1):
                stage.ensemble.wait_serving()
                time.sleep(_WARM_UP_S)
                found.append(_cut_once(server, stage, probes, cut_s))
                tell(f"{server}: cut {number} of {cuts}")
                if found[-1].back_s is None:
                    # The next cut would be of something else.
                    break
    return found


def _cut_once(server: str, stage: Stage, probes: Probes, cut_s: float) -> Bridge:
    leader, middle = stage.leader(), stage.follower()
    (other,) = (each for each in stage.others(leader) if each is not middle)
    roles: dict[str, int | None] = {
        "any": None,
        "leader": leader.server_id,
        "middle": middle.server_id,
        "other": other.server_id,
    }
    cut_bridge(stage.mesh, middle.server_id)
    since_s = time.monotonic()
    time.sleep(cut_s)
    until_s = time.monotonic()
    stage.mesh.heal()
    serving = tuple(
        Serving(
            role,
            probes.longest_gap_s(server_id, since_s, until_s),
            probes.count(server_id, (since_s + until_s) / 2, until_s),
        )
        for role, server_id in roles.items()
    )
    moments = [probes.wait_write(until_s, _BACK_S_MAX, each) for each in roles.values()]
    back = [moment - until_s for moment in moments if moment is not None]
    return Bridge(server, cut_s, serving, max(back) if len(back) == len(moments) else None)
