"""The executor driver: what an executor of one's own says to its agent, and hears from it.

::

    class MyExecutor(Executor):
        async def launch(self, driver, task):
            await driver.update(task.task_id, TASK_RUNNING)
            ...
            await driver.update(task.task_id, TASK_FINISHED)

    asyncio.run(ExecutorDriver(MyExecutor()).run())
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import ssl as tls
import time
import uuid
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import Final

from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from mesozoic.aio.detect import url_of
from mesozoic.aio.ticking import Ticker
from mesozoic.aio.transport import Codec, Transport
from mesozoic.core import executor_events as core_events
from mesozoic.core.calls import TaskId, task_id
from mesozoic.core.executor import ExecutorCore
from mesozoic.core.executor_settings import ExecutorSettings, read_settings
from mesozoic.errors import CallLost, CallRefused, Unreachable

PATH: Final = "/api/v1/executor"
#: Any name will do, since a unix socket leads to one agent.
_SOCKET_URL: Final = "http://localhost"

_Said = executor_pb2.Event

_log = logging.getLogger(__name__)


class Executor:
    """Callbacks of an :class:`ExecutorDriver`, all of them optional.

    They are awaited one after the other; one that runs a task for long starts it in a task of
    asyncio and returns, or else it hears of no KILL. An exception of a callback ends the
    driver, and its ``run()`` raises it.
    """

    async def subscribed(self, driver: ExecutorDriver, event: _Said.Subscribed) -> None:
        """The agent knows this executor."""

    async def resubscribed(self, driver: ExecutorDriver, event: _Said.Subscribed) -> None:
        """The agent, which has perhaps been restarted, knows this executor again."""

    async def disconnected(self, driver: ExecutorDriver, why: str) -> None:
        """The agent is being looked for; tasks go on."""

    async def launch(self, driver: ExecutorDriver, task: mesos_pb2.TaskInfo) -> None:
        """A task is to be run. By default it fails."""
        await driver.update(task.task_id, mesos_pb2.TASK_FAILED, message="not implemented")

    async def launch_group(
        self, driver: ExecutorDriver, task_group: mesos_pb2.TaskGroupInfo
    ) -> None:
        """Tasks are to be run together. By default each is launched by itself."""
        for task in task_group.tasks:
            await self.launch(driver, task)

    async def kill(
        self,
        driver: ExecutorDriver,
        task_id: mesos_pb2.TaskID,
        kill_policy: mesos_pb2.KillPolicy | None,
    ) -> None:
        """A task is to be killed, and then to be told of as TASK_KILLED."""

    async def acknowledged(
        self, driver: ExecutorDriver, task_id: mesos_pb2.TaskID, update_uuid: bytes
    ) -> None:
        """The agent has stored an update."""

    async def message(self, driver: ExecutorDriver, data: bytes) -> None:
        """Bytes that the scheduler has sent."""

    async def shutdown(self, driver: ExecutorDriver) -> None:
        """All tasks are to be killed and told of; ``run()`` returns soon after this does.

        After the grace period the agent destroys the container, and the driver is over anyway.
        Also called when the agent is lost for good.
        """

    async def error(self, driver: ExecutorDriver, message: str) -> None:
        """The agent has ended this executor for good; ``run()`` returns after this."""


class ExecutorDriver:
    """Keeps an executor subscribed with its agent, over the agent's restarts if checkpointing.

    ``environ`` is what the agent has told this process (``MESOS_*``, ``LIBPROCESS_SSL_*``).
    """

    def __init__(
        self,
        executor: Executor,
        *,
        environ: Mapping[str, str] | None = None,
        codec: Codec = "protobuf",
        ssl: tls.SSLContext | None = None,
        seed: int | None = None,
    ) -> None:
        """Raises :class:`~mesozoic.errors.BadEnvironment` outside of an executor's container."""
        environment = os.environ if environ is None else environ
        self._settings = read_settings(environment)
        self._executor = executor
        self._transport = Transport(
            token=self._settings.token,
            ssl=ssl,
            codec=codec,
            unix_socket=self._settings.domain_socket,
            environment=environment,
        )
        if self._settings.domain_socket is not None:
            self._url = _SOCKET_URL + PATH
        else:
            endpoint = self._settings.agent_endpoint
            self._url = url_of(endpoint, is_tls=self._transport.is_tls) + PATH
        self._core = ExecutorCore(self._settings, random.Random(seed).randrange)
        self._ticker = Ticker(self._core.next_due_ms, lambda: self._step(core_events.Tick()))
        self._inbox: deque[core_events.Event] = deque()
        self._is_stepping = False
        self._told: asyncio.Queue[core_events.Action] = asyncio.Queue()
        self._calls: asyncio.Queue[core_events.Send] = asyncio.Queue()
        self._stream: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._flushed = asyncio.Event()

    @property
    def settings(self) -> ExecutorSettings:
        """What the agent has told by the environment."""
        return self._settings

    @property
    def is_subscribed(self) -> bool:
        """Whether the agent is there; updates are kept for it while it is not."""
        return self._core.is_subscribed

    async def run(self) -> None:
        """Run until the executor is to end, all its updates are with the agent or nobody is.

        Raises whatever a callback raises.
        """
        await self._transport.open()
        workers = [asyncio.create_task(self._tell_all()), asyncio.create_task(self._send_all())]
        ended = asyncio.create_task(self._over.wait())
        try:
            self._step(core_events.Started())
            await asyncio.wait([*workers, ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._ticker.stop()
            running = [*workers, ended, *([self._stream] if self._stream else [])]
            for task in running:
                task.cancel()
            outcomes = await asyncio.gather(*running, return_exceptions=True)
            await self._transport.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def stop(self) -> None:
        """End, once the agent has all updates, at the latest after the grace period."""
        self._step(core_events.ShutdownDone())

    async def update(
        self,
        task: TaskId | mesos_pb2.TaskStatus,
        state: mesos_pb2.TaskState | None = None,
        *,
        message: str | None = None,
        data: bytes | None = None,
        healthy: bool | None = None,
    ) -> bytes:
        """Tell the status of a task: a whole ``TaskStatus``, or its id and state.

        Uuid, timestamp, source and executor are filled in. The driver keeps the update until
        the agent has acknowledged it. Returns its uuid.
        """
        status = mesos_pb2.TaskStatus()
        if isinstance(task, mesos_pb2.TaskStatus):
            status.CopyFrom(task)
        else:
            if state is None:
                raise ValueError("an update by id needs a state")
            status.task_id.CopyFrom(task_id(task))
            status.state = state
        if message is not None:
            status.message = message
        if data is not None:
            status.data = data
        if healthy is not None:
            status.healthy = healthy
        status.uuid = uuid.uuid4().bytes
        status.source = mesos_pb2.TaskStatus.SOURCE_EXECUTOR
        status.executor_id.value = self._settings.executor_id
        if self._settings.agent_id:
            status.agent_id.value = self._settings.agent_id
        if not status.HasField("timestamp"):
            status.timestamp = time.time()
        self._flushed.clear()
        self._step(core_events.UpdateMade(status))
        return status.uuid

    async def message(self, data: bytes) -> None:
        """Send bytes to the scheduler; nothing tells whether they arrive."""
        self._step(core_events.MessageMade(data))

    async def wait_acknowledged(self) -> None:
        """Wait until the agent has acknowledged all updates, or the driver is over."""
        while self._core.has_unacknowledged and not self._core.is_over:
            self._flushed.clear()
            await self._flushed.wait()

    # The shell around the core.

    def _step(self, event: core_events.Event) -> None:
        self._inbox.append(event)
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._inbox:
                for action in self._core.step(self._inbox.popleft(), self._ticker.now_ms()):
                    self._perform(action)
        finally:
            self._is_stepping = False
        self._ticker.look()

    def _perform(self, action: core_events.Action) -> None:
        match action:
            case core_events.Connect(number, call):
                self._disconnect()
                self._stream = asyncio.create_task(self._read(number, call))
            case core_events.Disconnect():
                self._disconnect()
            case core_events.Send():
                self._calls.put_nowait(action)
            case core_events.TellEvent() | core_events.TellDisconnected():
                self._told.put_nowait(action)
            case core_events.Acknowledged():
                self._flushed.set()
            case core_events.Finish(why):
                _log.info("the executor ends: %s", why)
                self._flushed.set()
                self._told.put_nowait(action)
            case core_events.Note(text):
                _log.warning("%s", text)

    def _disconnect(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None and stream is not asyncio.current_task():
            stream.cancel()

    async def _read(self, number: int, call: executor_pb2.Call) -> None:
        try:
            stream = await self._transport.subscribe(self._url, call, _Said)
            async with stream:
                async for said in stream:
                    self._step(core_events.Received(number, said))
            lost = core_events.StreamLost(number, "the agent has ended the stream")
        except CallRefused as error:
            lost = core_events.StreamLost(number, str(error), error.status)
        except (CallLost, Unreachable) as error:
            lost = core_events.StreamLost(number, str(error))
        self._step(lost)

    async def _send_all(self) -> None:
        while True:
            action = await self._calls.get()
            number, call = action.stream, action.call
            try:
                answer = await self._transport.post(self._url, call)
            except (CallLost, Unreachable) as error:
                self._step(core_events.CallFailed(number, call, str(error)))
                continue
            if not 200 <= answer.status < 300:
                failed = core_events.CallFailed(number, call, answer.text, answer.status)
                self._step(failed)

    async def _tell_all(self) -> None:
        has_shut_down = False
        while True:
            action = await self._told.get()
            match action:
                case core_events.Finish():
                    # The end has come without being asked for: the agent is lost for good.
                    if not has_shut_down:
                        await self._within_grace(self._executor.shutdown(self))
                    self._over.set()
                    return
                case core_events.TellDisconnected(why):
                    await self._executor.disconnected(self, why)
                case core_events.TellEvent(said, is_again):
                    if said.type == _Said.SHUTDOWN:
                        has_shut_down = True
                        await self._within_grace(self._executor.shutdown(self))
                        self._step(core_events.ShutdownDone())
                    else:
                        await self._tell(said, is_again)

    async def _within_grace(self, shutdown: Coroutine[object, object, None]) -> None:
        grace_s = self._settings.shutdown_grace_period_ms / 1_000
        try:
            await asyncio.wait_for(shutdown, grace_s)
        except TimeoutError:
            _log.warning("the executor did not shut down within %g s", grace_s)

    async def _tell(self, said: executor_pb2.Event, is_again: bool) -> None:
        executor = self._executor
        match said.type:
            case _Said.SUBSCRIBED if is_again:
                await executor.resubscribed(self, said.subscribed)
            case _Said.SUBSCRIBED:
                await executor.subscribed(self, said.subscribed)
            case _Said.LAUNCH:
                await executor.launch(self, said.launch.task)
            case _Said.LAUNCH_GROUP:
                await executor.launch_group(self, said.launch_group.task_group)
            case _Said.KILL:
                policy = said.kill.kill_policy if said.kill.HasField("kill_policy") else None
                await executor.kill(self, said.kill.task_id, policy)
            case _Said.ACKNOWLEDGED:
                told = said.acknowledged
                await executor.acknowledged(self, told.task_id, told.uuid)
            case _Said.MESSAGE:
                await executor.message(self, said.message.data)
            case _Said.ERROR:
                await executor.error(self, said.error.message)
                self._step(core_events.ShutdownDone())
