"""The shell's part of an ensemble: links, ticks, and snapshots that travel.

The core decides what is told to whom; here it is sent. A snapshot goes as the bytes of the
sender's newest snapshot file, a part at a time as the link takes them, so that nothing
else has to wait. The receiver puts them under a temporary name, verifies the whole file,
makes it durable under its own name, and only then goes on from it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zlib import crc32

from zkserver.log_output import log
from zkserver.membership_files import store_membership
from zkserver.paxos.ballot import Ballot
from zkserver.replica.peer_messages import LinkMessage, SnapshotBegin, SnapshotEnd, SnapshotPart
from zkserver.server.peer_links import PeerLinks
from zkserver.server.poller import new_poller
from zkserver.storage import (
    CorruptSnapshot,
    Disk,
    list_snapshots,
    read_meta,
    read_snapshot,
)
from zkserver.storage.segments import TEMPORARY_SUFFIX
from zkserver.storage.snapshots import snapshot_name, verify_snapshot

if TYPE_CHECKING:
    from zkserver.config import Config
    from zkserver.replica.core import ReplicaCore
    from zkserver.replica.membership import Membership
    from zkserver.server.peer_security import PeerSecurity
    from zkserver.storage.disk import DiskFile

#: Bytes of a snapshot in one message.
_PART_BYTES: Final = 256 * 1024
#: A link with more than this waiting gets no further part for the moment.
_BACKLOG_BYTES_MAX: Final = 1024 * 1024


@dataclass(slots=True)
class _Sending:
    """A snapshot on its way to another server."""

    file: DiskFile
    size: int
    sent: int = 0
    crc: int = 0


@dataclass(slots=True)
class _Receiving:
    """A snapshot that is coming in."""

    begin: SnapshotBegin
    path: str
    file: DiskFile
    received: int = 0
    crc: int = 0


class EnsembleShell:
    """All that one server has to do with the others, on the loop's thread.

    ``start`` has to be called once the core is there. Raises ``StartError`` when the
    server's own quorum port cannot be bound.
    """

    def __init__(self, config: Config, membership: Membership, disk: Disk, directory: str) -> None:
        server_id = config.server_id
        self.config = config
        self.disk = disk
        self.directory = directory
        self.poller = new_poller()
        self._core: ReplicaCore | None = None
        self._sending: dict[int, _Sending] = {}
        self._receiving: dict[int, _Receiving] = {}
        self._now_ms = 0
        self._founding = membership
        self._membership: Membership | None = None
        self._away: frozenset[int] = frozenset()
        self.links = PeerLinks(
            server_id,
            self._cluster_id,
            _addresses(server_id, membership),
            self.poller,
            on_linked=self._linked,
            on_unlinked=self._unlinked,
            on_message=self._received,
            accepts_strangers=self._accepts,
        )
        self.links.security = _security(config)
        own = membership.member(server_id)
        self.links.listen(own.host, own.quorum_port)

    def start(self, core: ReplicaCore, now_ms: int) -> None:
        """Begin to look for the others."""
        self._core = core
        self._now_ms = now_ms

    @property
    def core(self) -> ReplicaCore:
        """The core; ``RuntimeError`` before :meth:`start`."""
        if self._core is None:
            raise RuntimeError("the links were used before the core was there")
        return self._core

    def _cluster_id(self) -> bytes:
        return b"" if self._core is None else self._core.cluster_id

    def cut_off(self, servers: frozenset[int]) -> None:
        """Have no link to these servers, for a test; nothing for the others changes."""
        self._away = servers
        membership = self._membership or self._founding
        addresses = _addresses(self.links.own_id, membership)
        if not self.config.reconfig_enabled:
            # Then files say who is where, and in the leader's its own line may well be 0.0.0.0.
            known = _addresses(self.links.own_id, self._founding)
            addresses |= {i: at for i, at in known.items() if i in addresses}
        self.links.set_addresses({i: at for i, at in addresses.items() if i not in servers})

    def _accepts(self, server_id: int) -> bool:
        return server_id not in self._away

    def _store(self, membership: Membership) -> None:
        """Write the membership where the next start will read it, if it may be changed."""
        config = self.config
        if not config.reconfig_enabled or config.static_config_file is None:
            return
        try:
            store_membership(config.static_config_file, membership, config.server_id)
        except OSError as error:
            # The server knows it from its log; only a start without that would be misled.
            log("warning", "membership_not_stored", why=str(error))

    # The loop's events.

    def ready(self, fd: int, mask: int, now_ms: int) -> None:
        """Something happened to one of the links' descriptors."""
        self._now_ms = now_ms
        self.links.ready(fd, mask, now_ms)

    def tick(self, now_ms: int) -> None:
        """Time went by."""
        self._now_ms = now_ms
        self.links.tick(now_ms)
        assert self.core.ensemble is not None
        self.core.ensemble.tick(now_ms)
        for peer_id in tuple(self.core.node.wants_snapshot):
            if peer_id not in self._sending:
                self._begin_sending(peer_id)
        self._send_parts()
        self.exchange()
        if self.core.membership is not self._membership and self.core.membership is not None:
            self._membership = self.core.membership
            self.cut_off(self._away)
            self._store(self._membership)

    def exchange(self) -> None:
        """Send what the core wants to tell the others."""
        ensemble = self.core.ensemble
        assert ensemble is not None
        links = self.links
        for peer_id, message in ensemble.take_outbox():
            links.send(peer_id, message)
        if links.has_output:
            links.flush()

    @property
    def has_news(self) -> bool:
        """Whether the loop has to come back within a millisecond or so."""
        return (
            self._core is not None
            and self._core.ensemble is not None
            and (self._core.ensemble.has_news)
        )

    def close(self) -> None:
        """Close all links."""
        for sending in self._sending.values():
            sending.file.close()
        for receiving in self._receiving.values():
            receiving.file.close()
        self.links.close()

    # The links' events.

    def _linked(self, peer_id: int) -> None:
        self.core.node.linked(peer_id, self._now_ms)

    def _unlinked(self, peer_id: int) -> None:
        self._stop_transfers(peer_id)
        ensemble = self.core.ensemble
        assert ensemble is not None
        ensemble.unlinked(peer_id, self._now_ms)

    def _received(self, peer_id: int, message: LinkMessage) -> None:
        if isinstance(message, SnapshotBegin | SnapshotPart | SnapshotEnd):
            self._take_snapshot(peer_id, message)
            return
        ensemble = self.core.ensemble
        assert ensemble is not None
        ensemble.received(peer_id, message, self._now_ms)

    # Snapshots out.

    def _begin_sending(self, peer_id: int) -> None:
        paths = list_snapshots(self.disk, self.directory)
        if not paths:
            return
        meta = read_meta(self.disk, paths[0])
        file = self.disk.open(paths[0], write=False)
        size = file.size()
        self._sending[peer_id] = _Sending(file, size)
        log("info", "snapshot_sent", peer=peer_id, zxid=hex(meta.zxid), bytes=size)
        self.links.send(
            peer_id,
            SnapshotBegin(meta.index, meta.zxid, Ballot.unpacked(meta.ballot), meta.time_ms, size),
        )

    def _send_parts(self) -> None:
        for peer_id, sending in tuple(self._sending.items()):
            while sending.sent < sending.size:
                if self.links.backlog_bytes(peer_id) > _BACKLOG_BYTES_MAX:
                    break
                part = sending.file.pread(_PART_BYTES, sending.sent)
                sending.sent += len(part)
                sending.crc = crc32(part, sending.crc)
                self.links.send(peer_id, SnapshotPart(part))
            else:
                self.links.send(peer_id, SnapshotEnd(sending.crc))
                sending.file.close()
                del self._sending[peer_id]
                self.core.node.wants_snapshot.pop(peer_id, None)

    def _stop_transfers(self, peer_id: int) -> None:
        sending = self._sending.pop(peer_id, None)
        if sending is not None:
            sending.file.close()
        receiving = self._receiving.pop(peer_id, None)
        if receiving is not None:
            receiving.file.close()

    # Snapshots in.

    def _take_snapshot(
        self, peer_id: int, message: SnapshotBegin | SnapshotPart | SnapshotEnd
    ) -> None:
        if isinstance(message, SnapshotBegin):
            self._stop_transfers(peer_id)
            # No name that the purge of old snapshots would look at.
            path = f"{self.directory}/incoming-{peer_id}{TEMPORARY_SUFFIX}"
            self._receiving[peer_id] = _Receiving(message, path, self.disk.create(path))
            return
        receiving = self._receiving.get(peer_id)
        if receiving is None:
            return
        if isinstance(message, SnapshotPart):
            receiving.file.pwrite(message.data, receiving.received)
            receiving.received += len(message.data)
            receiving.crc = crc32(message.data, receiving.crc)
            return
        if receiving.crc != message.crc:
            log("warning", "snapshot_refused", peer=peer_id, why="it was changed on its way")
            self._stop_transfers(peer_id)
            return
        del self._receiving[peer_id]
        self._install(peer_id, receiving)

    def _install(self, peer_id: int, receiving: _Receiving) -> None:
        """Make the file a snapshot of our own, and go on from it."""
        receiving.file.datasync()
        receiving.file.close()
        try:
            meta = verify_snapshot(self.disk, receiving.path, receiving.begin.zxid)
        except CorruptSnapshot as error:
            log("warning", "snapshot_refused", peer=peer_id, why=str(error))
            self.disk.remove(receiving.path)
            return
        path = f"{self.directory}/{snapshot_name(meta.zxid)}"
        self.disk.rename(receiving.path, path)
        self.disk.sync_directory(self.directory)
        began = time.monotonic()
        ensemble = self.core.ensemble
        assert ensemble is not None
        blocks = read_snapshot(self.disk, path)[1]
        ensemble.installed(blocks, meta.index, meta.zxid, self._now_ms)
        took_ms = round((time.monotonic() - began) * 1000)
        log("info", "snapshot_installed", peer=peer_id, zxid=hex(meta.zxid), took_ms=took_ms)


def _security(config: Config) -> PeerSecurity | None:
    if config.quorum_tls is None:
        return None
    # Few ensembles need it.
    from zkserver.server.peer_security import PeerSecurity

    return PeerSecurity(
        config.quorum_tls,
        calls_under_tls=config.ssl_quorum,
        takes_plain=config.quorum_port_unification,
        verifies_hosts=config.quorum_verifies_hosts,
        renews=config.quorum_cert_reload,
    )


def _addresses(server_id: int, membership: Membership) -> dict[int, tuple[str, int]]:
    return {
        member.server_id: (member.host, member.quorum_port)
        for member in membership.members
        if member.server_id != server_id
    }
