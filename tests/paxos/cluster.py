"""Several nodes, the links between them and their disks, on virtual time.

A link carries messages in order until it is cut, which loses what is under way. A disk
makes durable what it was given only when it is told to; a crash loses the rest.

What is decided is executed at once: an ordinary record by noting it, one that stops its
configuration by entering the next, as the core does. Whatever any server ever believes to
be decided is compared with what every other one believes.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from zkserver.paxos.ballot import NO_BALLOT, Ballot
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.durable import Persist, Write, WriteEnd, WritePromise, WriteRecord, WriteSync
from zkserver.paxos.election import Timing
from zkserver.paxos.log import STOP, Log, Record
from zkserver.paxos.messages import PaxosMessage
from zkserver.paxos.node import PaxosNode

TIMING = Timing(heartbeat_ms=50, timeout_ms=300)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state behind everything before ``index``: all that matters of it here."""

    index: int
    zxid: int
    configuration: Configuration


class Disk:
    """What of one server is durable."""

    def __init__(self) -> None:
        self.promised = self.accepted = NO_BALLOT
        self.records: list[Record] = []
        self.snapshot: Snapshot | None = None
        #: How much was known to be decided at the last promise.
        self.decided = 0

    def write(self, persist: Persist) -> None:
        for write in persist.writes:
            self.take(write)

    def take(self, write: Write) -> None:
        self.promised = max(self.promised, write.ballot)
        if isinstance(write, WritePromise):
            self.decided = max(self.decided, write.decided)
        elif isinstance(write, WriteRecord):
            self.accepted = write.ballot
            self.cut(write.record.first)
            self.records.append(write.record)
        elif isinstance(write, WriteSync):
            self.accepted = write.ballot
            self.cut(write.records[0].first)
            self.records.extend(write.records)
        elif isinstance(write, WriteEnd):
            self.accepted = write.ballot
            self.cut(write.end)

    def cut(self, index: int) -> None:
        while self.records and self.records[-1].end > index:
            self.records.pop()

    def sequence(self) -> Log:
        """The log as recovery finds it: what the newest snapshot does not hold."""
        snapshot = self.snapshot
        log = Log(0, 0) if snapshot is None else Log(snapshot.index, snapshot.zxid)
        for record in self.records:
            if record.first > log.end or record.first < log.end < record.end:
                # The snapshot ends inside of a record: what was accepted here had no future.
                break
            if record.first == log.end:
                log.append(record)
        return log


def stop_payload(configuration: Configuration) -> bytes:
    """The payload of a record that makes ``configuration`` the next one."""
    voters, observers = (
        ",".join(map(str, ids)) for ids in (configuration.voters, configuration.observers)
    )
    return STOP + f"{configuration.number} {voters} {observers}".encode()


def configuration_of(payload: bytes) -> Configuration:
    """The configuration that a stopping record asks for."""
    number, voters, observers = payload[1:].decode().split(" ")
    return Configuration(int(number), _ids(voters), _ids(observers))


def _ids(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


class Cluster:
    """``count`` servers with ids from 1 on, all linked; all of them voters unless told."""

    def __init__(
        self, count: int, seed: int = 0, configuration: Configuration | None = None
    ) -> None:
        self.random = random.Random(seed)
        self.now_ms = 1000
        self.ids = tuple(range(1, count + 1))
        #: The first one, which a server without a snapshot is started in.
        self.configuration = configuration or Configuration(0, self.ids)
        #: Stopping records are executed by hand.
        self.enters_by_hand = False
        self.disks = {server: Disk() for server in self.ids}
        self.nodes: dict[int, PaxosNode] = {}
        self.flushing: dict[int, deque[Persist]] = {}
        #: (from, to) -> messages under way; missing while the link is down.
        self.links: dict[tuple[int, int], deque[PaxosMessage]] = {}
        self.cut_off: set[tuple[int, int]] = set()
        #: (server, peer): the link is gone, but this server has not noticed.
        self.unnoticed: set[tuple[int, int]] = set()
        #: What was decided at each position, by the record that begins there.
        self.decided: dict[int, Record] = {}
        #: How much of the sequence anybody ever knew to be decided.
        self.decided_end = 0
        self.seen: dict[int, int] = {}
        self.counter = 0
        for server in self.ids:
            self.start(server)

    # Faults.

    def start(self, server: int) -> None:
        disk = self.disks[server]
        snapshot = disk.snapshot
        self.nodes[server] = PaxosNode(
            server,
            self.configuration if snapshot is None else snapshot.configuration,
            disk.sequence(),
            disk.promised,
            disk.accepted,
            TIMING,
            self.random.randrange,
            disk.decided,
        )
        self.flushing[server] = deque()
        self.seen[server] = self.nodes[server].log.start
        for other in self.nodes:
            if other != server:
                self.link(server, other)

    def crash(self, server: int) -> None:
        for other in tuple(self.nodes):
            if other != server:
                self.unlink(server, other)
        self._forget(server)

    def vanish(self, server: int, written: int) -> None:
        """Crash when the disk had taken ``written`` flushes; the others have yet to notice."""
        for other in tuple(self.nodes):
            if other != server:
                self.break_link(server, other)
        for persist in tuple(self.flushing[server])[:written]:
            self.disks[server].write(persist)
        self._forget(server)

    def _forget(self, server: int) -> None:
        del self.nodes[server]
        self.flushing[server].clear()
        self.unnoticed = {pair for pair in self.unnoticed if pair[0] != server}

    def link(self, one: int, other: int) -> None:
        """Connect two servers, if both are up and nothing is in the way."""
        if {(one, other), (other, one)} & self.cut_off or (one, other) in self.links:
            return
        if one in self.nodes and other in self.nodes:
            # Whoever accepts a new connection gives up the one before.
            self.notice(one, other)
            self.notice(other, one)
            self.links[one, other], self.links[other, one] = deque(), deque()
            self.nodes[one].linked(other, self.now_ms)
            self.nodes[other].linked(one, self.now_ms)

    def unlink(self, one: int, other: int) -> None:
        if self.links.pop((one, other), None) is None:
            return
        del self.links[other, one]
        for here, there in ((one, other), (other, one)):
            if here in self.nodes:
                self.nodes[here].unlinked(there, self.now_ms)

    def break_link(self, one: int, other: int) -> None:
        """Lose a link without either end noticing: what is sent goes nowhere."""
        if self.links.pop((one, other), None) is not None:
            del self.links[other, one]
            self.unnoticed |= {(one, other), (other, one)}

    def notice(self, server: int, peer: int) -> None:
        """One end of a lost link notices."""
        if (server, peer) in self.unnoticed:
            self.unnoticed.discard((server, peer))
            self.nodes[server].unlinked(peer, self.now_ms)

    def cut(self, one: int, other: int) -> None:
        self.cut_off.add((one, other))
        self.unlink(one, other)

    def mend(self, one: int, other: int) -> None:
        self.cut_off.discard((one, other))
        self.cut_off.discard((other, one))
        self.link(one, other)

    # Steps.

    def pump(self, server: int) -> None:
        """What a shell does after an event."""
        self.look(server)
        self.exchange(server)
        persist = self.nodes[server].take_persist()
        if persist is not None:
            self.flushing[server].append(persist)

    def exchange(self, server: int) -> None:
        """Send what the server wants to have sent."""
        for to, message in self.nodes[server].take_outbox():
            if (server, to) in self.links:
                self.links[server, to].append(message)

    def look(self, server: int) -> None:
        """Execute what is decided; check it against what everybody else believes."""
        node = self.nodes[server]
        # A snapshot may have been installed.
        self.seen[server] = max(self.seen[server], node.log.start)
        while self.seen[server] < node.decided or node.learn_by_configuration():
            record = node.log.since(self.seen[server])[0]
            assert record.end <= node.decided, f"{record} is decided only in part"
            known = self.decided.setdefault(record.first, record)
            assert known == record, f"two values at {record.first}: {known} and {record}"
            self.decided_end = max(self.decided_end, record.end)
            self.seen[server] = record.end
            if record.stops and not self.enters_by_hand:
                self.enter(server, record)

    def enter(self, server: int, record: Record) -> None:
        """Execute a record that may end the configuration."""
        node = self.nodes[server]
        wanted = configuration_of(record.payload)
        if wanted.number == node.configuration.number + 1:
            node.enter(wanted, self.now_ms)
        node.go_on()

    def flush(self, server: int) -> None:
        persist = self.flushing[server].popleft()
        self.disks[server].write(persist)
        self.nodes[server].persisted(persist, self.now_ms)
        self.pump(server)

    def hand_over(self, link: tuple[int, int]) -> None:
        """Deliver one message; the shell takes more before it looks what came of it."""
        message = self.links[link].popleft()
        source, target = link
        self.nodes[target].received(source, message, self.now_ms)

    def deliver(self, link: tuple[int, int]) -> None:
        self.hand_over(link)
        self.pump(link[1])

    def tick(self, server: int) -> None:
        self.nodes[server].tick(self.now_ms)
        self.pump(server)

    def propose(self, server: int) -> Record | None:
        """Propose a few entries, if the server leads."""
        if not self.nodes[server].leads:
            return None
        self.counter += 1
        return self.propose_payload(server, self.random.randint(1, 3), b"\0%d" % self.counter)

    def propose_payload(self, server: int, entries: int, payload: bytes) -> Record:
        node = self.nodes[server]
        zxid = max(node.log.last_zxid, node.promised.number << 32) + 1
        record = Record(node.log.end, entries, zxid, self.now_ms, payload)
        node.propose(record)
        self.pump(server)
        return record

    def propose_configuration(
        self, server: int, voters: Iterable[int], observers: Iterable[int] = ()
    ) -> Record | None:
        """Propose to go on with other members, if the server leads."""
        node = self.nodes[server]
        if not node.leads:
            return None
        number = node.configuration.number + 1
        wanted = Configuration(number, tuple(sorted(voters)), tuple(sorted(observers)))
        return self.propose_payload(server, 1, stop_payload(wanted))

    # Snapshots.

    def snapshot(self, server: int) -> Snapshot:
        """Write a snapshot of what the server has executed, and give up the log before it."""
        node = self.nodes[server]
        index = self.seen[server]
        before = [record for record in node.log.records if record.end <= index]
        zxid = before[-1].last_zxid if before else node.log.start_zxid
        snapshot = Snapshot(index, zxid, node.configuration)
        self.disks[server].snapshot = snapshot
        node.log.trim(index)
        return snapshot

    def install(self, source: int, target: int) -> None:
        """Bring the newest snapshot of one server to another one."""
        self.nodes[source].wants_snapshot.pop(target, None)
        snapshot = self.disks[source].snapshot
        node = self.nodes[target]
        if snapshot is None or snapshot.index <= self.seen[target]:
            return
        self.disks[target].snapshot = snapshot
        self.seen[target] = snapshot.index
        node.installed(snapshot.index, snapshot.zxid)
        if node.leader is not None and not node.leader.is_accepting:
            # What it was promised concerned another log, as in the core.
            node.begin_epoch(self.now_ms)
        if snapshot.configuration.number > node.configuration.number:
            node.enter(snapshot.configuration, self.now_ms)
        self.pump(target)

    # Time.

    def settle(self, limit_ms: int = 5000) -> None:
        """Let time go by, everything arriving at once, until all agree or time is over."""
        end = self.now_ms + limit_ms
        while self.now_ms < end:
            self.now_ms += 10
            for server in tuple(self.nodes):
                self.tick(server)
            busy = True
            while busy:
                busy = False
                for link in tuple(self.links):
                    while self.links.get(link):
                        self.deliver(link)
                        busy = True
                for server in tuple(self.nodes):
                    while self.flushing[server]:
                        self.flush(server)
                        busy = True
                for server in tuple(self.nodes):
                    for behind in tuple(self.nodes[server].wants_snapshot):
                        self.install(server, behind)
                        busy = True

    def leader(self) -> int | None:
        """The server that leads and has the highest ballot of those."""
        leading: list[tuple[Ballot, int]] = [
            (node.promised, server) for server, node in self.nodes.items() if node.leads
        ]
        return max(leading)[1] if leading else None
