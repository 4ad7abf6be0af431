"""Under which address agents reach this host."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from mesozoic.aio.detect import Masters
from mesozoic.aio.zookeeper_address import FILE_SCHEME, SCHEME, ZooKeeperAddress


def host_towards(destination: str, default: str) -> str:
    """The address of this host as others see it who are reached like ``destination``."""
    try:
        found = socket.getaddrinfo(destination, 9, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            # Nothing is sent: this only asks for the route.
            probe.connect(address)
            host: str = probe.getsockname()[0]
            return host
    except OSError:
        return default


def host_of_masters(master: Masters) -> str:
    """A host that is reached as the agents probably are; empty if ``master`` names none."""
    if isinstance(master, str) and master.startswith((SCHEME, FILE_SCHEME)):
        first = ZooKeeperAddress.parse(master).hosts.partition(",")[0]
    elif isinstance(master, str):
        first = master.partition(",")[0]
    elif isinstance(master, (list, tuple)) and master:
        first = str(master[0])
    else:
        return ""
    url = first.strip() if "://" in first else f"//{first.strip().rpartition('@')[2]}"
    return urlsplit(url).hostname or ""
