"""Plays planned conversations over sockets and says what the server did with each input."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from conformance.crash.connection import Session
from conformance.fuzz.plan import Conversation, Input, Manner, frame, plan_conversation, request

#: The xid of the request that follows a batch: its answer says that the batch is through.
_SENTINEL_XID = 0x5A4B5A4B
_EXISTS = 3
_SENTINEL = request(_SENTINEL_XID, _EXISTS, frame(b"/") + b"\0")
_PING, _CLOSE_SESSION = 11, -11
_PING_XID, _NOTIFICATION_XID = -2, -1
#: Errors after which a server closes: Unimplemented, AuthFailed, SASL or authentication required.
_CLOSING_ERRORS = (-6, -115, -124)
#: How long a server may take to answer or to close before that is a finding, in seconds.
_PATIENCE_S = 20.0
#: Of every so many conversations with a handshake, one begins a new session.
_NEW_SESSION_EVERY = 50
_RESET = struct.pack("ii", 1, 0)


class Outcome(Enum):
    """What the server did with an input."""

    REPLY = "reply"
    REPLY_CLOSE = "reply, close"
    CLOSE = "close"
    IGNORED = "ignored"
    #: It was on its way when an earlier input ended the connection; not counted as an input.
    UNREAD = "unread"
    #: Neither answered nor closed in time: a finding.
    HUNG = "hung"


#: Outcomes after which the connection is still usable.
_GOES_ON = frozenset({Outcome.REPLY, Outcome.IGNORED})


class _Hung(Exception):  # noqa: N818 - it ends a conversation, nothing is wrong with us
    """The server neither answered nor closed."""


@dataclass(slots=True)
class Outcomes:
    """Counts by kind and outcome, and the conversations that need a look."""

    counts: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    conversations: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        """How many inputs the server has had to do with."""
        return sum(n for (_, outcome), n in self.counts.items() if outcome is not Outcome.UNREAD)

    def add(self, other: Outcomes) -> None:
        """Add another player's counts."""
        self.counts.update(other.counts)
        self.conversations += other.conversations
        self.findings += other.findings


class _Stream:
    """A socket with a reader of frames; a closed or reset connection reads as the end."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def send(self, data: bytes) -> None:
        """Send ``data``; that the server has closed meanwhile is noticed when reading."""
        try:
            self.socket.sendall(data)
        except TimeoutError as error:
            raise _Hung from error
        except OSError:
            pass

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The server was faster and has closed.

    def read(self) -> bytes:
        """Whatever comes next; empty at the end."""
        try:
            return self.socket.recv(65_536)
        except TimeoutError as error:
            raise _Hung from error
        except OSError:
            return b""

    def frame(self) -> bytes | None:
        """The next frame, or None when the server has closed."""
        buffer = self._buffer
        while len(buffer) < 4 or len(buffer) < 4 + int.from_bytes(buffer[:4], "big"):
            data = self.read()
            if not data:
                return None
            buffer += data
        end = 4 + int.from_bytes(buffer[:4], "big")
        body = bytes(buffer[4:end])
        del buffer[:end]
        return body

    def reset(self) -> None:
        """Close with a reset instead of the usual end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.socket.close()


class Player(threading.Thread):
    """One of the parallel connections: takes numbers from ``take`` and plays them.

    ``take`` returns the next conversation's number, or None when enough were played.
    """

    def __init__(self, port: int, seed: int, take: Callable[[Outcomes], int | None]) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.seed = seed
        self.take = take
        self.outcomes = Outcomes()
        self._session: Session | None = None
        self._until_new = _NEW_SESSION_EVERY
        #: The conversation that was played last.
        self.number: int | None = None
        #: Whether the thread came to its end; an exception in it must not pass for one.
        self.finished = False

    def run(self) -> None:
        """Play until ``take`` says that it is enough or the server cannot be reached."""
        while (number := self.take(self.outcomes)) is not None:
            self.number = number
            conversation = plan_conversation(self.seed, number)
            try:
                self._play(conversation)
            except OSError as error:
                self.outcomes.findings.append(f"conversation {number}: cannot connect: {error}")
                break
            self.outcomes.conversations += 1
        self.finished = True

    def _count(self, conversation: Conversation, given: Input, outcome: Outcome) -> None:
        self.outcomes.counts[given.kind, outcome] += 1
        if outcome is Outcome.HUNG:
            self.outcomes.findings.append(
                f"conversation {conversation.number} ({given.kind}): "
                f"neither an answer nor a close within {_PATIENCE_S:.0f} s"
            )

    def _play(self, conversation: Conversation) -> None:
        stream = _Stream(self.port)
        position = 0
        try:
            if conversation.handshake and not self._attach(stream):
                # A refused session is replaced by a new one on a connection of its own.
                stream.reset()
                stream = _Stream(self.port)
                self._attach(stream)
            inputs = conversation.inputs
            while position < len(inputs):
                batch = self._batch(inputs, position)
                if len(batch) > 1 or batch[0].manner is Manner.PIPELINED:
                    outcomes = self._pipeline(stream, batch)
                else:
                    outcomes = [self._single(stream, batch[0])]
                for given, outcome in zip(batch, outcomes, strict=True):
                    self._count(conversation, given, outcome)
                position += len(batch)
                if not _GOES_ON.issuperset(outcomes):
                    break
        except _Hung:
            self._count(conversation, conversation.inputs[position], Outcome.HUNG)
        finally:
            stream.reset()

    def _batch(self, inputs: tuple[Input, ...], position: int) -> list[Input]:
        """The pipelined inputs from ``position`` on, or one that is sent in another manner."""
        batch = list(itertools.takewhile(lambda i: i.manner is Manner.PIPELINED, inputs[position:]))
        return batch or [inputs[position]]

    def _attach(self, stream: _Stream) -> bool:
        """Shake hands; False when the session was refused or the server closed."""
        self._until_new -= 1
        if self._until_new <= 0:
            self._session, self._until_new = None, _NEW_SESSION_EVERY
        session = self._session or Session(0, bytes(16), 5000)
        self._session = None
        body = struct.pack(">iqiq", 0, 0, session.timeout_ms, session.session_id)
        stream.send(frame(body + frame(session.password) + b"\0"))
        answer = stream.frame()
        if answer is None or len(answer) < 36:
            return False
        _, timeout_ms, session_id = struct.unpack_from(">iiq", answer)
        if timeout_ms <= 0:
            return False
        self._session = Session(session_id, answer[20:36], timeout_ms)
        return True

    def _single(self, stream: _Stream, given: Input) -> Outcome:
        if given.manner is Manner.ABANDONED:
            stream.send(given.data)
            return Outcome.IGNORED
        if given.manner is Manner.TRICKLED:
            for at in range(len(given.data)):
                stream.send(given.data[at : at + 1])
            stream.send(_SENTINEL)
            return self._answers(stream, [given])[0]
        stream.send(given.data)
        if given.manner is Manner.FINISHED:
            stream.finish()
        answered = False
        while stream.read():
            answered = True
        return Outcome.REPLY_CLOSE if answered else Outcome.CLOSE

    def _pipeline(self, stream: _Stream, batch: list[Input]) -> list[Outcome]:
        stream.send(b"".join(given.data for given in batch) + _SENTINEL)
        return self._answers(stream, batch)

    def _answers(self, stream: _Stream, batch: list[Input]) -> list[Outcome]:
        """Match replies with inputs by xid: Apache answers auth ahead of what is pending."""
        waiting: dict[int | None, deque[int]] = {}
        for position, given in enumerate(batch):
            waiting.setdefault(_reply_xid(given), deque()).append(position)
        outcomes: list[Outcome | None] = [None] * len(batch)
        ending: int | None = None
        while True:
            reply = stream.frame()
            if reply is None:
                return _after_close(outcomes, ending)
            xid, _, err = struct.unpack_from(">iqi", reply)
            if xid == _SENTINEL_XID:
                return [outcome or Outcome.IGNORED for outcome in outcomes]
            if waiting.get(xid):
                position = waiting[xid].popleft()
                outcomes[position] = Outcome.REPLY
                operation = int.from_bytes(batch[position].data[8:12], "big", signed=True)
                if err in _CLOSING_ERRORS or operation == _CLOSE_SESSION:
                    ending = position


def _after_close(outcomes: list[Outcome | None], ending: int | None) -> list[Outcome]:
    """The outcomes when the server closed: by the reply at ``ending``, or for no reply."""
    if ending is not None:
        outcomes[ending] = Outcome.REPLY_CLOSE
    elif None in outcomes:
        outcomes[outcomes.index(None)] = Outcome.CLOSE
    return [outcome or Outcome.UNREAD for outcome in outcomes]


def _reply_xid(given: Input) -> int | None:
    """The xid that the reply to a request frame carries: its own, except a ping's.

    None when no reply can be told apart: the frame holds no header, or the xid is a
    notification's.
    """
    if len(given.data) < 12:
        return None
    xid, kind = struct.unpack_from(">ii", given.data, 4)
    if xid == _NOTIFICATION_XID:
        return None
    return _PING_XID if kind == _PING else int(xid)
