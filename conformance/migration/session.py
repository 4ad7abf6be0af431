"""A session on a raw connection, with the few requests that a journey makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

from conformance.rawclient import (
    HEADER_BYTES,
    NOTIFICATION_XID,
    Cursor,
    RawConnection,
    Stat,
    pack_bool,
    pack_bytes,
    pack_connect,
    pack_int,
    pack_long,
    pack_request,
    pack_vector,
    read_header,
)

Acl = tuple[tuple[int, bytes, bytes], ...]

OPEN: Final[Acl] = ((31, b"world", b"anyone"),)
#: Kinds of znodes, as the flags of create.
PERSISTENT, EPHEMERAL, SEQUENTIAL, CONTAINER, TTL = 0, 1, 2, 4, 5
_CREATE, _DELETE, _GET, _SET, _GET_ACL, _SET_ACL, _CHILDREN, _CHECK = 1, 2, 4, 5, 6, 7, 8, 13
_MULTI, _CREATE_CONTAINER, _CREATE_TTL, _AUTH, _CLOSE = 14, 19, 21, 100, -11
_AUTH_XID: Final = -4
_MULTI_END: Final = pack_int(-1) + pack_bool(True) + pack_int(-1)
#: Long enough for a server to be away for, with the limit of the settings below.
TIMEOUT_MS: Final = 600_000
#: Apache's key that allows such a timeout.
SETTINGS: Final = {"maxSessionTimeout": str(TIMEOUT_MS)}


class RefusedError(Exception):
    """The server answered with an error; ``code`` is its number."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what}: error {code}")
        self.code = code


def pack_acl(acl: Acl) -> bytes:
    """An ACL as requests have it."""
    return pack_vector(
        pack_int(perms) + pack_bytes(scheme) + pack_bytes(ident) for perms, scheme, ident in acl
    )


def create_body(path: str, data: bytes | None, acl: Acl = OPEN, flags: int = 0) -> bytes:
    """The body of a create."""
    return pack_bytes(path.encode()) + pack_bytes(data) + pack_acl(acl) + pack_int(flags)


class Session:
    """One session; ``resume`` (id and password) takes an older one over.

    Raises :class:`RefusedError`, and ``ConnectionError`` when the server refuses the session or
    closes the connection.
    """

    def __init__(self, port: int, resume: tuple[int, bytes] | None = None) -> None:
        self._connection = RawConnection(port, timeout_s=30.0)
        session_id, password = resume or (0, bytes(16))
        answer = self._connection.handshake(
            pack_connect(timeout_ms=TIMEOUT_MS, session_id=session_id, password=password)
        )
        if answer is None or not answer.accepted:
            self._connection.close()
            raise ConnectionError(f"the server on port {port} refused the session")
        self.id = answer.session_id
        self.password = answer.password or b""
        self._xid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def drop(self) -> None:
        """End the connection; the session stays."""
        self._connection.close()

    def end(self) -> None:
        """End the session, if the server is still there."""
        if not self._connection.closed:
            self._connection.send(pack_request(self._xid + 1, _CLOSE))
            self._connection.frames_until_end()
        self._connection.close()

    def ask(self, op: int, body: bytes, what: str) -> Cursor:
        """Send a request; the reply behind its header."""
        self._xid += 1
        xid = _AUTH_XID if op == _AUTH else self._xid
        self._connection.send(pack_request(xid, op, body))
        while True:
            payload = self._connection.frame()
            if payload is None:
                raise ConnectionError(f"{what}: the server has closed the connection")
            header = read_header(payload)
            if header.xid == NOTIFICATION_XID:
                continue
            if header.err:
                raise RefusedError(what, header.err)
            return Cursor(payload, HEADER_BYTES)

    def authenticate(self, scheme: str, credential: bytes) -> None:
        """addAuth."""
        body = pack_int(0) + pack_bytes(scheme.encode()) + pack_bytes(credential)
        self.ask(_AUTH, body, f"auth {scheme}")

    def create(
        self, path: str, data: bytes | None = b"", acl: Acl = OPEN, flags: int = PERSISTENT
    ) -> str:
        """A znode of any kind but TTL; its path."""
        op = _CREATE_CONTAINER if flags == CONTAINER else _CREATE
        reply = self.ask(op, create_body(path, data, acl, flags), f"create {path}")
        return (reply.buffer() or b"").decode()

    def create_ttl(self, path: str, data: bytes, ttl_ms: int) -> None:
        """A TTL znode."""
        body = create_body(path, data, OPEN, TTL) + pack_long(ttl_ms)
        self.ask(_CREATE_TTL, body, f"create {path}")

    def set(self, path: str, data: bytes | None, version: int = -1) -> None:
        """SetData."""
        body = pack_bytes(path.encode()) + pack_bytes(data) + pack_int(version)
        self.ask(_SET, body, f"set {path}")

    def delete(self, path: str) -> None:
        """Delete, whatever the version."""
        self.ask(_DELETE, pack_bytes(path.encode()) + pack_int(-1), f"delete {path}")

    def set_acl(self, path: str, acl: Acl) -> None:
        """SetACL, whatever the version."""
        body = pack_bytes(path.encode()) + pack_acl(acl) + pack_int(-1)
        self.ask(_SET_ACL, body, f"setACL {path}")

    def multi(self, creates: Sequence[tuple[str, bytes]], deletes: Sequence[str] = ()) -> None:
        """Create and delete in one transaction."""
        parts = [(_CREATE, create_body(path, data)) for path, data in creates]
        parts += [(_DELETE, pack_bytes(path.encode()) + pack_int(-1)) for path in deletes]
        body = b"".join(
            pack_int(op) + pack_bool(False) + pack_int(-1) + packed for op, packed in parts
        )
        self.ask(_MULTI, body + _MULTI_END, "multi")

    def get(self, path: str) -> tuple[bytes | None, Stat]:
        """GetData without a watch."""
        reply = self.ask(_GET, pack_bytes(path.encode()) + pack_bool(False), f"get {path}")
        return reply.buffer(), reply.stat()

    def get_acl(self, path: str) -> Acl:
        """GetACL."""
        reply = self.ask(_GET_ACL, pack_bytes(path.encode()), f"getACL {path}")
        return tuple(
            (reply.i32(), reply.buffer() or b"", reply.buffer() or b"") for _ in range(reply.i32())
        )

    def children(self, path: str) -> list[str]:
        """GetChildren without a watch."""
        body = pack_bytes(path.encode()) + pack_bool(False)
        reply = self.ask(_CHILDREN, body, f"getChildren {path}")
        return [(reply.buffer() or b"").decode() for _ in range(reply.i32())]
