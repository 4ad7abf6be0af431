"""Starts our server so that what it dials is dialled at a proxy: ``-m conformance.chaos.redirect``.

Our servers agree on one list of addresses, which each of them listens at and dials, so no
file can name a proxy for one of them only. This runs the unchanged server in a process
whose sockets, told to connect to a port of the table, connect to another one. The arguments
are the table, ``{"port": port}`` in JSON, and those of ``zkserver``.
"""

from __future__ import annotations

import json
import runpy
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

Connect = Callable[[socket.socket, Any], Any]


def redirecting(connect: Connect, table: Mapping[int, int]) -> Connect:
    """``connect``, but for the ports of the table on whatever host."""

    def dial(sock: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple):
            host, port, *rest = address
            address = (host, table.get(port, port), *rest)
        return connect(sock, address)

    return dial


def main() -> None:
    """Run ``zkserver`` with the arguments behind the table."""
    table = {int(port): proxy for port, proxy in json.loads(sys.argv[1]).items()}
    sys.argv[:2] = ["zkserver"]
    kind = socket.socket
    with (
        patch.object(kind, "connect", redirecting(kind.connect, table)),
        patch.object(kind, "connect_ex", redirecting(kind.connect_ex, table)),
    ):
        runpy.run_module("zkserver", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
