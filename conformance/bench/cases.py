"""The table of cases: what is measured, and what ratio to Apache's server is aimed at.

A target is a ratio ours / Apache. Where more is better (operations a second) it is a least
ratio; where less is better (times, memory) it is a greatest one. The targets come from
prototypes measured beside Apache ZooKeeper 3.8.0 at its defaults.
"""

from __future__ import annotations

import enum
import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FULL_IDLE_SESSIONS = 10_000
FULL_ZNODES = 1_000_000


class Stage(enum.Enum):
    """Which server process a case is measured on; each stage starts on an empty directory."""

    LOADED = "loaded"
    """A server that starts, is warmed up and then takes one load after the other."""
    IDLE = "idle"
    """A server that holds many idle sessions and does nothing else."""
    FILLED = "filled"
    """A server that is filled with znodes, stopped, and started again."""


class Unit(enum.Enum):
    """What a figure counts, and by that whether more of it is better."""

    OPS = "/s"
    MS = "ms"
    MB = "MB"

    @property
    def more_is_better(self) -> bool:
        """True for throughput, false for times and memory."""
        return self is Unit.OPS


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table.

    ``key`` names it on the command line and in files; ``mode`` is the load generator's
    (``rss`` and ``start`` are ours: memory and time to the first answer); ``target`` is the
    ratio ours / Apache aimed at, or None.
    """

    key: str
    label: str
    stage: Stage
    unit: Unit
    mode: str
    target: float | None = None
    connections: int = 0
    depth: int = 1

    @property
    def is_load(self) -> bool:
        """Whether it is measured under a load of its own, and so can be repeated."""
        return self.stage is Stage.LOADED and self.mode not in ("rss", "start")

    def met(self, ratio: float) -> bool | None:
        """Whether ``ratio`` reaches the target; None without a target."""
        if self.target is None:
            return None
        return ratio >= self.target if self.unit.more_is_better else ratio <= self.target


_NAMES = {
    "children": "getChildren of 10",
    "crdel": "create + delete",
    "mix": "80 % get, 20 % set",
    "multi2": "multi of 2 sets",
}

#: mode, connections, depth, target
_STEADY: tuple[tuple[str, int, int, float | None], ...] = (
    ("get", 1, 1, 1.5),
    ("get", 10, 1, 2.0),
    ("get", 50, 1, 1.8),
    ("get", 50, 16, 6.0),
    ("exists", 1, 1, None),
    ("exists", 10, 1, None),
    ("exists", 50, 1, None),
    ("exists", 50, 16, 6.0),
    ("children", 50, 16, 6.0),
    ("set", 1, 1, 1.3),
    ("set", 10, 1, 1.2),
    ("set", 50, 1, 1.5),
    ("set", 50, 16, 4.0),
    ("create", 1, 1, None),
    ("create", 10, 1, None),
    ("create", 50, 1, 1.6),
    ("crdel", 50, 16, 3.5),
    ("mix", 50, 1, 1.5),
    ("mix", 50, 16, 4.0),
    ("multi2", 50, 4, 2.5),
    ("sync", 50, 1, None),
)


def _steady(mode: str, connections: int, depth: int, target: float | None) -> Case:
    name = _NAMES.get(mode, mode)
    many = "connection" if connections == 1 else "connections"
    return Case(
        key=f"{mode}-c{connections}-d{depth}",
        label=f"{name}, {connections} {many}, depth {depth}",
        stage=Stage.LOADED,
        unit=Unit.OPS,
        mode=mode,
        target=target,
        connections=connections,
        depth=depth,
    )


def all_cases(*, watchers: int, idle_sessions: int, znodes: int) -> tuple[Case, ...]:
    """Every case, with labels that name the sizes in use.

    Memory and restart have their targets only at the full sizes, for which they were set.
    """
    full_idle = idle_sessions == FULL_IDLE_SESSIONS
    full_tree = znodes == FULL_ZNODES
    loaded, filled, ms, mb = Stage.LOADED, Stage.FILLED, Unit.MS, Unit.MB
    return (
        Case("start-empty", "start to first answer, empty", loaded, ms, "start", 0.2),
        Case("rss-fresh", "memory, fresh", loaded, mb, "rss", 0.5),
        *(_steady(*row) for row in _STEADY),
        Case(
            "connect-20",
            "sessions opened and closed, 20 at a time",
            loaded,
            Unit.OPS,
            "connect",
            1.3,
        ),
        Case("fanout", f"last of {watchers:,} watchers told", loaded, ms, "fanout", 0.67),
        Case(
            "rss-idle",
            f"memory, {idle_sessions:,} idle sessions",
            Stage.IDLE,
            mb,
            "rss",
            0.2 if full_idle else None,
        ),
        Case("fill", f"create {znodes:,} znodes", filled, Unit.OPS, "fill"),
        Case(
            "rss-filled",
            f"memory, {znodes:,} znodes, filled",
            filled,
            mb,
            "rss",
            0.6 if full_tree else None,
        ),
        Case(
            "start-filled",
            f"start to first answer, {znodes:,} znodes",
            filled,
            ms,
            "start",
            0.5 if full_tree else None,
        ),
        Case("rss-restarted", f"memory, {znodes:,} znodes, restarted", filled, mb, "rss"),
    )


#: mode, connections, depth, target: of ensembles, with the connections over all servers.
_ENSEMBLE: tuple[tuple[str, int, int, float | None], ...] = (
    ("set", 1, 1, 1.2),
    ("set", 10, 1, 1.1),
    ("set", 50, 1, 1.3),
    ("set", 50, 16, 3.0),
    ("create", 50, 1, 1.5),
    ("mix", 50, 1, 1.8),
    ("get", 50, 1, 1.8),
    ("get", 50, 16, 6.0),
    ("sync", 50, 1, 1.0),
)


def ensemble_cases() -> tuple[Case, ...]:
    """Every case of ensembles."""
    return tuple(_steady(*row) for row in _ENSEMBLE)


def select(cases: Iterable[Case], patterns: Sequence[str]) -> tuple[Case, ...]:
    """The cases whose key or label matches any of the shell-style ``patterns``; all without."""
    if not patterns:
        return tuple(cases)
    return tuple(
        case
        for case in cases
        if any(fnmatch.fnmatch(text, p) for p in patterns for text in (case.key, case.label))
    )
