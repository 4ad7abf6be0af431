"""What runs where: directories, ports and configuration files of a local cluster."""

from __future__ import annotations

import json
import socket
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mesozoic.cli.failures import Failure

HOST: Final = "127.0.0.1"
#: What an agent offers unless it is told otherwise; ports go to each a range of its own.
RESOURCES: Final = "cpus:4;mem:4096;disk:8192"
_PORTS_BEGIN: Final = 31000
_PORTS_EACH: Final = 500
_AGENTS_MAX: Final = 60
_LAYOUT_FILE: Final = "layout.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What ``up`` was asked for; ports of 0 are chosen."""

    servers: int = 1
    masters: int = 1
    agents: int = 1
    zk_port: int = 0
    master_port: int = 0
    #: As an agent's flag has it; None for what agents get here by default.
    resources: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Ports, in the order of the members. They stay with a data directory."""

    client_ports: list[int]
    peer_ports: list[int]
    election_ports: list[int]
    master_ports: list[int]
    agent_ports: list[int]

    @property
    def hosts(self) -> str:
        """ZooKeeper's connect string."""
        return ",".join(f"{HOST}:{port}" for port in self.client_ports)

    @property
    def zk(self) -> str:
        """Where masters are found."""
        return f"zk://{self.hosts}/mesos"


def agent_host(number: int) -> str:
    """Each agent has an address of its own, as agents on different machines would."""
    return f"127.0.0.{number + 1}"


def plan(wanted: Wanted, directory: Path) -> Layout:
    """The layout that is kept in ``directory``, or a new one; raises :class:`Failure`."""
    if wanted.agents > _AGENTS_MAX:
        raise Failure(f"{wanted.agents} agents are too many for one machine (at most 60)")
    kept = _kept(directory)
    if kept is None:
        return _new(wanted)
    if len(kept.client_ports) != wanted.servers:
        raise Failure(
            f"{directory} holds an ensemble of {len(kept.client_ports)} ZooKeeper servers,"
            f" not of {wanted.servers}",
            f"Start it with --servers {len(kept.client_ports)}, or name another directory.",
        )
    fresh = _new(wanted)
    asked = [wanted.zk_port] if wanted.zk_port else []
    if asked and kept.client_ports[: len(asked)] != asked:
        raise Failure(
            f"the ZooKeeper servers of {directory} are at {kept.hosts}",
            "Leave --zk-port out, or name another directory.",
        )
    master_ports = fresh.master_ports if wanted.master_port else kept.master_ports
    return Layout(
        kept.client_ports,
        kept.peer_ports,
        kept.election_ports,
        _as_many(master_ports, fresh.master_ports),
        _as_many(kept.agent_ports, fresh.agent_ports),
    )


def _as_many(kept: list[int], fresh: list[int]) -> list[int]:
    return kept[: len(fresh)] + fresh[len(kept) :]


def _kept(directory: Path) -> Layout | None:
    path = directory / _LAYOUT_FILE
    if not path.exists():
        return None
    try:
        return Layout(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise Failure(f"{path} cannot be read: {error}", "Name another directory.") from error


def _new(wanted: Wanted) -> Layout:
    servers, masters, agents = wanted.servers, wanted.masters, wanted.agents
    free = _free_ports(3 * servers + masters + agents)
    take = iter(free)

    def some(count: int, first: int = 0) -> list[int]:
        return [first + number if first else next(take) for number in range(count)]

    return Layout(
        some(servers, wanted.zk_port),
        some(servers),
        some(servers),
        some(masters, wanted.master_port),
        some(agents),
    )


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]


def keep(layout: Layout, directory: Path) -> None:
    """Write the layout down for the next start in ``directory``."""
    (directory / _LAYOUT_FILE).write_text(json.dumps(asdict(layout), indent=1) + "\n")


def write_server_files(layout: Layout, directory: Path, number: int) -> Path:
    """Write ``zoo.cfg`` and ``myid`` of a ZooKeeper server; returns the path of the former."""
    home = directory / f"zookeeper{number + 1}"
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    lines = [
        "tickTime=2000",
        "initLimit=10",
        "syncLimit=5",
        f"dataDir={data}",
        "4lw.commands.whitelist=*",
        "admin.enableServer=false",
    ]
    if len(layout.client_ports) == 1:
        lines += [f"clientPortAddress={HOST}", f"clientPort={layout.client_ports[0]}"]
    else:
        (data / "myid").write_text(f"{number + 1}\n")
        ports = zip(layout.peer_ports, layout.election_ports, layout.client_ports, strict=True)
        for one, (peer, election, client) in enumerate(ports, 1):
            lines.append(f"server.{one}={HOST}:{peer}:{election};{HOST}:{client}")
    path = home / "zoo.cfg"
    path.write_text("\n".join(lines) + "\n")
    return path


def server_command(config: Path) -> list[str]:
    """What starts a ZooKeeper server."""
    return [sys.executable, "-m", "zkserver", "start", str(config)]


def master_command(layout: Layout, home: Path, number: int) -> list[str]:
    """What starts a master."""
    return [
        *(sys.executable, "-m", "mesos_compat.cli.master"),
        f"--zk={layout.zk}",
        f"--quorum={len(layout.master_ports) // 2 + 1}",
        f"--ip={HOST}",
        f"--hostname={HOST}",
        f"--port={layout.master_ports[number]}",
        f"--work_dir={home / 'work'}",
        # A cluster for development is for one person, who does not want to wait.
        "--allocation_interval=200ms",
    ]


def agent_command(
    layout: Layout, home: Path, number: int, resources: str | None, options: list[str]
) -> list[str]:
    """What starts an agent; ``options`` are those that this machine needs."""
    begin = _PORTS_BEGIN + _PORTS_EACH * number
    offered = resources or f"{RESOURCES};ports:[{begin}-{begin + _PORTS_EACH - 1}]"
    host = agent_host(number)
    return [
        *(sys.executable, "-m", "mesos_compat.cli.agent"),
        f"--master={layout.zk}",
        f"--ip={host}",
        f"--hostname={host}",
        f"--port={layout.agent_ports[number]}",
        f"--work_dir={home / 'work'}",
        f"--runtime_dir={home / 'run'}",
        f"--resources={offered}",
        *options,
    ]
