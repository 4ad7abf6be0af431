"""How long an ensemble takes no writes after its leader was killed, many times over.

There is no load but the probes, so this is what the servers' own time-outs come to. A
killed server is started again before the next kill, and all serve by then.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from conformance.chaos.arena import arena, check_logs, furnish, probing
from conformance.chaos.faults import kill_leader
from conformance.chaos.verdict import Verdict

_RECOVERY_S_MAX = 60.0
_CALM_S = (0.5, 1.5)
_FAULT = kill_leader.__name__


def measure_recovery(server: str, kills: int, seed: int, tell: Callable[[str], None]) -> Verdict:
    """Kill the leader of ``server``'s ensemble ``kills`` times.

    Raises ``RuntimeError`` with the logs when the servers do not come back.
    """
    verdict = Verdict(seed, faults={_FAULT: kills})
    times = verdict.recoveries_s.setdefault(_FAULT, [])
    began_s = time.monotonic()
    with arena(server, seed) as stage:
        furnish(stage.ensemble)
        with probing(stage.ensemble) as probes:
            for number in range(1, kills + 1):
                stage.ensemble.wait_serving()
                time.sleep(stage.rng.uniform(*_CALM_S))
                with kill_leader(stage):
                    took_s = probes.wait_recovery(stage.losses[-1], _RECOVERY_S_MAX)
                if took_s is None:
                    verdict.events.append(f"no write for {_RECOVERY_S_MAX:.0f} s after a kill")
                    break
                times.append(took_s)
                tell(f"kill {number} of {kills}: {took_s:.3f} s")
        if server != "apache":
            verdict.events += check_logs(stage.ensemble)
    verdict.seconds = time.monotonic() - began_s
    return verdict
