"""What the scenes of the demo share."""

from __future__ import annotations

from dataclasses import dataclass, field

from kazoo.client import KazooClient

from conformance.servers import OurServer

#: The znodes that must survive are below this one.
ROOT = "/demo"
#: How long a scene waits for what it expects, seconds; a busy machine needs some.
PATIENCE_S = 30.0


class DemoFailed(Exception):  # noqa: N818 - it is a verdict
    """The server did not do what the demo is about to claim."""


class SceneSkipped(Exception):  # noqa: N818 - it is a verdict
    """The scene needs something that this machine lacks; the text says what to install."""


@dataclass(slots=True)
class Stage:
    """The server, a client that lives through the whole demo, and what it must find again."""

    server: OurServer
    client: KazooClient
    #: Path -> what is known about the znode, as of just before the crash.
    before: dict[str, object] = field(default_factory=dict)
    #: What Apache's client stored, to be asked for again; "" when it could not be run.
    java_data: str = ""


def expect(holds: bool, claim: str, found: object) -> None:
    """Raise :class:`DemoFailed` when ``claim`` does not hold, with what was found instead."""
    if not holds:
        raise DemoFailed(f"{claim}: not so; found {found!r}")


def connect(server: OurServer) -> KazooClient:
    """A connected kazoo client; raises ``KazooTimeoutError`` when it cannot connect."""
    client = KazooClient(server.address, timeout=PATIENCE_S)
    client.start(timeout=PATIENCE_S)
    return client


def disconnect(client: KazooClient) -> None:
    """Close the client's session and give back what it holds."""
    client.stop()
    client.close()


def tree_of(client: KazooClient, path: str = ROOT) -> dict[str, object]:
    """Data and Stat of every znode from ``path`` down, by path."""
    found: dict[str, object] = {}
    left = [path]
    while left:
        path = left.pop()
        found[path] = client.get(path)
        left += [f"{path}/{name}" for name in client.get_children(path)]
    return found
