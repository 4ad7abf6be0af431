"""The well-behaved client that must not notice the fuzzing, and the one that cleans up."""

from __future__ import annotations

import threading
import time

from conformance.crash.connection import (
    OPEN_ACL,
    STAT_BYTES,
    Connection,
    ConnectionLostError,
    OpCode,
    SessionRefusedError,
    create_body,
    decode_buffer,
    decode_stat,
    encode_buffer,
    encode_path,
    set_body,
    watch_body,
)
from conformance.fuzz.requests import FUZZ_ROOT

CONTROL_PATH = "/control"
#: ``super:test``; servers get its digest in their configuration, fuzzing never sends it.
SUPER_CREDENTIALS = b"super:test"
SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
#: No answer for this long is a stall, in seconds.
_STALL_S = 10.0
_PAUSE_S = 0.005
_CLEAN_EVERY_S = 1.0
_ANY_VERSION = b"\xff\xff\xff\xff"
_NODE_EXISTS = -110
#: What a fresh server has, and the control client's znode.
_KEPT = {b"/zookeeper", b"/zookeeper/quota", b"/zookeeper/config", CONTROL_PATH.encode()}


class Control(threading.Thread):
    """Sets and reads its znode all the time; keeps the first thing that went wrong."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.problem: str | None = None
        self.rounds = 0
        self.latency_s_max = 0.0
        self._stop_event = threading.Event()
        self._connection = Connection(port, patience_s=_STALL_S)
        reply = self._connection.call(OpCode.CREATE, create_body(CONTROL_PATH, b""))
        if reply.err:
            raise RuntimeError(f"the control client cannot create {CONTROL_PATH}: {reply.err}")

    def run(self) -> None:
        """Set, read, compare, until told to stop or until something is wrong."""
        try:
            while not self._stop_event.wait(_PAUSE_S) and self.problem is None:
                self.problem = self._round()
        except ConnectionLostError as error:
            self.problem = f"the control client lost its connection: {error}"

    def finish(self) -> None:
        """Stop; the connection stays open, so that descriptors can be compared."""
        self._stop_event.set()
        self.join()

    def close(self) -> None:
        """Close the connection."""
        self._connection.drop()

    def _round(self) -> str | None:
        self.rounds += 1
        value = b"round %d" % self.rounds
        began = time.monotonic()
        stored = self._connection.call(OpCode.SET_DATA, set_body(CONTROL_PATH, value))
        read = self._connection.call(OpCode.GET_DATA, watch_body(CONTROL_PATH))
        self.latency_s_max = max(self.latency_s_max, time.monotonic() - began)
        if stored.err or read.err:
            return f"round {self.rounds}: setData answered {stored.err}, getData {read.err}"
        found = decode_buffer(read.body)[0]
        version = decode_stat(read.body, len(read.body) - STAT_BYTES).version
        if found != value or version != self.rounds:
            return (
                f"round {self.rounds}: wrote {value!r} as version {self.rounds}, "
                f"read {found!r} as version {version}"
            )
        return None


class Cleaner(threading.Thread):
    """Deletes, as super user, every znode that a fresh server would not have."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.problem: str | None = None
        self.deleted = 0
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Clean once in a while, so that the tree stays small."""
        try:
            while not self._stop_event.wait(_CLEAN_EVERY_S):
                self.clean()
        except (ConnectionLostError, SessionRefusedError) as error:
            self.problem = f"the cleaning client lost its connection: {error}"

    def finish(self) -> list[bytes]:
        """Stop, clean for the last time and return the paths that could not be deleted."""
        self._stop_event.set()
        self.join()
        if self.problem is None:
            try:
                self.clean()
                return [path for path in self.clean() if path != FUZZ_ROOT]
            except (ConnectionLostError, SessionRefusedError) as error:
                self.problem = f"the cleaning client lost its connection: {error}"
        return []

    def clean(self) -> list[bytes]:
        """Delete everything that can be and open the root again; returns what was found."""
        with Connection(self.port, timeout_ms=5000) as connection:
            credentials = b"\0\0\0\0" + encode_buffer(b"digest") + encode_buffer(SUPER_CREDENTIALS)
            if connection.call(OpCode.AUTH, credentials).err:
                raise ConnectionLostError("the super user is not accepted")
            # Parents come before their children in this list, so it is deleted from its end.
            found = [path for path in self._walk(connection) if path not in _KEPT]
            for path in reversed(found):
                connection.send(OpCode.DELETE, encode_buffer(path) + _ANY_VERSION)
            # A setACL on the root would make the server refuse all later creations.
            connection.send(OpCode.SET_ACL, encode_path("/") + OPEN_ACL + _ANY_VERSION)
            connection.send(OpCode.CREATE, create_body(FUZZ_ROOT.decode(), b""))
            connection.flush()
            for _ in found:
                self.deleted += connection.receive().err == 0
            for what in ("opening the root", "creating the fuzzed subtree"):
                err = connection.receive().err
                if err not in (0, _NODE_EXISTS):
                    raise ConnectionLostError(f"{what} was answered {err}")
        return found

    def _walk(self, connection: Connection) -> list[bytes]:
        """Every path but the root's, level by level."""
        paths: list[bytes] = []
        level = [b"/"]
        while level:
            for path in level:
                connection.send(OpCode.GET_CHILDREN, encode_buffer(path) + b"\0")
            connection.flush()
            below: list[bytes] = []
            for path in level:
                reply = connection.receive()
                if reply.err:
                    continue
                prefix = path if path.endswith(b"/") else path + b"/"
                offset = 4
                for _ in range(int.from_bytes(reply.body[:4], "big", signed=True)):
                    name, offset = decode_buffer(reply.body, offset)
                    below.append(prefix + name)
            paths += below
            level = below
        return paths
