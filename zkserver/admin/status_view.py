"""The facts behind the four letter words, as plain data the server fills in.

Cheap facts are fields; whatever takes a walk over connections, sessions,
watches or directories is a callable that is only called by the words that need
it. Times are milliseconds, session ids and zxids signed 64-bit integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from zkserver.config import Config


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One client connection, as ``stat`` (short) and ``cons`` (full) show it."""

    # "host:port" of the peer, IPv6 hosts in brackets.
    address: str
    # NIO's bits: 1 reads are wanted, 4 writes are; 0 while the connection is throttled.
    interest_ops: int
    # Requests received but not answered yet, and packets since the connection or crst.
    queued: int
    received: int
    sent: int
    # 0 as long as there is no session; the fields below are then not shown.
    session_id: int = 0
    # ZooKeeper's four letter name of the last operation, NA before the first.
    last_operation: str = "NA"
    # Wall clock.
    established_ms: int = 0
    session_timeout_ms: int = 0
    # xid of the last request; negative: none yet.
    last_cxid: int = -1
    # zxid of the last reply; -1: none yet.
    last_zxid: int = -1
    # Monotonic clock, 0: none yet.
    last_response_ms: int = 0
    last_latency_ms: int = 0
    # It came under TLS.
    is_secure: bool = False
    min_latency_ms: int = 0
    # Rounded down, as ConnectionBean and cons show it.
    avg_latency_ms: int = 0
    max_latency_ms: int = 0


@dataclass(frozen=True, slots=True)
class SessionView:
    """The sessions that expire together (ExpiryQueue keeps them in one bucket)."""

    # Wall clock.
    expires_ms: int
    session_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class ConnectionBucketView:
    """The connections that are closed together when they stay idle (NIO only in Apache)."""

    # Wall clock.
    expires_ms: int
    # Address as in ConnectionView, and session id (0: none).
    connections: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class WatcherView:
    """The paths with a data or existence watch of one connection."""

    session_id: int
    paths: Sequence[str]


@dataclass(frozen=True, slots=True)
class Summary:
    """A distribution of observed values; percentiles count for advanced summaries only."""

    count: int = 0
    total: int = 0
    minimum: int = 0
    maximum: int = 0
    p50: int = 0
    p95: int = 0
    p99: int = 0
    p999: int = 0


@dataclass(frozen=True, slots=True)
class MemberView:
    """A server of the ensemble, as its line in ``/zookeeper/config`` has it."""

    server_id: int
    # IPv6 addresses are in brackets.
    host: str
    quorum_port: int
    election_port: int
    is_observer: bool
    # "host:port", or "" where the line has none.
    client_address: str


@dataclass(frozen=True, slots=True)
class PeerView:
    """What only a server of an ensemble has to tell."""

    quorum_port: int
    election_port: int
    is_observer: bool
    # The text of /zookeeper/config.
    membership: str
    # What it does among the others, as QuorumPeer.getDetailedPeerState: "leading - broadcast".
    state: str
    # The server that an observer follows; None for others, and without one.
    observer_master_id: int | None
    # Session id and timeout in milliseconds of all sessions, where somebody else expires
    # them; None on the leader, which does.
    global_sessions: Callable[[], Sequence[tuple[int, int]]] | None
    # All servers, in ascending order of their ids.
    members: Sequence[MemberView] = ()
    # None while there is none.
    leader_id: int | None = None
    # Ids of the observers that the leader has in step, and where each one is linked from.
    synced_observers: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything the words need to know about one server at one moment."""

    # The settings in force; client_port below is the port that was really bound.
    config: Config
    client_port: int
    secure_client_port: int
    # As environment.version_text() makes it: "3.8.0-mesozoic-...".
    version: str
    # False while electing: most words then only say so.
    serving: bool
    # standalone, leader, follower, observer or read-only.
    state: str
    read_only: bool
    # Of requests since the start or srst; avg is exact, it is rounded when shown.
    min_latency_ms: int
    avg_latency_ms: float
    max_latency_ms: int
    # Packets since the start or srst.
    received: int
    sent: int
    connection_count: int
    outstanding: int
    last_zxid: int
    # As ZooKeeper counts: the root twice (as "" and "/"), so 5 when nothing was created.
    node_count: int
    # Directories that hold snapshots and logs, and what they hold in bytes.
    data_dir: str
    log_dir: str
    data_dir_bytes: Callable[[], int]
    log_dir_bytes: Callable[[], int]
    trace_mask: int
    connections: Callable[[], Sequence[ConnectionView]]
    # Those that this server expires, ordered by expires_ms.
    sessions: Callable[[], Sequence[SessionView]]
    # Session id and the paths of its ephemeral znodes, only sessions that own some.
    ephemerals: Callable[[], Sequence[tuple[int, Sequence[str]]]]
    connection_buckets: Callable[[], Sequence[ConnectionBucketView]]
    watchers: Callable[[], Sequence[WatcherView]]
    # zxid and tree digest of the kept history, oldest first.
    digests: Callable[[], Sequence[tuple[int, int]]]
    # What envi prints, in order, without zookeeper.version; see environment.environment().
    environment: Callable[[], Sequence[tuple[str, str]]]
    # Gauges and counters of mntr by name without "zk_" that are not fields above.
    figures: Callable[[], Mapping[str, int | float]]
    # Summaries of mntr by name; those left out are empty.
    summaries: Callable[[], Mapping[str, Summary]]
    # Leader only: last, min and max size of proposals in bytes.
    proposal_bytes: tuple[int, int, int] | None = None
    # None on a standalone server.
    peer: PeerView | None = None
    # zxid of the newest snapshot and when it was written, seconds; (0, 0): there is none yet.
    last_snapshot: Callable[[], tuple[int, int]] = lambda: (0, 0)
    # Flushes that took longer than fsync.warningthresholdms.
    slow_flushes: int = 0
