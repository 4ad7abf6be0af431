"""Random executions: what may happen to servers, links and disks, in any order.

Each seed first draws which kinds of trouble there are at all, since a run in which
everything happens rarely comes far. A storm only looks for broken agreement and broken
invariants; :func:`calm` ends all faults, or all but some, and demands progress.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.paxos.cluster import Cluster
from zkserver.paxos.configuration import Configuration

Fault = Callable[["Storm"], None]

#: A link that has this many messages under way is given up, as when a socket's buffer is full.
UNDER_WAY_MAX = 60


class Storm:
    """A cluster and what befalls it."""

    def __init__(self, seed: int, *, reconfigures: bool = False) -> None:
        count = 3 + seed % 3
        extra = 2 if reconfigures or seed % 4 == 0 else 0
        self.cluster = Cluster(
            count + extra,
            seed,
            Configuration(
                0, tuple(range(1, count + 1)), tuple(range(count + 1, count + extra + 1))
            ),
        )
        self.dice = self.cluster.random
        #: Servers that do nothing for a while, and link directions that are stuck.
        self.paused: set[int] = set()
        self.stuck: set[tuple[int, int]] = set()
        kinds: list[Fault] = [
            Storm._crash, Storm._vanish, Storm._cut, Storm._flap, Storm._break, Storm._pause,
            Storm._stick, Storm._snapshot, Storm._install, Storm._rise,
        ]  # fmt: skip
        self.faults = [kind for kind in kinds if self.dice.random() < 0.5]
        if reconfigures:
            self.faults.append(Storm._reconfigure)
        self.fault_share = self.dice.choice((0.01, 0.03, 0.06))
        #: How often a shell looks at what came of a message at once.
        self.eagerness = self.dice.choice((0.3, 0.9, 1.0))

    def run(self, steps: int) -> None:
        cluster, dice = self.cluster, self.dice
        for _ in range(steps):
            kind = dice.random()
            awake = sorted(server for server in cluster.nodes if server not in self.paused)
            if kind < 0.5:
                self._deliver()
            elif kind < 0.68:
                busy = [server for server in awake if cluster.flushing[server]]
                if busy:
                    cluster.flush(dice.choice(busy))
            elif kind < 0.8:
                cluster.now_ms += dice.choice((1, 5, 20, 60))
                for server in awake:
                    cluster.tick(server)
                self._give_up_full_links()
            elif kind < 1 - self.fault_share:
                if awake:
                    cluster.propose(dice.choice(awake))
            else:
                self._trouble()

    def _deliver(self) -> None:
        cluster = self.cluster
        ready = sorted(
            link
            for link, under_way in cluster.links.items()
            if under_way and link not in self.stuck and link[1] not in self.paused
        )
        if not ready:
            return
        link = self.dice.choice(ready)
        if self.dice.random() < self.eagerness:
            cluster.deliver(link)
        else:
            cluster.hand_over(link)

    def _give_up_full_links(self) -> None:
        for one, other in [
            link for link, messages in self.cluster.links.items() if len(messages) > UNDER_WAY_MAX
        ]:
            self.cluster.unlink(one, other)

    def _trouble(self) -> None:
        if self.dice.random() < 0.4:
            self._recover()
        elif self.faults:
            self.dice.choice(self.faults)(self)

    # Faults.

    def _server(self) -> int | None:
        return self.dice.choice(sorted(self.cluster.nodes)) if self.cluster.nodes else None

    def _pair(self) -> tuple[int, int]:
        one, other = self.dice.sample(self.cluster.ids, 2)
        return one, other

    def _crash(self) -> None:
        if (server := self._server()) is not None:
            self.cluster.crash(server)
            self.paused.discard(server)

    def _vanish(self) -> None:
        if (server := self._server()) is not None:
            written = self.dice.randint(0, len(self.cluster.flushing[server]))
            self.cluster.vanish(server, written)
            self.paused.discard(server)

    def _cut(self) -> None:
        self.cluster.cut(*self._pair())

    def _flap(self) -> None:
        pair = self._pair()
        self.cluster.unlink(*pair)
        self.cluster.link(*pair)

    def _break(self) -> None:
        one, other = self._pair()
        self.cluster.break_link(one, other)
        if self.dice.random() < 0.5:
            self.cluster.link(one, other)

    def _pause(self) -> None:
        if (server := self._server()) is not None:
            self.paused.add(server)

    def _stick(self) -> None:
        self.stuck.add(self._pair())

    def _snapshot(self) -> None:
        if (server := self._server()) is not None:
            self.cluster.snapshot(server)

    def _install(self) -> None:
        wanted = [
            (source, target)
            for source, node in sorted(self.cluster.nodes.items())
            for target in node.wants_snapshot
            if (source, target) in self.cluster.links
        ]
        if wanted:
            self.cluster.install(*self.dice.choice(wanted))

    def _rise(self) -> None:
        """Somebody stands although there is a leader: as if it had not heard it."""
        if (server := self._server()) is not None and server not in self.paused:
            self.cluster.nodes[server].election.stand(self.cluster.now_ms)
            self.cluster.tick(server)

    def _reconfigure(self) -> None:
        cluster, dice = self.cluster, self.dice
        for server in sorted(cluster.nodes):
            if cluster.nodes[server].leads:
                voters = dice.sample(cluster.ids, dice.randint(1, min(5, len(cluster.ids))))
                observers = [one for one in cluster.ids if one not in voters]
                cluster.propose_configuration(
                    server, voters, observers if dice.random() < 0.5 else ()
                )
                return

    def _recover(self) -> None:
        """One of the things that are wrong is right again."""
        cluster, dice = self.cluster, self.dice
        down = [server for server in cluster.ids if server not in cluster.nodes]
        broken = sorted(cluster.cut_off)
        unlinked = [
            (one, other)
            for one in cluster.ids
            for other in cluster.ids
            if one < other and (one, other) not in cluster.links
        ]
        choices: list[Callable[[], None]] = []
        if down:
            choices.append(lambda: cluster.start(dice.choice(down)))
        if broken:
            choices.append(lambda: cluster.mend(*dice.choice(broken)))
        if unlinked:
            choices.append(lambda: cluster.link(*dice.choice(unlinked)))
        if cluster.unnoticed:
            choices.append(lambda: cluster.notice(*dice.choice(sorted(cluster.unnoticed))))
        if self.paused:
            choices.append(lambda: self.paused.discard(dice.choice(sorted(self.paused))))
        if self.stuck:
            choices.append(lambda: self.stuck.discard(dice.choice(sorted(self.stuck))))
        if choices:
            dice.choice(choices)()

    # Afterwards.

    def calm(self) -> None:
        """Everything works again: all are up and linked."""
        cluster = self.cluster
        self.paused.clear()
        self.stuck.clear()
        for server in cluster.ids:
            if server not in cluster.nodes:
                cluster.start(server)
        for one in cluster.ids:
            for other in cluster.ids:
                if one < other:
                    cluster.mend(one, other)
        # What was left lying between two messages.
        for server in cluster.ids:
            cluster.pump(server)

    def calm_in_part(self) -> None:
        """What is broken stays so, or other things break; one server reaches a majority."""
        cluster, dice = self.cluster, self.dice
        self.calm()
        voters = cluster.configuration.voters
        needed = len(voters) // 2
        middle = dice.choice(voters)
        reached = dice.sample([voter for voter in voters if voter != middle], needed)
        for one in cluster.ids:
            for other in cluster.ids:
                if (
                    one < other
                    and dice.random() < 0.6
                    and (not (middle in (one, other) and {one, other} <= {middle, *reached}))
                ):
                    cluster.cut(one, other)
        for server in cluster.ids:
            if server not in (middle, *reached) and dice.random() < 0.3:
                cluster.crash(server)

    def expect_decisions(self, limit_ms: int = 8000) -> None:
        """Somebody leads and decides, whoever may be out of reach."""
        cluster = self.cluster
        cluster.settle(limit_ms)
        leader = cluster.leader()
        assert leader is not None, "nobody leads"
        assert cluster.propose(leader) is not None
        cluster.settle(1000)
        node = cluster.nodes[leader]
        assert node.decided == node.log.end == cluster.decided_end

    def expect_progress(self, limit_ms: int = 6000) -> None:
        """Somebody leads, and all learn what it decides, old and new."""
        cluster = self.cluster
        cluster.settle(limit_ms)
        leader = cluster.leader()
        assert leader is not None, "nobody leads"
        assert cluster.propose(leader) is not None
        cluster.settle(1000)
        ends = {server: node.decided for server, node in cluster.nodes.items()}
        assert set(ends.values()) == {cluster.nodes[leader].log.end}, ends
        assert cluster.nodes[leader].decided == cluster.decided_end
