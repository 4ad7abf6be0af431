"""Frameworks, tasks and a scheduler that remembers, for tests against real clusters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import Scheduler, SchedulerDriver

WAIT_S = 30.0
FAST_MASTER = {"allocation_interval": "20ms"}
_Capability = mesos_pb2.FrameworkInfo.Capability


def framework(**members: Any) -> mesos_pb2.FrameworkInfo:
    given: dict[str, Any] = {
        "user": "root",
        "name": "test",
        "roles": ["*"],
        "failover_timeout": 3600.0,
        "checkpoint": True,
        "capabilities": [
            _Capability(type=_Capability.MULTI_ROLE),
            _Capability(type=_Capability.RESERVATION_REFINEMENT),
            _Capability(type=_Capability.PARTITION_AWARE),
        ],
    }
    return mesos_pb2.FrameworkInfo(**given | members)


def scalar(name: str, value: float) -> mesos_pb2.Resource:
    return mesos_pb2.Resource(
        name=name, type=mesos_pb2.Value.SCALAR, scalar=mesos_pb2.Value.Scalar(value=value)
    )


def command_task(name: str, command: str) -> mesos_pb2.TaskInfo:
    task = mesos_pb2.TaskInfo(name=name, resources=[scalar("cpus", 0.1), scalar("mem", 32)])
    task.task_id.value = name
    task.command.value = command
    return task


class Recorder(Scheduler):
    """Launches what it is given, and remembers what it is told."""

    def __init__(self, *tasks: mesos_pb2.TaskInfo) -> None:
        self.todo = list(tasks)
        self.statuses: list[mesos_pb2.TaskStatus] = []
        self.offered: list[mesos_pb2.Offer] = []
        self.messages: list[bytes] = []
        self.exits: list[tuple[str, int]] = []
        self.log: list[str] = []
        self.news = asyncio.Event()

    def wants_offers(self) -> bool:
        return bool(self.todo)

    async def subscribed(self, *_: object) -> None:
        self._note("subscribed")

    async def resubscribed(self, *_: object) -> None:
        self._note("resubscribed")

    async def disconnected(self, *_: object) -> None:
        self._note("disconnected")

    async def offers(self, driver: SchedulerDriver, offers: Sequence[mesos_pb2.Offer]) -> None:
        self.offered += offers
        tasks, self.todo = self.todo, []
        if tasks:
            await driver.launch([offers[0]], tasks)
        self._note("offers")

    async def rescinded(self, *_: object) -> None:
        self._note("rescinded")

    async def update(self, _: SchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
        self.statuses.append(status)
        self._note("update")

    async def message(
        self,
        _driver: SchedulerDriver,
        _agent_id: mesos_pb2.AgentID,
        _executor_id: mesos_pb2.ExecutorID,
        data: bytes,
    ) -> None:
        self.messages.append(data)
        self._note("message")

    async def executor_exited(
        self,
        _driver: SchedulerDriver,
        _agent_id: mesos_pb2.AgentID,
        executor_id: mesos_pb2.ExecutorID,
        status: int,
    ) -> None:
        self.exits.append((executor_id.value, status))
        self._note("executor_exited")

    async def error(self, _: SchedulerDriver, message: str) -> None:
        self._note(f"error: {message}")

    def _note(self, what: str) -> None:
        self.log.append(what)
        self.news.set()

    def states(self, task: str) -> list[str]:
        """The states of a task that came with a uuid, so not by reconciling."""
        return [
            mesos_pb2.TaskState.Name(one.state)
            for one in self.statuses
            if one.task_id.value == task and one.uuid
        ]

    async def wait(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                self.news.clear()
                await self.news.wait()

    async def wait_state(self, task: str, state: str) -> None:
        await self.wait(lambda: state in self.states(task))
