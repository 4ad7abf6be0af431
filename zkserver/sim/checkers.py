"""What must hold at any time, looked at after each turn of a server.

Cheap checks run always: one value per position, zxids that only grow, the model's word on
every entry, digests at equal positions. Comparing whole trees and session tables runs now
and then. The checkers see everything and are not part of the system: no server learns
anything from them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from zkserver.paxos.ballot import Ballot
from zkserver.paxos.log import Record
from zkserver.sim.model import Model, Seen
from zkserver.sim.network import SLOW_DELAYS
from zkserver.sim.world import Violation, World
from zkserver.tree.node import data_of, stat_of

if TYPE_CHECKING:
    from zkserver.replica.core import ReplicaCore
    from zkserver.sim.knobs import Knobs
    from zkserver.sim.network import Network
    from zkserver.sim.server import SimServer

#: Executed records of one server between two comparisons of its whole tree.
_COMPARE_EVERY: Final = 40
#: Signs of life remembered for a session.
_HEARD_MAX: Final = 32


class Checkers:
    """Collects the sequence as servers execute it, and compares all they do with it."""

    def __init__(self, world: World, knobs: Knobs, network: Network) -> None:
        self.world = world
        self.network = network
        #: Filled as the servers are made.
        self.servers: dict[int, SimServer] = {}
        self.knobs = knobs
        self.model = Model()
        #: The sequence as the first server to get there executed it: position -> record.
        self.records: dict[int, Record] = {}
        #: The position behind the last executed record.
        self.end = 0
        self.last_zxid = 0
        #: Position -> (zxid, digest of the tree, number of sessions).
        self._digests: dict[int, tuple[int, int, int]] = {}
        #: Server -> how much of what it executed was looked at.
        self._looked: dict[int, int] = {}
        self._compared: dict[int, int] = {}
        #: Server -> how much it knew to be decided.
        self._decided: dict[int, int] = {}
        #: Server -> (ballot of the leader it is in step with, since when).
        self._in_step: dict[int, tuple[Ballot | None, int]] = {}
        #: Session -> (when, server) of what was received from its client.
        self._heard: dict[int, deque[tuple[int, int]]] = {}
        #: Server -> session -> when it concluded that the session is over.
        self._concluded: dict[int, dict[int, int]] = {}
        #: Epoch -> (newest zxid that its leader had given away, when), in their order.
        self._proposed: dict[int, list[tuple[int, int]]] = {}
        #: The newest zxid that any client was shown.
        self.newest_shown = 0
        #: (server, position, zxid) of installed or recovered states.
        self.comparisons = 0

    # What servers report.

    def started(self, server: SimServer) -> None:
        """A server has recovered."""
        core = self._core(server)
        self._looked[server.server_id] = self._compared[server.server_id] = core.executed
        self._decided[server.server_id] = core.node.decided
        self._in_step[server.server_id] = (None, self.world.now_us)
        self._compare(server, core)

    def stopped(self, server: SimServer) -> None:
        """A server is gone."""
        self._in_step.pop(server.server_id, None)

    def installed(self, server: SimServer) -> None:
        """A server has taken over the state of another one."""
        core = self._core(server)
        self._looked[server.server_id] = core.executed
        self._look_at_digest(server, core)
        self._compare(server, core)

    def heard(self, server: SimServer, session_id: int) -> None:
        """Something of a session's client arrived at a server."""
        heard = self._heard.get(session_id)
        if heard is None:
            heard = self._heard[session_id] = deque(maxlen=_HEARD_MAX)
        heard.append((self.world.now_us, server.server_id))

    def concluded(self, server: SimServer, session_ids: Iterable[int]) -> None:
        """A leader takes the silence of these sessions for their ends, now or since before."""
        known = self._concluded.get(server.server_id, {})
        now = self.world.now_us
        self._concluded[server.server_id] = {one: known.get(one, now) for one in session_ids}

    def look_at(self, server: SimServer) -> None:
        """A server has done what there was to do, or is about to answer its clients."""
        core, me = self._core(server), server.server_id
        node = core.node
        ballot = node.synced_leader
        if self._in_step[me][0] != ballot:
            self._in_step[me] = (ballot, self.world.now_us)
        if node.leader is not None and node.leader.is_accepting:
            newest = core.newest_zxid
            proposed = self._proposed.setdefault(newest >> 32, [])
            if not proposed or proposed[-1][0] < newest:
                proposed.append((newest, self.world.now_us))
        if node.decided < self._decided[me]:
            raise Violation("decided", f"{server.name} took back what it knew to be decided")
        self._decided[me] = node.decided
        looked = self._looked[me]
        if looked == core.executed:
            return
        if looked > core.executed:
            raise Violation("executed", f"{server.name} went back to {core.executed}")
        for record in node.log.since(looked) if looked >= node.log.start else ():
            if record.end > core.executed:
                break
            self._executed(server, record)
        self._looked[me] = core.executed
        self._look_at_digest(server, core)
        if core.executed - self._compared[me] >= _COMPARE_EVERY:
            self._compare(server, core)

    def _core(self, server: SimServer) -> ReplicaCore:
        if server.core is None:
            raise Violation("simulator", f"{server.name} is looked at while it is down")
        return server.core

    # The sequence.

    def _executed(self, server: SimServer, record: Record) -> None:
        known = self.records.get(record.first)
        if known is not None:
            if known != record:
                raise Violation(
                    "agreement",
                    f"two values at {record.first}: {_told(known)}, on {server.name}"
                    f" {_told(record)}",
                )
            return
        if record.first != self.end:
            raise Violation(
                "agreement",
                f"{server.name} executes {record.first} where {self.end} is next: {_told(record)}",
            )
        if record.zxid <= self.last_zxid:
            raise Violation(
                "zxid", f"zxid {record.zxid:#x} at {record.first} behind {self.last_zxid:#x}"
            )
        self.records[record.first] = record
        self.end, self.last_zxid = record.end, record.last_zxid
        model = self.model
        model.execute(record)
        self.world.note(
            server.name, "executes", f"index={record.first} zxid={record.zxid:#x} +{record.entries}"
        )
        if model.complaints:
            raise Violation("once and in order", model.complaints[0])
        for zxid in range(record.zxid, record.last_zxid + 1):
            if zxid in model.expired:
                self._expired(model.expired[zxid], zxid)

    def _expired(self, session_id: int, zxid: int) -> None:
        """A session may not expire whose client a server in step with the leader heard from.

        What was heard lately may not have reached the leader, so that does not count; nor
        does what a server heard before it was in step with this leader, nor what it heard
        when the end was a conclusion already, which may wait for disks until it is proposed,
        and then until it is executed.
        """
        timeout_ms = self.model.ended_timeouts[session_id]
        proposed = self._proposed.get(zxid >> 32, [])
        at = bisect_left(proposed, (zxid, 0))
        now = proposed[at][1] if at < len(proposed) else self.world.now_us
        now = min(now, *(known.get(session_id, now) for known in self._concluded.values()), now)
        lately_us = (
            self.knobs.touch_ms + 4 * self.knobs.tick_ms
        ) * 1000 + SLOW_DELAYS * self.knobs.link_delay_us
        self.world.note("seq", "expired", f"{session_id:#x} at {zxid:#x}")
        for when_us, server_id in self._heard.get(session_id, ()):
            ballot, since_us = self._in_step.get(server_id, (None, now))
            age_us = now - when_us
            if (
                ballot is not None
                and ballot.number == zxid >> 32
                and max(since_us, self._calm_since_us(server_id, ballot.server_id)) <= when_us
                and lately_us <= age_us < timeout_ms * 990
            ):
                raise Violation(
                    "expiry",
                    f"session {session_id:#x} of {timeout_ms} ms expired by {zxid:#x}, though"
                    f" s{server_id} heard from it {age_us // 1000} ms before",
                )

    def _calm_since_us(self, server_id: int, leader_id: int) -> int:
        """Since when a server and its leader have been running and in touch."""
        calm_us = max(self.servers[one].paused_us for one in (server_id, leader_id))
        if any(self.servers[one].is_paused for one in (server_id, leader_id)):
            return self.world.now_us
        if server_id == leader_id:
            return calm_us
        return max(calm_us, self.network.calm_since_us(server_id, leader_id))

    # States.

    def _look_at_digest(self, server: SimServer, core: ReplicaCore) -> None:
        told = (core.zxid, core.tree.digest.fold(core.tree.nodes), len(core.sessions))
        known = self._digests.setdefault(core.executed, told)
        if known != told:
            raise Violation(
                "digest",
                f"{server.name} is at {core.executed} with (zxid, digest, sessions) {told},"
                f" another server was there with {known}",
            )

    def _compare(self, server: SimServer, core: ReplicaCore) -> None:
        """The whole tree and the sessions of a server, with the model as of its zxid."""
        self._compared[server.server_id] = core.executed
        self.comparisons += 1
        model, zxid, nodes = self.model, core.zxid, core.tree.nodes
        for owner in core.tree.ephemerals:
            if owner not in core.sessions:
                raise Violation(
                    "ephemerals", f"{server.name} keeps those of {owner:#x}, which is no session"
                )
        for path, history in model.znodes.items():
            expected, record = history.at(zxid), nodes.get(path)
            found = None
            if record is not None:
                stat = stat_of(record)
                found = Seen(data_of(record) or b"", stat.mzxid, stat.version)
            if found != expected:
                raise Violation(
                    "tree",
                    f"{server.name} at {zxid:#x} has {path!r} as {found}, it should be {expected}",
                )
        if core.executed == self.end:
            told = {
                s.session_id: (s.timeout_ms, s.password, s.owner) for s in core.sessions.values()
            }
            for session_id, session in model.sessions.items():
                found_session = told.pop(session_id, None)
                if found_session is None or found_session[1:] != (session.password, session.owner):
                    raise Violation(
                        "sessions",
                        f"{server.name} at {zxid:#x} has session {session_id:#x} as"
                        f" {found_session}, it should be {session}",
                    )
            if told:
                raise Violation("sessions", f"{server.name} has sessions that ended: {told}")

    def final(self, servers: Iterable[SimServer]) -> None:
        """At the end, all servers that are left are alike in every part."""
        for server in servers:
            if not server.is_lost:
                self._compare(server, self._core(server))


def _told(record: Record) -> str:
    return f"zxid {record.zxid:#x}, {record.entries} entries, {record.payload[:24].hex()}"
