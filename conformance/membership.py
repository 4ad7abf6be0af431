"""Who is a member of an ensemble and where it listens, as the lines of a zoo.cfg.

A server reads the addresses of all members from its own file, so the same member may stand
in two files with two addresses. That is how a proxy gets between two servers: the viewer's
file names the proxy's ports (a :data:`Route`), the viewed one's file its own.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

HOST = "127.0.0.1"
Role = Literal["participant", "observer"]

_PORTS_MIN = 10_000
_TRIES_MAX = 10_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_MIN = 32_768


class PeerPorts(NamedTuple):
    """The two ports at which other servers reach a member."""

    quorum: int
    election: int


#: Viewer's id, viewed one's id -> the ports that the viewer's file shall name for it.
Route = Callable[[int, int], PeerPorts]


@dataclass(frozen=True, slots=True)
class Place:
    """A member: its id, its ports on the loopback address, and whether it votes."""

    server_id: int
    ports: PeerPorts
    client_port: int
    role: Role = "participant"

    def line(self, ports: PeerPorts | None = None) -> str:
        """The value of ``server.N``, with other ports in place of its own where given."""
        quorum, election = ports or self.ports
        return f"{HOST}:{quorum}:{election}:{self.role};{HOST}:{self.client_port}"

    @property
    def joining(self) -> str:
        """The whole line, as a reconfig takes it among those who join."""
        return f"server.{self.server_id}={self.line()}"


def server_lines(places: Iterable[Place], viewer: int, route: Route | None) -> Mapping[str, str]:
    """The membership as it stands in the file of server ``viewer``, as keys and values.

    Its own line has its own ports, since it listens there.
    """
    return {
        f"server.{place.server_id}": place.line(
            route(viewer, place.server_id) if route and place.server_id != viewer else None
        )
        for place in places
    }


def _ephemeral_min() -> int:
    if not _EPHEMERAL_RANGE.exists():
        return _EPHEMERAL_MIN
    return int(_EPHEMERAL_RANGE.read_text().split()[0])


def free_ports(count: int) -> list[int]:
    """Distinct loopback ports that were free a moment ago and stay free of outgoing connections.

    A server that is killed and started again must find its port: one from the range which
    the kernel gives to outgoing connections could belong to a client by then.
    Raises ``RuntimeError`` when too many are taken.
    """
    draw = random.SystemRandom()
    ports_max = max(_ephemeral_min(), _PORTS_MIN + 1_000)
    found: dict[int, socket.socket] = {}
    try:
        for _ in range(_TRIES_MAX):
            if len(found) == count:
                return list(found)
            port = draw.randrange(_PORTS_MIN, ports_max)
            if port in found:
                continue
            probe = socket.socket()
            try:
                probe.bind((HOST, port))
            except OSError:
                probe.close()
                continue
            found[port] = probe
    finally:
        for probe in found.values():
            probe.close()
    raise RuntimeError(f"there are no {count} free ports from {_PORTS_MIN} to {ports_max}")
