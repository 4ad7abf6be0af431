"""``MesosExecutorDriver``: an old executor's driver, on that of :mod:`mesozoic.aio`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mesos_compat.wire.v1 import executor_pb2
from mesos_compat.wire.v1 import mesos_pb2 as v1
from mesozoic import aio
from mesozoic.classic import interface
from mesozoic.classic.interface import DRIVER_RUNNING, Status
from mesozoic.classic.mesos_pb2 import older
from mesozoic.classic.threads import DriverThreads

_Subscribed = executor_pb2.Event.Subscribed


class MesosExecutorDriver(interface.ExecutorDriver):
    """Connects an old-style executor with its agent, which it knows from the environment."""

    def __init__(self, executor: interface.Executor) -> None:
        """Raises :class:`~mesozoic.errors.BadEnvironment` outside of an executor's container."""
        self._executor = executor
        self._threads = DriverThreads("mesos-executor", self._serve)
        self._driver = aio.ExecutorDriver(_Adapter(self, executor, self._threads))

    async def _serve(self) -> None:
        await self._driver.run()

    def start(self) -> Status:
        """See the base."""
        return self._threads.start()

    def stop(self) -> Status:
        """See the base."""
        return self._threads.stop(self._stop)

    async def _stop(self) -> None:
        self._driver.stop()

    def abort(self) -> Status:
        """See the base."""
        return self._threads.abort()

    def join(self) -> Status:
        """See the base."""
        return self._threads.join()

    def run(self) -> Status:
        """See the base."""
        status = self.start()
        return self.join() if status == DRIVER_RUNNING else status

    def sendStatusUpdate(self, status: Any) -> Status:
        """See the base; one of ``TASK_STAGING`` aborts the driver, as it did of old."""
        if not self._threads.runs:
            return self._threads.status
        update = v1.TaskStatus.FromString(status.SerializePartialToString())
        if update.state == v1.TASK_STAGING:
            self._threads.abort()
            self._executor.error(self, "Attempted to send TASK_STAGING status update")
            return self._threads.status
        return self._threads.hand_over(lambda: self._driver.update(update))

    def sendFrameworkMessage(self, data: bytes | str) -> Status:
        """See the base."""
        sent = data.encode() if isinstance(data, str) else bytes(data)
        return self._threads.hand_over(lambda: self._driver.message(sent))


class _Adapter(aio.Executor):
    """Tells an old-style executor what the driver below tells this."""

    def __init__(
        self, driver: MesosExecutorDriver, executor: interface.Executor, threads: DriverThreads
    ) -> None:
        self._driver = driver
        self._executor = executor
        self._threads = threads

    async def _tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        await self._threads.call_back(callback, self._driver, *arguments)

    async def subscribed(self, driver: aio.ExecutorDriver, event: _Subscribed) -> None:
        told = (event.executor_info, event.framework_info, event.agent_info)
        await self._tell(self._executor.registered, *map(older, told))

    async def resubscribed(self, driver: aio.ExecutorDriver, event: _Subscribed) -> None:
        await self._tell(self._executor.reregistered, older(event.agent_info))

    async def disconnected(self, driver: aio.ExecutorDriver, why: str) -> None:
        await self._tell(self._executor.disconnected)

    async def launch(self, driver: aio.ExecutorDriver, task: v1.TaskInfo) -> None:
        await self._tell(self._executor.launchTask, older(task))

    async def kill(
        self, driver: aio.ExecutorDriver, task_id: v1.TaskID, kill_policy: v1.KillPolicy | None
    ) -> None:
        await self._tell(self._executor.killTask, older(task_id))

    async def message(self, driver: aio.ExecutorDriver, data: bytes) -> None:
        await self._tell(self._executor.frameworkMessage, data)

    async def shutdown(self, driver: aio.ExecutorDriver) -> None:
        await self._tell(self._executor.shutdown)

    async def error(self, driver: aio.ExecutorDriver, message: str) -> None:
        await self._threads.fail(self._executor.error, self._driver, message)
