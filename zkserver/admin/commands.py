"""The AdminServer's commands: what each one answers, as ``Commands`` of Apache 3.9 does.

Pure, as the four letter words are: a command reads a :class:`StatusView` and gives fields for
JSON, and an effect where it changes something. ``snapshot`` and ``restore`` are not here, since
they need the server itself (``zkserver.server.admin_server``).

Meant differences: ``initial_configuration`` and ``system_properties`` do not show passwords,
``observers`` knows less of each observer, and members of an ensemble tell their configuration
as well (Apache's answer null).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from zkserver.admin.figures import monitored
from zkserver.admin.fourletter import (
    NOT_SERVING,
    Effect,
    ResetConnectionStats,
    ResetServerStats,
    SetTraceMask,
)
from zkserver.admin.status_view import ConnectionView, MemberView, StatusView

Fields = dict[str, Any]
Arguments = Mapping[str, str]

_HIDDEN: Final = "****"


class CommandAnswer(NamedTuple):
    """The fields of the JSON object, in their order, and what the server has to do."""

    fields: Fields
    effect: Effect | None = None


class _Command(NamedTuple):
    name: str
    aliases: tuple[str, ...]
    answer: Callable[[StatusView, Arguments], Fields]
    effect: Effect | None = None
    #: Whether it is answered while nobody leads.
    always: bool = False


def whole(name: str, fields: Fields, error: str | None = None) -> Fields:
    """What is sent: ``fields``, the command's name, and what went wrong.

    An error that a command itself tells stands first, as Apache has it.
    """
    fields["command"] = name
    fields.setdefault("error", error)
    return fields


def answer(name: str, arguments: Arguments, view: StatusView) -> CommandAnswer:
    """The answer to command ``name``, which may be an alias or unknown."""
    command = _BY_NAME.get(name)
    if command is None:
        return CommandAnswer(whole(name, {}, f"Unknown command: {name}"))
    if not view.serving and not command.always:
        return CommandAnswer(whole(command.name, {}, NOT_SERVING.strip()))
    if command.name == "set_trace_mask":
        return _set_trace_mask(arguments)
    fields = whole(command.name, command.answer(view, arguments))
    return CommandAnswer(fields, command.effect)


def _nothing(view: StatusView, arguments: Arguments) -> Fields:
    del view, arguments
    return {}


def _configuration(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    config = view.config
    found: Fields = {
        "client_port": view.client_port,
        "data_dir": view.data_dir,
        "data_log_dir": view.log_dir,
        "tick_time": config.tick_time_ms,
        "max_client_cnxns": config.connections_per_address_max,
        "min_session_timeout": config.min_session_timeout_ms,
        "max_session_timeout": config.max_session_timeout_ms,
        "server_id": config.server_id,
        "client_port_listen_backlog": config.listen_backlog,
    }
    if view.secure_client_port > 0:
        found["secure_client_port"] = view.secure_client_port
    return found


def _short(connection: ConnectionView) -> Fields:
    return {
        "remote_socket_address": connection.address,
        "interest_ops": connection.interest_ops,
        "outstanding_requests": connection.queued,
        "packets_received": connection.received,
        "packets_sent": connection.sent,
    }


def _full(connection: ConnectionView) -> Fields:
    if connection.session_id == 0:
        return _short(connection)
    return {
        **_short(connection),
        "session_id": connection.session_id,
        "last_operation": connection.last_operation,
        "established": connection.established_ms,
        "session_timeout": connection.session_timeout_ms,
        "last_cxid": connection.last_cxid,
        "last_zxid": connection.last_zxid,
        "last_response_time": connection.last_response_ms,
        "last_latency": connection.last_latency_ms,
        "min_latency": connection.min_latency_ms,
        "avg_latency": connection.avg_latency_ms,
        "max_latency": connection.max_latency_ms,
    }


def _both(view: StatusView, shown: Callable[[ConnectionView], Fields]) -> Fields:
    connections = view.connections()
    return {
        "connections": [shown(one) for one in connections if not one.is_secure],
        "secure_connections": [shown(one) for one in connections if one.is_secure],
    }


def _connections(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    return _both(view, _full)


def _dirs(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    return {"datadir_size": view.data_dir_bytes(), "logdir_size": view.log_dir_bytes()}


def _dump(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    learns = view.peer is not None and view.peer.global_sessions is not None
    return {
        "expiry_time_to_session_ids": {}
        if learns
        else {str(one.expires_ms): list(one.session_ids) for one in view.sessions()},
        "session_id_to_ephemeral_paths": {
            str(session_id): list(paths) for session_id, paths in view.ephemerals()
        },
    }


def _environment(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    return {"zookeeper.version": view.version, **dict(view.environment())}


def _get_trace_mask(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    return {"tracemask": view.trace_mask}


def _set_trace_mask(arguments: Arguments) -> CommandAnswer:
    name, given = "set_trace_mask", arguments.get("traceMask")
    problem = "setTraceMask requires long traceMask argument"
    if given is None:
        return CommandAnswer(whole(name, {"error": problem}))
    try:
        mask = int(given)
    except ValueError:
        mask = 1 << 64
    if not -(1 << 63) <= mask < 1 << 63:
        return CommandAnswer(whole(name, {"error": f"{problem}, got {given}"}))
    return CommandAnswer(whole(name, {"tracemask": mask}), SetTraceMask(mask))


def _hash(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    return {
        "digests": [
            {"zxid": zxid, "digest": digest, "digestVersion": 2} for zxid, digest in view.digests()
        ]
    }


def _shown(view: StatusView) -> list[tuple[str, str]]:
    """The settings as they were given, without what nobody else should know."""
    return [
        (key, _HIDDEN if "password" in key.lower() or "superDigest" in key else value)
        for key, value in view.config.given
    ]


def _initial_configuration(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    lines = "".join(f"{key}={value}\n" for key, value in _shown(view))
    return {"initial_configuration": lines}


def _system_properties(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    found = dict(view.environment())
    found |= {"file.encoding": sys.getfilesystemencoding().upper(), "file.separator": os.sep}
    found |= {"line.separator": os.linesep, "path.separator": os.pathsep}
    found |= {f"zookeeper.{key}": value for key, value in _shown(view)}
    return dict(sorted(found.items()))


def _is_read_only(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    return {"read_only": view.read_only}


def _last_snapshot(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    zxid, timestamp = view.last_snapshot()
    return {"zxid": f"{zxid:x}", "timestamp": timestamp}


def _leader(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    peer = view.peer
    if peer is None:
        return {"error": "server is not initialized"}
    hosts = {member.server_id: member.host for member in peer.members}
    is_leader = view.state == "leader"
    if peer.leader_id is None:
        return {"is_leader": is_leader, "leader_id": -1, "leader_ip": ""}
    host = hosts.get(peer.leader_id, "")
    return {"is_leader": is_leader, "leader_id": peer.leader_id, "leader_ip": host}


def _monitor(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    return dict(monitored(view))


def _observers(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    synced = view.peer.synced_observers if view.peer is not None else ()
    return {
        "synced_observers": len(synced),
        "observers": [
            {"remote_socket_address": address, "sid": server_id} for server_id, address in synced
        ],
    }


_NO_SIZES: Final = {"last_buffer_size": -1, "min_buffer_size": -1, "max_buffer_size": -1}


def _server_stats(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    figures = view.figures()
    found: Fields = {
        "version": view.version,
        "read_only": view.read_only,
        "server_stats": {
            "packets_sent": view.sent,
            "packets_received": view.received,
            "fsync_threshold_exceed_count": view.slow_flushes,
            "client_response_stats": _NO_SIZES,
            "provider_null": False,
            "data_dir_size": view.data_dir_bytes(),
            "log_dir_size": view.log_dir_bytes(),
            "last_processed_zxid": view.last_zxid,
            "outstanding_requests": view.outstanding,
            "server_state": view.state,
            "avg_latency": float(view.avg_latency_ms),
            "max_latency": view.max_latency_ms,
            "min_latency": view.min_latency_ms,
            "num_alive_client_connections": view.connection_count,
            "uptime": figures.get("uptime", 0),
            "auth_failed_count": figures.get("auth_failed_count", 0),
            "non_mtlsremote_conn_count": 0,
            "non_mtlslocal_conn_count": 0,
        },
        "client_response": _NO_SIZES,
    }
    if view.proposal_bytes is not None:
        last, smallest, largest = view.proposal_bytes
        found["proposal_stats"] = {
            "last_buffer_size": last,
            "min_buffer_size": smallest,
            "max_buffer_size": largest,
        }
    found["node_count"] = view.node_count
    return found


def _stats(view: StatusView, arguments: Arguments) -> Fields:
    return {**_server_stats(view, arguments), **_both(view, _short)}


def _voting_view(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    members = view.peer.members if view.peer is not None else ()
    return {
        "current_config": {
            str(one.server_id): {
                "server_addresses": [f"{one.host}:{one.quorum_port}"],
                "election_addresses": [f"{one.host}:{one.election_port}"],
                "client_address": one.client_address,
                "learner_type": "participant",
            }
            for one in members
            if not one.is_observer
        }
    }


def _watches(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    return {
        "session_id_to_watched_paths": {
            str(one.session_id): list(one.paths) for one in view.watchers() if one.paths
        }
    }


def _watches_by_path(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    by_path: dict[str, list[int]] = {}
    for one in view.watchers():
        for path in one.paths:
            by_path.setdefault(path, []).append(one.session_id)
    return {"path_to_session_ids": by_path}


def _watch_summary(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    watchers = [one for one in view.watchers() if one.paths]
    return {
        "num_connections": len(watchers),
        "num_paths": len({path for one in watchers for path in one.paths}),
        "num_total_watches": sum(len(one.paths) for one in watchers),
    }


def _address(host: str, port: int) -> Fields:
    """One address as Jackson writes Apache's ``MultipleAddresses``."""
    text = f"{host}:{port}"
    return {
        "empty": False,
        "all_addresses": [text],
        "wildcard_addresses": [f"0.0.0.0:{port}"],
        "all_ports": [port],
        "all_host_strings": [host],
        "reachable_address": text,
        "all_reachable_addresses": [text],
        "all_reachable_addresses_or_all": [text],
        "reachable_or_one": text,
        "one": text,
    }


def _zabstate(view: StatusView, arguments: Arguments) -> Fields:
    del arguments
    peer = view.peer
    if peer is None:
        return {"voting": False, "zabstate": ""}
    config = view.config
    unknown = MemberView(config.server_id, "", peer.quorum_port, peer.election_port, True, "")
    own = next((one for one in peer.members if one.server_id == config.server_id), unknown)
    return {
        "myid": config.server_id,
        "is_leader": view.state == "leader",
        "quorum_address": _address(own.host, own.quorum_port),
        "election_address": _address(own.host, own.election_port),
        "client_address": own.client_address,
        "voting": not own.is_observer,
        "last_zxid": f"0x{view.last_zxid:x}",
        "zab_epoch": view.last_zxid >> 32,
        "zab_counter": view.last_zxid & 0xFFFF_FFFF,
        "zabstate": peer.state.rpartition(" - ")[2] if " - " in peer.state else "election",
    }


_COMMANDS: Final = (
    _Command("configuration", ("conf", "config"), _configuration),
    _Command("connection_stat_reset", ("crst",), _nothing, ResetConnectionStats()),
    _Command("connections", ("cons",), _connections),
    _Command("dirs", (), _dirs),
    _Command("dump", (), _dump),
    _Command("environment", ("env", "envi"), _environment, always=True),
    _Command("get_trace_mask", ("gtmk",), _get_trace_mask, always=True),
    _Command("hash", (), _hash),
    _Command("initial_configuration", ("icfg",), _initial_configuration),
    _Command("is_read_only", ("isro",), _is_read_only),
    _Command("last_snapshot", ("lsnp",), _last_snapshot),
    _Command("leader", ("lead",), _leader),
    _Command("monitor", ("mntr",), _monitor),
    _Command("observer_connection_stat_reset", ("orst",), _nothing),
    _Command("observers", ("obsr",), _observers),
    _Command("ruok", (), _nothing),
    _Command("server_stats", ("srvr",), _server_stats),
    _Command("set_trace_mask", ("stmk",), _nothing, always=True),
    _Command("stat_reset", ("srst",), _nothing, ResetServerStats()),
    _Command("stats", ("stat",), _stats),
    _Command("system_properties", ("sysp",), _system_properties, always=True),
    _Command("voting_view", (), _voting_view),
    _Command("watch_summary", ("wchs",), _watch_summary),
    _Command("watches", ("wchc",), _watches),
    _Command("watches_by_path", ("wchp",), _watches_by_path),
    _Command("zabstate", (), _zabstate),
)
_BY_NAME: Final = {name: one for one in _COMMANDS for name in (one.name, *one.aliases)}

#: Answered beside these, by the server itself.
SNAPSHOT: Final = "snapshot"
RESTORE: Final = "restore"
#: Not one of Apache's, and at a place of its own.
HISTORY: Final = "history"
SNAPSHOT_NAMES: Final = frozenset((SNAPSHOT, "snap"))
RESTORE_NAMES: Final = frozenset((RESTORE, "rest"))
#: What the list of commands shows.
NAMES: Final = tuple(sorted([*(one.name for one in _COMMANDS), SNAPSHOT, RESTORE]))
