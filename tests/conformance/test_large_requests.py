"""How many bytes of large requests are taken at once, on Apache's server and on ours."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

import pytest
from kazoo.client import KazooClient

from conformance import rawclient as raw
from conformance.servers import SERVERS, ServerUnavailable, ZooKeeperProcess, four_letter_word

pytestmark = pytest.mark.real

LARGE = 400_000
SETTINGS = {
    "largeRequestThreshold": "300000",
    "largeRequestMaxBytes": "700000",
    "4lw.commands.whitelist": "*",
}
_PATIENCE_S = 20.0


@pytest.fixture(scope="module", params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[ZooKeeperProcess]:
    try:
        one = SERVERS[request.param](settings=SETTINGS).start()
    except ServerUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"{error} (must be there in CI)")
        pytest.skip(str(error))
    yield one
    one.__exit__(None, None, None)


def rejected(server: ZooKeeperProcess) -> int:
    lines = four_letter_word(server.port, "mntr").splitlines()
    (line,) = [line for line in lines if line.startswith("zk_large_requests_rejected\t")]
    return int(line.split()[1])


def test_one_after_another_they_are_taken(server: ZooKeeperProcess) -> None:
    client = KazooClient(server.address)
    client.start(timeout=30)
    client.create("/n")
    for _ in range(6):
        client.set("/n", b"x" * LARGE)
        assert len(client.get("/n")[0]) == LARGE
    client.stop()
    client.close()


def test_one_too_large_for_all_is_refused_and_nobody_else_disturbed(
    server: ZooKeeperProcess,
) -> None:
    other = KazooClient(server.address)
    other.start(timeout=30)
    before = rejected(server)
    connection = raw.RawConnection(server.port, _PATIENCE_S)
    assert connection.handshake(raw.pack_connect(timeout_ms=10_000)) is not None
    connection.send(struct.pack(">i", 800_000) + bytes(100_000))
    assert connection.frames_until_end() == []
    assert not connection.silent, "it was not closed"
    connection.close()
    assert rejected(server) == before + 1
    other.create("/small", b"", ephemeral=True)
    other.stop()
    other.close()
