"""When faults stop and everything heals, things have to go on, within a bound.

A leader is elected, every client gets its session and its answers, and all servers come to
the same position with the same tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from zkserver.sim.requests import Operation
from zkserver.sim.world import Violation

if TYPE_CHECKING:
    from zkserver.sim.cluster import Cluster

#: How often it is looked whether all is well, milliseconds.
_LOOK_MS: Final = 50
#: How long it may take: that many session and election time-outs, and a fixed time.
_SESSION_TIMEOUTS: Final = 4
_ELECTION_TIMEOUTS: Final = 30
_FIXED_MS: Final = 6000
#: So many delays of links and disks a request may wait for: there and back, twice.
_DELAYS_EACH: Final = 4


def converge(cluster: Cluster) -> None:
    """Heal everything, and run until all is well; raises :class:`Violation` if it never is."""
    cluster.heal()
    knobs, world = cluster.knobs, cluster.world
    bound_ms = (
        _SESSION_TIMEOUTS * knobs.session_timeout_ms
        + _ELECTION_TIMEOUTS * knobs.timeout_ms
        + _FIXED_MS
        + _backlog_ms(cluster)
    )
    start_ms = world.now_us // 1000
    probes = False
    why = ""
    while world.now_us // 1000 < start_ms + bound_ms:
        world.run_until(world.now_us + _LOOK_MS * 1000)
        why = what_is_missing(cluster)
        if why:
            continue
        if probes:
            world.note("sim", "converged", f"{world.now_us // 1000 - start_ms} ms")
            return
        # Being idle and equal is not enough: another write has to get through.
        probes = True
        for client in cluster.clients:
            client.perform(Operation(0, client.number, "set", "/r0"))
    raise Violation("liveness", f"{bound_ms} ms after everything healed: {why}")


def _backlog_ms(cluster: Cluster) -> int:
    """How long the longest queue of requests may take when they are done one by one."""
    knobs = cluster.knobs
    each_us = _DELAYS_EACH * (knobs.link_delay_us + knobs.flush_us)
    longest = max((len(one.backlog) + len(one.outstanding) for one in cluster.clients), default=0)
    return longest * each_us // 1000


def what_is_missing(cluster: Cluster) -> str:
    """Why the ensemble is not in order yet; empty when it is."""
    present = [server for server in cluster.servers.values() if not server.is_lost]
    for server in present:
        if server.core is None:
            return f"{server.name} is down"
    leaders = [server.name for server in present if server.core and server.core.node.leads]
    if len(leaders) != 1:
        return f"leaders: {leaders}"
    for client in cluster.clients:
        if client.backlog or client.outstanding:
            return f"{client.name} waits for {len(client.backlog)} + {len(client.outstanding)}"
    ends = {server.name: server.core.executed for server in present if server.core}
    if any(end != cluster.checkers.end for end in ends.values()):
        return f"positions {ends}, the sequence ends at {cluster.checkers.end}"
    return ""
