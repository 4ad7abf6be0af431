"""``mesos-agent``: the core, its shell, the containerizer and the master's detector."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import random
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mesos_compat.agent import events as ev
from mesos_compat.agent.core import AgentCore
from mesos_compat.agent.views import metrics
from mesos_compat.agent_shell.driver import AgentDriver
from mesos_compat.agent_shell.executor_api import ExecutorApi
from mesos_compat.agent_shell.older_api import OlderApi
from mesos_compat.agent_shell.operator_api import OperatorApi
from mesos_compat.agent_shell.permissions import AgentPermissions
from mesos_compat.agent_shell.watching import Utilization, Watching
from mesos_compat.cli import agent_settings, logs, running
from mesos_compat.cli.addresses import find_place
from mesos_compat.cli.master_settings import authorizer_of
from mesos_compat.cli.version import version_info, version_value
from mesos_compat.containers.containerizer import Containerizer
from mesos_compat.errors import FlagError
from mesos_compat.flags import agent as table
from mesos_compat.flags.loading import Flags
from mesos_compat.ha.address import ZooKeeperAddress
from mesos_compat.ha.masters import Detector
from mesos_compat.ha.session import ZooKeeperSession
from mesos_compat.http.answers import Answer, told
from mesos_compat.http.files import Attached
from mesos_compat.http.process_api import ProcessApi, Realms
from mesos_compat.http.routing import Routes
from mesos_compat.http.serving import HttpServer
from mesos_compat.http.tls import TlsSettings
from mesos_compat.http.verbosity import Verbosity
from mesos_compat.master.views.visible import Visible
from mesos_compat.wire.v1 import mesos_pb2

_log = logging.getLogger(__name__)

_MASTER_PORT: Final = 5050


class Agent:
    """One agent. Raises :class:`FlagError` for flags that cannot be obeyed."""

    def __init__(
        self, flags: Flags, environment: Mapping[str, str], log: Path | None = None
    ) -> None:
        self._flags = flags
        self._log_file = log
        self._master = _master_of(flags)
        self._work_dir = agent_settings.work_dir_of(flags)
        self._place = find_place(flags)
        tls = TlsSettings(environment)
        self._client_tls = tls.client()
        self._tls_environment = tls.variables()
        self._routes = Routes("slave(1)")
        self._verbosity = Verbosity()
        self._attached = Attached()
        self._authorizer = authorizer_of(flags)
        self._authorization = agent_settings.authorization_of(flags)
        self._places = agent_settings.places_of(flags, self._work_dir)
        self._containerizer = Containerizer(
            agent_settings.containerizer_settings_of(flags, self._work_dir)
        )
        self._ended: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._server = HttpServer(
            self._routes,
            authenticate=agent_settings.authenticator_of(flags),
            on_stream_end=lambda stream: self.driver.conversations.ended(stream),
            tls=tls.server(),
        )
        self._session: ZooKeeperSession | None = None
        self._detector: Detector | None = None
        #: The port that is served, once that is so.
        self.port = 0

    async def start(self) -> None:
        """Serve, recover, and look for a master; raises FlagError and OSError."""
        running.note_ignored(self._flags)
        self.port = await self._server.start(self._place.bind_ip, self._flags.number("port") or 0)
        settings = agent_settings.settings_of(
            self._flags, self._place, self.port, self._work_dir, self._tls_environment
        )
        info = agent_settings.agent_info_of(self._flags, self._place, self.port, self._work_dir)
        await self._containerizer.start()
        dice = random.Random(os.urandom(16))
        self.core = AgentCore(settings, info, dice.randrange, os.urandom, self._authorizer)
        permissions = AgentPermissions(self._authorizer, lambda: self.core.state)
        self.driver = AgentDriver(
            self.core, self._containerizer, self._attached, self._places, self._end
        )
        self.driver.permit_sandbox = lambda user: functools.partial(
            permissions.allow, "access_sandboxes", users=user
        )
        self.driver.measure = Utilization(self._containerizer).measure
        self._watching = Watching(
            self.core,
            self._containerizer,
            self._flags.shown(),
            version_info(),
            lambda asker: Visible(permissions.of(asker), asker.value if asker else None),
        )
        self._add_routes(permissions)
        links = self.driver.make_links(authorization=self._authorization, tls=self._client_tls)
        await self.driver.start(links, self._work_dir / "meta")
        _log.info("the agent serves at %s:%d", self._place.ip, self.port)
        self._look_for_master()

    def _look_for_master(self) -> None:
        if isinstance(self._master, mesos_pb2.MasterInfo):
            self.driver.submit(ev.MasterDetected(self._master))
            return
        timeout_s = self._flags.milliseconds("zk_session_timeout") / 1000
        self._session = ZooKeeperSession(self._master, timeout_s)
        self._detector = Detector(self._session, self._detected)
        self._session.start()
        self._detector.start()

    def _detected(self, master: mesos_pb2.MasterInfo | None) -> None:
        if master is None:
            self.driver.submit(ev.MasterLost())
        else:
            _log.info("the leading master is %s", master.pid)
            self.driver.submit(ev.MasterDetected(master))

    def _add_routes(self, permissions: AgentPermissions) -> None:
        realms = Realms(agent_settings.READONLY, agent_settings.READWRITE)
        if self._log_file is not None:
            may_see = functools.partial(permissions.allow, "access_mesos_logs")
            self._attached.attach("/slave/log", self._log_file, may_see)
        executors = ExecutorApi(self.driver, self._too_early)
        operator = OperatorApi(
            self.driver, self._unready, self._watching.view, permissions, self._verbosity
        )
        self._routes.add("/api/v1/executor", executors.handle, agent_settings.EXECUTOR)
        self._routes.add("/api/v1", operator.handle, realms.readwrite)
        OlderApi(self._unready, self._watching.view, permissions).add_to(
            self._routes, realms.readonly
        )
        ProcessApi(
            version_value(),
            self._attached,
            permissions,
            self._verbosity,
            self._metrics,
            self._prometheus,
        ).add_to(self._routes, realms)

    def _too_early(self) -> Answer | None:
        """Executors come back while the agent recovers; that is what it waits for."""
        if self.core.is_reconnecting:
            return None
        return told(503, "Agent has not finished recovery")

    def _unready(self) -> Answer | None:
        if self.core.is_recovered:
            return None
        return told(503, "Agent has not finished recovery")

    def _metrics(self) -> dict[str, float]:
        return metrics.snapshot(self._watching.view(None))

    def _prometheus(self) -> str:
        return metrics.as_prometheus(self._watching.view(None))

    def unregister(self) -> None:
        """SIGUSR1: the agent is to go for good."""
        self.driver.submit(ev.UnregisterAsked("SIGUSR1"))

    def _end(self, why: str, is_regular: bool) -> None:
        if not self._ended.done():
            if is_regular:
                _log.info("%s", why)
            self._ended.set_result(None if is_regular else why)

    async def wait_ended(self) -> str | None:
        """Until it must end by itself; why, or None when that is regular."""
        return await self._ended

    async def end_containers(self) -> None:
        """Kill all that runs here, for good."""
        roots = [one for one in self._containerizer.containers() if len(one) == 1]
        await asyncio.gather(*(self._containerizer.destroy(one) for one in roots))

    async def stop(self) -> None:
        """End; containers go on, and are found again by the next agent of this work directory."""
        if self._detector is not None:
            await self._detector.stop()
        if hasattr(self, "driver"):
            await self.driver.stop()
        await self._server.stop()
        await self._containerizer.close()
        if self._session is not None:
            await self._session.stop()
        self._verbosity.stop()


def _master_of(flags: Flags) -> mesos_pb2.MasterInfo | ZooKeeperAddress:
    """``--master``: ``host:port``, or where ZooKeeper is."""
    text = flags.text("master")
    if text is None:
        raise FlagError("Missing required option --master")
    if text.startswith(("zk://", "file://")):
        return ZooKeeperAddress.parse(text)
    place = text.rpartition("@")[2]
    host, colon, port = place.rpartition(":")
    if not colon:
        host, port = place, str(_MASTER_PORT)
    if not host or not port.isdigit():
        raise FlagError(f"Failed to load flag 'master': '{text}' is no host:port or zk:// URL")
    info = mesos_pb2.MasterInfo(
        id="", ip=0, port=int(port), pid=f"master@{host}:{port}", hostname=host
    )
    info.address.hostname, info.address.port = host, int(port)
    return info


async def _begin(flags: Flags) -> int:
    log = logs.set_up("mesos-agent", flags)
    agent = Agent(flags, os.environ, log)
    return await running.run(agent, {signal.SIGUSR1: agent.unregister})


def main() -> None:
    """The console script."""
    running.main("mesos-agent", table.FLAGS, _begin)


if __name__ == "__main__":
    main()
