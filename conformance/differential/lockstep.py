"""Drives two servers in lock step: same session, same bytes, then everything is read and compared.

A step sends one burst on one session to both servers and reads both streams up to the
reply of a ping behind the burst. When the burst may have changed the tree, the other
sessions are pinged as well, and their notifications compared.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from conformance.differential import known
from conformance.differential.generator import Generator, SessionView
from conformance.differential.normal import (
    Ended,
    Item,
    Normalizer,
    Notification,
    Reply,
    in_any_order,
)
from conformance.differential.operations import Place, Request, auth, with_number
from conformance.differential.report import Report, kind_of
from conformance.rawclient import (
    NEW_SESSION_PASSWORD,
    PING_FRAME,
    PING_XID,
    Handshake,
    RawConnection,
    pack_connect,
)
from zkserver.wire.opcodes import Op

_PING = Request(Op.PING, b"")
_SEQUENTIAL_FLAGS = (2, 3, 6)
#: What tells whether there is a watch.
_SHOW_WATCHES = (Op.REMOVE_WATCHES, Op.CHECK_WATCHES)


@dataclass(slots=True)
class Side:
    """One of the two servers, and what is known about its numbers."""

    name: str
    port: int
    normalizer: Normalizer = field(default_factory=lambda: Normalizer({}, {}))


@dataclass(slots=True)
class Attachment:
    """A session on one server: its id, its password and the present connection."""

    session_id: int
    password: bytes
    connection: RawConnection


@dataclass(slots=True)
class Session:
    """A session that exists on both servers."""

    name: str
    #: What it authenticates as after most (re)connects.
    identities: tuple[bytes, ...]
    view: SessionView = field(default_factory=SessionView)
    attached: list[Attachment] = field(default_factory=list)
    generation: int = 0
    #: Whether the servers surely know the present connections as the session's. They may not
    #: after we dropped one: 3.8.0 has then been seen not to close it for a third, probably
    #: because the late end of the old connection unregisters the new one.
    registered: bool = True
    #: Whether we have dropped the connections since.
    dropped: bool = False
    #: Paths where a known difference left one server with a watch.
    unwanted: list[bytes] = field(default_factory=list)
    #: False for a session whose operations are not part of the random stream.
    counted: bool = True
    xid: int = 0

    @property
    def live(self) -> bool:
        """Whether there is a connection to both servers."""
        return bool(self.attached) and not any(end.connection.closed for end in self.attached)

    def drop(self) -> None:
        """End both connections without a word."""
        self.dropped = True
        for end in self.attached:
            end.connection.close()

    def next_xid(self) -> int:
        """Client-chosen, positive, increasing."""
        self.xid += 1
        return self.xid


class Lockstep:
    """The two servers, the sessions on them, and the steps that can be taken."""

    def __init__(self, sides: tuple[Side, Side], generator: Generator, report: Report) -> None:
        self.sides = sides
        self.generator = generator
        self.report = report
        self.sessions: list[Session] = []
        self._connections: list[RawConnection] = []
        #: Whether the two are different programs, so that known differences may appear.
        self._unlike = sides[0].name != sides[1].name

    @property
    def _random(self) -> random.Random:
        return self.generator.random

    # Connections.

    def open(self, session: Session, *, read_only: bool | None = False) -> None:
        """A new session on both servers, with its identities."""
        session.generation += 1
        self._did(session, f"connect, new session {session.generation}", "connect")
        password = self._random.choice((NEW_SESSION_PASSWORD, None, b"", b"short"))
        session.attached = []
        answers = []
        for side in self.sides:
            connection = self._connect(side)
            answer = connection.handshake(
                pack_connect(timeout_ms=40_000, password=password, read_only=read_only)
            )
            if answer is None or not answer.accepted:
                raise ConnectionError(f"{side.name} refused a new session: {answer}")
            label = f"{session.name}.{session.generation}"
            side.normalizer.sessions[answer.session_id] = label
            attachment = Attachment(answer.session_id, answer.password or b"", connection)
            session.attached.append(attachment)
            answers.append(_plain(answer, side))
        self._compare_handshakes(session, answers)
        session.view.reconnected()
        session.registered = True
        self.present_identities(session)

    def present_identities(self, session: Session) -> None:
        """Send the session's auth packets."""
        for identity in session.identities:
            self.send(session, [auth(b"digest", identity, closes=False)])

    def reattach(
        self,
        session: Session,
        *,
        zxid_ahead: int = 0,
        wrong_password: bool = False,
        keep_old: bool = False,
        timeout_ms: int = 40_000,
    ) -> bool:
        """Connect to the same session again; returns whether the servers agreed to it.

        ``keep_old`` leaves the old connection to the server to close, which must happen.
        """
        how = f"reattach (zxid +{zxid_ahead}, wrong password {wrong_password}, old {keep_old})"
        self._did(session, how, "reattach")
        answers = []
        refused = False
        dropped = not keep_old and session.live
        for side, end in zip(self.sides, session.attached, strict=True):
            old = end.connection
            if not keep_old:
                old.close()
            request = pack_connect(
                last_zxid=session.view.last_zxid + zxid_ahead,
                timeout_ms=timeout_ms,
                session_id=end.session_id,
                password=bytes(16) if wrong_password else end.password,
            )
            end.connection = self._connect(side)
            answer = end.connection.handshake(request)
            if answer is None or not answer.accepted:
                refused = True
                end.connection.frames_until_end()
                end.connection.close()
            fate = _fate(old, zxid_ahead > 0, session.registered) if keep_old else ""
            answers.append((_plain(answer, side), fate))
        self._compare_handshakes(session, answers)
        session.view.reconnected()
        # Whatever we closed ourselves, the server may notice after the new connection.
        ours = dropped or (keep_old and (zxid_ahead > 0 or not session.registered))
        session.registered = not (ours or session.dropped)
        session.dropped = False
        return not refused

    def _connect(self, side: Side) -> RawConnection:
        connection = RawConnection(side.port)
        self._connections.append(connection)
        return connection

    def close(self) -> None:
        """End every connection that was ever made."""
        for connection in self._connections:
            connection.close()

    def _did(self, session: Session, what: str, kind: str) -> None:
        self.report.did(session.name, what, kind, counted=session.counted)

    def _compare_handshakes(self, session: Session, answers: Sequence[object]) -> None:
        if answers[0] == answers[1]:
            self.report.comparisons += 1
        else:
            self.report.differs(f"handshake of {session.name}", "handshake", *answers)

    # Steps.

    def send(self, session: Session, requests: list[Request]) -> list[Item]:
        """Send a burst, read and compare what the session and then the others are told.

        Returns what the session was told by the first server.
        """
        cut = _where_to_cut(requests)
        if cut:
            told = self.send(session, requests[:cut])
            return told + self.send(session, requests[cut:]) if session.live else told
        closes = requests[-1].place is Place.ALONE or requests[-1].op == Op.CLOSE_SESSION
        sent: list[tuple[int, Request]] = []
        for request in requests:
            sent.append((session.next_xid() if request.xid is None else request.xid, request))
            self._did(session, str(request), request.name)
            session.view.note(request)
        data = b"".join(request.frame(xid) for xid, request in sent)
        pings = 1 + sum(request.op == Op.PING for request in requests)
        if not closes:
            data += PING_FRAME
            sent.append((PING_XID, _PING))
        for end in session.attached:
            end.connection.send(data)
        streams = self._read(session, sent, closes, pings)
        unordered = requests[-1].op == Op.CLOSE_SESSION
        self._compare(session, streams, unordered=unordered)
        self._learn(session, streams[0])
        self._remove_unwanted_watches(session)
        if any(request.writes for request in requests):
            self.poll_others(session, unordered=unordered)
        return streams[0]

    def send_malformed(self, session: Session, data: bytes, what: str) -> None:
        """Bytes that no server accepts; both must close the connection."""
        self._did(session, what, "malformed frame")
        for end in session.attached:
            end.connection.send(data)
        self._compare(session, self._read(session, [], closes=True, pings=0))

    def poll_others(self, sender: Session | None, *, unordered: bool = False) -> None:
        """Ping all other sessions: what they were told stands before the reply."""
        others = [other for other in self.sessions if other is not sender and other.live]
        for other in others:
            for end in other.attached:
                end.connection.send(PING_FRAME)
        for other in others:
            streams = self._read(other, [(PING_XID, _PING)], closes=False, pings=1)
            self._compare(other, streams, unordered=unordered)
            self._learn(other, streams[0])

    def _read(
        self, session: Session, sent: list[tuple[int, Request]], closes: bool, pings: int
    ) -> list[list[Item]]:
        streams = []
        for side, end in zip(self.sides, session.attached, strict=True):
            connection = end.connection
            if closes:
                frames = connection.frames_until_end()
            else:
                frames = connection.frames_until_ping(pings)
            items = side.normalizer.items(frames, sent)
            if connection.silent:
                items.append(Ended("silence: it is open, and nothing comes"))
            elif connection.closed:
                items.append(Ended("closed by the server"))
            if closes or isinstance(items[-1] if items else None, Ended):
                connection.close()
            streams.append(items)
        return streams

    def _compare(
        self, session: Session, streams: list[list[Item]], *, unordered: bool = False
    ) -> None:
        first, second = (in_any_order(items) if unordered else items for items in streams)
        if first == second:
            for item in first:
                self.report.compared(item)
            return
        watched = self._watched(session)
        for number, (left, right) in enumerate(align(first, second), 1):
            if left == right and left is not None:
                self.report.compared(left)
                continue
            name = None
            if self._unlike and left is not None and right is not None:
                name = known.explain(left, right, watched)
            if name is None:
                where = f"{session.name}, answer {number} of the step"
                self.report.differs(where, kind_of(left, right), left, right)
            else:
                self.report.known[name] += 1
                self._note_unwanted_watch(session, name, left)

    def _note_unwanted_watch(self, session: Session, name: str, item: Item | None) -> None:
        if name != known.EXISTS_NEEDS_READ or not isinstance(item, Reply) or item.request is None:
            return
        path, watch = item.request.arguments
        if watch and isinstance(path, bytes):
            session.unwanted.append(path)

    def _remove_unwanted_watches(self, session: Session) -> None:
        """Make the watches equal again where one server has registered one and the other not."""
        paths, session.unwanted = session.unwanted, []
        if not paths or not session.live:
            return
        frames = [with_number(Op.REMOVE_WATCHES, path, 3).frame(0) for path in paths]
        for end in session.attached:
            end.connection.send(b"".join(frames) + PING_FRAME)
        for end in session.attached:
            end.connection.frames_until_ping()

    def _watched(self, session: Session) -> known.Watched:
        elsewhere = [other.view.watched for other in self.sessions if other is not session]
        persistent = frozenset(session.view.persistent)
        return known.Watched(persistent, frozenset().union(*elsewhere))

    def _learn(self, session: Session, items: list[Item]) -> None:
        for item in items:
            if not isinstance(item, Reply):
                continue
            if item.zxid > session.view.last_zxid:
                session.view.last_zxid = item.zxid
            request = item.request
            if item.err == 0 and request is not None and len(request.arguments) >= 4:
                path = item.body[0] if isinstance(item.body, tuple) else item.body
                if request.arguments[3] in _SEQUENTIAL_FLAGS and isinstance(path, bytes):
                    self.generator.created(path)


def _where_to_cut(requests: list[Request]) -> int:
    """Before the first request that would show a watch which one server has by now; or 0.

    3.8.0 registers the watch of an exists that may not read, and that watch is taken away
    behind the burst (:data:`known.EXISTS_NEEDS_READ`).
    """
    watched = False
    for at, request in enumerate(requests):
        if watched and (request.writes or request.op in _SHOW_WATCHES):
            return at
        watched = watched or (request.op == Op.EXISTS and request.arguments[1:] == (True,))
    return 0


def align(first: list[Item], second: list[Item]) -> Iterator[tuple[Item | None, Item | None]]:
    """Pairs of items that stand in the same place; ``None`` where one side has nothing.

    An additional notification is told once and does not shift the replies behind it.
    """
    left, right = deque(first), deque(second)
    while left and right:
        one, other = isinstance(left[0], Notification), isinstance(right[0], Notification)
        if one == other:
            yield left.popleft(), right.popleft()
        elif one:
            yield left.popleft(), None
        else:
            yield None, right.popleft()
    yield from ((item, None) for item in left)
    yield from ((None, item) for item in right)


def _fate(old: RawConnection, server_too_old: bool, registered: bool) -> str:
    """What became of the connection that another one of the same session came to replace."""
    try:
        if server_too_old:
            # The newcomer was refused before the session was looked at.
            old.send(PING_FRAME)
            return f"answered {len(old.frames_until_ping())} frames"
        if registered:
            frames = len(old.frames_until_end())
            return f"left open after {frames} frames" if old.silent else f"closed after {frames}"
        return ""
    finally:
        old.close()


def _plain(answer: Handshake | None, side: Side) -> object:
    """A handshake without the numbers that differ between servers."""
    if answer is None:
        return "closed without an answer"
    session = side.normalizer.sessions.get(answer.session_id, answer.session_id)
    size = len(answer.password or b"")
    zeros = not any(answer.password or b"")
    return (answer.protocol, answer.timeout_ms, session, size, zeros, answer.read_only)
