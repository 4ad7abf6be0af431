"""The files a configuration comes from: zoo.cfg, and the dynamic file beside it.

Both are properties files. The dynamic one holds the membership, the
``server.N`` lines, which may stand in zoo.cfg as well when there is no dynamic
file. This version serves alone, so what is left of a membership is the client
port that its one line may name.
"""

# pathlib would cost the start of the server several milliseconds.
# ruff: noqa: PTH123

from __future__ import annotations

from zkserver.config_keys import whole
from zkserver.properties import parse_properties

#: What Java's system properties carry in front of the documented name.
PREFIX = "zookeeper."


def read_settings(path: str, problems: list[str]) -> dict[str, str]:
    """The file's keys without the ``zookeeper.`` prefix; none and a problem if unreadable."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        found = parse_properties(content)
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror or error}")
        return {}
    except ValueError as error:
        problems.append(f"{path}: {error}")
        return {}
    return {key.removeprefix(PREFIX): value for key, value in found.items()}


def resolve_servers(settings: dict[str, str], problems: list[str]) -> None:
    """Take the membership lines out of ``settings``; one server alone is a standalone one.

    As QuorumPeerConfig.parseDynamicConfig: with standaloneEnabled (the default)
    a single server.N line means no ensemble, and its client port counts.
    """
    members = {key: settings.pop(key) for key in list(settings) if key.startswith("server.")}
    dynamic = settings.pop("dynamicConfigFile", None)
    if dynamic is not None:
        if members:
            problems.append(
                f"dynamicConfigFile={dynamic}: server.N lines belong into that file, "
                f"but the main one has {', '.join(members)} too"
            )
        for key, value in read_settings(dynamic, problems).items():
            if key.startswith("server."):
                members[key] = value
            elif not key.startswith(("group.", "weight.")) and key != "version":
                problems.append(f"{key}={value}: does not belong into {dynamic}")
    if not members:
        return
    if len(members) > 1:
        problems.append(
            f"{', '.join(sorted(members))}: an ensemble of several servers is not available "
            "in this version; leave at most one server.N line for a standalone server"
        )
        return
    ((key, value),) = members.items()
    if settings.get("standaloneEnabled", "true").lower() == "false":
        problems.append(
            "standaloneEnabled=false: an ensemble of one server is not available in this "
            "version; set it to true"
        )
    try:
        _adopt_member(key, value, settings)
    except ValueError as error:
        problems.append(f"{key}={value}: {error}")


def _adopt_member(key: str, spec: str, settings: dict[str, str]) -> None:
    """Check ``server.N=host:port:electionPort[:role][;[client host:]client port]``."""
    whole(0, 255)(key.removeprefix("server."))
    quorum, _, client = spec.partition(";")
    if len(quorum.rpartition("]")[2].split(":")) < 3:
        raise ValueError("must be HOST:PORT:ELECTIONPORT[:ROLE][;[CLIENTHOST:]CLIENTPORT]")
    if quorum.endswith(":observer"):
        raise ValueError("observers are not available in this version")
    client = client.partition(";")[0].strip()
    if not client:
        return
    host, _, port = client.rpartition(":")
    whole(1, 65535)(port)
    if settings.setdefault("clientPort", port) != port:
        raise ValueError(f"names another client port than clientPort={settings['clientPort']}")
    if host:
        settings.setdefault("clientPortAddress", host)
