"""The loop: events in, steps of the core, bytes out. See the package's docstring."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from zkserver.config import Config
from zkserver.limits import (
    ACCEPTS_PER_TURN,
    BATCH_BYTES,
    OUTPUT_CLOSE_BYTES,
    RECEIVE_BYTES,
)
from zkserver.log_output import enabled, log
from zkserver.replica.connection import Connection, Phase
from zkserver.replica.core import ReplicaCore
from zkserver.server.client_listener import Listener
from zkserver.server.client_port import OUT_OF_DESCRIPTORS, ClientSocket, peer_address
from zkserver.server.committer import Committer
from zkserver.server.poller import READABLE, WRITABLE, new_poller
from zkserver.server.snapshotter import Snapshotter

if TYPE_CHECKING:
    from zkserver.server.ensemble_shell import EnsembleShell

_HOUSEKEEPING_MS: Final = 250
_CLOSING_MS_MAX: Final = 10_000
_LINGER_POLL_MS: Final = 0
#: So long followers may wait for news that could go with records.
_NEWS_MS: Final = 1
#: How often the links to other servers and the election are looked after.
_PEER_TICK_MS: Final = 20
#: Refusals written to the log per round of housekeeping; the rest is counted.
_REFUSALS_LOGGED_MAX: Final = 10


def monotonic_ms() -> int:
    """The monotonic clock in milliseconds."""
    return time.monotonic_ns() // 1_000_000


class Loop:
    """One thread, one core, all connections."""

    def __init__(
        self,
        config: Config,
        core: ReplicaCore,
        committer: Committer,
        snapshotter: Snapshotter,
        listeners: list[Listener],
        peers: EnsembleShell | None = None,
    ) -> None:
        self.config = config
        self.core = core
        self.committer = committer
        self.snapshotter = snapshotter
        self.listeners = {one.fd: one for one in listeners}
        #: The links to other servers; None on a server that is alone.
        self.peers = peers
        self.poller = new_poller() if peers is None else peers.poller
        self.sockets: dict[int, ClientSocket] = {}
        self.per_address: dict[str, int] = {}
        #: Connections without a session yet, oldest first.
        self.unopened: dict[ClientSocket, int] = {}
        self.closing: dict[ClientSocket, None] = {}
        self.stopping = False
        self.started_ms = monotonic_ms()
        self.refusals = 0
        self._accepting = True
        self._calls: list[Callable[[], None]] = []
        self._next_reap_ms = self.started_ms + config.container_check_interval_ms
        self._reap_budget_per_check = max(
            1, config.container_max_per_minute * config.container_check_interval_ms // 60_000
        )
        committer.answer = self._flush_dirty
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        for fd in (*self.listeners, committer.done_fd, self._wake_read):
            self.poller.register(fd, READABLE)

    # From other threads and signal handlers.

    def call(self, function: Callable[[], None]) -> None:
        """Run ``function`` in the loop's thread, soon."""
        self._calls.append(function)
        self.wake()

    def wake(self) -> None:
        """Make the loop look up."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_write, b"\0")

    def stop(self) -> None:
        """Let the loop end after this turn."""
        self.stopping = True
        self.wake()

    # The loop's own.

    def run(self) -> None:
        """Serve until :meth:`stop`; raises ``DiskFailed`` when the log cannot be written."""
        interval = min(_HOUSEKEEPING_MS, max(10, self.config.tick_time_ms // 2))
        now = monotonic_ms()
        next_round, next_tick = now + interval, now
        while not self.stopping:
            due = next_round if self.peers is None else min(next_round, next_tick)
            wait = max(0, due - now)
            if self.peers is not None and self.peers.has_news:
                wait = min(wait, _NEWS_MS)
            self.turn(_LINGER_POLL_MS if self.committer.lingers else wait)
            now = monotonic_ms()
            if self.peers is not None and now >= next_tick:
                self.peers.tick(now)
                next_tick = now + _PEER_TICK_MS
            if now >= next_round:
                self.keep_house(now)
                next_round = now + interval

    def turn(self, wait_ms: int) -> None:
        """One round: take what arrived, commit, send."""
        core, sockets = self.core, self.sockets
        received = core.received
        events = self.poller.wait(wait_ms)
        now = monotonic_ms()
        for fd, mask in events:
            client = sockets.get(fd)
            if client is None:
                self._special(fd, mask, now)
                continue
            if mask & READABLE:
                try:
                    data = client.recv(RECEIVE_BYTES)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if not data:
                    self.drop(client)
                    continue
                received(client.conn, data, now)
                if not client.send_all():
                    self.flush(client, now)
                if core.batch.size > BATCH_BYTES:
                    self.committer.commit(now)
            elif mask & WRITABLE:
                self.flush(client, now)
            else:
                self.drop(client)
        if core.has_batches or self.peers is not None:
            self.committer.commit(now)
        self._flush_dirty(now)

    def _special(self, fd: int, mask: int, now: int) -> None:
        if self.peers is not None and fd in self.peers.links.fds:
            self.peers.ready(fd, mask, now)
        elif fd in self.listeners:
            self._accept(self.listeners[fd], now)
        elif fd == self.committer.done_fd:
            self.committer.finished(now)
        elif fd == self._wake_read:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
            calls, self._calls = self._calls, []
            for call in calls:
                call()

    def _accept(self, listener: Listener, now: int) -> None:
        config = self.config
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, peer = listener.sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in OUT_OF_DESCRIPTORS:
                    # Look again at the next housekeeping instead of spinning.
                    log("warning", "cannot_accept", why=error.strerror)
                    if self._accepting:
                        for fd in self.listeners:
                            self.poller.unregister(fd)
                    self._accepting = False
                    return
                continue
            address, port = peer_address(peer)
            count = self.per_address.get(address, 0)
            if 0 < config.connections_per_address_max <= count or (
                0 < config.connections_max <= len(self.sockets)
            ):
                self.core.stats.rejected_connections += 1
                self._note_refusal(address, "too many connections (maxClientCnxns, maxCnxns)")
                sock.close()
                continue
            sock.setblocking(False)
            conn = Connection(address, port, now)
            try:
                client = listener.connection(sock, conn, self.poller)
            except OSError:
                sock.close()
                continue
            self.per_address[address] = count + 1
            conn.shell = client
            self.sockets[client.fd] = client
            self.unopened[client] = now

    def _note_refusal(self, address: str, why: str) -> None:
        self.refusals += 1
        if self.refusals <= _REFUSALS_LOGGED_MAX:
            log("warning", "refused", client=address, why=why)

    def _flush_dirty(self, now: int) -> None:
        dirty = self.core.dirty
        while dirty:
            conns = list(dirty)
            dirty.clear()
            for conn in conns:
                client = conn.shell
                if client is not None and not client.send_all():
                    self.flush(client, now)

    def flush(self, client: ClientSocket, now: int) -> None:
        """Send what a connection has; go on with what it had set aside; close it if it is over."""
        conn = client.conn
        while True:
            if (conn.out or client.backlog) and not client.send():
                self.drop(client)
                return
            if not conn.more or client.backlog:
                break
            self.core.resume(conn, now)
        backlog = client.backlog
        if conn.phase >= Phase.CLOSING and not client.closing_since_ms:
            client.closing_since_ms = now
            if conn.why_closed and enabled("info"):
                log("info", "closing", client=f"{conn.address}:{conn.port}", why=conn.why_closed)
            if "jute.maxbuffer" in conn.why_closed:
                self._note_refusal(f"{conn.address}:{conn.port}", conn.why_closed)
        if conn.phase >= Phase.CLOSING and not backlog:
            self.drop(client)
        elif len(backlog) > OUTPUT_CLOSE_BYTES:
            log("warning", "slow_reader", client=f"{conn.address}:{conn.port}", bytes=len(backlog))
            self.drop(client)
        else:
            if conn.phase >= Phase.CLOSING:
                self.closing[client] = None
            client.watch()

    def drop(self, client: ClientSocket) -> None:
        """Close a connection and forget it."""
        conn = client.conn
        if conn.phase is Phase.CLOSED:
            return
        if client.failure:
            self._note_refusal(f"{conn.address}:{conn.port}", client.failure)
        self.core.lost(conn)
        conn.shell = None
        del self.sockets[client.fd]
        self.unopened.pop(client, None)
        self.closing.pop(client, None)
        left = self.per_address[conn.address] - 1
        if left:
            self.per_address[conn.address] = left
        else:
            del self.per_address[conn.address]
        client.close()

    def keep_house(self, now: int) -> None:
        """What is done now and then: expiry, reaping, snapshots, connections that hang."""
        core = self.core
        core.tick(now)
        if now >= self._next_reap_ms:
            self._next_reap_ms = now + self.config.container_check_interval_ms
            core.reap(time.time_ns() // 1_000_000, now, self._reap_budget_per_check)
        if core.has_batches:
            self.committer.commit(now)
        self._flush_dirty(now)
        problem = self.snapshotter.poll()
        if problem:
            log("error", "snapshot_failed", why=problem)
        if self.snapshotter.is_due:
            self.snapshotter.begin()
        self._drop_hanging(now)
        if self.config.cert_reload:
            for listener in self.listeners.values():
                listener.renew()
        if not self._accepting:
            for fd in self.listeners:
                self.poller.register(fd, READABLE)
            self._accepting = True
        if self.refusals > _REFUSALS_LOGGED_MAX:
            log("warning", "refused_more", count=self.refusals - _REFUSALS_LOGGED_MAX)
        self.refusals = 0

    def _drop_hanging(self, now: int) -> None:
        oldest = now - self.config.sessionless_timeout_ms
        for client, since in tuple(self.unopened.items()):
            if client.conn.phase >= Phase.OPEN:
                del self.unopened[client]
            elif since <= oldest:
                self.drop(client)
            else:
                break
        for client in tuple(self.closing):
            if now - client.closing_since_ms > _CLOSING_MS_MAX:
                self.drop(client)

    def finish(self) -> None:
        """Commit what was taken, close every connection, and let the disk go."""
        self._close_listeners()
        deadline = monotonic_ms() + _CLOSING_MS_MAX
        while self.committer.is_flushing and monotonic_ms() < deadline:
            self.turn(_HOUSEKEEPING_MS)
        self.committer.commit(monotonic_ms())
        while self.committer.is_flushing and monotonic_ms() < deadline:
            self.turn(_HOUSEKEEPING_MS)
        self._flush_dirty(monotonic_ms())
        self.close()

    def _close_listeners(self) -> None:
        for listener in self.listeners.values():
            listener.close()

    def close(self) -> None:
        """Close all sockets and pipes."""
        self._close_listeners()
        for client in tuple(self.sockets.values()):
            self.drop(client)
        if self.peers is not None:
            self.peers.close()
        self.committer.close()
        self.poller.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
