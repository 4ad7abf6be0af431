"""Who belongs to an ensemble and where each one listens; and what ``reconfig`` makes of it.

A membership is written as lines, in a zoo.cfg, in a dynamic configuration file, in
``/zookeeper/config`` and in the arguments of a reconfig alike::

    server.<id>=<host>:<port>:<election port>[:participant|:observer][;[<host>:]<client port>]

Source: ``QuorumPeer.QuorumServer``, ``QuorumMaj``, ``QuorumPeerConfig.parseDynamicConfig``
and ``PrepRequestProcessor`` (OpCode.reconfig) of Apache ZooKeeper; the codes of all kinds of
malformed requests were taken from a running 3.8.0. Its two codes for them have no system but
where its parser trips, so each mistake here carries the one that Apache answers.

Meant differences: addresses that a name resolves to are not compared, since the servers
could come to different results, so equal names with equal ports are what counts as taken
twice; the lines stand in ascending order of the ids (Apache's order is that of a hash
table, which is the same up to id 15); ids above 65535 or below 0, host names with blanks
or empty ones, and groups with weights are refused; blanks at the end of a line are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from zkserver.errors import StartError, invariant
from zkserver.properties import parse_properties
from zkserver.wire.opcodes import Code

#: What a ballot and a message between servers have room for.
SERVER_ID_MAX: Final = 0xFFFF
#: The client host where a line gives only a port: all addresses.
ANY_HOST: Final = "0.0.0.0"

_PORT_MAX: Final = 65535
_INT: Final = re.compile(r"[+-]?0*[0-9]{1,10}")
_LONG: Final = re.compile(r"[+-]?0*[0-9]{1,19}")
_HEX: Final = re.compile(r"0*[0-9a-fA-F]{1,16}")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_LOOPBACK_IPV4: Final = re.compile(r"127\.[0-9]+\.[0-9]+\.[0-9]+")
#: Hosts that may stand in any number of lines: each server means its own.
_OWN: Final = frozenset((ANY_HOST, "0:0:0:0:0:0:0:0", "0:0:0:0:0:0:0:1", "localhost"))
#: What Java's ``String.trim`` takes away.
_BLANKS: Final = "".join(map(chr, range(33)))
_FORM: Final = "must be HOST:PORT:ELECTIONPORT[:participant|:observer][;[CLIENTHOST:]CLIENTPORT]"


class BadMemberError(ValueError):
    """A membership cannot be used; the text says why, ``code`` is what a reconfig answers."""

    def __init__(self, why: str, code: Code = Code.BAD_ARGUMENTS) -> None:
        super().__init__(why)
        self.code = code


class Member(NamedTuple):
    """One server. IPv6 addresses are without brackets, and all addresses as Java writes them."""

    server_id: int
    host: str
    #: Where other servers reach it.
    quorum_port: int
    #: Kept for Apache's sake: elections need no port of their own here.
    election_port: int
    #: It takes part without a vote.
    is_observer: bool = False
    #: "" as long as there is no client port.
    client_host: str = ""
    #: None where the line does not say it; then the server's own zoo.cfg does.
    client_port: int | None = None

    @property
    def spec(self) -> str:
        """What stands behind the ``=`` of its line (``QuorumServer.toString``)."""
        role = "observer" if self.is_observer else "participant"
        text = f"{_bracketed(self.host)}:{self.quorum_port}:{self.election_port}:{role}"
        if self.client_port is None:
            return text
        return f"{text};{_bracketed(self.client_host)}:{self.client_port}"

    @property
    def line(self) -> str:
        """Its line, without the end of the line."""
        return f"server.{self.server_id}={self.spec}"


@dataclass(frozen=True, slots=True)
class Membership:
    """All servers of an ensemble from one reconfig to the next."""

    #: zxid of the reconfig that made it, or the beginning of the term that the ensemble began
    #: with; 0 in files that do not say, and where reconfig is off.
    version: int
    #: In ascending order of their ids.
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        ids = [member.server_id for member in self.members]
        invariant(ids == sorted(set(ids)), "the members are not in order", ids=ids)

    @classmethod
    def of(cls, members: Iterable[Member], version: int = 0) -> Membership:
        """The membership of ``members`` in any order; of two with one id the later counts."""
        by_id = {member.server_id: member for member in members}
        return cls(version, tuple(by_id[server_id] for server_id in sorted(by_id)))

    @classmethod
    def parse(cls, text: bytes) -> Membership:
        """The membership behind :meth:`text`; raises :class:`BadMemberError`."""
        return membership_of(_settings_of(text.decode("utf-8", "replace")))

    def text(self) -> bytes:
        """What ``/zookeeper/config`` holds (``QuorumMaj.toString``)."""
        lines = "".join(f"{member.line}\n" for member in self.members)
        return f"{lines}version={self.version:x}".encode()

    @property
    def voters(self) -> tuple[int, ...]:
        """The ids of those who vote, ascending."""
        return tuple(member.server_id for member in self.members if not member.is_observer)

    @property
    def observers(self) -> tuple[int, ...]:
        """The ids of those who do not, ascending."""
        return tuple(member.server_id for member in self.members if member.is_observer)

    def get(self, server_id: int) -> Member | None:
        """The member of that id, or None."""
        return next((m for m in self.members if m.server_id == server_id), None)

    def member(self, server_id: int) -> Member:
        """The member of that id; raises ``StartError`` when there is none."""
        found = self.get(server_id)
        if found is None:
            known = ", ".join(f"server.{member.server_id}" for member in self.members)
            raise StartError(
                f"this server has the id {server_id} (the file myid), which is not among the"
                f" members of the ensemble: {known or 'none'}"
            )
        return found


# Reading lines.


def read_server_id(text: str) -> int:
    """The N of ``server.N``; raises :class:`BadMemberError`."""
    server_id = _long(text)
    if not 0 <= server_id <= SERVER_ID_MAX:
        raise BadMemberError(f"server id {text}: must be a whole number from 0 to {SERVER_ID_MAX}")
    return server_id


def parse_member(server_id: int, spec: str) -> Member:
    """The member of that id whose line has ``spec`` behind the ``=``.

    Raises :class:`BadMemberError` for the first mistake in the order in which Apache looks.
    """
    parts = _split(spec, ";")
    if not parts:
        raise BadMemberError(_FORM, Code.MARSHALLING_ERROR)
    client_host, client_port = _client_address(parts[1]) if len(parts) == 2 else ("", None)
    addresses = _split(parts[0], "|")
    if len(addresses) > 1:
        raise BadMemberError("several addresses of one server are not available in this version")
    if len(parts) > 2:
        raise BadMemberError("a TLS client port is not available in this version; " + _FORM)
    fields = _host_and_ports(addresses[0]) if addresses else []
    if not 3 <= len(fields) <= 4:
        raise BadMemberError(_FORM)
    quorum_port = _port(fields[1], "port")
    election_port = _port(fields[2], "election port")
    if quorum_port == election_port:
        raise BadMemberError(f"port and election port must differ, both are {quorum_port}")
    role = fields[3].strip(_BLANKS).lower() if len(fields) == 4 else "participant"
    if role not in ("participant", "observer"):
        raise BadMemberError(f"role {fields[3]!r}: must be participant or observer")
    return Member(
        server_id,
        canonical_host(fields[0]),
        quorum_port,
        election_port,
        role == "observer",
        client_host,
        client_port,
    )


def parse_version(text: str) -> int:
    """The value of a ``version=`` line, hexadecimal; raises :class:`BadMemberError`."""
    version = int(text, 16) if _HEX.fullmatch(text) else -1
    if not 0 <= version < 1 << 63:
        raise BadMemberError(
            f"version {text!r}: must be a hexadecimal zxid", Code.MARSHALLING_ERROR
        )
    return version


def membership_of(settings: Mapping[str, str]) -> Membership:
    """The membership of ``server.N`` and ``version`` entries; raises :class:`BadMemberError`."""
    for key in settings:
        if key.startswith(("group", "weight")):
            raise BadMemberError(f"{key}: groups and weights are not available in this version")
        if not key.startswith("server.") and key != "version":
            raise BadMemberError(f"{key}: does not belong to a membership")
    version, members = 0, []
    for key, value in settings.items():
        if key == "version":
            version = parse_version(value)
            continue
        try:
            members.append(parse_member(read_server_id(key.removeprefix("server.")), value))
        except BadMemberError as error:
            raise BadMemberError(f"{key}={value}: {error}", error.code) from None
    return Membership.of(members, version)


def _settings_of(text: str) -> dict[str, str]:
    try:
        return parse_properties(text.encode())
    except ValueError as error:
        raise BadMemberError(str(error), Code.MARSHALLING_ERROR) from None


def _split(text: str, separator: str) -> list[str]:
    """As Java's ``String.split``: without the empty parts at the end."""
    if separator not in text:
        return [text]
    parts = text.split(separator)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _host_and_ports(text: str) -> list[str]:
    """``host:port:...`` in parts (``ConfigUtils.getHostAndPort``)."""
    if not text.startswith("["):
        return _split(text, ":")
    host, bracket, rest = text[1:].partition("]")
    if not bracket:
        raise BadMemberError(f"{text}: has an opening bracket and no closing one")
    if not rest:
        return [host]
    if rest[0] != ":" or rest == ":":
        raise BadMemberError(f"{text}: a colon and a port must follow the closing bracket")
    return [host, *_split(rest[1:], ":")]


def _client_address(text: str) -> tuple[str, int]:
    parts = _host_and_ports(text)
    if not parts:
        raise BadMemberError(f"client address {text!r}: must have a port", Code.MARSHALLING_ERROR)
    if len(parts) > 2:
        raise BadMemberError(f"client address {text!r}: must be PORT or HOST:PORT")
    port = _port(parts[-1], "client port")
    return (canonical_host(parts[0]) if len(parts) == 2 else ANY_HOST), port


def _port(text: str, what: str) -> int:
    # Java refuses what is no int and what is no port in two places, with two codes.
    number = int(text) if _INT.fullmatch(text) else 1 << 31
    if not -(1 << 31) <= number < 1 << 31:
        raise BadMemberError(f"{what} {text!r}: must be a number")
    if not 0 <= number <= _PORT_MAX:
        raise BadMemberError(
            f"{what} {text}: must be from 0 to {_PORT_MAX}", Code.MARSHALLING_ERROR
        )
    return number


def _long(text: str) -> int:
    number = int(text) if _LONG.fullmatch(text) else 1 << 63
    if not -(1 << 63) <= number < 1 << 63:
        raise BadMemberError(f"server id {text!r}: must be a whole number", Code.MARSHALLING_ERROR)
    return number


# Addresses.


def canonical_host(text: str) -> str:
    """A host name as it is, an address as ``InetAddress.getHostAddress`` writes it.

    Raises :class:`BadMemberError` for what is neither.
    """
    if ":" in text:
        return _ipv6(text)
    if not _NAME.fullmatch(text):
        raise BadMemberError(f"host {text!r}: must be a host name or an address")
    return _ipv4(text) or text


def _ipv6(text: str) -> str:
    # Few ensembles use IPv6, and the module costs a start several milliseconds.
    from ipaddress import IPv6Address

    try:
        address = IPv6Address(text)
    except ValueError as error:
        raise BadMemberError(f"host {text!r}: {error}") from None
    scope = address.scope_id
    if scope is not None and not _NAME.fullmatch(scope):
        raise BadMemberError(f"host {text!r}: must be a host name or an address")
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    groups = IPv6Address(int(address)).exploded.split(":")
    return ":".join(f"{int(group, 16):x}" for group in groups) + (f"%{scope}" if scope else "")


def _ipv4(text: str) -> str | None:
    """An IPv4 address in any of the forms that Java takes for one: ``127.1`` is 127.0.0.1."""
    parts = text.split(".")
    if len(parts) > 4 or not all(_INT.fullmatch(p) and p.isdecimal() for p in parts):
        return None
    *first, last = map(int, parts)
    rest_bytes = 4 - len(first)
    if any(part > 255 for part in first) or last >= 1 << 8 * rest_bytes:
        return None
    return ".".join(map(str, [*first, *last.to_bytes(rest_bytes, "big")]))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _places(member: Member) -> Iterator[tuple[str, int]]:
    """The addresses that nobody else may have (``QuorumServer.setMyAddrs``)."""
    addresses = (
        (member.host, member.quorum_port),
        (member.host, member.election_port),
        (member.client_host, member.client_port),
    )
    for name, port in addresses:
        host = name.lower()
        if port is not None and host not in _OWN and not _LOOPBACK_IPV4.fullmatch(host):
            yield host, port


# Changing.


def plan_reconfig(
    current: Membership,
    joining: bytes | None,
    leaving: bytes | None,
    members: bytes | None,
    version: int,
    *,
    zxid: int,
    standalone_enabled: bool = True,
) -> Membership | Code:
    """The membership that a reconfig asks for, or the error code that it gets.

    ``members`` is a whole new membership and outweighs the other two, which change the
    current one. ``version`` is the one that must be in force, -1 for any. Whether enough of
    the planned voters are there, and whether the caller may, is for others to decide.
    """
    if version not in (-1, current.version):
        return Code.BAD_VERSION
    try:
        if members is None:
            planned = _changed(current, joining, leaving)
        else:
            planned = _replaced(members, standalone_enabled=standalone_enabled)
    except BadMemberError as error:
        return error.code
    if len(planned.voters) < (2 if standalone_enabled else 1):
        return Code.BAD_ARGUMENTS
    return Membership(zxid, planned.members)


def check_founding(membership: Membership, *, standalone_enabled: bool) -> None:
    """See that an ensemble can be made of it (``QuorumPeerConfig.parseDynamicConfig``).

    Raises :class:`BadMemberError`. A single voter passes: alone it is a standalone server.
    """
    voters, observers = len(membership.voters), len(membership.observers)
    if not voters and not standalone_enabled:
        raise BadMemberError(
            "standaloneEnabled=false: needs a server line of at least one participant",
            Code.MARSHALLING_ERROR,
        )
    if observers and standalone_enabled and voters < 2:
        raise BadMemberError(
            "observers need at least two participants, or one and standaloneEnabled=false",
            Code.MARSHALLING_ERROR,
        )


def _replaced(members: bytes, *, standalone_enabled: bool) -> Membership:
    text = members.decode("utf-8", "replace").replace(",", "\n")
    planned = membership_of(_settings_of(text))
    check_founding(planned, standalone_enabled=standalone_enabled)
    return planned


def _changed(current: Membership, joining: bytes | None, leaving: bytes | None) -> Membership:
    planned = {member.server_id: member for member in current.members}
    for text in _listed(leaving):
        planned.pop(_long(text), None)
    for text in _listed(joining):
        joiner = _joiner(text)
        taken = frozenset(_places(joiner))
        for other in planned.values():
            if other.server_id != joiner.server_id and not taken.isdisjoint(_places(other)):
                raise BadMemberError(f"{text}: has an address of server.{other.server_id}")
        planned[joiner.server_id] = joiner
    return Membership.of(planned.values())


def _joiner(text: str) -> Member:
    """One server that joins; only the number counts of what stands before the ``=``."""
    parts = [part for part in (p.strip(_BLANKS) for p in text.split("=")) if part]
    if len(parts) != 2:
        raise BadMemberError(f"{text}: must be server.N=...")
    member = parse_member(read_server_id(parts[0].rpartition(".")[2]), parts[1])
    if member.client_port is None:
        raise BadMemberError(f"{text}: must have a client port")
    return member


def _listed(text: bytes | None) -> Iterator[str]:
    """The elements of a comma separated list, without empty ones."""
    for element in (text or b"").decode("utf-8", "replace").split(","):
        if trimmed := element.strip(_BLANKS):
            yield trimmed
