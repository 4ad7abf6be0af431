"""The records that travel, and the ready structs of the hot path.

Source: ``zookeeper.jute``. Only what the server reads or writes is here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from zkserver.wire.jute import INT, DecodeError, Reader, java_text, pack_buffer
from zkserver.wire.opcodes import STATE_SYNC_CONNECTED, XID_NOTIFICATION

#: length, xid, operation: the start of every request frame.
REQUEST_HEAD: Final = struct.Struct(">iii")
#: length, xid, operation and the length of the string that most records begin with.
REQUEST_HEAD_PATH: Final = struct.Struct(">iiii")
#: length, xid, zxid, error: the start of every reply frame.
REPLY_HEAD: Final = struct.Struct(">iiqi")
#: What ``length`` of a reply without body is.
REPLY_HEAD_LENGTH: Final = 16
#: MultiHeader: type, done, err.
MULTI_HEAD: Final = struct.Struct(">ibi")
MULTI_END: Final = MULTI_HEAD.pack(-1, 1, -1)

#: Protocol version, last zxid seen, timeout, session id, length of the password.
_CONNECT_REQUEST: Final = struct.Struct(">iqiqi")
_CONNECT_RESPONSE: Final = struct.Struct(">iiqi16s")
_EVENT: Final = struct.Struct(">iiqiiii")
PASSWORD_BYTES: Final = 16


class Id(NamedTuple):
    """An identity: a scheme such as ``digest`` and the id within it."""

    scheme: bytes
    id: bytes


class Acl(NamedTuple):
    """One entry of an access control list as it comes; null strings are refused later."""

    perms: int
    scheme: bytes | None
    id: bytes | None


class ConnectRequest(NamedTuple):
    """The first frame of a client."""

    last_zxid_seen: int
    timeout_ms: int
    session_id: int
    password: bytes
    #: The client takes a read-only server too.
    read_only: bool
    #: The client sent the read-only byte, so it expects one back (3.4 and later).
    has_read_only: bool


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """create, create2, createContainer and createTTL."""

    #: ``None`` is refused, but after the flags.
    path: bytes | None
    data: bytes | None
    acl: tuple[Acl, ...]
    flags: int
    #: Milliseconds, only in createTTL.
    ttl_ms: int


def read_connect_request(frame: bytes) -> ConnectRequest:
    """Decode the body of the first frame; raises :class:`DecodeError`."""
    if len(frame) < _CONNECT_REQUEST.size:
        raise DecodeError(f"{len(frame)} bytes are too short for a ConnectRequest")
    _, zxid, timeout, session, size = _CONNECT_REQUEST.unpack_from(frame)
    end = _CONNECT_REQUEST.size + max(size, 0)
    if size < -1 or end > len(frame):
        raise DecodeError(f"a password of {size} bytes in a ConnectRequest of {len(frame)}")
    password = frame[_CONNECT_REQUEST.size : end]
    last = frame[end : end + 1]
    return ConnectRequest(zxid, timeout, session, password, last > b"\0", last != b"")


def pack_connect_response(
    timeout_ms: int, session_id: int, password: bytes, *, read_only: bool | None
) -> bytes:
    """A whole ConnectResponse frame; ``read_only`` is ``None`` for clients without the byte."""
    body = _CONNECT_RESPONSE.pack(0, timeout_ms, session_id, PASSWORD_BYTES, password)
    if read_only is not None:
        body += b"\x01" if read_only else b"\x00"
    return INT.pack(len(body)) + body


def read_acl(reader: Reader) -> tuple[Acl, ...]:
    """A vector of ACL entries."""
    return tuple(
        Acl(reader.int32(), _text(reader.string()), _text(reader.string()))
        for _ in range(reader.count())
    )


def _text(value: bytes | None) -> bytes | None:
    return None if value is None else java_text(value)


def pack_acl(entries: Sequence[tuple[int, bytes | None, bytes | None]]) -> bytes:
    """A vector of ACL entries."""
    parts = [INT.pack(len(entries))]
    for perms, scheme, ident in entries:
        parts += (INT.pack(perms), pack_buffer(scheme), pack_buffer(ident))
    return b"".join(parts)


def read_ids(data: bytes) -> tuple[Id, ...]:
    """A vector of identities."""
    reader = Reader(data)
    return tuple(Id(reader.needed_string(), reader.needed_string()) for _ in range(reader.count()))


def pack_ids(ids: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A vector of identities."""
    parts = [INT.pack(len(ids))]
    for scheme, ident in ids:
        parts += (pack_buffer(scheme), pack_buffer(ident))
    return b"".join(parts)


def read_create(reader: Reader, *, with_ttl: bool) -> CreateRequest:
    """A CreateRequest, with the ttl that createTTL carries behind it."""
    path = reader.string()
    data = reader.buffer()
    acl = read_acl(reader)
    flags = reader.int32()
    return CreateRequest(path, data, acl, flags, reader.int64() if with_ttl else 0)


def pack_notification(event_type: int, path: bytes, zxid: int) -> bytes:
    """A whole notification frame (``zxid`` is -1 where no single change caused it)."""
    return (
        _EVENT.pack(
            28 + len(path),
            XID_NOTIFICATION,
            zxid,
            0,
            event_type,
            STATE_SYNC_CONNECTED,
            len(path),
        )
        + path
    )


def pack_request(xid: int, op: int, body: bytes = b"") -> bytes:
    """A whole request frame, as the server itself puts them into the log."""
    return REQUEST_HEAD.pack(8 + len(body), xid, op) + body


def pack_reply(xid: int, zxid: int, err: int, body: bytes = b"") -> bytes:
    """A whole reply frame."""
    return REPLY_HEAD.pack(REPLY_HEAD_LENGTH + len(body), xid, zxid, err) + body


__all__ = [
    "MULTI_END",
    "MULTI_HEAD",
    "PASSWORD_BYTES",
    "REPLY_HEAD",
    "REPLY_HEAD_LENGTH",
    "REQUEST_HEAD",
    "REQUEST_HEAD_PATH",
    "Acl",
    "ConnectRequest",
    "CreateRequest",
    "DecodeError",
    "Id",
    "pack_acl",
    "pack_connect_response",
    "pack_ids",
    "pack_notification",
    "pack_reply",
    "pack_request",
    "read_acl",
    "read_connect_request",
    "read_create",
    "read_ids",
]
