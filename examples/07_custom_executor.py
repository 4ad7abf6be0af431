"""A custom executor: one process that runs many tasks, and talks with its scheduler.

Run it with ``python examples/07_custom_executor.py``; ``MESOS=host:port`` uses a cluster that
runs. The agent starts the same file as the executor's program.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mesos_compat.resources import Resources
from mesos_compat.testing import EmbeddedCluster
from mesos_compat.wire.v1.mesos_pb2 import (
    AgentID,
    ExecutorID,
    ExecutorInfo,
    FrameworkInfo,
    Offer,
    TaskInfo,
    TaskState,
)
from mesozoic.aio import Executor, ExecutorDriver, Scheduler, SchedulerDriver

NUMBERS = range(1, 9)


class Squares(Executor):
    """Its tasks are numbers, and what it makes of them it sends back as messages."""

    async def launch(self, driver: ExecutorDriver, task: TaskInfo) -> None:
        """Do the work, here and now."""
        await driver.update(task.task_id, TaskState.TASK_RUNNING)
        number = int(task.data)
        await driver.message(f"{number} {number * number} {os.getpid()}".encode())
        await driver.update(task.task_id, TaskState.TASK_FINISHED)


class SquaresScheduler(Scheduler):
    """Gives all numbers to one executor, and collects what that sends."""

    def __init__(self) -> None:
        self.answers: dict[int, int] = {}
        self.pids: set[int] = set()

    async def offers(self, driver: SchedulerDriver, offers: Sequence[Offer]) -> None:
        """Put all tasks on the first offer: they share what the executor has."""
        executor = ExecutorInfo(type="CUSTOM", resources=Resources.parse("cpus:0.1;mem:64"))
        executor.executor_id.value = "squares"
        executor.command.value = f"{sys.executable} {Path(__file__).resolve()} executor"
        tasks = [TaskInfo(name="square", executor=executor) for _ in NUMBERS]
        for number, task in zip(NUMBERS, tasks, strict=True):
            task.task_id.value, task.data = f"square-{number}", str(number).encode()
            task.resources.extend(Resources.parse("cpus:0.01;mem:1"))
        await driver.launch(offers[:1], tasks)

    async def message(
        self, driver: SchedulerDriver, agent_id: AgentID, executor_id: ExecutorID, data: bytes
    ) -> None:
        """Messages may get lost with an agent or a master: a real framework would ask again."""
        number, square, pid = map(int, data.split())
        self.answers[number] = square
        self.pids.add(pid)
        if len(self.answers) == len(NUMBERS):
            print(f"executor {executor_id.value} on {agent_id.value}: {self.answers}")
            await driver.teardown()


def main() -> None:
    """Be the scheduler."""
    with ExitStack() as stack:
        master = os.environ.get("MESOS") or stack.enter_context(EmbeddedCluster()).url
        squares = SquaresScheduler()
        asyncio.run(SchedulerDriver(master, FrameworkInfo(name="squares"), squares).run())
        if len(squares.pids) != 1 or any(square != n * n for n, square in squares.answers.items()):
            raise SystemExit(f"that is not right: {squares.answers} by {squares.pids}")
        print("one process has done them all")


if __name__ == "__main__":
    if sys.argv[1:] == ["executor"]:
        asyncio.run(ExecutorDriver(Squares()).run())
    else:
        main()
