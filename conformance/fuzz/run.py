"""One fuzzing run: the server, the players, the control client, the verdict."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from conformance.crash.connection import wait_serving
from conformance.fuzz.control import SUPER_DIGEST, Cleaner, Control
from conformance.fuzz.player import Outcomes, Player
from conformance.fuzz.vitals import Vitals, look, look_when_settled, problems
from conformance.servers import SERVERS, ZooKeeperProcess

_SETTINGS = {
    # Short sessions: those of mutated handshakes are not closed, only forgotten.
    "tickTime": "1000",
    "maxSessionTimeout": "8000",
    "snapCount": "10000",
    "DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
}
_PROGRESS_S = 5.0
_FINDINGS_SHOWN_MAX = 10
_DEATH_S_MAX = 5.0


@dataclass(slots=True)
class Report:
    """What a run did, and everything that a server should not have done."""

    server: str
    seed: int
    outcomes: Outcomes
    seconds: float
    before: Vitals
    after: Vitals
    control_rounds: int
    control_latency_s_max: float
    deleted: int
    problems: list[str] = field(default_factory=list)
    log_tail: str = ""


class _Numbers:
    """Hands out conversation numbers until the server has had enough inputs."""

    def __init__(self, inputs: int, only: int | None, stop: Callable[[], bool]) -> None:
        self._wanted = inputs
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 1 if only is None else only
        self._last = only
        self._played: dict[int, int] = {}

    @property
    def inputs(self) -> int:
        """The inputs of all players so far."""
        return sum(list(self._played.values()))

    def take(self, outcomes: Outcomes) -> int | None:
        """The next number, for the player that keeps ``outcomes``; None to end."""
        with self._lock:
            self._played[id(outcomes)] = outcomes.inputs
            if self._stop() or self.inputs >= self._wanted:
                return None
            if self._last is not None and self._next > self._last:
                return None
            self._next += 1
            return self._next - 1


def fuzz(
    kind: str,
    *,
    inputs: int,
    seed: int,
    connections: int,
    progress: Callable[[int, float], None],
    only: int | None = None,
) -> Report:
    """Play ``inputs`` inputs of ``seed`` against a fresh server, or conversation ``only``.

    ``progress`` is told the inputs so far and the seconds since the start. Raises
    ``ServerUnavailable`` when the server cannot be run here.
    """
    server = SERVERS[kind](settings=_SETTINGS)
    with server:
        control, cleaner = _ready_control(server), Cleaner(server.port)
        before = look(server)
        began = time.monotonic()
        cleaner.clean()
        control.start()
        cleaner.start()
        numbers = _Numbers(inputs, only, lambda: control.problem is not None)
        players = [Player(server.port, seed, numbers.take) for _ in range(connections)]
        for player in players:
            player.start()
        _wait(players, lambda: progress(numbers.inputs, time.monotonic() - began))
        seconds = time.monotonic() - began
        left = cleaner.finish() if control.problem is None else []
        if control.problem is not None or cleaner.problem is not None:
            _await_death(server)
        # The control client goes on meanwhile, or its own session would expire.
        after = look_when_settled(server, before)
        control.finish()
        control.close()
        found = [text for text in (control.problem, cleaner.problem) if text is not None]
        found += problems(before, after, python=kind == "mesozoic")
        found += _player_problems(players)
        if control.problem is not None or not after.alive:
            last = ", ".join(str(player.number) for player in players)
            found.append(f"the players were at conversations {last}; replay them with --only")
        if left:
            found.append(f"{len(left)} znodes cannot be deleted, such as {left[0][:80]!r}")
        log_tail = server.log_path.read_text(errors="replace")[-3000:] if found else ""
    return Report(
        kind,
        seed,
        _sum_outcomes(players),
        seconds,
        before,
        after,
        control.rounds,
        control.latency_s_max,
        cleaner.deleted,
        found,
        log_tail,
    )


def _sum_outcomes(players: list[Player]) -> Outcomes:
    outcomes = Outcomes()
    for player in players:
        outcomes.add(player.outcomes)
    return outcomes


def _player_problems(players: list[Player]) -> list[str]:
    found = [finding for player in players for finding in player.outcomes.findings]
    if not all(player.finished for player in players):
        found.append("a player ended with an exception, which is printed above")
    return found[:_FINDINGS_SHOWN_MAX]


def _await_death(server: ZooKeeperProcess) -> None:
    """Give a server that is going down the time to say why in its log."""
    if server.process is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(_DEATH_S_MAX)


def _ready_control(server: ZooKeeperProcess) -> Control:
    """The control client, once the server takes sessions (Apache says ``imok`` before)."""
    wait_serving(server.port)
    return Control(server.port)


def _wait(players: list[Player], progress: Callable[[], None]) -> None:
    told = time.monotonic()
    for player in players:
        while player.is_alive():
            player.join(0.1)
            if time.monotonic() - told > _PROGRESS_S:
                told = time.monotonic()
                progress()
