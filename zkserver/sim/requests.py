"""The operations that simulated clients perform, and their bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from zkserver.tree.acl import OPEN
from zkserver.wire.jute import INT, LONG, pack_buffer, pack_strings
from zkserver.wire.opcodes import CreateMode, Op
from zkserver.wire.records import MULTI_END, MULTI_HEAD, pack_acl, pack_request

_OPEN_ACL: Final = pack_acl(OPEN)
_CONNECT: Final = struct.Struct(">iqiqi16s?")
XID_SET_WATCHES: Final = -8
XID_PING: Final = -2
NO_PASSWORD: Final = bytes(16)

#: Kind of a create -> its flags.
CREATES: Final = {
    "create": CreateMode.PERSISTENT,
    "ecreate": CreateMode.EPHEMERAL,
    "screate": CreateMode.PERSISTENT_SEQUENTIAL,
    "secreate": CreateMode.EPHEMERAL_SEQUENTIAL,
}
#: Kinds of reads -> operation and whether they leave a watch.
READS: Final = {
    "get": (Op.GET_DATA, False),
    "getw": (Op.GET_DATA, True),
    "exists": (Op.EXISTS, False),
    "existsw": (Op.EXISTS, True),
    "ls": (Op.GET_CHILDREN, False),
    "lsw": (Op.GET_CHILDREN, True),
    "syncget": (Op.GET_DATA, False),
}
WRITES: Final = (*CREATES, "delete", "set", "cset", "multi", "broken")
#: What concerns the connection rather than the tree.
OTHERS: Final = ("sync", "close", "move", "garbage", "stall")
KINDS: Final = (*WRITES, *READS, *OTHERS)


@dataclass(frozen=True, slots=True)
class Operation:
    """What one client is to do at some time."""

    at_ms: int
    client: int
    kind: str
    path: str = "/"
    #: Version of a cset, milliseconds of a stall, which garbage.
    number: int = 0

    def line(self) -> str:
        """As it stands in a scenario file."""
        return f"op {self.at_ms} {self.client} {self.kind} {self.path} {self.number}"

    @classmethod
    def parse(cls, words: list[str]) -> Operation:
        """The operation behind :meth:`line`; raises ``ValueError``."""
        at_ms, client, kind, path, number = words
        if kind not in KINDS:
            raise ValueError(f"unknown operation {kind}")
        return cls(int(at_ms), int(client), kind, path, int(number))


def pack_connect(last_zxid: int, timeout_ms: int, session_id: int, password: bytes) -> bytes:
    """The first frame of a connection."""
    body = _CONNECT.pack(0, last_zxid, timeout_ms, session_id, 16, password, False)
    return INT.pack(len(body)) + body


def pack_create(path: bytes, data: bytes, flags: int) -> bytes:
    """The record of a create with the open ACL."""
    return pack_buffer(path) + pack_buffer(data) + _OPEN_ACL + INT.pack(flags)


def pack_set(path: bytes, data: bytes, version: int) -> bytes:
    """The record of a setData."""
    return pack_buffer(path) + pack_buffer(data) + INT.pack(version)


def pack_delete(path: bytes, version: int) -> bytes:
    """The record of a delete, and of a check."""
    return pack_buffer(path) + INT.pack(version)


def pack_multi(path: bytes, data: bytes, variant: int) -> bytes:
    """The record of a multi on ``path`` and its twin."""
    twin = path + b"t"
    variants: list[list[tuple[Op, bytes]]] = [
        [(Op.CREATE, pack_create(path, data, 0)), (Op.CREATE, pack_create(twin, data, 0))],
        [(Op.SET_DATA, pack_set(path, data, -1)), (Op.SET_DATA, pack_set(twin, data, -1))],
        [(Op.DELETE, pack_delete(path, -1)), (Op.SET_DATA, pack_set(twin, data, -1))],
        [
            (Op.CHECK, pack_delete(twin, -1)),
            (Op.SET_DATA, pack_set(path, data, -1)),
            (Op.DELETE, pack_delete(twin, -1)),
        ],
    ]
    parts = variants[variant % 4]
    return b"".join(MULTI_HEAD.pack(op, 0, -1) + record for op, record in parts) + MULTI_END


def pack_operation(operation: Operation, xid: int, data: bytes) -> bytes:
    """The request frame of an operation on the tree."""
    kind, path = operation.kind, operation.path.encode()
    if kind in CREATES:
        return pack_request(xid, Op.CREATE, pack_create(path, data, CREATES[kind]))
    if kind in READS:
        op, watch = READS[kind]
        return pack_request(xid, op, pack_buffer(path) + bytes([watch]))
    if kind == "delete":
        return pack_request(xid, Op.DELETE, pack_delete(path, -1))
    if kind in ("set", "cset"):
        version = operation.number if kind == "cset" else -1
        return pack_request(xid, Op.SET_DATA, pack_set(path, data, version))
    if kind == "multi":
        return pack_request(xid, Op.MULTI, pack_multi(path, data, operation.number))
    if kind == "sync":
        return pack_request(xid, Op.SYNC, pack_buffer(path))
    if kind == "close":
        return pack_request(xid, Op.CLOSE_SESSION)
    # A write whose record ends in the middle: it has its place in the sequence all the same.
    return pack_request(xid, Op.CREATE, pack_create(path, data, 0)[: 6 + len(path)])


def pack_set_watches(
    zxid: int, data: list[bytes], exist: list[bytes], children: list[bytes]
) -> bytes:
    """The request by which a client that has moved sets its watches again."""
    body = LONG.pack(zxid) + b"".join(pack_strings(paths) for paths in (data, exist, children))
    return pack_request(XID_SET_WATCHES, Op.SET_WATCHES, body)


def garbage(variant: int) -> bytes:
    """Bytes that are no request; the server has to end the connection."""
    return (
        INT.pack(-1) + b"x",
        INT.pack(0x7FFFFFFF) + b"xxxx",
        INT.pack(3) + b"abcdefgh",
        pack_request(77, 4711, b"?"),
    )[variant % 4]
