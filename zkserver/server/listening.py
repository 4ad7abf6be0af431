"""Binds a port, on IPv4 and IPv6 at once where no address says otherwise."""

from __future__ import annotations

import socket

from zkserver.errors import StartError


def listening_socket(host: str, port: int, backlog: int, whom: str = "") -> socket.socket:
    """A non-blocking listening socket; ``host`` may be empty for all addresses.

    ``whom`` it is for stands in the error. Raises :class:`StartError` with the reason.
    """
    try:
        if not host and socket.has_dualstack_ipv6():
            listener = socket.create_server(
                ("", port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True
            )
        else:
            family = socket.AF_INET
            if host:
                family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            listener = socket.create_server((host, port), family=family, backlog=backlog)
    except (OSError, UnicodeError) as error:
        where = f"{whom}on {host or '*'}:{port}"
        raise StartError(f"cannot listen {where}: {reason_of(error)}") from None
    listener.setblocking(False)
    return listener


def reason_of(error: Exception) -> str:
    """What went wrong, in the system's words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
