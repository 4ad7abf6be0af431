"""Requests that 3.8.0 answers in a way of its own and that would make the states drift apart.

They are put at the end of a segment, each on a session of its own, when nothing comes
after that a different state could spoil. Both answers are fixed here: what Apache's does
is as much a fact to be held as what ours does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conformance.differential import operations as make
from conformance.differential.arguments import SUPER_IDENTITY
from conformance.differential.lockstep import Side
from conformance.differential.operations import Request
from conformance.differential.report import Report
from conformance.rawclient import (
    PING_FRAME,
    Handshake,
    RawConnection,
    pack_connect,
    pack_int,
    read_header,
)
from conformance.servers import ApacheServer
from zkserver.wire.opcodes import Op

_XID: Final = 5
_SUPER: Final = make.auth(b"digest", SUPER_IDENTITY, closes=False)
_STRANGE: Final = "an answer without a reply header"
#: Silence of this many seconds passes for "it stays open".
_SILENCE_S: Final = 3.0
_REFUSED: Final = ("err -6", "closed")


@dataclass(frozen=True, slots=True)
class Probe:
    """Requests of one session and what they are answered on either kind of server."""

    name: str
    reason: str
    requests: tuple[Request, ...]
    apache: tuple[str, ...]
    ours: tuple[str, ...]


_PERSISTENT: Final = make.with_number(Op.ADD_WATCH, b"/probe", 0)

PROBES: Final = (
    Probe(
        "a bare check that holds",
        "3.8.0 takes a zxid and does not answer; from 3.8.5 and 3.9.3 it is Unimplemented",
        (make.with_number(Op.CHECK, b"/", -1),),
        ("open",),
        _REFUSED,
    ),
    Probe(
        "a bare check that fails",
        "as above, but 3.8.0 answers",
        (make.with_number(Op.CHECK, b"/nowhere", -1),),
        ("err -101", "open"),
        _REFUSED,
    ),
    Probe(
        "createSession from a client",
        "internal; 3.8.0 writes it to its log and answers with a ConnectResponse",
        (Request(Op.CREATE_SESSION, pack_int(5000)),),
        (_STRANGE, "open"),
        _REFUSED,
    ),
    Probe(
        "deleteContainer from a client",
        "internal; 3.8.0 takes the whole frame for a path, which is never valid",
        (Request(Op.DELETE_CONTAINER, b"/probe"),),
        ("err -8", "open"),
        _REFUSED,
    ),
    Probe(
        "removeWatches of a persistent watch as type 4",
        "3.9 added the type",
        (_PERSISTENT, make.with_number(Op.REMOVE_WATCHES, b"/probe", 4)),
        ("err 0", "err -5", "open"),
        ("err 0", "err 0", "open"),
    ),
    Probe(
        "removeWatches of a persistent watch as type 2",
        "since 3.9 the type means the standard data watch",
        (_PERSISTENT, make.with_number(Op.REMOVE_WATCHES, b"/probe", 2)),
        ("err 0", "err 0", "open"),
        ("err 0", "err -121", "open"),
    ),
    Probe(
        "a null path in a multi, behind an operation that fails",
        "all paths are looked up before anything runs",
        (
            make.multi(
                Op.MULTI,
                (
                    make.with_number(Op.CHECK, b"/nowhere", -1),
                    make.with_number(Op.DELETE, None, -1),
                ),
            ),
        ),
        ("err -5", "open"),
        ("err -5", "open"),
    ),
    Probe(
        "addWatch without a path, and the end of the session",
        "3.8.0 takes the watch, fails on it when the connection ends, and leaves it open",
        (make.with_number(Op.ADD_WATCH, None, 0), Request(Op.CLOSE_SESSION, b"")),
        ("err 0", "err 0", "open"),
        ("err 0", "err 0", "closed"),
    ),
)


def run_probes(sides: tuple[Side, Side], report: Report) -> None:
    """Put every probe to both servers and compare with what is written here."""
    for probe in PROBES:
        for side in sides:
            expected = probe.apache if side.name == ApacheServer.name else probe.ours
            answer = outcome(side.port, probe.requests)
            if answer == expected:
                report.comparisons += 1
            else:
                where = f"probe on {side.name}: {probe.name} ({probe.reason})"
                report.differs(where, f"probe: {probe.name}", expected, answer)


def outcome(port: int, requests: tuple[Request, ...]) -> tuple[str, ...]:
    """The error codes of the answers, and whether the connection is open afterwards."""
    with RawConnection(port, _SILENCE_S) as connection:
        greeted: Handshake | None = connection.handshake(pack_connect())
        if greeted is None or not greeted.accepted:
            return ("no session",)
        # The random operations may have closed the root to everybody else.
        connection.send(_SUPER.frame(-4))
        answers: list[str] = []
        for request in requests:
            connection.send(request.frame(_XID))
            connection.send(PING_FRAME)
            for payload in connection.frames_until_ping():
                header = read_header(payload)
                if header.xid == _XID:
                    answers.append(f"err {header.err}")
                elif header.xid == 0:
                    answers.append(_STRANGE)
        return (*answers, "closed" if connection.closed else "open")
