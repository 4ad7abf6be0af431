"""What is printed of connections that could not be made."""

from __future__ import annotations

import errno
import socket
import ssl

import aiohttp
import pytest

from mesos_compat.http.failures import reason


@pytest.mark.asyncio
async def test_refused_connection_says_no_more_than_that() -> None:
    with socket.socket() as taken:
        # Bound and not listened at: nobody else gets the port meanwhile.
        taken.bind(("127.0.0.1", 0))
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert reason(caught.value) == "Connection refused"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.EHOSTUNREACH, "x"), "No route to host"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (ssl.SSLError(1, "wrong version number"), "wrong version number"),
        (TimeoutError(), "TimeoutError"),
        (aiohttp.ServerDisconnectedError(), "Server disconnected"),
    ],
)
def test_reason_is_in_words(error: Exception, text: str) -> None:
    assert text in reason(error)
    assert "Errno" not in reason(error)
