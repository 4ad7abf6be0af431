"""TLS on the links between servers (``sslQuorum``).

Both ends show certificates. The one that calls also looks whether the certificate is of the host
that it has called, unless ``ssl.quorum.hostnameVerification`` is false. With ``portUnification``
servers that call in plain text are taken as well, for as long as an ensemble changes over.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from zkserver.log_output import log
from zkserver.server.tls_socket import TlsSocket, UnifiedSocket
from zkserver.tls.contexts import Contexts

if TYPE_CHECKING:
    from zkserver.server.client_port import Stream
    from zkserver.server.peer_socket import PeerSocket
    from zkserver.tls.settings import TlsSettings

_OTHER = "other server"


class PeerSecurity:
    """See the module. Raises ``StartError`` naming the key and the reason."""

    def __init__(
        self,
        settings: TlsSettings,
        *,
        calls_under_tls: bool,
        takes_plain: bool,
        verifies_hosts: bool,
        renews: bool,
    ) -> None:
        self._called = Contexts(settings, is_server=True)
        self._calling = Contexts(settings, is_server=False, verifies_hosts=verifies_hosts)
        self._calls_under_tls = calls_under_tls
        self._takes_plain = takes_plain
        self._renews = renews

    def was_called(self, link: PeerSocket) -> None:
        """Secure a connection from another server; raises ``OSError`` if it is gone."""
        if self._takes_plain:
            link.secure(lambda sock: self._unified(sock, link))
        else:
            link.secure(self._tls)

    def calls(self, link: PeerSocket, host: str) -> None:
        """Secure a connection to another server; raises ``OSError`` if it is gone."""
        if self._calls_under_tls:
            context = self._calling.current
            link.secure(lambda sock: TlsSocket(sock, context, _anybody, host=host, other=_OTHER))

    def _tls(self, sock: socket.socket) -> TlsSocket:
        return TlsSocket(sock, self._called.current, _anybody, other=_OTHER)

    def _unified(self, sock: socket.socket, link: PeerSocket) -> Stream:
        return UnifiedSocket(sock, self._tls, link.replace)

    def renew(self) -> None:
        """Look whether the certificates have changed."""
        if self._renews:
            self._calling.renew()
            said = self._called.renew()
            if said is not None:
                log("warning", "certificates", port="servers", what=said)


def _anybody(certificate: bytes | None) -> None:
    """Whoever has a certificate that we trust is a server; which one its hello says."""
    del certificate
