"""The pytest plugin: a server and a client for each test that asks for one.

pytest finds it by the entry point ``zkserver``; nothing has to be configured. It is loaded
in every run, so it imports nothing that costs anything before a fixture is used.

* ``zk_server``: a fresh, empty :class:`~zkserver.testing.EmbeddedServer`;
* ``zk_client``: a kazoo client that is connected to it;
* ``zk_ensemble``: three servers that replicate, an :class:`~zkserver.testing.Ensemble`;
* ``zk_server_factory``: makes servers with settings or directories of the test's choice.

All of them are stopped when the test is over. A server that died on its own fails the
test with the error that it died of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from kazoo.client import KazooClient

    from zkserver.testing import EmbeddedServer, Ensemble

_CONNECT_TIMEOUT_S = 15.0


class ServerFactory(Protocol):
    """Starts a server that the fixture stops; arguments as for ``EmbeddedServer``."""

    def __call__(
        self, data_dir: str | Path | None = None, *, settings: Mapping[str, str] | None = None
    ) -> EmbeddedServer:
        """A running server."""


@pytest.fixture
def zk_server_factory() -> Iterator[ServerFactory]:
    """A function that starts embedded servers; they are stopped after the test."""
    from zkserver.testing import EmbeddedServer

    with ExitStack() as servers:

        def make(
            data_dir: str | Path | None = None, *, settings: Mapping[str, str] | None = None
        ) -> EmbeddedServer:
            server = EmbeddedServer(data_dir, settings=settings).start()
            servers.callback(server.stop)
            return server

        yield make


@pytest.fixture
def zk_server(zk_server_factory: ServerFactory) -> EmbeddedServer:
    """A running ZooKeeper server of the test's own, empty, on a free port."""
    return zk_server_factory()


@pytest.fixture
def zk_ensemble() -> Iterator[Ensemble]:
    """Three running servers of the test's own, empty, with a leader."""
    from zkserver.testing import Ensemble

    with Ensemble(3) as ensemble:
        yield ensemble


@pytest.fixture
def zk_client(zk_server: EmbeddedServer) -> Iterator[KazooClient]:
    """A connected kazoo client of ``zk_server``; stopped and closed after the test."""
    from kazoo.client import KazooClient

    client = KazooClient(zk_server.address)
    try:
        client.start(timeout=_CONNECT_TIMEOUT_S)
        yield client
    finally:
        client.stop()
        client.close()
