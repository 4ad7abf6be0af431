"""The ports for clients: plain, under TLS, or for both, and what each makes of a connection."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from zkserver.config import NO_PORT, Config
from zkserver.errors import StartError
from zkserver.log_output import log
from zkserver.replica.connection import Caller, Connection
from zkserver.server.client_port import ClientSocket
from zkserver.server.listening import listening_socket
from zkserver.server.poller import Poller
from zkserver.tree.acl import SUPER, Identities

if TYPE_CHECKING:
    from zkserver.server.tls_socket import TlsSocket
    from zkserver.tls.contexts import Contexts

_DEFAULT_BACKLOG: Final = 1024


class Listener:
    """One port. ``contexts`` is what TLS needs, ``is_unified`` whether plain text is taken too."""

    def __init__(
        self, sock: socket.socket, config: Config, contexts: Contexts | None, *, is_unified: bool
    ) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.port: int = sock.getsockname()[1]
        self.contexts = contexts
        self.is_unified = is_unified
        self._super_user = config.x509_super_user

    def connection(self, sock: socket.socket, conn: Connection, poller: Poller) -> ClientSocket:
        """What was accepted, ready for the loop; raises ``OSError`` if it is gone already."""
        if self.contexts is None:
            return ClientSocket(sock, conn, poller)
        if not self.is_unified:
            return ClientSocket(self._secured(sock, conn), conn, poller)
        # Few servers need it.
        from zkserver.server.tls_socket import UnifiedSocket

        def secured(plain: socket.socket) -> TlsSocket:
            return self._secured(plain, conn)

        def chosen(stream: TlsSocket | socket.socket) -> None:
            client.replace(stream)

        client = ClientSocket(UnifiedSocket(sock, secured, chosen), conn, poller)
        return client

    def _secured(self, sock: socket.socket, conn: Connection) -> TlsSocket:
        from zkserver.server.tls_socket import TlsSocket

        assert self.contexts is not None

        def established(certificate: bytes | None) -> None:
            if certificate is not None:
                self._identify(conn, certificate)

        return TlsSocket(sock, self.contexts.current, established)

    def _identify(self, conn: Connection, certificate: bytes) -> None:
        """Give the connection the identity that its certificate proves."""
        from zkserver.tls.names import subject_of

        try:
            name = subject_of(certificate)
        except ValueError as error:
            raise OSError(f"the client's certificate cannot be read: {error}") from error
        identities: Identities = ((b"x509", name.encode()),)
        if name == self._super_user:
            identities = (SUPER, name.encode()), *identities
        conn.caller = Caller(conn.caller.session_id, (*conn.caller.identities, *identities))

    def renew(self) -> None:
        """Look whether the certificates have changed."""
        said = None if self.contexts is None else self.contexts.renew()
        if said is not None:
            log("warning", "certificates", port=self.port, what=said)

    def close(self) -> None:
        """Listen no more."""
        self.sock.close()


def listen(config: Config) -> list[Listener]:
    """Bind the ports for clients, a plain one first; raises :class:`StartError` with the reason."""
    contexts = None
    if config.client_tls is not None:
        # A server without TLS need not pay for it.
        try:
            from zkserver.tls.contexts import Contexts
        except ImportError as error:
            raise StartError(f"TLS needs a package that is missing: {error.name}") from error

        contexts = Contexts(config.client_tls, is_server=True)
    made: list[Listener] = []
    try:
        if config.client_port != NO_PORT:
            sock = _bound(config, config.client_address, config.client_port)
            unified = contexts if config.port_unification else None
            made.append(Listener(sock, config, unified, is_unified=config.port_unification))
        if config.secure_client_port != NO_PORT:
            address = config.secure_client_address or config.client_address
            sock = _bound(config, address, config.secure_client_port)
            made.append(Listener(sock, config, contexts, is_unified=False))
    except BaseException:
        for one in made:
            one.close()
        raise
    return made


def ports_of(listeners: list[Listener]) -> tuple[int, int]:
    """The client port and the secure one; without a plain one both are the secure one."""
    plain = [one.port for one in listeners if one.contexts is None or one.is_unified]
    secure = [one.port for one in listeners if one.contexts is not None and not one.is_unified]
    return (plain or secure)[0], (secure or [NO_PORT])[0]


def _bound(config: Config, host: str, port: int) -> socket.socket:
    backlog = config.listen_backlog if config.listen_backlog > 0 else _DEFAULT_BACKLOG
    listener = listening_socket(host, port, backlog)
    # Accepted sockets inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
