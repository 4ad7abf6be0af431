"""Clients that say which ensemble they look for, on Apache's server and on ours."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss, InvalidACLError, KazooException
from kazoo.security import make_acl

from conformance.servers import SERVERS, ServerUnavailable, ZooKeeperProcess, four_letter_word

pytestmark = pytest.mark.real

SETTINGS = {
    "authProvider.1": "org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider",
    "ensembleAuthName": "east,west",
    "4lw.commands.whitelist": "*",
}


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


@pytest.fixture
def client(server: ZooKeeperProcess) -> Iterator[KazooClient]:
    one = KazooClient(server.address, connection_retry={"max_tries": 0})
    one.start(timeout=30)
    yield one
    one.stop()
    one.close()


def counted(server: ZooKeeperProcess, what: str) -> int:
    lines = four_letter_word(server.port, "mntr").splitlines()
    return int(
        next(line for line in lines if line.startswith(f"zk_ensemble_auth_{what}\t")).split()[1]
    )


@pytest.mark.parametrize(("name", "what"), [("west", "success"), ("", "skip")])
def test_who_means_this_ensemble_goes_on(
    server: ZooKeeperProcess, client: KazooClient, name: str, what: str
) -> None:
    before = counted(server, what)
    client.add_auth("ensemble", name)
    assert client.exists("/") is not None
    assert counted(server, what) == before + 1


def test_who_means_another_one_is_cut_off(server: ZooKeeperProcess, client: KazooClient) -> None:
    with pytest.raises((ConnectionLoss, KazooException)):
        client.add_auth("ensemble", "north")
        client.exists("/")
    assert counted(server, "fail") > 0


def test_the_name_is_no_identity(server: ZooKeeperProcess, client: KazooClient) -> None:
    assert server.port
    client.add_auth("ensemble", "east")
    with pytest.raises(InvalidACLError):
        client.create("/mine", acl=[make_acl("auth", "", all=True)])
