"""``mesos-master``: the core, its shell, the election and the registry, put together."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import random
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mesos_compat.cli import logs, master_settings, running
from mesos_compat.cli.addresses import find_place
from mesos_compat.cli.version import version_info, version_value
from mesos_compat.errors import FlagError
from mesos_compat.flags import master as table
from mesos_compat.flags.loading import Flags
from mesos_compat.ha.address import ZooKeeperAddress
from mesos_compat.ha.masters import Contender, Detector
from mesos_compat.ha.registries import (
    FileRegistry,
    MemoryRegistry,
    RegistryStore,
    ZooKeeperRegistry,
)
from mesos_compat.ha.session import ZooKeeperSession
from mesos_compat.http import link_api, system
from mesos_compat.http.answers import Answer, values
from mesos_compat.http.driver import MasterDriver, now
from mesos_compat.http.explaining import ExplainApi
from mesos_compat.http.files import Attached
from mesos_compat.http.leading import Leadership
from mesos_compat.http.link_api import LinkApi
from mesos_compat.http.older_api import OlderApi
from mesos_compat.http.operator_api import OperatorApi
from mesos_compat.http.permissions import Permissions
from mesos_compat.http.process_api import ProcessApi, Realms
from mesos_compat.http.requests import Request
from mesos_compat.http.routing import Routes
from mesos_compat.http.scheduler_api import SchedulerApi
from mesos_compat.http.serving import HttpServer
from mesos_compat.http.streams import RecordStream
from mesos_compat.http.timing import TimedAllocator, TimedRegistry, Timer
from mesos_compat.http.tls import TlsSettings
from mesos_compat.http.verbosity import Verbosity
from mesos_compat.master import events as ev
from mesos_compat.master.core import MasterCore
from mesos_compat.master.views import metrics, older_registry, prometheus
from mesos_compat.master.views.view import View
from mesos_compat.master.views.visible import Visible
from mesos_compat.wire.v1 import mesos_pb2

_log = logging.getLogger(__name__)

_WHITELIST_S: Final = 5.0


class Master:
    """One master. Raises :class:`FlagError` for flags that cannot be obeyed."""

    def __init__(
        self, flags: Flags, environment: Mapping[str, str], log: Path | None = None
    ) -> None:
        self._flags = flags
        self._log_file = log
        self._settings = master_settings.settings_of(flags)
        dice = random.Random(os.urandom(16))
        self._allocator = TimedAllocator(
            flags.text("allocator") or "",
            master_settings.allocator_options_of(flags),
            dice.randrange,
        )
        self._allocator.timer = Timer("allocator/mesos/allocation_run_ms")
        self._timers = (
            self._allocator.timer,
            Timer("registrar/state_fetch_ms"),
            Timer("registrar/state_store_ms"),
        )
        self._authorizer = master_settings.authorizer_of(flags)
        self._authenticator = master_settings.authenticator_of(flags)
        self._place = find_place(flags)
        self._tls = TlsSettings(environment).server()
        self._zk = _zookeeper_of(flags)
        self._registry_kind = _registry_kind(flags)
        self._version = version_info()
        self._routes = Routes("master")
        self._verbosity = Verbosity()
        self._attached = Attached()
        self._ended: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._server = HttpServer(
            self._routes,
            authenticate=self._authenticator,
            on_stream_end=self._stream_ended,
            tls=self._tls,
        )
        self._session: ZooKeeperSession | None = None
        self._contender: Contender | None = None
        self._detector: Detector | None = None
        self._tasks: list[asyncio.Task[None]] = []
        #: The port that is served, once that is so.
        self.port = 0

    # The beginning.

    async def start(self) -> None:
        """Serve, and stand for election; raises OSError when the address is taken."""
        running.note_ignored(self._flags)
        wanted = self._flags.number("port")
        self.port = await self._server.start(
            self._place.bind_ip, 5050 if wanted is None else wanted
        )
        self.info = master_settings.master_info(
            self._flags, self._place, self.port, str(uuid.uuid4())
        )
        self.core = MasterCore(
            self._settings, self.info, self._allocator, self._authorizer, os.urandom
        )
        registry = TimedRegistry(self._begin_session(), *self._timers[1:])
        fetch_s = self._flags.milliseconds("registry_fetch_timeout") / 1000
        self.driver = MasterDriver(self.core, registry, self._end, fetch_s)
        self.leadership = Leadership(self.info, lambda: self.core.state.is_recovered)
        self._add_routes()
        whitelist = self._flags.text("whitelist")
        if whitelist is not None and whitelist != "*":
            self._tasks.append(asyncio.create_task(self._watch_whitelist(Path(whitelist))))
        _log.info("master %s serves at %s:%d", self.info.id, self._place.ip, self.port)
        if self._session is None:
            self.leadership.leader = self.info
            self.driver.submit(ev.Elected())
            return
        self._contender = Contender(self._session, self.info, self._lost_session)
        self._detector = Detector(self._session, self._detected)
        self._session.start()
        self._contender.start()
        self._detector.start()

    def _begin_session(self) -> RegistryStore:
        timeout_s = self._flags.milliseconds("zk_session_timeout") / 1000
        if self._zk is not None:
            self._session = ZooKeeperSession(self._zk, timeout_s)
        if self._registry_kind == "in_memory":
            return MemoryRegistry()
        if self._session is not None:
            return ZooKeeperRegistry(self._session)
        return FileRegistry(Path(self._flags.text("work_dir") or "") / "registry")

    def _add_routes(self) -> None:
        realms = Realms(master_settings.READONLY, master_settings.READWRITE)
        permissions = Permissions(self._authorizer)
        log = self._log_file
        if log is not None:
            may_see = functools.partial(permissions.allow, "access_mesos_logs")
            self._attached.attach("/master/log", log, may_see)
        self._link = LinkApi(self.driver, self.leadership)
        scheduler = SchedulerApi(self.driver, self.leadership)
        operator = OperatorApi(
            self.driver,
            self.leadership,
            self.view,
            self._attached,
            permissions,
            self._verbosity,
        )
        self._routes.add("/api/v1/scheduler", scheduler.handle, master_settings.SCHEDULER)
        self._routes.add("/api/v1", operator.handle, realms.readwrite)
        self._routes.add(link_api.PATH, self._link.handle, master_settings.AGENT)
        self._routes.add("/redirect", self.leadership.redirect)
        OlderApi(self.driver, self.leadership, self.view).add_to(
            self._routes, realms.readonly, realms.readwrite
        )
        explaining = ExplainApi(self._allocator, self.leadership, self.view)
        self._routes.add("/explain", explaining.handle, realms.readonly)
        self._routes.add(
            "/registrar(1)/registry", self._tell_registry, realms.readonly, is_own=False
        )
        ProcessApi(
            version_value(),
            self._attached,
            permissions,
            self._verbosity,
            self._metrics,
            self._prometheus,
        ).add_to(self._routes, realms)

    # What is read.

    async def _tell_registry(self, request: Request) -> Answer:
        return values(older_registry.registry(self.view(request.who)))

    def view(self, principal: str | None) -> View:
        """The master as ``principal`` sees it now."""
        return View(
            state=self.core.state,
            settings=self._settings,
            visible=Visible(self._authorizer, principal),
            allocator=self._allocator,
            registrar=self.core.registrar,
            counters=self.core.metrics,
            flags=self._flags.shown(),
            version=self._version,
            now=now(),
            measured=self._measured(),
        )

    def _measured(self) -> dict[str, float]:
        found = system.measure()
        for timer in self._timers:
            found.update(timer.metrics())
        return found

    def _metrics(self) -> dict[str, float]:
        return metrics.snapshot(self.view(None))

    def _prometheus(self) -> str:
        view = self.view(None)
        return prometheus.text(metrics.snapshot(view), metrics.counter_names(view))

    # Who leads.

    def _detected(self, leader: mesos_pb2.MasterInfo | None) -> None:
        led = self.leadership.leads
        self.leadership.leader = leader
        if self.leadership.leads:
            if not led:
                _log.info("elected as the leading master")
                self.driver.submit(ev.Elected())
            return
        if led:
            self._end("Lost leadership: the session is over, or another master leads")
        elif leader is not None:
            _log.info("the leading master is %s", leader.pid)
        else:
            _log.info("no master leads")

    def _lost_session(self) -> None:
        if self.leadership.leads:
            self._end("Lost candidacy: the session with ZooKeeper is over")

    async def _watch_whitelist(self, path: Path) -> None:
        before: tuple[str, ...] | None = None
        while True:
            try:
                names = tuple(
                    name for line in path.read_text("utf-8").splitlines() if (name := line.strip())
                )
            except OSError as error:
                _log.error("cannot read --whitelist=%s: %s", path, error.strerror)
            else:
                if names != before:
                    before = names
                    self.driver.submit(ev.WhitelistRead(names))
            await asyncio.sleep(_WHITELIST_S)

    # The end.

    def _stream_ended(self, stream: RecordStream) -> None:
        self._link.stream_ended(stream)
        self.driver.stream_ended(stream)

    def _end(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_result(why)

    async def wait_ended(self) -> str | None:
        """Until it must end by itself; why."""
        return await self._ended

    async def stop(self) -> None:
        """End; another master takes over as soon as the session is closed."""
        for task in self._tasks:
            task.cancel()
        for part in (self._contender, self._detector):
            if part is not None:
                await part.stop()
        if hasattr(self, "driver"):
            await self.driver.stop()
        await self._server.stop()
        if self._session is not None:
            await self._session.stop()
        self._verbosity.stop()


def _zookeeper_of(flags: Flags) -> ZooKeeperAddress | None:
    text = flags.text("zk")
    if text is None:
        return None
    address = ZooKeeperAddress.parse(text)
    if address.path == "/":
        raise FlagError("Failed to load flag 'zk': Expecting a (chroot) path for ZooKeeper ('/')")
    return address


def _registry_kind(flags: Flags) -> str:
    kind = flags.text("registry") or ""
    if kind not in ("replicated_log", "in_memory"):
        raise FlagError(f"'{kind}' is not a supported option for registry persistence")
    if kind == "replicated_log" and flags.text("work_dir") is None:
        raise FlagError("--work_dir needed for replicated log based registry")
    return kind


async def _begin(flags: Flags) -> int:
    log = logs.set_up("mesos-master", flags)
    return await running.run(Master(flags, os.environ, log))


def main() -> None:
    """The console script."""
    running.main("mesos-master", table.FLAGS, _begin)


if __name__ == "__main__":
    main()
