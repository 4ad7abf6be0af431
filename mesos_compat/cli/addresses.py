"""Which address a program serves at, and under which name it is known.

Source: libprocess's initialisation (``--ip``, ``--advertise_ip``, ``--ip_discovery_command``)
and ``--hostname``, ``--hostname_lookup``.
"""

from __future__ import annotations

import ipaddress
import shlex
import socket
import subprocess
from dataclasses import dataclass
from typing import Final

from mesos_compat.errors import FlagError
from mesos_compat.flags.loading import Flags
from mesos_compat.wire.v1 import mesos_pb2

_PORT_MAX: Final = 65535


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program listens, and what it tells others."""

    #: The address that is bound; empty for all.
    bind_ip: str
    #: The address that others use.
    ip: str
    hostname: str

    def address(self, port: int) -> mesos_pb2.Address:
        """As messages have it."""
        return mesos_pb2.Address(hostname=self.hostname, ip=self.ip, port=port)


def find_place(flags: Flags) -> Place:
    """Where to serve; raises :class:`FlagError` when the flags contradict or mean nothing."""
    for name in ("port", "advertise_port"):
        port = flags.number(name) or 0
        if not 0 <= port <= _PORT_MAX:
            raise FlagError(f"Failed to load flag '{name}': {port} is no port")
    given, command = flags.text("ip"), flags.text("ip_discovery_command")
    if given is not None and command is not None:
        raise FlagError("Only one of `--ip` or `--ip_discovery_command` should be specified")
    if command is not None:
        given = _discover(command)
    if given is not None:
        _check("ip", given)
    advertised = flags.text("advertise_ip")
    if advertised is not None:
        _check("advertise_ip", advertised)
    bind_ip = given or ""
    if advertised is None and bind_ip == "0.0.0.0":
        bind_ip = ""
    ip = advertised or bind_ip or _own_ip()
    return Place(given or "", ip, _hostname(flags, ip))


def _check(name: str, text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise FlagError(f"Failed to load flag '{name}': '{text}' is no IP address") from error


def _discover(command: str) -> str:
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise FlagError(f"Failed to load flag 'ip_discovery_command': {error}") from error
    return done.stdout.strip()


def _own_ip() -> str:
    """The address of this machine's name; loopback where that has none."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    except OSError:
        return "127.0.0.1"
    return str(found[0][4][0]) if found else "127.0.0.1"


def _hostname(flags: Flags, ip: str) -> str:
    given = flags.text("hostname")
    if given is not None:
        return given
    if not flags.is_set("hostname_lookup"):
        return ip
    try:
        return socket.gethostbyaddr(ip)[0]
    except OSError:
        return ip


def packed_ip(ip: str) -> int:
    """An IPv4 address as MasterInfo has it: its bytes in network order, read the other way."""
    address = ipaddress.ip_address(ip)
    return int.from_bytes(address.packed[:4], "little") if address.version == 4 else 0
