"""Several nodes, the links between them and their disks, on virtual time.

A link carries messages in order until it is cut, which loses what is under way. A disk
makes durable what it was given only when it is told to; a crash loses the rest.
"""

from __future__ import annotations

import random
from collections import deque

from zkserver.paxos.ballot import NO_BALLOT, Ballot
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.durable import Persist, WriteEnd, WriteRecord
from zkserver.paxos.election import Timing
from zkserver.paxos.log import Log, Record
from zkserver.paxos.messages import PaxosMessage
from zkserver.paxos.node import PaxosNode

TIMING = Timing(heartbeat_ms=50, timeout_ms=300)


class Disk:
    """What of one server is durable."""

    def __init__(self) -> None:
        self.promised = self.accepted = NO_BALLOT
        self.records: list[Record] = []

    def write(self, persist: Persist) -> None:
        for write in persist.writes:
            self.promised = max(self.promised, write.ballot)
            if isinstance(write, WriteRecord):
                self.accepted = write.ballot
                self.cut(write.record.first)
                self.records.append(write.record)
            elif isinstance(write, WriteEnd):
                self.accepted = write.ballot
                self.cut(write.index)

    def cut(self, index: int) -> None:
        while self.records and self.records[-1].end > index:
            self.records.pop()


class Cluster:
    """``count`` servers with ids from 1 on, all of them voters, all linked."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.now_ms = 1000
        self.ids = tuple(range(1, count + 1))
        self.configuration = Configuration(0, self.ids)
        self.disks = {server: Disk() for server in self.ids}
        self.nodes: dict[int, PaxosNode] = {}
        self.flushing: dict[int, deque[Persist]] = {}
        #: (from, to) -> messages under way; missing while the link is down.
        self.links: dict[tuple[int, int], deque[PaxosMessage]] = {}
        self.cut_off: set[tuple[int, int]] = set()
        #: What was decided at each position, by the record that begins there.
        self.decided: dict[int, Record] = {}
        self.seen: dict[int, int] = {}
        self.counter = 0
        for server in self.ids:
            self.start(server)

    # Faults.

    def start(self, server: int) -> None:
        disk = self.disks[server]
        log = Log(0, 0)
        log.extend(disk.records)
        self.nodes[server] = PaxosNode(
            server,
            self.configuration,
            log,
            disk.promised,
            disk.accepted,
            TIMING,
            self.random.randrange,
        )
        self.flushing[server] = deque()
        self.seen[server] = 0
        for other in self.nodes:
            if other != server:
                self.link(server, other)

    def crash(self, server: int) -> None:
        for other in tuple(self.nodes):
            if other != server:
                self.unlink(server, other)
        del self.nodes[server]
        self.flushing[server].clear()

    def link(self, one: int, other: int) -> None:
        if {(one, other), (other, one)} & self.cut_off or (one, other) in self.links:
            return
        if one in self.nodes and other in self.nodes:
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
        node = self.nodes[server]
        for to, message in node.take_outbox():
            if (server, to) in self.links:
                self.links[server, to].append(message)
        persist = node.take_persist()
        if persist is not None:
            self.flushing[server].append(persist)
        self.look(server)

    def look(self, server: int) -> None:
        """Check what the server believes to be decided against everybody else."""
        node = self.nodes[server]
        if self.seen[server] < node.decided:
            for record in node.log.since(self.seen[server]):
                if record.end > node.decided:
                    break
                known = self.decided.setdefault(record.first, record)
                assert known == record, f"two values at {record.first}: {known} and {record}"
                self.seen[server] = record.end

    def flush(self, server: int) -> None:
        persist = self.flushing[server].popleft()
        self.disks[server].write(persist)
        self.nodes[server].persisted(persist, self.now_ms)
        self.pump(server)

    def deliver(self, link: tuple[int, int]) -> None:
        message = self.links[link].popleft()
        source, target = link
        self.nodes[target].received(source, message, self.now_ms)
        self.pump(target)

    def tick(self, server: int) -> None:
        self.nodes[server].tick(self.now_ms)
        self.pump(server)

    def propose(self, server: int) -> Record | None:
        node = self.nodes[server]
        if not node.leads:
            return None
        self.counter += 1
        count = self.random.randint(1, 3)
        zxid = max(node.log.last_zxid, node.promised.number << 32) + 1
        record = Record(node.log.end, count, zxid, self.now_ms, b"\0%d" % self.counter)
        node.propose(record)
        self.pump(server)
        return record

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

    def leader(self) -> int | None:
        """The server that leads and has the highest ballot of those."""
        leading: list[tuple[Ballot, int]] = [
            (node.promised, server) for server, node in self.nodes.items() if node.leads
        ]
        return max(leading)[1] if leading else None
