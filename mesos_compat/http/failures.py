"""What to print of a connection that could not be made."""

from __future__ import annotations

import os
import socket
import ssl

import aiohttp


def reason(error: BaseException) -> str:
    """Why, in the system's words: "Connection refused".

    aiohttp and asyncio put addresses, file numbers and the like around them, which whoever
    prints this has said already.
    """
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    # The numbers of names that cannot be resolved, and of TLS, are of other kinds.
    if isinstance(cause, socket.gaierror) and cause.strerror:
        return cause.strerror
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno:
        return os.strerror(cause.errno)
    return str(error) or type(error).__name__
