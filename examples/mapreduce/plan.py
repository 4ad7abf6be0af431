"""What a job consists of and how far it is. Pure: it is told what happened, and asked what next."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Pairs = Iterable[tuple[Hashable, Any]]


class JobFailed(Exception):  # noqa: N818 - named as its users would say it
    """A function has raised, or a task was tried too often."""


@dataclass(frozen=True)
class Job:
    """Two functions and what they are applied to; all of it has to be picklable (cloudpickle)."""

    inputs: Sequence[Any]
    mapper: Callable[[Any], Pairs]
    reducer: Callable[[list[Any]], Any]
    reduces: int = 2
    # How often a task may be lost before the job is given up.
    losses_max: int = 4


class Step(NamedTuple):
    """One of the job's tasks; each attempt at it is a task of Mesos."""

    stage: Literal["map", "reduce"]
    number: int


class Place(NamedTuple):
    """Where the output of a step is."""

    agent_id: str
    # What the URLs of its files begin with.
    url: str


@dataclass
class _Progress:
    attempts: int = 0
    losses: int = 0
    # Of the attempt that runs.
    task_id: str | None = None
    agent_id: str = ""
    output: Place | None = None


@dataclass
class Plan:
    """The job's lineage. A step waits, runs (has a task id), or is done (has an output)."""

    job: Job
    _steps: dict[Step, _Progress] = field(default_factory=dict)
    _running: dict[str, Step] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._maps = [Step("map", number) for number in range(len(self.job.inputs))]
        self._reduces = [Step("reduce", number) for number in range(self.job.reduces)]
        self._steps.update({step: _Progress() for step in (*self._maps, *self._reduces)})

    # What is so.

    @property
    def is_done(self) -> bool:
        """Whether every reduce has its output."""
        return all(self._steps[step].output for step in self._reduces)

    @property
    def are_maps_missing(self) -> bool:
        """Whether a map has no output, yet or any more."""
        return len(self.outputs("map")) < len(self._maps)

    def outputs(self, stage: Literal["map", "reduce"]) -> list[Place]:
        """Of all steps of a stage that is done, in the order of their numbers."""
        steps = self._maps if stage == "map" else self._reduces
        return [place for step in steps if (place := self._steps[step].output)]

    def ready(self) -> list[Step]:
        """What can be started: maps first, and reduces once all of these have outputs."""
        if self.is_done:
            return []
        waiting = [step for step, one in self._steps.items() if not (one.task_id or one.output)]
        maps = [step for step in waiting if step.stage == "map"]
        return maps if self.are_maps_missing else waiting

    # What happens.

    def started(self, step: Step, agent_id: str) -> str:
        """A step is about to be launched; returns the id of its task."""
        progress = self._steps[step]
        progress.attempts += 1
        progress.agent_id = agent_id
        progress.task_id = f"{step.stage}-{step.number}.{progress.attempts}"
        self._running[progress.task_id] = step
        return progress.task_id

    def finished(self, task_id: str, url: str) -> None:
        """A task has written its output; one that was given up before counts for nothing."""
        progress = self._end(task_id)
        if progress is not None:
            progress.output = Place(progress.agent_id, url)

    def lost(self, task_id: str, why: str) -> None:
        """A task ended without its output, through no fault of its function.

        Raises :class:`JobFailed` when that has happened to its step too often.
        """
        step, progress = self._running.get(task_id), self._end(task_id)
        if progress is None:
            return
        progress.losses += 1
        if progress.losses > self.job.losses_max:
            raise JobFailed(f"{step} was lost {progress.losses} times, at last: {why}")

    def lost_outputs(self, task_id: str, urls: Iterable[str]) -> None:
        """A reduce could not fetch these outputs: they have to be made again, and it has to wait.

        Nor are the others tried that lie on the same agents.
        """
        self._end(task_id)
        gone = set(urls)
        for place in [one for one in self.outputs("map") if one.url in gone]:
            self.lost_agent(place.agent_id)

    def lost_agent(self, agent_id: str) -> list[str]:
        """An agent is gone with all that is on it; returns the ids of the tasks that ran there."""
        ended = []
        for progress in self._steps.values():
            if progress.output is not None and progress.output.agent_id == agent_id:
                progress.output = None
            elif progress.task_id is not None and progress.agent_id == agent_id:
                ended.append(progress.task_id)
        for task_id in ended:
            self._end(task_id)
        return ended

    def raised(self, task_id: str, traceback: str) -> None:
        """The job's own function has raised: trying it again would not help."""
        if self._end(task_id) is not None:
            raise JobFailed(f"{task_id} raised:\n{traceback}")

    def _end(self, task_id: str) -> _Progress | None:
        step = self._running.pop(task_id, None)
        if step is None:
            return None
        self._steps[step].task_id = None
        return self._steps[step]
