"""Clients in C, Node, Go and asyncio Python see the same on Apache's server and on ours.

What a client does and prints is told in its module below ``conformance/clients``; by
hand, ``python -m conformance.clients.c_client --show`` prints a transcript.
"""

from __future__ import annotations

import difflib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest

from conformance.clients import aiozk_client, c_cli, c_client, go_client, node_client
from conformance.clients.compare import Client, ClientUnavailable, transcript
from conformance.servers import ServerUnavailable

CLIENTS = (
    aiozk_client.CLIENT,
    c_cli.CLIENT,
    c_client.CLIENT,
    go_client.CLIENT,
    node_client.CLIENT,
)
# A transcript that is shorter than this has lost a part of the job.
LINES_MIN = 100


def unavailable(reason: Exception) -> NoReturn:
    """Skip where people work; fail where the toolchain is supposed to be complete."""
    if os.environ.get("CI"):
        pytest.fail(f"needed in CI: {reason}")
    pytest.skip(str(reason))


@pytest.mark.real
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_client_sees_no_difference_to_apache(client: Client) -> None:
    servers = ("apache", "mesozoic")
    try:
        # Both at once: a client mostly waits for its server.
        with ThreadPoolExecutor(len(servers)) as pool:
            apache, ours = pool.map(lambda server: transcript(client, server), servers)
    except (ClientUnavailable, ServerUnavailable) as reason:
        unavailable(reason)
    assert len(apache) > LINES_MIN
    difference = difflib.unified_diff(apache, ours, *servers, lineterm="", n=8)
    assert not (text := "\n".join(difference)), text
