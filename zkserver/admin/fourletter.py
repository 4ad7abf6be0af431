"""The four letter words: ASCII questions on the client port, answered in plain text.

``answer`` takes the word and a ``StatusView`` and returns the bytes to send
before the connection is closed, with an effect for the words that change
something. The formats are those of Apache ZooKeeper 3.8, byte for byte
(org.apache.zookeeper.server.command), so existing monitors keep working.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from zkserver.admin.figures import java_double, monitored
from zkserver.admin.status_view import ConnectionView, StatusView

NOT_SERVING = "This ZooKeeper instance is not currently serving requests\n"
READ_ONLY_NOTICE = "READ-ONLY mode; serving only read-only clients\n"
_ARGUMENT_BYTES = 8
_U64 = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class ResetConnectionStats:
    """Set the counters and latencies of every connection back (``crst``)."""


@dataclass(frozen=True, slots=True)
class ResetServerStats:
    """Set the server's packet counters and latencies back (``srst``)."""


@dataclass(frozen=True, slots=True)
class SetTraceMask:
    """Remember ``mask`` and show it from now on (``stmk``)."""

    mask: int


Effect = ResetConnectionStats | ResetServerStats | SetTraceMask


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent before the connection closes, and what the server has to do."""

    text: bytes
    effect: Effect | None = None


def is_allowed(word: str, allowed: frozenset[str]) -> bool:
    """Whether 4lw.commands.whitelist, as parsed by ``config``, lets ``word`` be answered."""
    return "*" in allowed or word in allowed


def answer(word: str, view: StatusView, argument: bytes = b"") -> Answer:
    """The answer to ``word``, one of ``WORDS``.

    ``argument`` is what the client sent behind the word: ``stmk`` needs eight
    bytes there and has an empty answer without them. The whitelist of the
    view's configuration is obeyed. Raises ``KeyError`` for an unknown word.
    """
    write = _WRITERS[word]
    if not is_allowed(word, view.config.four_letter_words):
        return Answer(f"{word} is not executed because it is not in the whitelist.\n".encode())
    if word == "stmk":
        return _set_trace_mask(argument)
    if not view.serving and word not in _ALWAYS_ANSWERED:
        return Answer(b"null" if word == "isro" else NOT_SERVING.encode())
    return Answer("".join(write(view)).encode(), _EFFECTS.get(word))


def _hex(number: int) -> str:
    """Long.toHexString: negative numbers as two's complement."""
    return f"0x{number & _U64:x}"


def _date(wall_ms: int) -> str:
    """java.util.Date.toString, always in UTC."""
    return f"{datetime.fromtimestamp(wall_ms // 1000, UTC):%a %b %d %H:%M:%S UTC %Y}"


def _ruok(view: StatusView) -> Iterator[str]:
    del view
    yield "imok"


def _isro(view: StatusView) -> Iterator[str]:
    yield "ro" if view.read_only else "rw"


def _srvr(view: StatusView) -> Iterator[str]:
    yield from _head(view)
    yield from _server_stats(view)


def _stat(view: StatusView) -> Iterator[str]:
    yield from _head(view)
    yield "Clients:\n"
    for connection in view.connections():
        yield _connection_short(connection) + ")\n"
    yield "\n"
    yield from _server_stats(view)


def _head(view: StatusView) -> Iterator[str]:
    yield f"Zookeeper version: {view.version}\n"
    if view.read_only:
        yield READ_ONLY_NOTICE


def _server_stats(view: StatusView) -> Iterator[str]:
    average = java_double(view.avg_latency_ms)
    yield f"Latency min/avg/max: {view.min_latency_ms}/{average}/{view.max_latency_ms}\n"
    yield f"Received: {view.received}\n"
    yield f"Sent: {view.sent}\n"
    yield f"Connections: {view.connection_count}\n"
    yield f"Outstanding: {view.outstanding}\n"
    yield f"Zxid: {_hex(view.last_zxid)}\n"
    yield f"Mode: {view.state}\n"
    yield f"Node count: {view.node_count}\n"
    if view.proposal_bytes is not None:
        last, smallest, largest = view.proposal_bytes
        yield f"Proposal sizes last/min/max: {last}/{smallest}/{largest}\n"


def _connection_short(connection: ConnectionView) -> str:
    """A connection's line up to the counters; the caller closes the parenthesis."""
    return (
        f" /{connection.address}[{connection.interest_ops:x}](queued={connection.queued},"
        f"recved={connection.received},sent={connection.sent}"
    )


def _cons(view: StatusView) -> Iterator[str]:
    for connection in view.connections():
        yield _connection_short(connection)
        if connection.session_id != 0:
            yield _connection_details(connection)
        yield ")\n"
    yield "\n"


def _connection_details(connection: ConnectionView) -> str:
    """ServerCnxn.dumpConnectionInfo's second half."""
    cxid = f"lcxid={_hex(connection.last_cxid)}," if connection.last_cxid >= 0 else ""
    return (
        f",sid={_hex(connection.session_id)},lop={connection.last_operation},"
        f"est={connection.established_ms},to={connection.session_timeout_ms},{cxid}"
        f"lzxid={_hex(connection.last_zxid)},lresp={connection.last_response_ms},"
        f"llat={connection.last_latency_ms},minlat={connection.min_latency_ms},"
        f"avglat={connection.avg_latency_ms},maxlat={connection.max_latency_ms}"
    )


def _crst(view: StatusView) -> Iterator[str]:
    del view
    yield "Connection stats reset.\n"


def _srst(view: StatusView) -> Iterator[str]:
    del view
    yield "Server stats reset.\n"


def _mntr(view: StatusView) -> Iterator[str]:
    for name, value in monitored(view).items():
        yield f"zk_{name}\t{java_double(value) if isinstance(value, float) else value}\n"


def _conf(view: StatusView) -> Iterator[str]:
    config = view.config
    yield f"clientPort={view.client_port}\n"
    yield f"secureClientPort={view.secure_client_port}\n"
    yield f"dataDir={view.data_dir}\n"
    yield f"dataDirSize={view.data_dir_bytes()}\n"
    yield f"dataLogDir={view.log_dir}\n"
    yield f"dataLogSize={view.log_dir_bytes()}\n"
    yield f"tickTime={config.tick_time_ms}\n"
    yield f"maxClientCnxns={config.connections_per_address_max}\n"
    yield f"minSessionTimeout={config.min_session_timeout_ms}\n"
    yield f"maxSessionTimeout={config.max_session_timeout_ms}\n"
    yield f"clientPortListenBacklog={config.listen_backlog}\n"
    yield f"serverId={config.server_id}\n"
    peer = view.peer
    if peer is None:
        return
    yield f"initLimit={config.init_limit}\n"
    yield f"syncLimit={config.sync_limit}\n"
    # The one kind of election that Apache still has; the key takes no other value.
    yield "electionAlg=3\n"
    yield f"electionPort={peer.election_port}\n"
    yield f"quorumPort={peer.quorum_port}\n"
    yield f"peerType={int(peer.is_observer)}\n"
    if not view.read_only:
        yield f"membership: \n{peer.membership}"


def _session_sets(view: StatusView) -> Iterator[str]:
    sessions = view.sessions()
    yield f"Session Sets ({len(sessions)})/({sum(len(s.session_ids) for s in sessions)}):\n"
    for bucket in sessions:
        yield f"{len(bucket.session_ids)} expire at {_date(bucket.expires_ms)}:\n"
        for session_id in bucket.session_ids:
            yield f"\t{_hex(session_id)}\n"


def _dump(view: StatusView) -> Iterator[str]:
    yield "SessionTracker dump:\n"
    learns = view.peer.global_sessions if view.peer is not None else None
    if learns is None:
        yield from _session_sets(view)
    else:
        if view.read_only:
            # The sessions of the read-only server itself.
            yield "Local "
            yield from _session_sets(view)
        sessions = learns()
        yield f"Global Sessions({len(sessions)}):\n"
        for session_id, timeout_ms in sessions:
            yield f"{_hex(session_id)}\t{timeout_ms}ms\n"
    yield "ephemeral nodes dump:\n"
    ephemerals = view.ephemerals()
    yield f"Sessions with Ephemerals ({len(ephemerals)}):\n"
    for session_id, paths in ephemerals:
        yield f"{_hex(session_id)}:\n"
        for path in paths:
            yield f"\t{path}\n"
    yield "Connections dump:\n"
    connections = view.connection_buckets()
    total = sum(len(bucket.connections) for bucket in connections)
    yield f"Connections Sets ({len(connections)})/({total}):\n"
    for closing in connections:
        yield f"{len(closing.connections)} expire at {_date(closing.expires_ms)}:\n"
        for address, session_id in closing.connections:
            yield f"\tip: /{address} sessionId: {_hex(session_id)}\n"


def _envi(view: StatusView) -> Iterator[str]:
    yield "Environment:\n"
    yield f"zookeeper.version={view.version}\n"
    for key, value in view.environment():
        yield f"{key}={value}\n"


def _wchs(view: StatusView) -> Iterator[str]:
    watchers = [watcher for watcher in view.watchers() if watcher.paths]
    paths = {path for watcher in watchers for path in watcher.paths}
    yield f"{len(watchers)} connections watching {len(paths)} paths\n"
    yield f"Total watches:{sum(len(watcher.paths) for watcher in watchers)}\n"


def _wchc(view: StatusView) -> Iterator[str]:
    for watcher in view.watchers():
        if watcher.paths:
            yield f"{_hex(watcher.session_id)}\n"
            for path in watcher.paths:
                yield f"\t{path}\n"
    yield "\n"


def _wchp(view: StatusView) -> Iterator[str]:
    by_path: dict[str, list[int]] = {}
    for watcher in view.watchers():
        for path in watcher.paths:
            by_path.setdefault(path, []).append(watcher.session_id)
    for path, session_ids in by_path.items():
        yield f"{path}\n"
        for session_id in session_ids:
            yield f"\t{_hex(session_id)}\n"
    yield "\n"


def _dirs(view: StatusView) -> Iterator[str]:
    yield f"datadir_size: {view.data_dir_bytes()}\n"
    yield f"logdir_size: {view.log_dir_bytes()}\n"


def _gtmk(view: StatusView) -> Iterator[str]:
    yield str(view.trace_mask)


def _hash(view: StatusView) -> Iterator[str]:
    for zxid, digest in view.digests():
        yield f"{zxid & _U64:x}: {digest}\n"


def _set_trace_mask(argument: bytes) -> Answer:
    if len(argument) < _ARGUMENT_BYTES:
        # NIOServerCnxn fails on the short buffer and just closes the connection.
        return Answer(b"")
    (mask,) = struct.unpack_from(">q", argument)
    return Answer(str(mask).encode(), SetTraceMask(mask))


_WRITERS: dict[str, Callable[[StatusView], Iterator[str]]] = {
    "ruok": _ruok,
    "isro": _isro,
    "srvr": _srvr,
    "stat": _stat,
    "mntr": _mntr,
    "conf": _conf,
    "cons": _cons,
    "crst": _crst,
    "srst": _srst,
    "dump": _dump,
    "envi": _envi,
    "wchs": _wchs,
    "wchc": _wchc,
    "wchp": _wchp,
    "dirs": _dirs,
    "gtmk": _gtmk,
    # Takes an argument, so answer() handles it before this table is used.
    "stmk": _gtmk,
    "hash": _hash,
}
_ALWAYS_ANSWERED = frozenset({"ruok", "envi", "gtmk"})
_EFFECTS: dict[str, Effect] = {"crst": ResetConnectionStats(), "srst": ResetServerStats()}

#: Every word that is answered; any other four bytes are the length of a frame.
WORDS: frozenset[str] = frozenset(_WRITERS)
#: The same by the bytes on the wire.
WORD_OF_BYTES: dict[bytes, str] = {word.encode(): word for word in _WRITERS}
