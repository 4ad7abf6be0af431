"""The files in which a server finds the membership of its ensemble, and where it keeps it.

``server.N`` lines stand in zoo.cfg or, if that has a ``dynamicConfigFile``, in the file
named there. Where reconfig is enabled a server keeps what it has learnt: the membership
goes into a new dynamic file, ``<zoo.cfg>.dynamic.<version in hex>``, and zoo.cfg points to
it from then on. The first time, when the lines stood in zoo.cfg itself, that is kept as
``<zoo.cfg>.bak``.

Files are replaced whole: written under a temporary name, flushed, renamed. Comments and
the order of the lines in zoo.cfg stay (Apache's server loses them).

Source: ``QuorumPeerConfig`` (parse, backupOldConfig, writeDynamicConfig,
editStaticConfig) and ``QuorumPeer.setQuorumVerifier`` of Apache ZooKeeper.
"""

# pathlib would cost the start of the server several milliseconds.
# ruff: noqa: PTH100, PTH105, PTH108, PTH110, PTH116, PTH118, PTH120, PTH123

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from zkserver.config_files import PREFIX, read_settings
from zkserver.properties import parse_properties
from zkserver.replica.membership import (
    BadMemberError,
    Member,
    Membership,
    canonical_host,
    check_founding,
    parse_member,
    parse_version,
    read_server_id,
)

if TYPE_CHECKING:
    from zkserver.config import Reader

_GROUPS: Final = ("group.", "weight.")
#: What moves from zoo.cfg into the dynamic file.
_MOVED: Final = ("server.", *_GROUPS)
_MOVED_KEYS: Final = ("dynamicConfigFile", "peerType")
_CLIENT_KEYS: Final = ("clientPort", "clientPortAddress")
#: Client addresses that mean all of this server's.
_ANYWHERE: Final = ("", "0.0.0.0", "::", "0:0:0:0:0:0:0:0")
_TEMPORARY_SUFFIX: Final = ".tmp"


def take_membership(settings: dict[str, str], problems: list[str]) -> Membership | None:
    """Take the membership lines out of ``settings``, and read the dynamic file if there is one.

    Appends a line to ``problems`` for each mistake. None when there was one, and when there
    are no lines.
    """
    lines = {key: settings.pop(key) for key in list(settings) if key.startswith(_MOVED)}
    found = len(problems)
    version = 0
    dynamic = settings.get("dynamicConfigFile")
    if dynamic is not None:
        if lines:
            problems.append(
                f"dynamicConfigFile={dynamic}: server.N lines belong into that file, "
                f"but the main one has {', '.join(lines)} too"
            )
        lines.update(read_settings(dynamic, problems))
        version = _version(dynamic, lines, problems)
    members = list(_members(lines, dynamic, problems))
    if len(problems) > found:
        return None
    membership = Membership.of(members, version)
    may_be_alone = settings.get("standaloneEnabled", "true").lower() != "false"
    try:
        check_founding(membership, standalone_enabled=may_be_alone)
    except BadMemberError as error:
        problems.append(str(error))
        return None
    return membership if members else None


def _members(lines: dict[str, str], dynamic: str | None, problems: list[str]) -> Iterator[Member]:
    seen: set[int] = set()
    for key, value in lines.items():
        if key.startswith(_GROUPS):
            problems.append(
                f"{key}={value}: groups and weights are not available in this version; "
                "every participant has one vote"
            )
        elif not key.startswith("server."):
            problems.append(f"{key}={value}: does not belong into {dynamic}")
        else:
            try:
                member = parse_member(read_server_id(key.removeprefix("server.")), value)
            except BadMemberError as error:
                problems.append(f"{key}={value}: {error}")
                continue
            if member.server_id in seen:
                problems.append(f"{key}={value}: server {member.server_id} has two lines")
            seen.add(member.server_id)
            yield member


def _version(dynamic: str, lines: dict[str, str], problems: list[str]) -> int:
    """The version in the name of a dynamic file, or in it; 0 when there is none."""
    inside = lines.pop("version", None)
    _, dot, suffix = dynamic.rpartition(".")
    try:
        named = parse_version(suffix) if dot else None
    except BadMemberError:
        named = None
    if inside is None:
        return named or 0
    try:
        version = parse_version(inside)
    except BadMemberError as error:
        problems.append(f"{dynamic}: {error}")
        return 0
    if named is not None and named != version:
        problems.append(f"{dynamic}: version={inside}: contradicts the name of the file")
    return version


def settle_membership(
    membership: Membership,
    data_dir: str,
    settings: Mapping[str, str],
    given: Mapping[str, str],
    reader: Reader,
) -> None:
    """Find this server among the members, and its client port with it.

    As QuorumPeerConfig: with standaloneEnabled (the default) a single server line means no
    ensemble, and its client port counts whatever myid says.
    """
    fields = reader.fields
    if len(membership.voters) == 1 and fields.get("standalone_enabled", True):
        own: Member | None = membership.members[0]
    else:
        fields["membership"] = membership
        own = _own_member(membership, data_dir, reader)
        _check_ensemble(len(membership.voters), settings, reader)
    if own is None:
        return
    role = "observer" if own.is_observer else "participant"
    said = settings.get("peerType", role).lower()
    if said != role:
        reader.warnings.append(f"peerType={said}: server.{own.server_id} is a {role} by its line")
    if own.client_port is not None:
        _adopt_client_port(own, own.client_port, settings, given, reader)


def _own_member(membership: Membership, data_dir: str, reader: Reader) -> Member | None:
    """The member that myid says we are; None and a problem without it."""
    known = ", ".join(str(member.server_id) for member in membership.members)
    myid = os.path.join(data_dir, "myid")
    server_id = reader.fields.get("server_id")
    if not isinstance(server_id, int):
        # A file that is there but makes no sense was told already.
        if not os.path.exists(myid):
            reader.problems.append(
                f"{myid}: is missing; a server of an ensemble needs it, with the N of its own "
                f"server.N line as its only line: one of {known}"
            )
        return None
    own = membership.get(server_id)
    if own is None:
        reader.problems.append(
            f"{myid}: holds {server_id}, but the server.N lines are those of {known}"
        )
    return own


def _check_ensemble(voters: int, settings: Mapping[str, str], reader: Reader) -> None:
    for key, field in (("initLimit", "init_limit"), ("syncLimit", "sync_limit")):
        if key not in settings or reader.fields.get(field) == 0:
            reader.problems.append(
                f"{key}: is required in an ensemble and must be above 0; it counts ticks"
            )
    if voters % 2 == 0:
        reader.warnings.append(
            f"{voters} participants outlast the failure of {voters // 2 - 1}, "
            f"no more than {voters - 1} would"
        )
    if reader.fields.get("skip_acl") and reader.fields.get("reconfig_enabled"):
        reader.warnings.append(
            "skipACL=yes with reconfigEnabled=true: every client may change the membership"
        )


def _adopt_client_port(
    own: Member,
    port: int,
    settings: Mapping[str, str],
    given: Mapping[str, str],
    reader: Reader,
) -> None:
    """The client port of the server line counts, and zoo.cfg may not say anything else."""
    fields = reader.fields
    host = str(fields.get("client_address", ""))
    if "clientPort" not in given:
        if fields.get("client_port", port) != port or _is_elsewhere(host, own.client_host):
            at = f" at clientPortAddress={host}" if host else ""
            reader.problems.append(
                f"server.{own.server_id}={own.spec}: names another client port than "
                f"clientPort={settings.get('clientPort', '')}{at}"
            )
        fields["client_port"] = port
    if "clientPortAddress" not in given:
        fields["client_address"] = "" if own.client_host in _ANYWHERE else own.client_host


def _is_elsewhere(static: str, line: str) -> bool:
    """Whether two client hosts are surely not the same; what names mean is not looked up."""
    try:
        static = canonical_host(static)
    except BadMemberError:
        return False
    return static not in _ANYWHERE and _is_address(static) and _is_address(line) and static != line


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdecimal()


def store_membership(static_path: str, membership: Membership, server_id: int) -> bool:
    """Keep ``membership`` for the next start, as server ``server_id`` started with a zoo.cfg.

    Only for servers with ``reconfigEnabled``. Returns whether anything had to be written;
    raises ``OSError`` when it cannot be, and then the next start finds the older one.
    """
    mode = os.stat(static_path).st_mode & 0o7777
    dynamic_path = f"{os.path.abspath(static_path)}.dynamic.{membership.version:x}"
    lines = "\n".join(member.line for member in membership.members).encode()
    with open(static_path, "rb") as file:
        static = file.read()
    settings = {key.removeprefix(PREFIX): value for key, value in _parsed(static).items()}
    if settings.get("dynamicConfigFile") == dynamic_path and _content(dynamic_path) == lines:
        return False
    if any(key.startswith(_MOVED) for key in settings):
        _replace(f"{static_path}.bak", static, mode)
    # The file that is pointed to must be there before the pointer.
    _replace(dynamic_path, lines, mode)
    own = membership.get(server_id)
    has_client_port = own is not None and own.client_port is not None
    dropped = _MOVED_KEYS + (_CLIENT_KEYS if has_client_port else ())
    _replace(static_path, _edited(static, dropped, dynamic_path), mode)
    return True


def _edited(static: bytes, dropped: tuple[str, ...], dynamic_path: str) -> bytes:
    """zoo.cfg without the membership and the keys in ``dropped``, pointing to a dynamic file."""
    kept = []
    for line in _logical_lines(static):
        key = next(iter(_parsed(line)), "").removeprefix(PREFIX)
        if not key.startswith(_MOVED) and key not in dropped:
            kept.append(line)
    if kept and not kept[-1].endswith((b"\n", b"\r")):
        kept.append(b"\n")
    kept.append(f"dynamicConfigFile={_escaped(dynamic_path)}\n".encode())
    return b"".join(kept)


def _logical_lines(content: bytes) -> Iterator[bytes]:
    """The lines as they are, those that are continued together with what continues them."""
    pending = b""
    for line in content.splitlines(keepends=True):
        text = line.rstrip(b"\r\n")
        is_comment = not pending and text.lstrip(b" \t\f")[:1] in (b"#", b"!", b"")
        pending += line
        if is_comment or (len(text) - len(text.rstrip(b"\\"))) % 2 == 0:
            yield pending
            pending = b""
    if pending:
        # An empty line keeps what may come behind the file's end from continuing its last one.
        yield pending.rstrip(b"\r\n") + b"\n\n"


def _parsed(content: bytes) -> dict[str, str]:
    try:
        return parse_properties(content)
    except ValueError:
        # The server was started with this file, so somebody is editing it just now.
        return {}


def _escaped(path: str) -> str:
    """``path`` as a value of a properties file, which Java reads as Latin-1."""
    # Beyond 16 bits an escape would be two, and UTF-8 is what our own parser prefers.
    return "".join(
        "\\\\" if c == "\\" else c if " " <= c <= "~" or c > "\uffff" else f"\\u{ord(c):04x}"
        for c in path
    )


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _replace(path: str, content: bytes, mode: int) -> None:
    """Put ``content`` into the file at once and for good, with those permissions."""
    # Where zoo.cfg is a link, the file behind it is meant.
    target = os.path.realpath(path)
    temporary = target + _TEMPORARY_SUFFIX
    try:
        with open(temporary, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        _remove(temporary)
        raise
    directory = os.open(os.path.dirname(target), os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        # What went wrong before is what has to be told.
        pass
