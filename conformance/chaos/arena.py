"""An ensemble with the proxies between its servers, ready to be broken."""

from __future__ import annotations

import contextlib
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from conformance.chaos.faults import Stage
from conformance.chaos.greeting import rewriting_greeting
from conformance.chaos.history import (
    EPHEMERALS,
    INITIAL,
    PROBES,
    REGISTERS,
    ROOT,
    UNIQUE,
    register_path,
    unique_parent,
)
from conformance.chaos.mesh import Mesh
from conformance.chaos.probes import Probes
from conformance.chaos.tree import make_znodes, read_tree
from conformance.ensembles import ApacheEnsemble, Ensemble, Member, OurEnsemble, OurMember
from conformance.membership import PeerPorts, Route

_SERVERS = 3
#: A server's log must not have these in it.
_ALARMS = ("Traceback (most recent call last)", "InvariantBrokenError")


class RedirectedMember(OurMember):
    """A server of ours that dials the others through proxies."""

    table: Mapping[int, int] = MappingProxyType({})

    def command(self, config: Path) -> list[str]:
        """``zkserver start zoo.cfg`` behind :mod:`~conformance.chaos.redirect`."""
        shim = "conformance.chaos.redirect"
        return [sys.executable, "-m", shim, json.dumps(dict(self.table)), "start", str(config)]


class RedirectedEnsemble(OurEnsemble):
    """An ensemble of such servers."""

    name = "mesozoic"

    def _member(self, settings: dict[str, str], data_dir: Path, port: int) -> Member:
        return RedirectedMember(settings=settings, data_dir=data_dir, port=port)

    def redirect(self, route: Route) -> None:
        """Give each member the proxies through which it shall reach the others."""
        for member in self.prepare():
            assert isinstance(member, RedirectedMember)
            member.table = {
                place.ports.quorum: route(member.server_id, place.server_id).quorum
                for place in self.places
                if place.server_id != member.server_id
            }


@contextlib.contextmanager
def arena(server: str, seed: int, data_dir: Path | None = None) -> Iterator[Stage]:
    """Three servers that serve, with proxies between them; all is healed before they end.

    Raises ``RuntimeError`` with the servers' logs when they do not come to serve.
    """

    def route(viewer: int, viewed: int) -> PeerPorts:
        return mesh.route(viewer, viewed)

    ensemble: Ensemble
    if server == "apache":
        ensemble = ApacheEnsemble(_SERVERS, route=route, data_dir=data_dir)
        mesh = Mesh(ensemble.places, rewriting_greeting(route))
    else:
        ensemble = RedirectedEnsemble(_SERVERS, data_dir=data_dir)
        mesh = Mesh(ensemble.places)
        ensemble.redirect(route)
    with mesh, ensemble:
        yield Stage(ensemble, mesh, random.Random(seed))
        mesh.heal()


def furnish(ensemble: Ensemble, clients: Sequence[str] = (), registers: int = 0) -> None:
    """Make the znodes in which clients and probes work, visible on every server."""
    wanted = [(path, b"") for path in (ROOT, REGISTERS, UNIQUE, EPHEMERALS, PROBES)]
    wanted += [(register_path(number), INITIAL.encode()) for number in range(registers)]
    wanted += [(unique_parent(client), b"") for client in clients]
    make_znodes(ensemble.ports[0], wanted)
    for port in ensemble.ports[1:]:
        # Reading begins with a sync, and what one session has seen behind it all may see.
        read_tree(port)


def probing(ensemble: Ensemble) -> Probes:
    """Probes of all servers; :func:`furnish` goes before."""
    return Probes({member.server_id: member.port for member in ensemble.members})


def check_processes(ensemble: Ensemble) -> list[str]:
    """No server has ended of its own accord."""
    return [
        f"server {member.server_id} ended by itself with {member.process.returncode}"
        for member in ensemble.members
        if member.process is not None and member.process.poll() is not None
    ]


def check_logs(ensemble: Ensemble) -> list[str]:
    """No server has written of an error of its own."""
    problems = []
    for member in ensemble.members:
        with member.log_path.open(errors="replace") as lines:
            alarms = [line.strip() for line in lines if any(a in line for a in _ALARMS)]
        if alarms:
            problems.append(
                f"server {member.server_id} logged {len(alarms)} errors of its own: {alarms[0]}"
            )
    return problems
