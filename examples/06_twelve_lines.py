"""A scheduler in twelve lines: five tasks, wherever there is room for them.

Run it with ``python examples/06_twelve_lines.py``; ``MESOS=host:port`` (or ``zk://.../mesos``)
makes it use a cluster that runs.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack

from mesos_compat.resources import Resources
from mesos_compat.testing import EmbeddedCluster
from mesos_compat.wire.v1.mesos_pb2 import FrameworkInfo, Offer, TaskInfo, TaskState, TaskStatus
from mesozoic.aio import Scheduler, SchedulerDriver

NEEDED = Resources.parse("cpus:0.1;mem:32")


class Five(Scheduler):
    """Launches five tasks, and ends when all of them have."""

    todo, running = [f"task-{number}" for number in range(5)], 0

    async def offers(self, driver: SchedulerDriver, offers: Sequence[Offer]) -> None:
        """Take of each offer what a task needs; the driver declines what nobody took."""
        for offer in offers:
            if self.todo and Resources(offer.resources).unallocate().contains(NEEDED):
                task = TaskInfo(name="hello", resources=NEEDED)
                task.task_id.value, self.running = self.todo.pop(), self.running + 1
                task.command.value = "echo hello"
                await driver.launch([offer], [task])

    async def update(self, driver: SchedulerDriver, status: TaskStatus) -> None:
        """Acknowledged when this returns. Leave when there is nothing left to do."""
        print(f"{status.task_id.value}: {TaskState.Name(status.state)}")
        self.running -= status.state == TaskState.TASK_FINISHED
        if not self.todo and not self.running:
            await driver.teardown()


def main() -> None:
    """Run the framework to its end."""
    with ExitStack() as stack:
        master = os.environ.get("MESOS") or stack.enter_context(EmbeddedCluster(agents=2)).url
        five = Five()
        asyncio.run(SchedulerDriver(master, FrameworkInfo(name="twelve"), five).run())
        print("all of them have finished")


if __name__ == "__main__":
    main()
