"""The scheduler: launches what the plan has ready, wherever there is room for it."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import cloudpickle

from mapreduce import shuffle
from mapreduce.plan import Job, JobFailed, Plan, Step
from mesos_compat.resources import Resources
from mesos_compat.wire.v1.mesos_pb2 import (
    AgentID,
    ExecutorID,
    ExecutorInfo,
    FrameworkInfo,
    Offer,
    TaskInfo,
    TaskState,
    TaskStatus,
)
from mesozoic.aio import Scheduler, SchedulerDriver

_WORKER: Final = Resources.parse("cpus:0.1;mem:64")
_TASK: Final = Resources.parse("cpus:0.2;mem:32")
_RUNS: Final = (TaskState.TASK_STAGING, TaskState.TASK_STARTING, TaskState.TASK_RUNNING)


async def run_job(job: Job, master: str, say: Callable[[str], None]) -> dict[Any, Any]:
    """Run a job on a cluster to its end; ``say`` hears how it goes on.

    Raises :class:`~mapreduce.JobFailed`, and what ``SchedulerDriver.run`` does.
    """
    engine = Engine(job, say)
    await SchedulerDriver(master, FrameworkInfo(name="map-reduce"), engine).run()
    if engine.failure is not None:
        raise engine.failure
    return engine.result


class Engine(Scheduler):
    """Runs one job."""

    def __init__(self, job: Job, say: Callable[[str], None]) -> None:
        self.plan = Plan(job)
        self.result: dict[Any, Any] = {}
        self.failure: JobFailed | None = None
        self._job = job
        self._say = say
        # The agents on which a worker has been started, and how many were started there: a
        # dead worker's id is not used again.
        self._workers: dict[str, int] = {}

    @property
    def is_over(self) -> bool:
        """Whether there is a result, or will never be one."""
        return self.failure is not None or self.plan.is_done

    def wants_offers(self) -> bool:
        """Nothing is offered to an engine that has nothing to launch."""
        return bool(self.plan.ready())

    async def offers(self, driver: SchedulerDriver, offers: Sequence[Offer]) -> None:
        """Fill each offer with tasks, but leave something for the next: they share the work."""
        for number, offer in enumerate(offers):
            ready = self.plan.ready()
            share = -(-len(ready) // (len(offers) - number))
            room = Resources(offer.resources).unallocate()
            agent_id = offer.agent_id.value
            if room.contains(_WORKER):
                # Perhaps the worker is there already; the master counts its resources once.
                room -= _WORKER
            tasks: list[TaskInfo] = []
            while len(tasks) < share and room.contains(_TASK):
                room -= _TASK
                tasks.append(self._task(ready[len(tasks)], agent_id))
            if tasks:
                await driver.launch([offer], tasks)

    def _task(self, step: Step, agent_id: str) -> TaskInfo:
        job = self._job
        work: tuple[Any, ...]
        if step.stage == "map":
            work = ("map", job.mapper, job.inputs[step.number], job.reduces)
        else:
            urls = [place.url for place in self.plan.outputs("map")]
            work = ("reduce", job.reducer, urls, step.number)
        task = TaskInfo(name=f"{step.stage} {step.number}", resources=_TASK)
        task.task_id.value = self.plan.started(step, agent_id)
        task.data = cloudpickle.dumps(work)
        task.executor.CopyFrom(self._worker(agent_id))
        return task

    def _worker(self, agent_id: str) -> ExecutorInfo:
        started = self._workers.setdefault(agent_id, 1)
        worker = ExecutorInfo(type="CUSTOM", name="map-reduce worker", resources=_WORKER)
        worker.executor_id.value = f"worker.{started}"
        worker.command.value = f"exec {sys.executable} -m mapreduce.worker"
        path = worker.command.environment.variables.add()
        path.name, path.value = "PYTHONPATH", str(Path(__file__).parents[1])
        return worker

    async def executor_exited(
        self, driver: SchedulerDriver, agent_id: AgentID, executor_id: ExecutorID, status: int
    ) -> None:
        """A worker has died. Its tasks are told of by updates; what it had written is there."""
        self._say(f"{executor_id.value} on agent {agent_id.value[-2:]} has died")
        self._workers[agent_id.value] = self._workers.get(agent_id.value, 0) + 1

    async def agent_lost(self, driver: SchedulerDriver, agent_id: AgentID) -> None:
        """Everything there is gone."""
        self._say(f"agent {agent_id.value[-2:]} is lost with all that was written there")
        self.plan.lost_agent(agent_id.value)

    async def update(self, driver: SchedulerDriver, status: TaskStatus) -> None:
        """Tell the plan; when it is done, fetch the result and leave."""
        if status.state in _RUNS or self.is_over:
            return
        try:
            self._ended(status)
            if self.plan.is_done:
                await self._fetch_result()
        except JobFailed as failure:
            self.failure = failure
        if self.failure is not None or self.plan.is_done:
            await driver.teardown()
        else:
            await driver.work_changed()

    def _ended(self, status: TaskStatus) -> None:
        task_id = status.task_id.value
        what: str
        told: Any
        what, told = pickle.loads(status.data) if status.data else ("", None)
        if what == "at":
            self.plan.finished(task_id, told)
            if task_id.startswith("map") and not self.plan.are_maps_missing:
                self._say(f"all maps are done, on {len(self._workers)} agents")
        elif what == "raised":
            self.plan.raised(task_id, told)
        elif what == "lost":
            self._say(f"{task_id} could not fetch {len(told)} outputs; they are made again")
            self.plan.lost_outputs(task_id, told)
        else:
            self._say(f"{task_id} is lost: {status.message}")
            self.plan.lost(task_id, status.message)

    async def _fetch_result(self) -> None:
        """Put the result together, or find out what is to be done again for it."""
        places = self.plan.outputs("reduce")
        try:
            parts = await shuffle.fetch([place.url for place in places], 0)
        except shuffle.FetchFailed as failed:
            for place in places:
                if place.url in failed.urls:
                    self.plan.lost_agent(place.agent_id)
        else:
            self.result = {key: value for part in parts for key, value in part.items()}
