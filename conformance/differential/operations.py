"""A request as the generator makes it, and the records inside requests.

The body is finished bytes, because malformed bodies are part of the job; the arguments
are kept beside it only to be printed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from conformance.rawclient import (
    pack_bool,
    pack_bytes,
    pack_int,
    pack_long,
    pack_request,
    pack_vector,
)
from zkserver.wire.opcodes import Op

#: What cannot change the tree, and so cannot make other sessions be notified.
_READS: Final = frozenset(
    (
        Op.EXISTS,
        Op.GET_DATA,
        Op.GET_ACL,
        Op.GET_CHILDREN,
        Op.GET_CHILDREN2,
        Op.GET_ALL_CHILDREN_NUMBER,
        Op.GET_EPHEMERALS,
        Op.SYNC,
        Op.PING,
        Op.WHO_AM_I,
        Op.MULTI_READ,
        Op.CHECK_WATCHES,
        Op.ADD_WATCH,
        Op.REMOVE_WATCHES,
        Op.SET_WATCHES,
        Op.SET_WATCHES2,
        Op.AUTH,
        Op.SASL,
    )
)


class Place(Enum):
    """Where in a burst a request may stand without the order of replies being undefined."""

    #: Goes through the server's pipeline: answers come in the order of requests.
    ANYWHERE = "anywhere"
    #: Answered by the thread that reads the socket, so it overtakes what precedes it.
    FIRST = "first"
    #: The server closes the connection afterwards: what precedes it could be lost.
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Acl:
    """One ACL entry; null strings are allowed because clients can send them."""

    perms: int
    scheme: bytes | None
    ident: bytes | None

    def packed(self) -> bytes:
        """The entry as jute."""
        return pack_int(self.perms) + pack_bytes(self.scheme) + pack_bytes(self.ident)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: ``op`` may be any number, ``body`` any bytes; ``arguments`` are for people."""

    op: int
    body: bytes
    arguments: tuple[object, ...] = ()
    place: Place = Place.ANYWHERE
    #: The xid to use instead of the next one; -4 and -8 have fixed meanings.
    xid: int | None = None
    #: What was done to the body after it was packed.
    damage: str = ""
    #: The sub-operations of multi and multiRead.
    parts: tuple[Request, ...] = ()

    @property
    def name(self) -> str:
        """The operation's name, or its number if it has none."""
        try:
            return Op(self.op).name.lower()
        except ValueError:
            return f"op {self.op}"

    @property
    def writes(self) -> bool:
        """Whether it may change the tree."""
        return self.op not in _READS

    def frame(self, xid: int) -> bytes:
        """The whole frame, length included."""
        return pack_request(xid, self.op, self.body)

    def damaged(self, body: bytes, how: str) -> Request:
        """The same request with another body."""
        return replace(self, body=body, damage=how)

    def __str__(self) -> str:
        if self.parts:
            text = f"{self.name}[{'; '.join(str(part) for part in self.parts)}]"
        else:
            text = f"{self.name}({', '.join(_shown(value) for value in self.arguments)})"
        return f"{text} <{self.damage}: {self.body[:200].hex()}>" if self.damage else text


def _shown(value: object) -> str:
    if isinstance(value, bytes) and len(value) > 80:
        return f"{value[:60]!r}... {len(value)} bytes"
    if isinstance(value, Acl):
        return f"{value.perms}:{value.scheme!r}:{value.ident!r}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_shown(element) for element in value)}]"
    return repr(value)


def strings(values: Iterable[bytes | None] | None) -> bytes:
    """A packed vector of ustrings."""
    return pack_vector(None if values is None else [pack_bytes(value) for value in values])


def create(
    op: int,
    path: bytes | None,
    data: bytes | None,
    acl: list[Acl] | None,
    flags: int,
    ttl_ms: int | None = None,
) -> Request:
    """A create of any of the four kinds; ``ttl_ms`` goes behind it when given."""
    body = pack_bytes(path) + pack_bytes(data)
    body += pack_vector(None if acl is None else [entry.packed() for entry in acl])
    body += pack_int(flags)
    arguments: tuple[object, ...] = (path, data, acl, flags)
    if ttl_ms is not None:
        return Request(op, body + pack_long(ttl_ms), (*arguments, ttl_ms))
    return Request(op, body, arguments)


def on_path(op: int, path: bytes | None) -> Request:
    """An operation whose record is one path."""
    return Request(op, pack_bytes(path), (path,))


def with_number(op: int, path: bytes | None, number: int) -> Request:
    """A path and an int: delete, check, watcher types and modes."""
    return Request(op, pack_bytes(path) + pack_int(number), (path, number))


def read(op: int, path: bytes | None, *, watch: bool) -> Request:
    """A path and a boolean: exists, getData, getChildren."""
    return Request(op, pack_bytes(path) + pack_bool(watch), (path, watch))


def set_data(path: bytes | None, data: bytes | None, version: int) -> Request:
    """A setData."""
    body = pack_bytes(path) + pack_bytes(data) + pack_int(version)
    return Request(Op.SET_DATA, body, (path, data, version))


def set_acl(path: bytes | None, acl: list[Acl] | None, version: int) -> Request:
    """A setACL."""
    entries = None if acl is None else [entry.packed() for entry in acl]
    body = pack_bytes(path) + pack_vector(entries) + pack_int(version)
    return Request(Op.SET_ACL, body, (path, acl, version))


def multi_header(kind: int, *, done: bool = False, err: int = -1) -> bytes:
    """The header before each sub-operation."""
    return pack_int(kind) + pack_bool(done) + pack_int(err)


def multi(op: int, parts: Iterable[Request], *, ended: bool = True) -> Request:
    """A multi or multiRead of ``parts``; ``ended`` false leaves the end marker away."""
    kept = tuple(parts)
    body = b"".join(multi_header(part.op) + part.body for part in kept)
    if ended:
        body += multi_header(-1, done=True)
    return Request(op, body, (), parts=kept, damage="" if ended else "no end marker")


def auth(scheme: bytes | None, secret: bytes | None, *, closes: bool) -> Request:
    """An auth packet; a refused one closes the connection."""
    body = pack_int(0) + pack_bytes(scheme) + pack_bytes(secret)
    place = Place.ALONE if closes else Place.FIRST
    return Request(Op.AUTH, body, (scheme, secret), place, xid=-4)


def set_watches(op: int, relative_zxid: int, lists: list[list[bytes]]) -> Request:
    """A setWatches (three lists) or setWatches2 (five)."""
    body = pack_long(relative_zxid) + b"".join(strings(paths) for paths in lists)
    return Request(op, body, (relative_zxid, *lists), xid=-8)


def reconfig(
    joining: bytes | None, leaving: bytes | None, members: bytes | None, version: int
) -> Request:
    """A reconfig; unset parts are null."""
    body = pack_bytes(joining) + pack_bytes(leaving) + pack_bytes(members) + pack_long(version)
    return Request(Op.RECONFIG, body, (joining, leaving, members, version))
