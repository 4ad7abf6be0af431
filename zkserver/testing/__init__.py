"""A real ZooKeeper server inside a test's own process, ready in milliseconds.

::

    with EmbeddedServer() as server:              # a thread, a free port, a temporary directory
        client = KazooClient(server.address)
        ...
        server.expire(client.client_id[0])        # the session is gone, its ephemerals with it
        server.drop_connections()                 # as a broken network would
        server.restart()                          # same port, same data; sessions survive

    def test_mine(zk_client): ...                 # the same from pytest, by the plugin

    with Ensemble(3) as ensemble:                 # three servers, real links between them
        client = KazooClient(ensemble.hosts)
        ensemble.kill(ensemble.leader())          # and pause, partition, heal, slow_disk ...

It is the server itself, not an imitation: the same core, loop, log and snapshots as
``zkserver start``, only in a thread, without a fork and without signal handlers.

pytest imports this package in every run on a machine that has it installed, for the sake
of :mod:`zkserver.testing.plugin`. So the server's modules are imported at the first use of
:class:`EmbeddedServer` or :class:`Ensemble`, and not a moment earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zkserver.testing.embedded import EmbeddedServer
    from zkserver.testing.ensemble import Ensemble

__all__ = ["EmbeddedServer", "Ensemble"]


def __getattr__(name: str) -> object:
    if name == "Ensemble":
        from zkserver.testing.ensemble import Ensemble

        return Ensemble
    if name == "EmbeddedServer":
        from zkserver.testing.embedded import EmbeddedServer

        return EmbeddedServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
