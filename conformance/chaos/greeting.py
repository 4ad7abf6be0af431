"""What an Apache server says first on an election port, with an address that leads back to us.

Of two Apache servers the one with the greater id keeps the connection it has dialled. When
the lesser one dials, the other closes that connection and dials back to the address which
the lesser one has named in its greeting: its own, past the proxies. So the greeting is
passed on with the address of the proxy in its place.

Format: ``QuorumCnxManager.InitialMessage``: a long that is the protocol's version (-65536,
or -65535 for several addresses), a long that is the server's id, an int and as many bytes,
the address as ``host:port``, several separated by ``|``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from conformance.chaos.mesh import Greeting
from conformance.membership import HOST, PeerPorts

_HEAD = struct.Struct(">qqi")
_VERSIONS = (-65_536, -65_535)


def rewriting_greeting(route: Callable[[int, int], PeerPorts]) -> Greeting:
    """A greeting for a mesh between Apache's servers; ``route`` is the mesh's own."""

    def greet(viewer: int, viewed: int, said: bytes) -> bytes | None:
        if len(said) < _HEAD.size:
            return None
        version, server_id, length = _HEAD.unpack_from(said)
        if version not in _VERSIONS:
            # An older form, which names no address.
            return said
        end = _HEAD.size + length
        if len(said) < end:
            return None
        back = f"{HOST}:{route(viewed, viewer).election}".encode()
        return _HEAD.pack(version, server_id, len(back)) + back + said[end:]

    return greet
