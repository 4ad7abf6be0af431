"""The whole tree as one server shows it, behind a sync."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from conformance.rawclient import (
    HEADER_BYTES,
    Cursor,
    RawConnection,
    Stat,
    pack_bool,
    pack_bytes,
    pack_connect,
    pack_request,
    pack_vector,
    read_header,
)

#: Requests that are under way together: few enough that their replies fit into the buffers
#: between the two, or both sides would wait for the other one to read.
_AT_ONCE = 200
_PATIENCE_S = 30.0
_CREATE, _GET_DATA, _GET_CHILDREN, _SYNC, _CLOSE_SESSION = 1, 4, 8, 9, -11
_NO_NODE = -101
_NODE_EXISTS = -110
#: Each server's own business; the membership below it is written by reconfigurations only.
_SKIPPED = "/zookeeper"
_OPEN_ACL = pack_vector([b"\0\0\0\x1f" + pack_bytes(b"world") + pack_bytes(b"anyone")])


class Node(NamedTuple):
    """A znode's data and Stat."""

    data: bytes
    stat: Stat


Tree = dict[str, Node]


class TreeError(Exception):
    """A server did not answer, or answered an error where there should be none."""


class _Session:
    """A session of its own on one server, for requests that must succeed."""

    def __init__(self, port: int) -> None:
        self._connection = RawConnection(port, _PATIENCE_S)
        self._xid = 0
        answer = self._connection.handshake(pack_connect(timeout_ms=10_000))
        if answer is None or not answer.accepted:
            self._connection.close()
            raise TreeError(f"the server on port {port} takes no session")

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.send(pack_request(self._xid + 1, _CLOSE_SESSION))
        self._connection.close()

    def ask_all(self, op: int, bodies: Sequence[bytes]) -> Iterator[tuple[int, Cursor]]:
        """Many requests; the error code of each and its reply behind the header, in order."""
        for start in range(0, len(bodies), _AT_ONCE):
            batch = bodies[start : start + _AT_ONCE]
            first = self._xid + 1
            self._xid += len(batch)
            requests = (pack_request(first + n, op, body) for n, body in enumerate(batch))
            self._connection.send(b"".join(requests))
            for number in range(len(batch)):
                frame = self._connection.frame()
                if frame is None:
                    raise TreeError("the server closed the connection")
                header = read_header(frame)
                if header.xid != first + number:
                    raise TreeError(f"reply {header.xid} came in place of {first + number}")
                yield header.err, Cursor(frame, HEADER_BYTES)


def _path_body(path: str) -> bytes:
    return pack_bytes(path.encode()) + pack_bool(False)


def read_tree(port: int) -> Tree:
    """Every znode that the server shows after a sync, but for those below /zookeeper.

    A znode that goes away while it is read is left out. Raises :class:`TreeError`, and
    ``SilenceError`` when the server does not answer.
    """
    tree: Tree = {}
    with _Session(port) as session:
        for error, _ in session.ask_all(_SYNC, [pack_bytes(b"/")]):
            if error:
                raise TreeError(f"sync was answered {error}")
        level = ["/"]
        while level:
            below: list[str] = []
            reads = session.ask_all(_GET_DATA, [_path_body(path) for path in level])
            for path, (error, cursor) in zip(level, reads, strict=True):
                if not error:
                    tree[path] = Node(cursor.buffer() or b"", cursor.stat())
                elif error != _NO_NODE:
                    raise TreeError(f"{path} was answered {error}")
            lists = session.ask_all(_GET_CHILDREN, [_path_body(path) for path in level])
            for path, (error, cursor) in zip(level, lists, strict=True):
                if not error:
                    parent = "" if path == "/" else path
                    names = sorted(cursor.buffer() or b"" for _ in range(cursor.i32()))
                    below += [f"{parent}/{name.decode()}" for name in names]
            level = [path for path in below if path != _SKIPPED]
    return tree


def make_znodes(port: int, znodes: Sequence[tuple[str, bytes]]) -> None:
    """Create these persistent znodes, those that exist left as they are; raises as above."""
    with _Session(port) as session:
        persistent = _OPEN_ACL + (0).to_bytes(4)
        bodies = [
            pack_bytes(path.encode()) + pack_bytes(data) + persistent for path, data in znodes
        ]
        for (path, _), (error, _) in zip(znodes, session.ask_all(_CREATE, bodies), strict=True):
            if error not in (0, _NODE_EXISTS):
                raise TreeError(f"creating {path} was answered {error}")
