"""One session that writes until its server dies, and checks every answer it gets."""

from __future__ import annotations

import random
import struct
import threading
from collections import deque

from conformance.crash.connection import (
    STAT_BYTES,
    Connection,
    ConnectionLostError,
    OpCode,
    Reply,
    Session,
    create_body,
    decode_buffer,
    decode_stat,
    path_version_body,
    set_body,
)
from conformance.crash.workload import SHARED_QUEUE, Op, Step, Subtree, Verb, Workload

_MULTI_HEADER = struct.Struct(">i?i")
_MULTI_END = _MULTI_HEADER.pack(-1, True, -1)
_BAD_VERSION = -103
_OPCODES = {
    Verb.CREATE: OpCode.CREATE,
    Verb.SET: OpCode.SET_DATA,
    Verb.DELETE: OpCode.DELETE,
    Verb.CHECK: OpCode.CHECK,
}


class Violation(Exception):  # noqa: N818 - it is a finding, the program has no error
    """The server broke one of its promises; the text says which and where."""


def step_body(step: Step) -> bytes:
    """The request record of one step."""
    if step.verb is Verb.CREATE:
        return create_body(step.requested_path, step.data, step.flags)
    if step.verb is Verb.SET:
        return set_body(step.path, step.data)
    return path_version_body(step.path, step.version)


def encode_op(op: Op | tuple[Step, ...]) -> tuple[OpCode, bytes]:
    """The request of an op: its step alone, or a multi of its steps."""
    steps = op.steps if isinstance(op, Op) else op
    if len(steps) == 1:
        return _OPCODES[steps[0].verb], step_body(steps[0])
    parts = [_MULTI_HEADER.pack(_OPCODES[s.verb], False, -1) + step_body(s) for s in steps]
    return OpCode.MULTI, b"".join(parts) + _MULTI_END


class Writer:
    """A writer with its session, its unresolved ops and what the server answered.

    ``base`` is the subtree after the last crash that was checked; ``ops`` are the ones sent
    since, the first ``acknowledged`` of which were answered.
    """

    def __init__(self, name: str, root: str, rng: random.Random, window: int) -> None:
        self.name = name
        self.root = root
        self.window = window
        self.workload = Workload(root, rng)
        self.base = Subtree()
        self.ops: list[Op] = []
        self.acknowledged = 0
        self.session: Session | None = None
        self.connection: Connection | None = None
        #: mzxid by (path, version) of every answered setData, to compare after the crash.
        self.mzxids: dict[tuple[str, int], int] = {}
        #: The largest zxid that any client had seen before this load began.
        self.zxid_floor = 0
        self.violation: str | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def set_up(self, port: int) -> None:
        """Open a session and create the subtree; raises ``Violation`` if that is refused."""
        self.connection = Connection(port)
        self.session = self.connection.session
        steps = self.workload.setup_steps()
        reply = self.connection.call(*encode_op(steps))
        if reply.err:
            raise Violation(f"{self.name}: creating the subtree was answered {reply.err}")
        for subtree in (self.base, self.workload.ahead):
            subtree.apply(Op(-1, steps), self.root, 0)

    def start(self, zxid_floor: int) -> None:
        """Begin to write in a thread of its own."""
        self.zxid_floor = zxid_floor
        self._ended.clear()
        self._thread = threading.Thread(target=self._write, name=self.name, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether the thread has stopped writing."""
        return self._ended.is_set()

    def join(self) -> None:
        """Wait until the thread has noticed that the server is gone; raises ``Violation``."""
        if self._thread is not None:
            self._thread.join()
        if self.violation is not None:
            raise Violation(self.violation)

    def drop(self) -> None:
        """Close the socket, if there is one; the session stays."""
        if self.connection is not None:
            self.connection.drop()

    def settle(self, subtree: Subtree, queue_paths: list[str]) -> None:
        """Take over what the check after a crash found; the next load goes on from there."""
        self.base = subtree
        self.ops.clear()
        self.acknowledged = 0
        self.mzxids.clear()
        self.workload.ahead = subtree.copy()
        self.workload.queue_paths = queue_paths

    def _write(self) -> None:
        connection, session = self.connection, self.session
        assert connection is not None and session is not None
        pending: deque[tuple[int, Op]] = deque()
        try:
            while True:
                while len(pending) < self.window:
                    op = self.workload.next_op(session.session_id)
                    # Noted before it is written: from here on it may take effect.
                    self.ops.append(op)
                    pending.append((connection.send(*encode_op(op)), op))
                connection.flush()
                for _ in range(self.workload.rng.randint(1, self.window)):
                    before = connection.last_zxid
                    self._check_reply(*pending.popleft(), connection.receive(), before)
        except ConnectionLostError:
            pass
        except Violation as violation:
            self.violation = str(violation)
        finally:
            connection.drop()
            self._ended.set()

    def _check_reply(self, xid: int, op: Op, reply: Reply, zxid_before: int) -> None:
        where = f"{self.name}: op {op.index} ({', '.join(s.verb.value for s in op.steps)})"
        if reply.xid != xid:
            raise Violation(f"{where}: reply has xid {reply.xid}, expected {xid}")
        if reply.err:
            raise Violation(f"{where}: answered error {reply.err}")
        if reply.zxid < zxid_before or reply.zxid <= self.zxid_floor:
            known = max(zxid_before, self.zxid_floor)
            raise Violation(f"{where}: zxid {reply.zxid:#x} is not above {known:#x}")
        if len(op.steps) == 1:
            self._check_result(where, op, 0, reply.body, 0)
        else:
            self._check_multi(where, op, reply.body)
        op.acknowledged = True
        self.acknowledged += 1
        if op.queue_path is not None:
            self.workload.queue_paths.append(op.queue_path)

    def _check_multi(self, where: str, op: Op, body: bytes) -> None:
        offset = 0
        last = len(op.steps) - 1
        for number in range(len(op.steps)):
            kind, _, err = _MULTI_HEADER.unpack_from(body, offset)
            offset += _MULTI_HEADER.size
            expected = 0 if not op.fails or number < last else _BAD_VERSION
            if err != expected or (kind == -1) != op.fails:
                raise Violation(f"{where}: result {number} is type {kind}, error {err}")
            if op.fails:
                offset += 4
            else:
                offset = self._check_result(where, op, number, body, offset)
        if body[offset:] != _MULTI_END:
            raise Violation(f"{where}: the multi's answer does not end after its results")

    def _check_result(self, where: str, op: Op, number: int, body: bytes, offset: int) -> int:
        """Compare one result with the model's; returns the offset behind it."""
        step = op.steps[number]
        if step.verb is Verb.CREATE:
            raw, offset = decode_buffer(body, offset)
            path = raw.decode()
            if path.startswith(SHARED_QUEUE):
                op.queue_path = path
            elif path != step.path:
                raise Violation(f"{where}: created {path}, expected {step.path}")
        elif step.verb is Verb.SET:
            stat = decode_stat(body, offset)
            offset += STAT_BYTES
            expected = op.versions[number]
            if expected is not None:
                if stat.version != expected:
                    raise Violation(f"{where}: version {stat.version}, expected {expected}")
                self.mzxids[step.path, stat.version] = stat.mzxid
            if stat.mzxid <= self.zxid_floor:
                raise Violation(
                    f"{where}: mzxid {stat.mzxid:#x} was given out before the crash "
                    f"(zxid {self.zxid_floor:#x} was seen)"
                )
        return offset
