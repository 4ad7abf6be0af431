"""Fills the views that the four letter words are answered from."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from zkserver.admin import fourletter
from zkserver.admin.environment import environment, file_descriptors, version_text
from zkserver.admin.status_view import (
    ConnectionBucketView,
    ConnectionView,
    MemberView,
    PeerView,
    SessionView,
    StatusView,
    Summary,
    WatcherView,
)
from zkserver.config import NO_PORT, Config
from zkserver.replica.connection import Connection
from zkserver.replica.membership import ANY_HOST, Member
from zkserver.server.loop import monotonic_ms
from zkserver.storage.snapshots import list_snapshots, snapshot_zxid
from zkserver.wire.opcodes import OP_NAMES

if TYPE_CHECKING:
    from zkserver.paxos.node import PaxosNode
    from zkserver.replica.core import ReplicaCore
    from zkserver.server.app import Server

_STMK_BYTES = 12
#: ZooTrace's default: client requests, sessions and server packets are traced.
_DEFAULT_TRACE_MASK = 306


class FourLetterWords:
    """Answers the words about one server, and does what they ask for."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.trace_mask = _DEFAULT_TRACE_MASK
        self.version = version_text()

    def answer(self, data: bytes) -> bytes | None:
        """The answer to the word that ``data`` begins with.

        Empty when it begins with none; ``None`` when the word's argument is not here yet.
        """
        word = fourletter.WORD_OF_BYTES.get(data[:4])
        if word is None:
            return b""
        if word == "stmk" and len(data) < _STMK_BYTES:
            return None
        given = fourletter.answer(word, self.view(), data[4:_STMK_BYTES])
        self.carry_out(given.effect)
        return given.text

    def carry_out(self, effect: fourletter.Effect | None) -> None:
        """Do what an answer asks the server to do."""
        match effect:
            case fourletter.SetTraceMask(mask):
                self.trace_mask = mask
            case fourletter.ResetServerStats():
                self.server.core.stats.reset()
            case fourletter.ResetConnectionStats():
                for client in self.server.loop.sockets.values():
                    _reset(client.conn)

    def view(self) -> StatusView:
        """The server at this moment."""
        server = self.server
        core, loop, config = server.core, server.loop, server.config
        ensemble = core.ensemble
        stats, recovered = core.stats, server.recovered
        return StatusView(
            config=config,
            client_port=server.port,
            secure_client_port=server.secure_port,
            version=self.version,
            serving=server.serves,
            state=server.state,
            read_only=ensemble is not None and ensemble.is_read_only,
            min_latency_ms=0,
            avg_latency_ms=stats.average_latency_ms,
            max_latency_ms=stats.latency_max_ms,
            received=stats.received + stats.reads,
            sent=stats.reads + stats.writes + stats.sent_extra,
            connection_count=len(loop.sockets),
            outstanding=core.outstanding,
            last_zxid=core.zxid,
            node_count=len(core.tree.nodes),
            data_dir=recovered.snapshot_dir,
            log_dir=recovered.log_dir,
            data_dir_bytes=lambda: _bytes_in(recovered.snapshot_dir, "snapshot-"),
            log_dir_bytes=lambda: _bytes_in(recovered.log_dir, "wal-"),
            trace_mask=self.trace_mask,
            connections=lambda: [
                _connection(c.conn, is_secure=c.is_secure) for c in loop.sockets.values()
            ],
            sessions=self._sessions,
            ephemerals=lambda: [
                (session_id, [_text(path) for path in paths])
                for session_id, paths in core.tree.ephemerals.items()
            ],
            connection_buckets=self._connection_buckets,
            watchers=lambda: [
                WatcherView(conn.session_id, [_text(path) for path in paths])
                for conn, paths in core.watches.data.watchers.items()
            ],
            digests=lambda: list(core.tree.digest.history),
            environment=environment,
            figures=self._figures,
            summaries=self._summaries,
            proposal_bytes=_proposal_bytes(core),
            peer=_peer(server),
            last_snapshot=self._last_snapshot,
            slow_flushes=server.committer.slow_flushes,
        )

    def _last_snapshot(self) -> tuple[int, int]:
        for path in list_snapshots(self.server.disk, self.server.recovered.snapshot_dir)[:1]:
            return snapshot_zxid(path.rpartition("/")[2]) or 0, int(Path(path).stat().st_mtime)
        return 0, 0

    def _sessions(self) -> list[SessionView]:
        offset = time.time_ns() // 1_000_000 - monotonic_ms()
        core = self.server.core
        expiry = core.expiry
        if core.ensemble is not None and core.ensemble.read_only is not None:
            read_only = core.ensemble.read_only
            expiry = read_only.expiry if read_only.is_serving else expiry
        return [SessionView(due + offset, ids) for due, ids in expiry.buckets()]

    def _connection_buckets(self) -> list[ConnectionBucketView]:
        offset = time.time_ns() // 1_000_000 - monotonic_ms()
        found: dict[int, list[tuple[str, int]]] = {}
        tick = self.server.config.tick_time_ms
        for client in self.server.loop.sockets.values():
            conn = client.conn
            heard = conn.live.heard_ms if conn.live is not None else conn.connected_ms
            lasts = conn.timeout_ms or self.server.config.sessionless_timeout_ms
            due = ((heard + lasts) // tick + 1) * tick
            found.setdefault(due, []).append((_address(conn), conn.session_id))
        return [ConnectionBucketView(due + offset, conns) for due, conns in sorted(found.items())]

    def _figures(self) -> dict[str, int | float]:
        server = self.server
        core, loop, committer = server.core, server.loop, server.committer
        open_files, open_files_max = file_descriptors()
        return {
            "num_alive_connections": len(loop.sockets),
            "uptime": monotonic_ms() - loop.started_ms,
            "watch_count": sum(len(at) for at in core.watches.data.paths.values())
            + sum(len(at) for at in core.watches.children.paths.values()),
            "ephemerals_count": sum(len(own) for own in core.tree.ephemerals.values()),
            "approximate_data_size": core.tree.data_bytes,
            "global_sessions": len(core.sessions),
            "open_file_descriptor_count": open_files,
            "max_file_descriptor_count": open_files_max,
            "auth_failed_count": core.stats.auth_failed,
            "ensemble_auth_success": core.stats.ensemble_auth_passed,
            "ensemble_auth_fail": core.stats.ensemble_auth_failed,
            "ensemble_auth_skip": core.stats.ensemble_auth_skipped,
            "large_requests_rejected": core.large.rejected,
            "request_throttle_wait_count": core.stats.throttled,
            "connection_rejected": core.stats.rejected_connections,
            "connection_drop_probability": core.throttle.drop_probability,
            "stale_sessions_expired": core.stats.expired,
            "snap_count": core.stats.snapshots,
            "commit_count": core.stats.writes,
            "sync_processor_request_queued": committer.flushes,
            **_ensemble_figures(core),
        }

    def _summaries(self) -> dict[str, Summary]:
        stats, committer = self.server.core.stats, self.server.committer
        flush_ms = round(committer.flush_us / 1000)
        return {
            "updatelatency": Summary(
                count=stats.writes,
                total=stats.latency_total_ms,
                minimum=0,
                maximum=stats.latency_max_ms,
            ),
            "readlatency": Summary(count=stats.reads),
            "fsynctime": Summary(
                count=committer.flushes,
                total=committer.flushes * flush_ms,
                minimum=flush_ms,
                maximum=flush_ms,
            ),
        }


def _peer(server: Server) -> PeerView | None:
    """What a server of an ensemble tells beyond the rest."""
    core, config = server.core, server.config
    if core.ensemble is None or config.membership is None:
        return None
    membership = core.membership or config.membership
    # One that was taken out of the ensemble still knows its own line.
    own = membership.get(config.server_id) or config.membership.member(config.server_id)
    leader_id = core.node.follower.leader_id if core.node.follower is not None else None
    is_leading = core.node.leader is not None and not core.ensemble.is_read_only
    return PeerView(
        quorum_port=own.quorum_port,
        election_port=own.election_port,
        is_observer=own.is_observer,
        membership=membership.text().decode("utf-8", "replace"),
        state=_peer_state(core.node, is_observer=own.is_observer),
        observer_master_id=leader_id if own.is_observer else None,
        global_sessions=None
        if is_leading
        else lambda: [(s.session_id, s.timeout_ms) for s in core.sessions.values()],
        members=[_member(one, config) for one in membership.members],
        leader_id=config.server_id if is_leading else leader_id,
        synced_observers=_synced_observers(server) if is_leading else (),
    )


def _member(one: Member, config: Config) -> MemberView:
    host = f"[{one.host}]" if ":" in one.host else one.host
    client = one.spec.partition(";")[2]
    if not client and one.server_id == config.server_id and config.client_port != NO_PORT:
        client = f"{config.client_address or ANY_HOST}:{config.client_port}"
    return MemberView(
        one.server_id, host, one.quorum_port, one.election_port, one.is_observer, client
    )


def _synced_observers(server: Server) -> list[tuple[int, str]]:
    leader, peers = server.core.node.leader, server.peers
    if leader is None or peers is None:
        return []
    links = peers.links.links
    observers = server.core.node.configuration.observers
    return [
        (peer_id, f"/{links[peer_id].address}" if peer_id in links else "")
        for peer_id in leader.synced
        if peer_id in observers
    ]


def _peer_state(node: PaxosNode, *, is_observer: bool) -> str:
    """Role and phase in Apache's words: promising is its discovery."""
    if node.leader is not None:
        return f"leading - {'broadcast' if node.leader.is_accepting else 'discovery'}"
    follower = node.follower
    if follower is None:
        return "looking"
    if follower.is_caught_up:
        phase = "broadcast"
    else:
        phase = "synchronization" if follower.is_synced else "discovery"
    return f"{'observing' if is_observer else 'following'} - {phase}"


def _proposal_bytes(core: ReplicaCore) -> tuple[int, int, int] | None:
    if core.ensemble is None or core.node.leader is None or core.ensemble.is_read_only:
        return None
    return core.ensemble.proposal_bytes


def _ensemble_figures(core: ReplicaCore) -> dict[str, int | float]:
    """Gauges of mntr that only a server of an ensemble has, and most only its leader."""
    ensemble, node = core.ensemble, core.node
    if ensemble is None:
        return {}
    if ensemble.read_only is not None and ensemble.read_only.is_serving:
        return {"local_sessions": len(ensemble.read_only.sessions)}
    configuration = node.configuration
    figures: dict[str, int | float] = {"quorum_size": len(configuration.voters)}
    if node.leader is not None:
        synced = set(node.leader.synced)
        figures |= {
            "learners": len({*node.leader.followers, *node.wants_snapshot}),
            "synced_followers": len(synced.intersection(configuration.voters)),
            "synced_observers": len(synced.intersection(configuration.observers)),
            "synced_non_voting_followers": len(synced.difference(configuration.members)),
            # A sync takes its place in the sequence and waits nowhere else.
            "pending_syncs": 0,
            "leader_uptime": monotonic_ms() - ensemble.leads_since_ms,
        }
    return figures


def _text(path: bytes) -> str:
    return path.decode("utf-8", "replace")


def _address(conn: Connection) -> str:
    host = f"[{conn.address}]" if ":" in conn.address else conn.address
    return f"{host}:{conn.port}"


def _connection(conn: Connection, *, is_secure: bool) -> ConnectionView:
    count = conn.answered
    return ConnectionView(
        address=_address(conn),
        is_secure=is_secure,
        interest_ops=conn.interest,
        queued=conn.queued,
        received=conn.frames_received,
        sent=conn.frames_sent,
        session_id=conn.session_id,
        last_operation=OP_NAMES.get(conn.last_op, "NA") if conn.last_xid is not None else "NA",
        established_ms=time.time_ns() // 1_000_000 - (monotonic_ms() - conn.connected_ms),
        session_timeout_ms=conn.timeout_ms,
        last_cxid=-1 if conn.last_xid is None else conn.last_xid,
        last_zxid=conn.last_zxid,
        last_response_ms=conn.last_response_ms,
        last_latency_ms=conn.latency_last_ms,
        avg_latency_ms=conn.latency_total_ms // count if count else 0,
        max_latency_ms=conn.latency_max_ms,
    )


def _reset(conn: Connection) -> None:
    """What ``crst`` sets back (``ServerCnxn.resetStats``)."""
    conn.frames_received, conn.frames_extra = conn.queued, 0
    conn.latency_total_ms = conn.latency_max_ms = conn.latency_last_ms = 0
    conn.last_op, conn.last_xid, conn.last_zxid, conn.last_response_ms = 0, None, -1, 0


def _bytes_in(directory: str, prefix: str) -> int:
    total = 0
    for entry in os.scandir(directory):
        if entry.name.startswith(prefix):
            total += entry.stat().st_size
    return total
