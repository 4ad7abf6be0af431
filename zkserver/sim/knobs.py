"""Sizes and times drawn for each run, so that rare branches are not rare.

Those that production takes from its configuration are handed over; those that are
constants of a module are set there for the time of the run (:func:`applied`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Final

from zkserver.paxos import ballot, leader
from zkserver.replica import core, serving, state


@dataclass(frozen=True, slots=True)
class Knobs:
    """What one run is set to; all numbers are ints, so that a scenario file can hold them."""

    heartbeat_ms: int = 50
    #: After which a server is not connected any more.
    timeout_ms: int = 250
    #: How often a server is told that time went by.
    tick_ms: int = 25
    #: ``tickTime``: sessions expire at its multiples.
    session_tick_ms: int = 100
    session_timeout_ms: int = 1500
    patience_ms: int = 800
    touch_ms: int = 150
    #: Mean delay of a message between servers, microseconds.
    link_delay_us: int = 500
    client_delay_us: int = 400
    #: Mean duration of a flush, microseconds; 0: the loop flushes itself, at once.
    flush_us: int = 700
    #: How long a server takes to look at what has come, microseconds.
    turn_us: int = 50
    #: Requests are put into the sequence while a flush is under way.
    collects_while_flushing: int = 0
    segment_bytes_min: int = 8192
    segment_bytes_max: int = 16384
    snapshot_every: int = 60
    snapshots_kept: int = 2
    #: The log in memory is trimmed up to the newest snapshot, else to the oldest kept.
    trims_to_newest: int = 1
    window_bytes: int = 1 << 24
    message_bytes: int = 1 << 22
    batch_bytes: int = 1 << 22
    outstanding_max: int = 1000
    digest_interval_zxids: int = 16
    counter_max: int = 0xFFFFFFFF
    block_bytes: int = 1 << 20
    #: Requests that a client sends without waiting for their answers.
    pipeline: int = 4

    def lines(self) -> list[str]:
        """What differs from the defaults, for a scenario file."""
        usual = asdict(Knobs())
        return [f"{name} {value}" for name, value in asdict(self).items() if value != usual[name]]

    @classmethod
    def parse(cls, pairs: list[tuple[str, int]]) -> Knobs:
        """The knobs behind :meth:`lines`; raises ``ValueError`` for an unknown name."""
        known = [field.name for field in fields(cls)]
        for name, _ in pairs:
            if name not in known:
                raise ValueError(f"unknown knob {name}")
        return cls(**dict(pairs))


def draw(dice: random.Random) -> Knobs:
    """Knobs of a run: mostly ordinary, now and then extreme."""
    segment = dice.choice((2048, 4096, 16384))
    heartbeat_ms = dice.choice((40, 60, 60, 100))
    return Knobs(
        heartbeat_ms=heartbeat_ms,
        timeout_ms=heartbeat_ms * dice.choice((3, 4, 4, 6)),
        tick_ms=dice.choice((20, 40, 40)),
        session_tick_ms=dice.choice((50, 100, 200)),
        session_timeout_ms=dice.choice((800, 1200, 1200, 2500)),
        patience_ms=dice.choice((300, 800, 2000)),
        touch_ms=dice.choice((60, 150)),
        link_delay_us=dice.choice((100, 500, 2000, 8000)),
        client_delay_us=dice.choice((100, 400, 2000)),
        flush_us=dice.choice((0, 300, 1000, 5000, 20_000)),
        turn_us=dice.choice((50, 300, 1000)),
        collects_while_flushing=dice.choice((0, 0, 1)),
        segment_bytes_min=segment,
        segment_bytes_max=segment * dice.choice((1, 4)),
        snapshot_every=dice.choice((5, 20, 60, 1000)),
        snapshots_kept=dice.choice((1, 2, 3)),
        trims_to_newest=dice.choice((0, 1)),
        window_bytes=dice.choice((1, 300, 2000, 1 << 24)),
        message_bytes=dice.choice((1, 400, 1 << 22)),
        batch_bytes=dice.choice((1, 200, 1 << 22, 1 << 22)),
        outstanding_max=dice.choice((1, 4, 1000, 1000)),
        digest_interval_zxids=dice.choice((1, 4, 16)),
        counter_max=dice.choice((0x7F, 0xFF, 0xFFFFFFFF, 0xFFFFFFFF)),
        block_bytes=dice.choice((64, 1 << 20)),
        pipeline=dice.choice((1, 3, 10)),
    )


_CONSTANTS: Final = (
    (leader, "WINDOW_BYTES", "window_bytes"),
    (leader, "MESSAGE_BYTES", "message_bytes"),
    (serving, "BATCH_BYTES", "batch_bytes"),
    (core, "INTERVAL_ZXIDS", "digest_interval_zxids"),
    (ballot, "COUNTER_MAX", "counter_max"),
    (state, "SNAPSHOT_BLOCK_BYTES", "block_bytes"),
)


@contextmanager
def applied(knobs: Knobs) -> Iterator[None]:
    """Set the constants of modules that knobs stand for, and put them back afterwards."""
    before = [(module, name, getattr(module, name)) for module, name, _ in _CONSTANTS]
    try:
        for module, name, knob in _CONSTANTS:
            vars(module)[name] = getattr(knobs, knob)
        yield
    finally:
        for module, name, value in before:
            vars(module)[name] = value
