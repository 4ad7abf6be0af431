"""What one client may be told: checks on every reply and notification it gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zkserver.sim.checkers import Checkers
from zkserver.sim.model import Seen
from zkserver.sim.requests import READS
from zkserver.sim.world import Violation
from zkserver.tree.node import data_of, stat_of
from zkserver.wire.jute import Reader
from zkserver.wire.opcodes import Code, EventType, Op

if TYPE_CHECKING:
    from zkserver.sim.client import Call

_DATA_EVENTS: Final = (EventType.NODE_CREATED, EventType.NODE_DATA_CHANGED)


@dataclass(slots=True)
class Watch:
    """A one-shot watch that the client believes to have."""

    #: Everything up to here was seen when it was set.
    zxid: int
    #: There was no such znode then.
    is_absent: bool


class ReplyChecker:
    """Holds what a client was told against the sequence and against what it was told before."""

    def __init__(self, name: str, checkers: Checkers) -> None:
        self.name = name
        self.checkers = checkers
        self.model = checkers.model
        #: The highest zxid seen; lower ones may not follow, on whatever server.
        self.zxid = 0
        #: (table, path) -> watch, with the tables ``data`` and ``child``.
        self.watches: dict[tuple[str, bytes], Watch] = {}
        #: The watches were set on a server that is gone, and not set again yet.
        self._are_watches_away = False
        self.replies = 0
        self.notifications = 0

    # The session.

    def refused(self, session_id: int, password: bytes) -> None:
        """The handshake said that the session is over."""
        session = self.model.sessions.get(session_id)
        if session is not None and session.password == password:
            raise Violation("handshake", f"{self.name}: {session_id:#x} lives and was refused")

    def attached(self) -> None:
        """The handshake was accepted."""
        self._are_watches_away = bool(self.watches)

    def closed(self, session_id: int) -> None:
        """The close was acknowledged."""
        if session_id in self.model.sessions:
            raise Violation("close", f"{self.name}: {session_id:#x} was closed and lives")

    # Watches.

    def watches_set(self, zxid: int) -> None:
        """The server has set those again that did not fire meanwhile."""
        self._are_watches_away = False
        self.shown(zxid, look_at_watches=False)
        for watch in self.watches.values():
            watch.zxid = zxid

    def notified(self, zxid: int, body: bytes, *, is_catching_up: bool) -> None:
        """A notification came: there must be a watch for it, which is then used up."""
        reader = Reader(body)
        kind, _, path = reader.int32(), reader.int32(), reader.needed_string()
        self.notifications += 1
        told = f"{self.name} is notified of {EventType(kind).name} {path!r} at {zxid:#x}"
        if kind == EventType.NODE_DELETED:
            found = [self.watches.pop((table, path), None) for table in ("data", "child")]
        else:
            table = "data" if kind in _DATA_EVENTS else "child"
            found = [self.watches.pop((table, path), None)]
        held = [watch for watch in found if watch is not None]
        if not held:
            raise Violation("watch", f"{told} without a watch")
        if zxid == -1:
            if not is_catching_up:
                raise Violation("watch", f"{told} without having asked")
            return
        if zxid <= min(watch.zxid for watch in held):
            raise Violation("watch", f"{told}, which it had seen when it set the watch")

    def _look_at_watches(self, zxid: int) -> None:
        """Nothing may show a change of which a watch has not told yet."""
        for (table, path), watch in self.watches.items():
            histories = self.model.znodes if table == "data" else self.model.listings
            history = histories.get(path)
            if history is not None and history.changes(watch.zxid, zxid):
                raise Violation(
                    "watch",
                    f"{self.name} is shown {zxid:#x} before its {table} watch of {path!r}, set at"
                    f" {watch.zxid:#x}, has fired",
                )

    # Replies.

    def shown(self, zxid: int, *, look_at_watches: bool = True) -> None:
        """A reply shows the state as of ``zxid``."""
        if zxid < self.zxid:
            raise Violation("zxid", f"{self.name} is shown {zxid:#x} after {self.zxid:#x}")
        self.zxid = zxid
        self.checkers.newest_shown = max(zxid, self.checkers.newest_shown)
        if look_at_watches and self.watches and not self._are_watches_away:
            self._look_at_watches(zxid)

    def replied(self, call: Call, zxid: int, code: int, body: bytes) -> None:
        """The reply to a request."""
        self.replies += 1
        self.shown(zxid)
        if call.kind in READS:
            self._read(call, zxid, code, body)
        elif call.kind == "sync":
            self._synced(call, zxid, code)
        else:
            self._written(call, zxid, code)

    def _written(self, call: Call, zxid: int, code: int) -> None:
        """What is acknowledged is in the sequence, there, and with that result."""
        outcome = self.model.outcomes.get(zxid)
        told = f"{self.name} is told {code} for {call.kind} {call.path} ({call.xid}) at {zxid:#x}"
        if outcome is None or outcome.xid != call.xid:
            raise Violation("acknowledged", f"{told}, where the sequence has {outcome}")
        expected = outcome.code
        if outcome.op == Op.MULTI and expected not in (
            Code.SESSION_EXPIRED,
            Code.MARSHALLING_ERROR,
        ):
            expected = 0
        if code != expected:
            raise Violation("acknowledged", f"{told}, it should be {expected}")

    def _synced(self, call: Call, zxid: int, code: int) -> None:
        """A sync is not in the sequence, but behind all that anybody was shown before it."""
        if code or zxid < call.newest_zxid:
            raise Violation(
                "sync",
                f"{self.name} is told {code} for sync ({call.xid}) at {zxid:#x}, begun when"
                f" {call.newest_zxid:#x} had been shown",
            )

    def _read(self, call: Call, zxid: int, code: int, body: bytes) -> None:
        op, has_watch = READS[call.kind]
        path = call.path.encode()
        told = f"{self.name} reads {call.path} ({call.kind}) at {zxid:#x}"
        if code not in (0, Code.NO_NODE):
            raise Violation("read", f"{told} and gets {code}")
        found: object = None
        if op == Op.GET_CHILDREN:
            expected = self.model.names_at(path, zxid)
            if not code:
                found = tuple(sorted(Reader(body).strings()))
        else:
            expected = self.model.znode_at(path, zxid)
            if not code:
                stat = stat_of(body)
                data = (data_of(body) or b"") if op == Op.GET_DATA else None
                if data is None and isinstance(expected, Seen):
                    data = expected.data
                found = Seen(data or b"", stat.mzxid, stat.version)
        call.value = found
        if found != expected:
            raise Violation("read", f"{told} and gets {found}, it should be {expected}")
        if has_watch and (not code or op == Op.EXISTS):
            table = "child" if op == Op.GET_CHILDREN else "data"
            self.watches[table, path] = Watch(zxid, bool(code))
