"""The compiled load generator beside the clients: short runs, one after the other.

It does not connect again, so a run loses the connections whose server goes away. Each run
ends by itself and the next one connects to whoever is there. It sets the same few znodes
all the time; how often, it has counted, and the versions of the znodes have as well.
"""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass

from conformance.bench import loadgen
from conformance.ensembles import Ensemble

_VALUE_BYTES = 64
#: The generator's own name for where its znodes lie.
ROOT = f"/bench{_VALUE_BYTES}"
_KEYS = 50
_OPTIONS: dict[str, float] = {"warmup": 0, "keys": _KEYS, "value_bytes": _VALUE_BYTES}
_RUN_S = 3.0
#: Between two runs, so that two cores are not busy with it alone.
_PAUSE_S = 2.0
_AGAIN_S = 0.2
#: A run drains for ten seconds at most, and waits for handshakes for thirty.
_RUN_S_MAX = 45.0


@dataclass(slots=True)
class LoadTally:
    """What the runs came to."""

    runs: int = 0
    #: Runs that could not begin, since a server was not there or did not answer.
    fruitless: int = 0
    #: Writes that were answered without an error.
    acknowledged: int = 0
    #: Writes that were answered with an error.
    errors: int = 0
    #: Connections that were lost.
    lost: int = 0
    #: Answers that came out of order.
    out_of_order: int = 0


class Load:
    """The runs, in a thread of their own; a context manager that ends them."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.tally = LoadTally()
        self._ensemble = ensemble
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="load", daemon=True)

    def begin(self) -> None:
        """Compile the generator if need be, make its znodes, and go on in the thread.

        Raises what :func:`loadgen.finish` raises.
        """
        line = loadgen.command("set", self._ensemble.ports[0], connections=1, seconds=0, **_OPTIONS)
        loadgen.finish(loadgen.pinned(line, None), _RUN_S_MAX)
        self._thread.start()

    def __enter__(self) -> Load:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let the last run end."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._ended.is_set():
            there = [each.port for each in self._ensemble.members if each.running]
            pause_s = _PAUSE_S if there and self._run(there) else _AGAIN_S
            self._ended.wait(pause_s)

    def _run(self, ports: list[int]) -> bool:
        """One run; whether it could begin."""
        line = loadgen.command("set", ports, connections=len(ports), seconds=_RUN_S, **_OPTIONS)
        process = loadgen.pinned(line, None)
        try:
            out, _ = process.communicate(timeout=_RUN_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
        if not out.strip():
            self.tally.fruitless += 1
            return False
        figures: loadgen.Figures = json.loads(out.splitlines()[-1])
        tally = self.tally
        tally.runs += 1
        tally.acknowledged += int(figures["ops"]) - int(figures["errors"])
        tally.errors += int(figures["errors"])
        tally.lost += int(figures["lost"])
        tally.out_of_order += int(figures["wrong_xids"])
        return True
