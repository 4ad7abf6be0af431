"""The JVM's clients of ZooKeeper do the same job on Apache's server and on ours.

What they print about it, up to times, ids and zxids, must not differ in a single line.
A missing toolchain skips a test on a developer's machine and fails it where ``CI`` is
set: there, a test that did not run proves nothing.
"""

from __future__ import annotations

import os

import pytest

from conformance.clients import curator, java_client, zkcli
from conformance.clients.compare import Client, ClientUnavailable, difference
from conformance.servers import ServerUnavailable

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    "client", [zkcli.CLIENT, java_client.CLIENT, curator.CLIENT], ids=lambda client: client.name
)
def test_transcripts_on_both_servers_are_equal(client: Client) -> None:
    try:
        found = difference(client)
    except (ClientUnavailable, ServerUnavailable) as missing:
        if os.environ.get("CI"):
            pytest.fail(f"{client.name} cannot run here, but must in CI: {missing}")
        pytest.skip(str(missing))
    assert not found, "\n".join(found)
