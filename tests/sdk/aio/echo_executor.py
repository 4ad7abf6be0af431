"""An executor of the SDK's, as an agent starts it: what a task's ``data`` says is what it does.

``run``: to the end at once. ``wait``: until the scheduler sends ``go``. It answers each message.
"""

from __future__ import annotations

import asyncio

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import Executor, ExecutorDriver


class EchoExecutor(Executor):
    """See the module."""

    def __init__(self) -> None:
        self._waiting: list[mesos_pb2.TaskID] = []

    async def launch(self, driver: ExecutorDriver, task: mesos_pb2.TaskInfo) -> None:
        await driver.update(task.task_id, mesos_pb2.TASK_RUNNING, data=b"running")
        if task.data == b"run":
            await driver.update(task.task_id, mesos_pb2.TASK_FINISHED, message="done")
        else:
            self._waiting.append(task.task_id)

    async def resubscribed(self, driver: ExecutorDriver, _: object) -> None:
        for task_id in self._waiting:
            await driver.update(task_id, mesos_pb2.TASK_RUNNING, message="back")

    async def kill(self, driver: ExecutorDriver, task_id: mesos_pb2.TaskID, _: object) -> None:
        self._waiting.remove(task_id)
        await driver.update(task_id, mesos_pb2.TASK_KILLED)

    async def message(self, driver: ExecutorDriver, data: bytes) -> None:
        await driver.message(b"heard " + data)
        if data == b"go":
            for task_id in self._waiting:
                await driver.update(task_id, mesos_pb2.TASK_FINISHED)
            self._waiting.clear()
        elif data == b"leave":
            driver.stop()

    async def shutdown(self, driver: ExecutorDriver) -> None:
        for task_id in self._waiting:
            await driver.update(task_id, mesos_pb2.TASK_KILLED, message="shut down")


if __name__ == "__main__":
    asyncio.run(ExecutorDriver(EchoExecutor()).run())
