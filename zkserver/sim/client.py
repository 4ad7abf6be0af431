"""A simulated client: it sends what its plan says and believes nothing it is told.

It behaves as client libraries do: it keeps its session by pings, moves to another server
when one is silent, brings its session id, password and last zxid along, sets its watches
again, and never repeats a request whose fate it does not know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zkserver.sim.checkers import Checkers
from zkserver.sim.knobs import Knobs
from zkserver.sim.replies import ReplyChecker
from zkserver.sim.requests import (
    NO_PASSWORD,
    Operation,
    garbage,
    pack_connect,
    pack_operation,
    pack_set_watches,
)
from zkserver.sim.server import SimServer
from zkserver.sim.wires import Wire
from zkserver.sim.world import Violation, World
from zkserver.wire.opcodes import Op
from zkserver.wire.records import pack_request

_HANDSHAKE_BYTES: Final = 36
#: Pause before a client tries the next server, microseconds.
_RETRY_US: Final = (2_000, 60_000)


@dataclass(slots=True)
class Call:
    """A request that was sent, and what became of it."""

    client: int
    kind: str
    path: str
    data: bytes
    #: Version that a cset demands.
    version: int
    session_id: int
    xid: int
    begun_us: int
    #: The newest zxid that anybody had been shown by then.
    newest_zxid: int
    #: None: nobody knows whether it took effect.
    ended_us: int | None = None
    code: int = 0
    #: What a read returned.
    value: object = None


class SimClient:
    """One client with one session at a time."""

    def __init__(
        self,
        number: int,
        world: World,
        knobs: Knobs,
        servers: Sequence[SimServer],
        checkers: Checkers,
    ) -> None:
        self.number = number
        self.name = f"c{number}"
        self.world = world
        self.knobs = knobs
        self.servers = servers
        self.stream = world.stream(f"client {number}")
        self.replies = ReplyChecker(self.name, checkers)
        self.wire: Wire | None = None
        self.session_id = 0
        self.password = NO_PASSWORD
        self.timeout_ms = knobs.session_timeout_ms
        self.is_open = False
        #: What the plan wants done and was not sent yet.
        self.backlog: deque[Operation] = deque()
        self.outstanding: deque[Call] = deque()
        #: All requests ever sent that concern the tree.
        self.history: list[Call] = []
        self.sessions_lost = 0
        #: It wants a session; false after a close with nothing left to do.
        self.wants_session = False
        self._xid = 0
        self._inbuf = b""
        self._heard_us = 0
        self._sent_us = 0
        self._setting_watches = False
        self._try_planned = False

    # The plan.

    def perform(self, operation: Operation) -> None:
        """The time of an operation has come."""
        self.wants_session = True
        if operation.kind == "stall":
            if self.wire is not None:
                wire = self.wire
                wire.stall()
                self.world.after(operation.number * 1000, wire.drain)
            return
        if operation.kind == "move":
            self.hang_up("moves")
            return
        self.backlog.append(operation)
        self._proceed()

    def _proceed(self) -> None:
        """Send as much of the backlog as the pipeline takes, or look for a server."""
        if self.wire is None:
            self._try_later()
            return
        if not self.is_open or self._setting_watches:
            return
        frames: list[bytes] = []
        while self.backlog and len(self.outstanding) < self.knobs.pipeline:
            operation = self.backlog.popleft()
            if operation.kind == "garbage":
                frames.append(garbage(operation.number))
                break
            if operation.kind == "syncget":
                frames.append(self._begin(Operation(0, self.number, "sync", operation.path)))
            frames.append(self._begin(operation))
            if operation.kind == "close":
                break
        if frames and self.wire is not None:
            self._sent_us = self.world.now_us
            self.wire.send_up(b"".join(frames))

    def _begin(self, operation: Operation) -> bytes:
        self._xid += 1
        data = b"c%d.%d" % (self.number, self._xid)
        call = Call(
            self.number,
            operation.kind,
            operation.path,
            data,
            operation.number,
            self.session_id,
            self._xid,
            self.world.now_us,
            self.replies.checkers.newest_shown,
        )
        self.outstanding.append(call)
        self.history.append(call)
        return pack_operation(operation, self._xid, data)

    # Connections.

    def _try_later(self) -> None:
        if not self._try_planned:
            self._try_planned = True
            self.world.after(self.stream.randint(*_RETRY_US), self._try)

    def _try(self) -> None:
        self._try_planned = False
        if self.wire is not None or not (self.wants_session or self.backlog):
            return
        server = self.stream.choice(self.servers)
        self._heard_us = self._sent_us = self.world.now_us
        self._inbuf = b""
        self.wire = Wire(self.world, self.stream, self, server, self.knobs.client_delay_us)
        self.wire.send_up(
            pack_connect(
                self.replies.zxid, self.knobs.session_timeout_ms, self.session_id, self.password
            )
        )
        self.world.after(self.timeout_ms * 250, self._tick, self.wire)

    def _tick(self, wire: Wire) -> None:
        """Ping, and give up a server that is silent."""
        if wire is not self.wire:
            return
        now, timeout_us = self.world.now_us, self.timeout_ms * 1000
        if now - self._heard_us > timeout_us * 2 // 3:
            self.hang_up("hears nothing")
            return
        if self.is_open and now - max(self._sent_us, self._heard_us) >= 0:
            self._sent_us = now
            wire.send_up(pack_request(-2, Op.PING))
        self.world.after(timeout_us // 4, self._tick, wire)

    def hang_up(self, why: str) -> None:
        """Leave the server."""
        if self.wire is not None:
            self.world.note(self.name, "hangs up", why)
            wire = self.wire
            wire.close_from_client()
            self._lost()

    def hung_up(self, wire: Wire) -> None:
        """The server has left."""
        if wire is self.wire:
            self._lost()

    def _lost(self) -> None:
        """Of what was sent nobody knows whether it took effect."""
        self.wire = None
        self.is_open = self._setting_watches = False
        self.outstanding.clear()
        if self.wants_session or self.backlog:
            self._try_later()

    def _forget_session(self) -> None:
        self.session_id = 0
        self.password = NO_PASSWORD
        self.replies.watches.clear()

    # Answers.

    def got(self, wire: Wire, data: bytes) -> None:
        """Bytes of the server."""
        if wire is not self.wire:
            return
        self._heard_us = self.world.now_us
        data = self._inbuf + data if self._inbuf else data
        while len(data) >= 4 and wire is self.wire:
            size = int.from_bytes(data[:4], "big")
            if len(data) < 4 + size:
                break
            frame, data = data[4 : 4 + size], data[4 + size :]
            if self.is_open:
                self._frame(frame)
            else:
                self._handshake(frame)
        self._inbuf = data
        if wire is self.wire:
            self._proceed()

    def _handshake(self, frame: bytes) -> None:
        if len(frame) < _HANDSHAKE_BYTES:
            raise Violation("handshake", f"{self.name} got {frame.hex()}")
        timeout_ms = int.from_bytes(frame[4:8], "big")
        session_id = int.from_bytes(frame[8:16], "big", signed=True)
        if not timeout_ms:
            self.replies.refused(self.session_id, self.password)
            self.world.note(self.name, "expired", f"{self.session_id:#x}")
            self.sessions_lost += 1
            self._forget_session()
            self.hang_up("begins anew")
            return
        if self.session_id and session_id != self.session_id:
            raise Violation(
                "handshake", f"{self.name} asked for {self.session_id:#x} and got {session_id:#x}"
            )
        self.timeout_ms = timeout_ms
        self.session_id, self.password = session_id, frame[20:36]
        self.is_open = True
        self.world.note(self.name, "connected", f"{session_id:#x}")
        self.replies.attached()
        if self.replies.watches and self.wire is not None:
            self._setting_watches = True
            tables: dict[str, list[bytes]] = {"data": [], "exist": [], "child": []}
            for (table, path), watch in self.replies.watches.items():
                tables["exist" if table == "data" and watch.is_absent else table].append(path)
            self.wire.send_up(pack_set_watches(self.replies.zxid, *tables.values()))

    def _frame(self, frame: bytes) -> None:
        xid = int.from_bytes(frame[:4], "big", signed=True)
        zxid = int.from_bytes(frame[4:12], "big", signed=True)
        code = int.from_bytes(frame[12:16], "big", signed=True)
        if xid == -1:
            self.replies.notified(zxid, frame[16:], is_catching_up=self._setting_watches)
        elif xid == -2:
            self.replies.shown(zxid)
        elif xid == -8:
            self._setting_watches = False
            self.replies.watches_set(zxid)
        elif xid == 77 and zxid == -1:
            # The answer to garbage; the server hangs up behind it.
            pass
        else:
            self._reply(xid, zxid, code, frame[16:])

    def _reply(self, xid: int, zxid: int, code: int, body: bytes) -> None:
        if not self.outstanding or self.outstanding[0].xid != xid:
            expected = self.outstanding[0].xid if self.outstanding else None
            raise Violation("order", f"{self.name} got the reply to {xid}, next is {expected}")
        call = self.outstanding.popleft()
        self.replies.replied(call, zxid, code, body)
        call.ended_us = self.world.now_us
        call.code = code
        self.world.note(self.name, call.kind, f"{call.path} {xid} {code} zxid={zxid:#x}")
        if call.kind == "close":
            self.replies.closed(self.session_id)
            self._forget_session()
            self.wants_session = bool(self.backlog)
            self.hang_up("closed")
