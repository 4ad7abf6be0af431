"""A framework that says what should run, and sees to it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import ssl as tls
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self, TypeVar

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import FrameworkIdStore, Scheduler, SchedulerDriver
from mesozoic.aio.detect import Masters
from mesozoic.aio.transport import Codec
from mesozoic.framework.declarations import Service, Task
from mesozoic.framework.errors import (
    DeclarationError,
    Deposed,
    NotLeading,
    UnknownName,
)
from mesozoic.framework.leading import Leadership, Tasks
from mesozoic.framework.planning import events
from mesozoic.framework.planning.actions import Delete
from mesozoic.framework.planning.core import PlanningCore
from mesozoic.framework.planning.explanations import Explanation
from mesozoic.framework.planning.specs import Spec
from mesozoic.framework.planning.state import State
from mesozoic.framework.registry import FrameworkRecord
from mesozoic.framework.stores import Store, Tenure
from mesozoic.framework.stores.file import FileStore
from mesozoic.framework.stores.memory import MemoryStore
from mesozoic.framework.stores.zookeeper import ZooKeeperStore
from mesozoic.framework.views import InstanceView, value_of, view_of

#: How long tasks live on without a scheduler: with a store one may come back, without it not.
_DURABLE_FAILOVER_S: Final = 7 * 24 * 3600.0
_MEMORY_FAILOVER_S: Final = 600.0
#: Records that are deleted at a time: a store's write has a limit.
_DELETES_MAX: Final = 500

_DeclarationT = TypeVar("_DeclarationT", Task, Service)
_Capability = mesos_pb2.FrameworkInfo.Capability


class Framework:
    """Declare tasks and services with :meth:`add`, and :meth:`run`; or ``async with`` it.

    ``master`` and ``credential``, ``ssl``, ``codec`` are those of
    :class:`~mesozoic.aio.SchedulerDriver`. ``zk`` (``zk://hosts/path``) or ``file`` (a path) is
    where state is kept, so that another process of the same program can go on; ``store`` is any
    :class:`~mesozoic.framework.stores.Store`; without one of them tasks end soon after this
    process does. ``failover_seconds`` are for how long tasks live on without a scheduler.
    ``info`` has whatever else the framework's description is to have. ``seed`` makes waits
    repeatable.

    What was declared by an earlier process, and not stopped, goes on, whether this one declares
    it or not. What both declare differently becomes what this one says, instance by instance.
    """

    def __init__(
        self,
        name: str,
        master: Masters,
        *,
        zk: str | None = None,
        file: str | os.PathLike[str] | None = None,
        store: Store | None = None,
        user: str | None = None,
        role: str = "*",
        principal: str | None = None,
        credential: mesos_pb2.Credential | None = None,
        ssl: tls.SSLContext | None = None,
        codec: Codec = "protobuf",
        failover_seconds: float | None = None,
        session_seconds: float = 10.0,
        gpus: bool = False,
        info: mesos_pb2.FrameworkInfo | None = None,
        seed: int | None = None,
    ) -> None:
        """Raises :class:`~mesozoic.errors.BadAddress`, and ``ValueError`` for two stores."""
        if (zk is not None) + (file is not None) + (store is not None) > 1:
            raise ValueError("state is kept in one place: zk, file or store")
        if zk is not None:
            store = ZooKeeperStore(zk, session_seconds=session_seconds)
        elif file is not None:
            store = FileStore(file)
        self._store: Store = store or MemoryStore()
        self._master = master
        self._driver_options = (credential, ssl, codec)
        self._random = random.Random(seed)
        self._info = mesos_pb2.FrameworkInfo()
        if info is not None:
            self._info.CopyFrom(info)
        self._describe(name, role, user, failover_seconds)
        if principal or (credential is not None and credential.principal):
            self._info.principal = principal or (credential.principal if credential else "")
        if gpus:
            self._info.capabilities.add(type=_Capability.GPU_RESOURCES)
        # What this process has declared, by name.
        self._specs: dict[str, Spec] = {}
        self._leadership: Leadership | None = None
        # The plan as it was when all was over.
        self._last: PlanningCore | None = None
        # Runs that had ended when this process began to wait.
        self._runs: int | None = None
        self._runner: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._is_closing = False
        self._news = asyncio.Event()

    def _describe(self, name: str, role: str, user: str | None, failover_s: float | None) -> None:
        self._info.name = name
        del self._info.roles[:]
        self._info.roles.append(role)
        self._info.checkpoint = True
        if user is not None:
            self._info.user = user
        default_s = _DURABLE_FAILOVER_S if self._store.is_durable else _MEMORY_FAILOVER_S
        self._info.failover_timeout = default_s if failover_s is None else failover_s
        for needed in (
            _Capability.MULTI_ROLE,
            _Capability.PARTITION_AWARE,
            _Capability.RESERVATION_REFINEMENT,
        ):
            if all(one.type != needed for one in self._info.capabilities):
                self._info.capabilities.add(type=needed)

    # What should run.

    def add(self, declared: _DeclarationT) -> _DeclarationT:
        """Declare a task or a service, before or while this runs; returns what was given.

        One of the same name that differs is replaced, one instance after the other. Raises
        :class:`~mesozoic.framework.errors.DeclarationError`.
        """
        spec = declared.spec()
        self._specs[spec.name] = spec
        if self._leadership is not None:
            self._leadership.step(events.Declared(spec))
        return declared

    async def scale(self, name: str, count: int) -> None:
        """Run so many instances; durable when this returns. Those with high numbers go first.

        Raises :class:`~mesozoic.framework.errors.NotLeading`, ``UnknownName`` and, as all that
        waits here, what :meth:`run` would.
        """
        if count < 0:
            raise DeclarationError(f"{name}: count is {count}")
        await self._ask(name, events.Scaled(name, count))

    async def restart(self, name: str) -> None:
        """Replace each instance, one at a time, each when all others run; see :meth:`scale`.

        What was given up is started again. Returns when it is durable that this will be done.
        """
        await self._ask(name, events.RestartAsked(name))

    async def stop(self, name: str) -> None:
        """Kill all instances, and forget the name; returns when they have ended.

        Raises as :meth:`scale`. Instances on unreachable agents are killed when they come back.
        """
        await self._ask(name, events.StopAsked(name))
        self._specs.pop(name, None)
        await self.wait_until(lambda: self._is_gone(name))

    async def _ask(self, name: str, event: events.Event) -> None:
        leadership = self._leading()
        self._known(leadership.core, name)
        leadership.step(event)
        written = asyncio.ensure_future(leadership.write([]))
        written.add_done_callback(lambda _: self._changed())
        try:
            await self.wait_until(lambda: written.done() or self._leadership is not leadership)
            if not written.done():
                raise NotLeading("another process may lead now; perhaps it was heard")
        finally:
            written.cancel()

    def _is_gone(self, name: str) -> bool:
        leadership = self._leadership
        return leadership is not None and name not in leadership.core.standings

    def _leading(self) -> Leadership:
        if self._leadership is None:
            raise NotLeading("this process is not the framework's scheduler now")
        return self._leadership

    def _known(self, core: PlanningCore, name: str) -> None:
        if name not in core.standings:
            raise UnknownName(f"nothing is declared as {name}")

    # What is so.

    @property
    def name(self) -> str:
        """The framework's name."""
        return self._info.name

    @property
    def is_leading(self) -> bool:
        """Whether this process is the framework's scheduler now."""
        return self._leadership is not None

    @property
    def framework_id(self) -> str | None:
        """The id that the master has given; None when there is none, or this does not lead."""
        return None if self._leadership is None else self._leadership.framework_id

    def _core(self) -> PlanningCore:
        if self._leadership is not None:
            return self._leadership.core
        if self._last is not None:
            return self._last
        raise NotLeading("this process is not the framework's scheduler now")

    def names(self) -> list[str]:
        """What is declared, by this process or one before. Raises ``NotLeading``."""
        return list(self._core().standings)

    def instances(self, name: str) -> list[InstanceView]:
        """The last instance of each slot. Raises ``NotLeading`` and ``UnknownName``."""
        core = self._core()
        self._known(core, name)
        return [view_of(one) for one in core.instances(name)]

    def explain(self, name: str) -> Explanation:
        """What each slot waits for, and for each agent offered lately why it was not used.

        Raises ``NotLeading`` and ``UnknownName``. As a string it can be read.
        """
        leadership = self._leading()
        self._known(leadership.core, name)
        return leadership.core.explain(name, leadership.now_ms())

    async def wait_running(self, name: str) -> list[InstanceView]:
        """Wait until all instances run, and are healthy where that is checked."""
        await self.wait_until(lambda: self._is_up(name))
        return self.instances(name)

    def _is_up(self, name: str) -> bool:
        if self._leadership is None:
            return False
        standing = self._leadership.core.standings.get(name)
        if standing is None:
            raise UnknownName(f"nothing is declared as {name}")
        has_check = standing.spec.health is not None
        up = [
            one.slot
            for one in self._leadership.core.instances(name)
            if one.is_up(has_health_check=has_check) and one.generation == standing.generation
        ]
        return up == list(range(standing.count))

    async def result(self, task: str | Task) -> object:
        """Wait for the end of a task, and give what it has returned.

        That is None for a command, and for a count other than one a list by slot. Raises
        :class:`~mesozoic.framework.errors.TaskFailed` when one of its instances has ended
        without success and is not started again.
        """
        name = task if isinstance(task, str) else task.name
        await self.wait_until(lambda: self._has_ended(name))
        standing = self._core().standings[name]
        values = [value_of(one) for one in self._core().instances(name)]
        return values[0] if standing.count == 1 else values

    def _has_ended(self, name: str) -> bool:
        if self._leadership is None and self._last is None:
            return False
        core = self._core()
        standing = core.standings.get(name)
        if standing is None:
            if name in self._specs:
                # It is about to be declared.
                return False
            raise UnknownName(f"nothing is declared as {name}")
        if standing.spec.is_service:
            raise DeclarationError(f"{name} is a service, which has no result")
        return core is self._last or core.is_settled(name)

    async def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait until ``is_so()``, which is asked whenever something may have changed here.

        Raises what :meth:`run` would, and ``NotLeading`` when the framework does not run.
        """
        while not is_so():
            if self._failure is not None:
                raise self._failure
            if self._runner is not None and self._runner.done():
                raise NotLeading("the framework does not run")
            self._news.clear()
            await self._news.wait()

    def _changed(self) -> None:
        self._news.set()

    # The beginning and the end.

    async def run(self) -> None:
        """Run until all tasks have ended, and then end the framework; for ever with services.

        As a standby this waits until the one that leads is gone, and returns when that has
        finished all. When this is cancelled the framework goes on by itself, for another
        process, if its state is kept; else it ends.

        Raises what :meth:`mesozoic.aio.SchedulerDriver.run` raises, and
        :class:`~mesozoic.framework.errors.StoreFailed`.
        """
        await self._run(ends=True)

    def run_blocking(self) -> None:
        """:meth:`run` for programs without an event loop; SIGTERM and SIGINT cancel it."""
        with asyncio.Runner() as runner:
            runner.run(self._run_until_terminated())

    async def _run_until_terminated(self) -> None:
        running = asyncio.ensure_future(self.run())
        loop = asyncio.get_running_loop()
        is_terminated = False

        def terminate() -> None:
            nonlocal is_terminated
            is_terminated = True
            running.cancel()

        loop.add_signal_handler(signal.SIGTERM, terminate)
        try:
            await running
        except asyncio.CancelledError:
            if not is_terminated:
                raise
        finally:
            loop.remove_signal_handler(signal.SIGTERM)

    async def __aenter__(self) -> Self:
        """Run beside what is inside; begins when this leads and is subscribed."""
        self._runner = asyncio.create_task(self._run(ends=False))
        self._runner.add_done_callback(lambda _: self._changed())
        try:
            await self.wait_until(
                lambda: self._leadership is not None and self._leadership.is_subscribed
            )
        except BaseException:
            await self._cancel()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the framework with all that runs, unless an exception is the reason to leave.

        When this does not lead at the time it leaves the framework to who does.
        """
        if error is not None or self._runner is None or self._leadership is None:
            await self._cancel()
            return
        self._is_closing = True
        self._leadership.finish()
        await self._runner

    async def _cancel(self) -> None:
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)

    async def _run(self, *, ends: bool) -> None:
        self._last, self._runs, self._failure = None, None, None
        self._is_closing = False
        try:
            while not await self._lead_once(ends=ends):
                pass
        except Exception as error:
            self._failure = error
            raise
        finally:
            self._changed()

    async def _lead_once(self, *, ends: bool) -> bool:
        """Wait for leadership, and lead; returns whether all is over."""
        tenure = await self._store.lead()
        try:
            record = FrameworkRecord.of(tenure.contents)
            if self._runs is None:
                self._runs = FrameworkRecord.of(tenure.before).runs
            if record.is_over and record.runs > self._runs:
                # Somebody else has finished what this has waited for.
                state = State.of_records(tenure.contents)
                self._last = PlanningCore(tenure.epoch, state, self._random.randrange)
                return True
            contents = await _begin(tenure, record)
            return await self._lead(tenure, record, contents, ends=ends)
        except Deposed:
            return self._is_closing
        finally:
            await tenure.close()

    async def _lead(
        self, tenure: Tenure, record: FrameworkRecord, contents: Mapping[str, bytes], *, ends: bool
    ) -> bool:
        state = State.of_records(contents)
        leadership = Leadership(
            tenure, record, state, self._make_driver, self._random.randrange, self._changed
        )
        leadership.ends_when_done = ends
        leadership.ends_when_cancelled = not self._store.is_durable
        self._leadership = leadership
        for spec in self._specs.values():
            leadership.step(events.Declared(spec))
        try:
            await leadership.run()
        finally:
            self._leadership = None
        self._last = leadership.core
        return True

    def _make_driver(
        self, scheduler: Scheduler, framework_ids: FrameworkIdStore, tasks: Tasks
    ) -> SchedulerDriver:
        credential, ssl, codec = self._driver_options
        return SchedulerDriver(
            self._master,
            self._info,
            scheduler,
            credential=credential,
            ssl=ssl,
            codec=codec,
            framework_ids=framework_ids,
            acknowledge="manual",
            tasks=tasks,
            seed=self._random.randrange(1 << 32),
        )


async def _begin(tenure: Tenure, record: FrameworkRecord) -> Mapping[str, bytes]:
    """The records to go on with: none of a run that has ended."""
    if not record.is_over:
        return tenure.contents
    keys = [key for key in tenure.contents if "/" in key]
    for at in range(0, len(keys), _DELETES_MAX):
        await tenure.write([Delete(key) for key in keys[at : at + _DELETES_MAX]])
    record.is_over = False
    await tenure.write([record.put()])
    return {}
