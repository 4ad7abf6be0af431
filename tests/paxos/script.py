"""Scenarios in text: commands, and the trace that they must leave.

A file holds a comment, then blocks of one or more command lines, a line ``----`` and what
the commands print, ended by an empty line (the form of CockroachDB's *datadriven*). The
commands, where A and B are server ids and ``*`` stands for all of them:

    servers N [observers=IDS]   begin with N servers, all linked (all vote, but the observers)
    elect A [below=B]           A stands for leader, above everybody it has heard of
    tick MS                     time goes by for every server
    propose A WORD ..           one entry each, proposed together
    reconfig A voters=IDS [observers=IDS]   propose the next configuration
    deliver A->B [N]            N messages of this link arrive; all of them without N
    hand A->B [N]               as deliver, but B is left in the middle of its step
    deliver *                   everything arrives, as far as disks need not work for it
    flush A [N]                 N of its waiting writes become durable; all without N
    stabilize [A ..]            messages and disks until nothing is left, between these servers
    drop A->B [N]               the link breaks behind what was delivered (links lose no middle)
    cut A-B .. / heal A-B .. / heal *       a link is down / up again
    ask A->B                    A asks B how its configuration ended, and gets the answer
    crash A / restart A         what was not durable is lost
    snapshot A                  A gives up the log before what it has executed
    install A->B                B takes A's newest snapshot over
    limit BYTES                 payload in a message, for all that follows
    quiet / loud                say nothing / say what happens, from here on
    status [A ..]               a line for each server

Heartbeats are only exchanged by ``settle MS``, which lets time, links and disks run freely;
elsewhere they are left out, so that an election is what the scenario says it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.paxos.cluster import Cluster
from tests.paxos.trace import (
    Block,
    ballot_text,
    disk_text,
    message_text,
    record_text,
    status_text,
    write_text,
)
from zkserver.paxos import leader as leader_module
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.durable import Persist
from zkserver.paxos.messages import Heartbeat, Prepare


def run(blocks: list[Block]) -> list[Block]:
    """The same blocks with what the commands really print."""
    script = Script()
    limit = leader_module.MESSAGE_BYTES
    try:
        return [
            Block(block.before, block.commands, script.obey_all(block.commands)) for block in blocks
        ]
    finally:
        _limit_messages(limit)


def _limit_messages(size: int) -> None:
    # A constant of the product, which these few bytes of payload would never reach.
    vars(leader_module)["MESSAGE_BYTES"] = size


class Talk(Cluster):
    """A cluster that tells what is done, and keeps heartbeats for when they are wanted."""

    def __init__(self, count: int, configuration: Configuration) -> None:
        self.lines: list[str] = []
        self.is_quiet = False
        self.has_heartbeats = False
        super().__init__(count, 0, configuration)

    def say(self, line: str) -> None:
        if not self.is_quiet:
            self.lines.append(line)

    def exchange(self, server: int) -> None:
        """Send what the server wants to have sent, but for heartbeats while there are none."""
        for to, message in self.nodes[server].take_outbox():
            if isinstance(message, Heartbeat) and not self.has_heartbeats:
                continue
            if (server, to) in self.links:
                self.links[server, to].append(message)

    def hand_over(self, link: tuple[int, int]) -> None:
        message = self.links[link][0]
        if not isinstance(message, Heartbeat):
            self.say(f"{link[0]}->{link[1]} {message_text(message)}")
        super().hand_over(link)

    def look(self, server: int) -> None:
        before = self.seen[server]
        super().look(server)
        if self.seen[server] > before:
            self.say(f"{server} knows as decided: {self.seen[server]}")

    def flush(self, server: int) -> None:
        self.tell_writes(server, self.flushing[server][0])
        super().flush(server)

    def tell_writes(self, server: int, persist: Persist) -> None:
        if persist.writes:
            self.say(f"{server} durable: " + ", ".join(map(write_text, persist.writes)))


class Script:
    """Obeys the commands of one scenario."""

    def __init__(self) -> None:
        self.cluster = Talk(0, Configuration(0, ()))

    def obey_all(self, commands: list[str]) -> list[str]:
        """Obey, and return what is to be told."""
        lines: list[str] = []
        for command in commands:
            verb, *words = command.split()
            getattr(self, f"do_{verb}")(words)
            lines += self.cluster.lines
            self.cluster.lines.clear()
        return lines or ["ok"]

    # The commands.

    def do_servers(self, words: list[str]) -> None:
        count = int(words[0])
        observers = _ids(_option(words, "observers", ""))
        voters = tuple(server for server in range(1, count + 1) if server not in observers)
        self.cluster = Talk(count, Configuration(0, voters, observers))
        for server in self.cluster.nodes:
            self.cluster.pump(server)

    def do_elect(self, words: list[str]) -> None:
        """A stands, as after an election that only it noticed: safe in Paxos at any time."""
        cluster, server = self.cluster, int(words[0])
        node = cluster.nodes[server]
        for other in cluster.nodes.values():
            # What the heartbeats would have told.
            if (server, other.server_id) in cluster.links and "alone" not in words:
                node.election.promised(max(other.promised, node.election.leader))
        node.election.stand(cluster.now_ms)
        node.election.leader = node.election.own
        node.tick(cluster.now_ms)
        cluster.say(f"{server} stands with {ballot_text(node.election.own)}")
        cluster.pump(server)

    def do_tick(self, words: list[str]) -> None:
        self.cluster.now_ms += int(words[0])
        for server in tuple(self.cluster.nodes):
            self.cluster.tick(server)

    def do_settle(self, words: list[str]) -> None:
        """Time, heartbeats, links and disks run freely; only what is decided is told."""
        cluster = self.cluster
        cluster.has_heartbeats, was_quiet = True, cluster.is_quiet
        cluster.is_quiet = True
        cluster.settle(int(words[0]))
        cluster.has_heartbeats, cluster.is_quiet = False, was_quiet
        for under_way in cluster.links.values():
            kept = [one for one in under_way if not isinstance(one, Heartbeat)]
            under_way.clear()
            under_way.extend(kept)
        cluster.say(f"leader: {cluster.leader() or 'nobody'}")

    def do_propose(self, words: list[str]) -> None:
        cluster, server = self.cluster, int(words[0])
        if not cluster.nodes[server].leads:
            cluster.say(f"{server} does not lead")
            return
        payload = b"\0" + "+".join(words[1:]).encode()
        record = cluster.propose_payload(server, len(words) - 1, payload)
        cluster.say(f"{server} proposes {record_text(record)}")

    def do_reconfig(self, words: list[str]) -> None:
        cluster, server = self.cluster, int(words[0])
        voters, observers = _ids(_option(words, "voters", "")), _option(words, "observers", "")
        record = cluster.propose_configuration(server, voters, _ids(observers))
        told = "does not lead" if record is None else f"proposes {record_text(record)}"
        cluster.say(f"{server} {told}")

    def do_deliver(self, words: list[str]) -> None:
        for link in self._links(words[0]):
            under_way = self.cluster.links.get(link, ())
            for _ in range(int(words[1]) if len(words) > 1 else len(under_way)):
                self.cluster.deliver(link)

    def do_hand(self, words: list[str]) -> None:
        """Several messages arrive at once: the shell looks for writes only after the last."""
        for link in self._links(words[0]):
            for _ in range(int(words[1]) if len(words) > 1 else len(self.cluster.links[link])):
                self.cluster.hand_over(link)

    def do_drop(self, words: list[str]) -> None:
        """A link that loses something is down; the ends connect again at once."""
        for link in self._links(words[0]):
            for message in self.cluster.links[link]:
                self.cluster.say(f"lost {link[0]}->{link[1]} {message_text(message)}")
            self.cluster.unlink(*link)
            self.cluster.link(*link)
            for server in link:
                self.cluster.pump(server)

    def do_flush(self, words: list[str]) -> None:
        for server in self._servers(words[:1]):
            waiting = self.cluster.flushing[server]
            for _ in range(int(words[1]) if len(words) > 1 else len(waiting)):
                self.cluster.flush(server)

    def do_stabilize(self, words: list[str]) -> None:
        servers = self._servers(words)
        cluster = self.cluster
        busy = True
        while busy:
            busy = False
            for link in sorted(cluster.links):
                while set(link) <= set(servers) and cluster.links.get(link):
                    cluster.deliver(link)
                    busy = True
            for server in servers:
                while cluster.flushing[server]:
                    cluster.flush(server)
                    busy = True

    def do_cut(self, words: list[str]) -> None:
        for link in self._pairs(words):
            self.cluster.cut(*link)
        self._pump()

    def do_heal(self, words: list[str]) -> None:
        cluster = self.cluster
        for link in sorted(cluster.cut_off) if words == ["*"] else self._pairs(words):
            cluster.mend(*link)
        self._pump()

    def do_ask(self, words: list[str]) -> None:
        """What a server does when it has long heard of a later configuration."""
        for asking, asked in self._links(words[0]):
            node = self.cluster.nodes[asking]
            ballot = Ballot(node.configuration.number, 0, asking)
            question = Prepare(ballot, node.accepted, node.decided, node.log.end)
            self.cluster.links[asking, asked].clear()
            self.cluster.links[asked, asking].clear()
            self.cluster.links[asking, asked].append(question)
            self.cluster.deliver((asking, asked))
            self.cluster.deliver((asked, asking))
            self.do_flush([str(asking)])

    def do_crash(self, words: list[str]) -> None:
        for server in self._servers(words):
            lost = [write for one in self.cluster.flushing[server] for write in one.writes]
            if lost:
                self.cluster.say(f"{server} loses: " + ", ".join(map(write_text, lost)))
            self.cluster.crash(server)
        self._pump()

    def do_restart(self, words: list[str]) -> None:
        for word in words:
            self.cluster.start(int(word))
        self._pump()

    def do_snapshot(self, words: list[str]) -> None:
        for server in self._servers(words):
            self.cluster.say(f"{server} has a snapshot of {self.cluster.snapshot(server).index}")

    def do_install(self, words: list[str]) -> None:
        for source, target in self._links(words[0]):
            self.cluster.install(source, target)
            node = self.cluster.nodes[target]
            self.cluster.say(f"{target} log: {node.log.start}..{node.log.end}")

    def do_limit(self, words: list[str]) -> None:
        _limit_messages(int(words[0]))

    def do_quiet(self, words: list[str]) -> None:
        del words
        self.cluster.is_quiet = True

    def do_loud(self, words: list[str]) -> None:
        del words
        self.cluster.is_quiet = False

    def do_status(self, words: list[str]) -> None:
        for server in self._servers(words):
            self.cluster.lines.append(status_text(self.cluster, server))

    def do_disk(self, words: list[str]) -> None:
        for server in self._servers(words):
            self.cluster.lines.append(f"{server} disk: {disk_text(self.cluster.disks[server])}")

    # Words.

    def _servers(self, words: list[str]) -> list[int]:
        everybody = not words or words == ["*"]
        return sorted(self.cluster.nodes) if everybody else [int(word) for word in words]

    def _links(self, word: str) -> list[tuple[int, int]]:
        if word == "*":
            return sorted(self.cluster.links)
        source, target = word.split("->")
        return [(int(source), int(target))]

    def _pairs(self, words: list[str]) -> Iterator[tuple[int, int]]:
        for word in words:
            one, other = word.split("-")
            yield int(one), int(other)

    def _pump(self) -> None:
        for server in tuple(self.cluster.nodes):
            self.cluster.pump(server)


def _ids(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def _option(words: list[str], name: str, default: str) -> str:
    return next((w.partition("=")[2] for w in words if w.startswith(f"{name}=")), default)
