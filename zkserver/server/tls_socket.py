"""A socket under TLS, with the calls of a plain one: a client's, or one between two servers.

``recv`` and ``send`` raise ``BlockingIOError`` where a plain socket would, and do the handshake on
their way. A record is taken from the socket as a whole, so what is left of it in the library is no
news to the poller: ``recv`` goes on until there is nothing left.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Final

#: The first byte of a TLS record that begins a handshake. As the first byte of a frame's length it
#: would announce a frame of more than 369 million bytes.
HANDSHAKE: Final = b"\x16"
_RECORD_BYTES: Final = 16_384
_LENGTH_BYTES: Final = 4
#: What OpenSSL calls the mistakes that people make, in their words.
_PLAIN: Final = (
    "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNEXPECTED_MESSAGE",
    "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG",
)  # fmt: skip
_REASONS: Final = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the {other} showed no certificate (clientAuth)",
    "NO_SHARED_CIPHER": "the {other} knows none of our cipher suites",
    "UNSUPPORTED_PROTOCOL": "the version of TLS of the {other} is not enabled (enabledProtocols)",
    "TLSV1_ALERT_UNKNOWN_CA": "the {other} does not trust our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the {other} refuses our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the {other} refuses our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the {other} says that our certificate has expired",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the {other} wants a certificate of ours",
}


class TlsSocket:
    """See the module. ``established`` is called once with the other side's certificate, in DER.

    It gets ``None`` from a side without one, and may raise ``OSError`` to refuse it. ``host`` is
    whom we have called, None if we were called; ``other`` is what the other side is, for errors.
    """

    is_secure = True

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        established: Callable[[bytes | None], None],
        *,
        host: str | None = None,
        other: str = "client",
    ) -> None:
        self._tls = context.wrap_socket(
            sock, server_side=host is None, do_handshake_on_connect=False, server_hostname=host
        )
        self._established = established
        self._other = other
        self._splits_frames = host is None and other == "client"
        #: Bytes of the frame that was begun which are not sent yet.
        self._left = 0
        self.is_established = False
        #: Why the handshake has failed, if it has.
        self.failure = ""

    def fileno(self) -> int:
        """The descriptor, for the poller."""
        return self._tls.fileno()

    def shutdown(self, how: int) -> None:
        """End it for a child that holds it open as well."""
        self._tls.shutdown(how)

    def close(self) -> None:
        """Close it."""
        self._tls.close()

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except ssl.SSLError as error:
            self.failure = _explained(error, self._other)
            raise
        self.is_established = True
        try:
            self._established(self._tls.getpeercert(binary_form=True))
        except OSError as error:
            self.failure = str(error)
            raise

    def recv(self, count: int) -> bytes:
        """What has come, empty at the end; raises ``OSError``."""
        if not self.is_established:
            self._shake_hands()
        tls, parts, size = self._tls, [], 0
        try:
            while size < count or tls.pending():
                part = tls.recv(_RECORD_BYTES)
                if not part:
                    break
                parts.append(part)
                size += len(part)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if not parts:
                raise BlockingIOError from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """How much of ``data`` was taken; raises ``OSError``.

        What is not taken has to be offered again, at the front. The library has made a record of
        it by then and wants no less than that the next time, so it gets one record at a time.
        """
        if not self.is_established:
            self._shake_hands()
        send, sent = self._tls.send, 0
        with memoryview(data) as view:
            try:
                while sent < len(view):
                    size = self._record_at(view, sent)
                    taken = send(view[sent : sent + size])
                    sent += taken
                    self._left = max(0, self._left - taken)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if not sent:
                    raise BlockingIOError from None
        return sent

    def _record_at(self, view: memoryview, pos: int) -> int:
        """How many bytes from ``pos`` on go into the next record.

        A client gets no two frames in one: Apache's library for C takes one frame out of a record
        and then waits for the socket, which has nothing more, while the next frame lies in
        OpenSSL's memory. Netty, which Apache's server uses, sends a record for each frame too.
        """
        if not self._splits_frames:
            return _RECORD_BYTES
        if not self._left and len(view) - pos >= _LENGTH_BYTES:
            self._left = _LENGTH_BYTES + int.from_bytes(view[pos : pos + _LENGTH_BYTES], "big")
        return min(self._left, _RECORD_BYTES) or _RECORD_BYTES


class UnifiedSocket:
    """A socket of a port for both: what the client sends first says which it is.

    Becomes one or the other in the first :meth:`recv`, which calls ``chosen`` with it.
    """

    failure = ""
    is_established = False

    def __init__(
        self,
        sock: socket.socket,
        secured: Callable[[socket.socket], TlsSocket],
        chosen: Callable[[TlsSocket | socket.socket], None],
    ) -> None:
        self._sock = sock
        self._secured = secured
        self._chosen = chosen

    def fileno(self) -> int:
        """The descriptor, for the poller."""
        return self._sock.fileno()

    def shutdown(self, how: int) -> None:
        """End it for a child that holds it open as well."""
        self._sock.shutdown(how)

    def close(self) -> None:
        """Close it."""
        self._sock.close()

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """Send in plain text; before the client has said anything there is nothing to send."""
        return self._sock.send(data)

    def recv(self, count: int) -> bytes:
        """What has come, empty at the end; raises ``OSError``."""
        first = self._sock.recv(1, socket.MSG_PEEK)
        chosen = self._secured(self._sock) if first == HANDSHAKE else self._sock
        self._chosen(chosen)
        return chosen.recv(count)


def _explained(error: ssl.SSLError, other: str) -> str:
    reason = error.reason or str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the {other}'s certificate is refused: {error.verify_message}"
    if reason in _PLAIN:
        return "plain text, or something else that is no TLS, on a port for TLS"
    known = _REASONS.get(reason)
    return reason.replace("_", " ").lower() if known is None else known.format(other=other)
