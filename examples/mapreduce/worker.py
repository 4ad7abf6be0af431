"""The executor program: runs map and reduce tasks, several at a time, in threads.

What it is to do comes as the ``data`` of its tasks, and what became of it goes back as that of
their last status: ``("at", url)``, ``("lost", urls)`` or ``("raised", traceback)``, pickled.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import traceback
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import cloudpickle

from mapreduce import shuffle
from mesos_compat.wire.v1.mesos_pb2 import TaskInfo, TaskState
from mesozoic.aio import Executor, ExecutorDriver


class Worker(Executor):
    """Serves one job on one agent."""

    def __init__(self) -> None:
        # Kept, or the event loop might forget what nobody else refers to.
        self.running: set[asyncio.Task[None]] = set()

    async def launch(self, driver: ExecutorDriver, task: TaskInfo) -> None:
        """Begin, and be ready for the next."""
        await driver.update(task.task_id, TaskState.TASK_RUNNING)
        work = asyncio.create_task(self._work(driver, task))
        self.running.add(work)
        work.add_done_callback(self.running.discard)

    async def _work(self, driver: ExecutorDriver, task: TaskInfo) -> None:
        # The agent knows the sandbox by this path, wherever the container sees it.
        directory = Path(os.environ["MESOS_DIRECTORY"], task.task_id.value)
        url = shuffle.url_of(driver.settings.agent_endpoint, directory)
        told: tuple[str, Any]
        try:
            stage, *rest = cloudpickle.loads(task.data)
            if stage == "map":
                await asyncio.to_thread(_map, directory, *rest)
            else:
                await _reduce(directory, *rest)
            state, told = TaskState.TASK_FINISHED, ("at", url)
        except shuffle.FetchFailed as error:
            state, told = TaskState.TASK_FAILED, ("lost", error.urls)
        except Exception:  # noqa: BLE001 - whatever the job's functions raise is told
            state, told = TaskState.TASK_FAILED, ("raised", traceback.format_exc())
        await driver.update(task.task_id, state, data=pickle.dumps(told))


def _map(directory: Path, mapper: Any, given: Any, reduces: int) -> None:
    files: list[dict[Any, list[Any]]] = [defaultdict(list) for _ in range(reduces)]
    for key, value in mapper(given):
        # Not hash(): that of a string is another in each process.
        files[zlib.crc32(repr(key).encode()) % reduces][key].append(value)
    shuffle.write(directory, [dict(content) for content in files])


async def _reduce(directory: Path, reducer: Any, urls: list[str], number: int) -> None:
    values: dict[Any, list[Any]] = defaultdict(list)
    for part in await shuffle.fetch(urls, number):
        for key, some in part.items():
            values[key] += some
    await asyncio.to_thread(_write_reduced, directory, reducer, values)


def _write_reduced(directory: Path, reducer: Any, values: dict[Any, list[Any]]) -> None:
    shuffle.write(directory, [{key: reducer(some) for key, some in values.items()}])


if __name__ == "__main__":
    asyncio.run(ExecutorDriver(Worker()).run())
