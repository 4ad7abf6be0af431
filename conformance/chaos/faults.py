"""The faults: what is broken for a while, and then mended.

A fault is a context manager over a :class:`Stage`: it breaks something on entry and mends it
on exit. One that takes the leader's followers away from it, in whatever way, says so, and
the time until writes work again is measured from that moment.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from conformance.chaos.mesh import Mesh
from conformance.ensembles import Ensemble, Member

_DELAY_S = (0.05, 0.3)


class LeaderLoss(NamedTuple):
    """When a leader was taken away, in seconds of CLOCK_MONOTONIC.

    Recovery takes from ``since_s``, just before, to the answer of a write that began when
    nothing could come from that leader any more, ``gone_s``: rather too long than too short.
    """

    fault: str
    since_s: float
    gone_s: float


class Stage:
    """The ensemble, the network between its servers, and what happened to its leaders."""

    def __init__(self, ensemble: Ensemble, mesh: Mesh, rng: random.Random) -> None:
        self.ensemble = ensemble
        self.mesh = mesh
        self.rng = rng
        self.losses: list[LeaderLoss] = []

    def leader(self) -> Member:
        """The member that leads; waits for it."""
        return self.ensemble.wait_leader()

    def follower(self) -> Member:
        """Any other member."""
        return self.rng.choice(self.others(self.leader()))

    def others(self, member: Member) -> list[Member]:
        """All members but that one."""
        return [each for each in self.ensemble.members if each is not member]

    @contextlib.contextmanager
    def losing_leader(self, fault: str) -> Iterator[None]:
        """Inside, the leader is taken away."""
        since_s = time.monotonic()
        yield
        self.losses.append(LeaderLoss(fault, since_s, time.monotonic()))

    def mend(self) -> None:
        """Whatever was broken: all links, all processes."""
        self.mesh.heal()
        self.ensemble.resume()
        for member in self.ensemble.members:
            member.restart()


Fault = Callable[[Stage], AbstractContextManager[None]]


@contextlib.contextmanager
def kill_leader(stage: Stage) -> Iterator[None]:
    """SIGKILL to the leader; it is started again at the end."""
    leader = stage.leader()
    with stage.losing_leader("kill_leader"):
        leader.kill()
    yield
    leader.restart()


@contextlib.contextmanager
def kill_follower(stage: Stage) -> Iterator[None]:
    """SIGKILL to another server."""
    follower = stage.follower()
    follower.kill()
    yield
    follower.restart()


@contextlib.contextmanager
def stop_leader(stage: Stage) -> Iterator[None]:
    """SIGTERM to the leader, as for an upgrade."""
    leader = stage.leader()
    with stage.losing_leader("stop_leader"):
        leader.stop()
    yield
    leader.restart()


@contextlib.contextmanager
def kill_all(stage: Stage) -> Iterator[None]:
    """SIGKILL to every server, and all started again at once."""
    stage.ensemble.kill()
    # Counted from the restart, since nothing can serve before it.
    with stage.losing_leader("kill_all"):
        pass
    for member in stage.ensemble.members:
        member.restart()
    yield


@contextlib.contextmanager
def pause_leader(stage: Stage) -> Iterator[None]:
    """SIGSTOP to the leader: its connections stay open, and it wakes up as a leader."""
    leader = stage.leader()
    with stage.losing_leader("pause_leader"):
        leader.pause()
    yield
    leader.resume()


@contextlib.contextmanager
def pause_follower(stage: Stage) -> Iterator[None]:
    """SIGSTOP to another server."""
    follower = stage.follower()
    follower.pause()
    yield
    follower.resume()


@contextlib.contextmanager
def isolate_leader(stage: Stage) -> Iterator[None]:
    """The leader sees nobody and nobody sees it; clients still do."""
    leader = stage.leader()
    with stage.losing_leader("isolate_leader"):
        stage.mesh.isolate(leader.server_id)
    yield
    stage.mesh.heal()


@contextlib.contextmanager
def isolate_follower(stage: Stage) -> Iterator[None]:
    """Another server sees nobody."""
    stage.mesh.isolate(stage.follower().server_id)
    yield
    stage.mesh.heal()


@contextlib.contextmanager
def deafen_leader(stage: Stage) -> Iterator[None]:
    """The leader is heard by all and hears nobody."""
    leader = stage.leader()
    with stage.losing_leader("deafen_leader"):
        for other in stage.others(leader):
            stage.mesh.cut(other.server_id, leader.server_id)
    yield
    stage.mesh.heal()


@contextlib.contextmanager
def mute_leader(stage: Stage) -> Iterator[None]:
    """The leader hears all and is heard by nobody."""
    leader = stage.leader()
    with stage.losing_leader("mute_leader"):
        for other in stage.others(leader):
            stage.mesh.cut(leader.server_id, other.server_id)
    yield
    stage.mesh.heal()


@contextlib.contextmanager
def one_way(stage: Stage) -> Iterator[None]:
    """One server is not heard by one other."""
    source, sink = stage.rng.sample(stage.mesh.servers, 2)
    stage.mesh.cut(source, sink)
    yield
    stage.mesh.heal()


@contextlib.contextmanager
def bridge(stage: Stage) -> Iterator[None]:
    """All servers see one in the middle, and otherwise nobody; the leader is not that one."""
    middle = stage.follower().server_id
    cut_bridge(stage.mesh, middle)
    yield
    stage.mesh.heal()


@contextlib.contextmanager
def tangle(stage: Stage) -> Iterator[None]:
    """Some of all directions are cut, two at least and not all, whatever that leaves."""
    ways = list(itertools.permutations(stage.mesh.servers, 2))
    for source, sink in stage.rng.sample(ways, stage.rng.randint(2, len(ways) - 1)):
        stage.mesh.cut(source, sink)
    yield
    stage.mesh.heal()


@contextlib.contextmanager
def slow_links(stage: Stage) -> Iterator[None]:
    """One server's links are slow, both ways."""
    slow = stage.rng.choice(stage.mesh.servers)
    for other in stage.mesh.servers:
        if other != slow:
            stage.mesh.delay(slow, other, stage.rng.uniform(*_DELAY_S))
            stage.mesh.delay(other, slow, stage.rng.uniform(*_DELAY_S))
    yield
    stage.mesh.heal()


@contextlib.contextmanager
def reset_links(stage: Stage) -> Iterator[None]:
    """All connections between two servers are reset; they may connect again at once."""
    stage.mesh.reset(*stage.rng.sample(stage.mesh.servers, 2))
    yield


def cut_bridge(mesh: Mesh, middle: int) -> None:
    """Cut all servers from one another but not from ``middle``."""
    outer = [server for server in mesh.servers if server != middle]
    for number, one in enumerate(outer):
        for other in outer[number + 1 :]:
            mesh.part(one, other)


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        kill_leader,
        kill_follower,
        stop_leader,
        kill_all,
        pause_leader,
        pause_follower,
        isolate_leader,
        isolate_follower,
        deafen_leader,
        mute_leader,
        one_way,
        bridge,
        tangle,
        slow_links,
        reset_links,
    )
}


class Bag:
    """Draws faults at random so that none comes again before all have come."""

    def __init__(self, names: list[str], rng: random.Random) -> None:
        self._names = names
        self._rng = rng
        self._left: list[str] = []

    def draw(self) -> str:
        """The next fault's name."""
        if not self._left:
            self._left = list(self._names)
            self._rng.shuffle(self._left)
        return self._left.pop()
