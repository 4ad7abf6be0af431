"""A small HTTP/1.1 client that blocks, for the agent alone.

The standard library's brings the parsers of electronic mail with it, which take as long to
import as all the rest of an executor.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from mesos_compat.errors import DecodeError, FlagError
from mesos_compat.executors.settings import AgentAddress

_CONNECT_S: Final = 10.0
_HEAD_LINE_BYTES_MAX: Final = 64 * 1024
_HEAD_LINES_MAX: Final = 200
_READ_BYTES: Final = 64 * 1024
#: An answer that is read as a whole is a status and a few words.
_BODY_BYTES_MAX: Final = 16 * 1024 * 1024


class _Readable(Protocol):
    def readline(self, limit: int, /) -> bytes: ...

    def read1(self, size: int, /) -> bytes: ...


class Head(NamedTuple):
    """The status and the header fields of a response, these by small names."""

    status: int
    fields: Mapping[str, str]


def read_head(source: _Readable) -> Head:
    """Raises :class:`DecodeError`, also when the peer has said nothing."""
    while True:
        line = _read_line(source)
        parts = line.split(None, 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
            raise DecodeError(f"Failed to decode status line '{line}'")
        fields: dict[str, str] = {}
        for _ in range(_HEAD_LINES_MAX):
            field = _read_line(source)
            if not field:
                break
            name, _, value = field.partition(":")
            fields[name.strip().lower()] = value.strip()
        else:
            raise DecodeError("The head of a response is too long")
        status = int(parts[1])
        if status >= 200:
            return Head(status, fields)


def read_body(source: _Readable, head: Head) -> Iterator[bytes]:
    """The body in pieces, as they come. Raises :class:`DecodeError` when it is cut off."""
    if head.fields.get("transfer-encoding", "").lower().endswith("chunked"):
        yield from _read_chunks(source)
    elif "content-length" in head.fields:
        length = head.fields["content-length"]
        if not length.isdigit():
            raise DecodeError(f"Failed to decode length '{length}'")
        yield from _read_exactly(source, int(length))
    else:
        while piece := source.read1(_READ_BYTES):
            yield piece


def _read_chunks(source: _Readable) -> Iterator[bytes]:
    while True:
        line = _read_line(source).partition(";")[0].strip()
        try:
            length = int(line, 16)
        except ValueError as error:
            raise DecodeError(f"Failed to decode chunk length '{line}'") from error
        if length == 0:
            # Trailers, of which an agent sends none.
            while _read_line(source):
                pass
            return
        yield from _read_exactly(source, length)
        if _read_line(source):
            raise DecodeError("A chunk is longer than it says")


def _read_exactly(source: _Readable, length: int) -> Iterator[bytes]:
    while length:
        piece = source.read1(min(length, _READ_BYTES))
        if not piece:
            raise DecodeError("The connection was closed within a response")
        length -= len(piece)
        yield piece


def _read_line(source: _Readable) -> str:
    line = source.readline(_HEAD_LINE_BYTES_MAX)
    if not line.endswith(b"\n"):
        why = "is too long" if line else "was cut off: the connection is closed"
        raise DecodeError(f"A response {why}")
    return line.rstrip(b"\r\n").decode("latin-1")


class Connection:
    """One connection to the agent, for one request at a time.

    All that blocks raises OSError or :class:`DecodeError`, and then this is of no more use.
    """

    def __init__(self, address: AgentAddress) -> None:
        self._authority = f"{_bracketed(address.host)}:{address.port}"
        self._token = address.token
        self._socket = _connect(address)
        self._source = self._socket.makefile("rb")

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Head:
        """Send a request and read the head of its response."""
        lines = [f"POST {path} HTTP/1.1", f"Host: {self._authority}"]
        if self._token is not None:
            lines.append(f"Authorization: Bearer {self._token}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        self._socket.sendall("\r\n".join(lines).encode("latin-1") + body)
        return read_head(self._source)

    def body(self, head: Head) -> Iterator[bytes]:
        """The body of the response, in pieces as they come."""
        return read_body(self._source, head)

    def read(self, head: Head) -> bytes:
        """All of the body."""
        whole = bytearray()
        for piece in read_body(self._source, head):
            whole += piece
            if len(whole) > _BODY_BYTES_MAX:
                raise DecodeError("A response is too large")
        return bytes(whole)

    def interrupt(self) -> None:
        """End what blocks; from any thread."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # It is over already.

    def close(self) -> None:
        """Let go of the connection; from the thread that uses it."""
        self._source.close()
        self._socket.close()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _connect(address: AgentAddress) -> socket.socket:
    if address.socket_path is not None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.connect(address.socket_path)
        except OSError:
            made.close()
            raise
        return made
    made = socket.create_connection((address.host, address.port), _CONNECT_S)
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.tls:
            made = _wrap(made, address.host)
        made.settimeout(None)
    except OSError:
        made.close()
        raise
    return made


def _wrap(plain: socket.socket, host: str) -> socket.socket:
    """TLS towards the agent, checked as LIBPROCESS_SSL_* say."""
    import os

    from mesos_compat.http.tls import TlsSettings

    try:
        context = TlsSettings(os.environ).client(needs_own=False)
    except FlagError as error:
        raise ConnectionError(str(error)) from error
    # Without the variables nobody would have asked for TLS.
    return plain if context is None else context.wrap_socket(plain, server_hostname=host)
