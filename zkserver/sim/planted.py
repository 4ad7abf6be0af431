"""Faults of our own in the code under test, to see that the checks see something.

Each is put into the classes of this process and taken out again. ``python -m
zkserver.sim.planted`` tells after how many seeds each one is found; one that is not found
is a hole in the checks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from zkserver.paxos.configuration import Configuration
from zkserver.paxos.leader import Leader
from zkserver.paxos.messages import Promise
from zkserver.paxos.node import PaxosNode
from zkserver.replica import core as core_module
from zkserver.replica.connection import Caller, Connection
from zkserver.replica.core import ReplicaCore
from zkserver.replica.serving import serve as serve_frames
from zkserver.replica.state import State, dump
from zkserver.sim import server as server_module
from zkserver.sim import snapshots
from zkserver.sim.cluster import run
from zkserver.sim.scenario import draw
from zkserver.storage import Recovered, Wal, recover, segments
from zkserver.wire.jute import INT
from zkserver.wire.opcodes import Op

#: What is replaced: (object, name of its attribute, replacement).
Change = tuple[object, str, Any]


def _persist_skipped() -> list[Change]:
    """What was to be made durable is told to be so, and is not."""

    def sync(wal: Wal) -> None:
        del wal

    return [(Wal, "sync", sync)]


def _promise_forgotten() -> list[Change]:
    """A server that starts again has forgotten what it promised."""

    def forgetful(*args: Any) -> Recovered:
        recovered = recover(*args)
        recovered.promised = recovered.accepted
        return recovered

    return [(server_module, "recover", forgetful)]


def _prefix_unchecked() -> list[Change]:
    """The leader takes any sequence of the right length for the beginning of its own."""
    original = Leader._sync

    def sync(leader: Leader, peer_id: int, promise: Promise) -> None:
        length = min(promise.length, leader.node.log.end)
        promised = Promise(
            promise.ballot, leader.ballot, promise.decided, length, promise.records, promise.is_cut
        )
        original(leader, peer_id, promised)

    return [(Leader, "_sync", sync)]


def _accept_twice() -> list[Change]:
    """One server that has accepted counts as two."""

    def majority_of(configuration: Configuration, lengths: list[int]) -> int:
        del configuration
        return sorted(lengths, reverse=True)[len(lengths) // 2 - 1]

    return [(Configuration, "majority_of", majority_of)]


def _follower_expires() -> list[Change]:
    """Every server expires the sessions that it has not heard from itself."""

    def tick(core: ReplicaCore, now_ms: int) -> None:
        for session_id in core.expiry.expired(now_ms):
            epoch = INT.pack(core.newest_zxid >> 32)
            core.propose(Caller(session_id, ()), Op.EXPIRE_SESSION, epoch, now_ms)

    return [(ReplicaCore, "tick", tick)]


def _read_not_held() -> list[Change]:
    """A read does not wait for the writes of its session before it."""
    original = serve_frames

    def serve(core: ReplicaCore, conn: Connection, buf: bytes, now_ms: int) -> int:
        pending = conn.pending
        if int.from_bytes(buf[8:12], "big", signed=True) not in core.writes:
            conn.pending = None
        used = original(core, conn, buf, now_ms)
        conn.pending = conn.pending or pending
        return used

    return [(core_module, "serve", serve)]


def _stale_ballot() -> list[Change]:
    """A follower takes records from whoever sends them, in whatever ballot."""

    def follows(node: PaxosNode, peer_id: int, ballot: object) -> bool:
        del peer_id, ballot
        return node.follower is not None

    return [(PaxosNode, "_follows", follows)]


def _decided_back() -> list[Change]:
    """What is known to be decided becomes less when a leader knows of less."""

    def learn(node: PaxosNode, length: int) -> None:
        node.decided = max(length, node.log.start)

    return [(PaxosNode, "learn", learn)]


def _snapshot_without_sessions() -> list[Change]:
    """Sessions are not in snapshots."""

    def without(state: State) -> Iterator[bytes]:
        return (block for block in dump(state) if block[:1] != b"S")

    return [(snapshots, "dump", without)]


def _torn_tail() -> list[Change]:
    """The record that a crash left unfinished at the end of the log is taken for whole."""
    original = segments.scan_segment

    def scan_segment(data: bytes, segment: segments.Segment) -> segments.Scan:
        scan = original(data, segment)
        at = scan.end
        if scan.torn_end and scan.damage is None and at + segments.RECORD_BYTES <= len(data):
            fields = segments.RECORD_BODY.unpack_from(data, at + segments.RECORD_HEAD.size)
            kind, length, synced, count, ballot, index, zxid, time_ms = fields
            end = at + segments.RECORD_BYTES + length
            if kind == segments.Kind.ENTRIES and end <= len(data):
                scan.places.append(
                    segments.Place(
                        kind, ballot, index, count, zxid, time_ms, at, length, synced,
                        segment.serial,
                    )
                )  # fmt: skip
                scan.end, scan.torn_end = end + 7 & ~7, 0
        return scan

    return [(segments, "scan_segment", scan_segment)]


def _sync_unassured() -> list[Change]:
    """A leader answers a sync without asking whether it still leads."""

    def assured(leader: Leader) -> int:
        return leader.ask_whether_we_lead()

    return [(Leader, "assured", property(assured))]


def _told_too_early() -> list[Change]:
    """A follower is told to decide by itself what the leader's disk does not have yet."""

    def one_short(configuration: Configuration, lengths: list[int]) -> int:
        del configuration
        return max(lengths) + 1

    return [(Configuration, "one_short_of_majority", one_short)]


def _told_not_covered() -> list[Change]:
    """A sync overlooks what a follower may have decided, and told, by itself."""

    def covering_length(leader: Leader) -> int:
        return max(leader.node.decided, leader._adopted_length)

    return [(Leader, "covering_length", property(covering_length))]


PLANTED: Final[dict[str, Callable[[], list[Change]]]] = {
    "persist-skipped": _persist_skipped,
    "promise-forgotten": _promise_forgotten,
    "prefix-unchecked": _prefix_unchecked,
    "accept-twice": _accept_twice,
    "follower-expires": _follower_expires,
    "read-not-held": _read_not_held,
    "stale-ballot": _stale_ballot,
    "decided-back": _decided_back,
    "snapshot-without-sessions": _snapshot_without_sessions,
    "torn-tail": _torn_tail,
    "sync-unassured": _sync_unassured,
    "told-too-early": _told_too_early,
    "told-not-covered": _told_not_covered,
}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Break the code under test as ``name`` says, for a while; ``None`` breaks nothing."""
    changes = PLANTED[name]() if name else []
    before = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in changes]
    try:
        for owner, attribute, value in changes:
            setattr(owner, attribute, value)
        yield
    finally:
        for owner, attribute, value in before:
            setattr(owner, attribute, value)


def found_after(name: str, seeds: range, servers: int) -> tuple[int, str]:
    """How many seeds it takes to find a planted fault, and by which check; 0 if none does.

    Whatever stops the broken code counts, an exception of its own as well.
    """
    with planted(name):
        for number, seed in enumerate(seeds, 1):
            try:
                violation = run(draw(seed, servers)).violation
            except Exception as error:  # noqa: BLE001 - broken code may fail in any way
                return number, f"{type(error).__name__}: {error}"
            if violation is not None:
                return number, str(violation)
    return 0, ""


@click.command()
@click.option("--seeds", "count", default=2000, show_default=True, help="Give up after so many.")
@click.option("--servers", type=click.Choice(["3", "5"]), default="3", show_default=True)
@click.argument("names", nargs=-1, type=click.Choice(sorted(PLANTED)))
def main(count: int, servers: str, names: tuple[str, ...]) -> None:
    """Plant one fault after another, and tell after how many seeds each is found."""
    missed = 0
    for name in names or tuple(PLANTED):
        number, why = found_after(name, range(count), int(servers))
        missed += not number
        told = f"after {number:>4} seeds: {why[:90]}" if number else f"NOT within {count} seeds"
        click.echo(f"{name:<26} {told}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
