"""Masters and agents on the event loop of a test."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from mesos_compat.cli.agent import Agent
from mesos_compat.cli.master import Master
from mesos_compat.flags import agent as agent_table
from mesos_compat.flags import master as master_table
from mesos_compat.flags.loading import Flag, Flags, load
from mesos_compat.http.tls import TlsSettings

if TYPE_CHECKING:
    from zkserver.testing import EmbeddedServer

_LOOK_S: Final = 0.005
_WAIT_S: Final = 30.0
_RESOURCES: Final = "cpus:4;mem:4096;disk:10240;ports:[31000-32000]"


class Cluster:
    """``async with`` starts it and ends it; see the package.

    ``zk`` is a ``zk://`` address, where there is an ensemble already. Flags are those of the
    programs, by name: ``{"allocation_interval": "50ms"}``. The environment is what masters and
    agents read their ``LIBPROCESS_SSL_...`` variables from.
    """

    def __init__(
        self,
        *,
        masters: int = 1,
        agents: int = 1,
        zk: str | None = None,
        with_zookeeper: bool = False,
        master_flags: Mapping[str, str] | None = None,
        agent_flags: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if masters > 1 and zk is None:
            with_zookeeper = True
        self._counts = (masters, agents)
        self._zk = zk
        self._with_zookeeper = with_zookeeper
        self._master_flags = dict(master_flags or {})
        self._agent_flags = dict(agent_flags or {})
        self._environment = dict(environment or {})
        self._scheme = "https" if TlsSettings(self._environment).is_enabled else "http"
        self._directory = tempfile.TemporaryDirectory(
            prefix="mesos-cluster-", ignore_cleanup_errors=True
        )
        self.directory = Path(self._directory.name)
        self.zookeeper: EmbeddedServer | None = None
        self.masters: list[Master] = []
        self.agents: list[Agent] = []
        self._places: dict[int, tuple[Path, dict[str, str]]] = {}
        self._number = 0
        self._agents_made = 0

    # The beginning and the end.

    async def __aenter__(self) -> Self:
        try:
            if self._with_zookeeper:
                await asyncio.to_thread(self._start_zookeeper)
            masters, agents = self._counts
            for _ in range(masters):
                await self.add_master()
            for _ in range(agents):
                await self.add_agent()
            if masters:
                await self.wait_for_agents(agents)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _start_zookeeper(self) -> None:
        from zkserver.testing import EmbeddedServer

        server = EmbeddedServer(self.directory / "zookeeper").start()
        self.zookeeper = server
        self._zk = f"zk://{server.address}/mesos"

    async def stop(self) -> None:
        """End everything; what agents run is killed."""
        for agent in list(self.agents):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(agent.end_containers(), _WAIT_S)
            await agent.stop()
        self.agents.clear()
        for master in list(self.masters):
            await master.stop()
        self.masters.clear()
        if self.zookeeper is not None:
            await asyncio.to_thread(self.zookeeper.stop)
            self.zookeeper = None
        self._directory.cleanup()

    # Members.

    def _new_directory(self, kind: str) -> Path:
        self._number += 1
        path = self.directory / f"{kind}{self._number}"
        path.mkdir(parents=True)
        return path

    async def add_master(self, flags: Mapping[str, str] | None = None) -> Master:
        """Another master; with ZooKeeper it waits for its turn."""
        given = {"ip": "127.0.0.1", "port": "0", "hostname_lookup": "false"}
        if self._zk is None:
            given["registry"] = "in_memory"
        else:
            given |= {
                "zk": self._zk,
                "quorum": "1",
                "work_dir": str(self._new_directory("master")),
                "zk_session_timeout": "2secs",
            }
        loaded = _flags(master_table.FLAGS, given | self._master_flags | dict(flags or {}))
        master = Master(loaded, self._environment, _log_of(loaded))
        try:
            await master.start()
        except BaseException:
            await master.stop()
            raise
        self.masters.append(master)
        return master

    async def add_agent(self, flags: Mapping[str, str] | None = None) -> Agent:
        """Another agent."""
        directory = self._new_directory("agent")
        self._agents_made += 1
        given = {
            # An address of its own, as agents on several machines have: all of 127.0.0.0/8 is here.
            "ip": f"127.0.0.{(self._agents_made - 1) % 250 + 1}",
            "port": "0",
            "hostname_lookup": "false",
            "resources": _RESOURCES,
            "work_dir": str(directory),
            "runtime_dir": str(directory / "runtime"),
            "fetcher_cache_dir": str(directory / "fetch"),
            "registration_backoff_factor": "10ms",
        }
        return await self._start_agent(directory, given | self._agent_flags | dict(flags or {}))

    async def _start_agent(self, directory: Path, given: dict[str, str]) -> Agent:
        master = {"master": self._zk or self.url.removeprefix(f"{self._scheme}://")}
        loaded = _flags(agent_table.FLAGS, master | given)
        agent = Agent(loaded, self._environment, _log_of(loaded))
        try:
            await agent.start()
        except BaseException:
            await agent.stop()
            raise
        self.agents.append(agent)
        self._places[id(agent)] = (directory, {**given, "port": str(agent.port)})
        return agent

    # Looking.

    @property
    def leader(self) -> Master | None:
        """The master that leads and has recovered, if there is one."""
        for master in self.masters:
            if master.leadership.leads and master.core.state.is_recovered:
                return master
        return None

    @property
    def url(self) -> str:
        """Of the leading master, or of the first when nobody leads."""
        master = self.leader or self.masters[0]
        return f"{self._scheme}://127.0.0.1:{master.port}"

    @property
    def zk(self) -> str | None:
        """What to give as ``--master`` or to a scheduler; None without ZooKeeper."""
        return self._zk

    async def wait_for(self, is_so: Callable[[], bool], timeout_s: float = _WAIT_S) -> None:
        """Wait until ``is_so``; raises ``TimeoutError``."""
        async with asyncio.timeout(timeout_s):
            while not is_so():
                await asyncio.sleep(_LOOK_S)

    async def wait_for_agents(self, count: int, timeout_s: float = _WAIT_S) -> None:
        """Wait until somebody leads and so many agents are registered; raises ``TimeoutError``."""

        def are_there() -> bool:
            leader = self.leader
            return leader is not None and count <= sum(
                agent.is_connected for agent in leader.core.state.agents.values()
            )

        await self.wait_for(are_there, timeout_s)

    # Faults.

    async def kill_leader(self) -> None:
        """End the leading master; another one takes over as soon as its session is over."""
        leader = self.leader
        if leader is None:
            raise RuntimeError("nobody leads")
        self.masters.remove(leader)
        await leader.stop()

    async def restart_agent(
        self, agent: Agent, while_down: Callable[[], Awaitable[object]] | None = None
    ) -> Agent:
        """End an agent, and start another on its work directory; its tasks go on.

        ``while_down`` is done in between.
        """
        directory, given = self._places.pop(id(agent))
        self.agents.remove(agent)
        await agent.stop()
        if while_down is not None:
            await while_down()
        return await self._start_agent(directory, given)

    async def lose_agent(self, agent: Agent) -> None:
        """A machine is gone for good: the agent, all that it runs, and all files of these."""
        directory, _ = self._places.pop(id(agent))
        self.agents.remove(agent)
        # The master is not told of the ends of tasks, nor that the agent leaves.
        await agent.driver.stop()
        await agent.end_containers()
        await agent.stop()
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    def cut_links(self) -> None:
        """Cut the connections between masters and agents, which they then make anew."""
        for agent in self.agents:
            agent.driver.cut_links()


def _flags(table: tuple[Flag, ...], given: Mapping[str, str]) -> Flags:
    return load(table, [f"--{name}={value}" for name, value in given.items()], {})


def _log_of(flags: Flags) -> Path | None:
    external = flags.text("external_log_file")
    return None if external is None else Path(external)
