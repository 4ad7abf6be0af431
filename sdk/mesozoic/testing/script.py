"""A script of ticks for a scheduler: what it is told, and what it is expected to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call, Event
from mesozoic.aio import MemoryFrameworkId, Scheduler
from mesozoic.core.calls import AgentId, ExecutorId, OfferId, TaskId, agent_id, executor_id, text_of
from mesozoic.core.calls import offer_id as id_of
from mesozoic.testing.builders import make_offer, make_status
from mesozoic.testing.virtual_time import VirtualLoop
from mesozoic.testing.wire import PlayedDriver, PlayedMaster, describe

_STORY_MAX: Final = 60
#: How long a driver may take until it subscribes, and in what steps that is looked at.
_STEP_S: Final = 0.01
_STEPS_MAX: Final = 3_000


class ScriptMismatch(AssertionError):  # noqa: N818 - named as its readers would say it
    """What the framework did is not what was expected; the text tells the story so far."""


class Script:
    """Plays a master to ``scheduler``; the framework is subscribed when this begins.

    ``framework`` is a ``FrameworkInfo``, by default one called ``script``. Other arguments are
    those of :class:`~mesozoic.aio.SchedulerDriver`. Use it with ``with``: at the end of that all
    calls must have been expected. Whatever a callback raises is raised by the method that led to
    it. Times are in seconds and pass only by :meth:`advance`.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        framework: mesos_pb2.FrameworkInfo | None = None,
        **arguments: Any,
    ) -> None:
        self._framework = framework or mesos_pb2.FrameworkInfo(name="script", user="nobody")
        self._arguments = {"seed": 0, "framework_ids": MemoryFrameworkId(), **arguments}
        self._loop = VirtualLoop()
        self._story: list[str] = []
        self._began_s = 0.0
        self._master = PlayedMaster(self._tell)
        self._start(scheduler)
        # From here on the script counts.
        self._began_s = self._loop.time()

    def _start(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.driver = PlayedDriver(self._master, self._framework, scheduler, **self._arguments)
        self._running = self._loop.create_task(self.driver.run())
        for _ in range(_STEPS_MAX):
            self._go_on(_STEP_S)
            if self.driver.is_subscribed or self.is_over:
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.expect_nothing()
        finally:
            self._crash()
            self._loop.close()

    def _crash(self) -> None:
        """The scheduler's process is gone."""
        self._running.cancel()
        everything = asyncio.gather(self._running, return_exceptions=True)
        everything.add_done_callback(lambda _: self._loop.stop())
        self._loop.run_forever()

    # Time, and the story.

    def _tell(self, what: str) -> None:
        self._story.append(f"{max(0.0, self.now_seconds):9.3f}  {what}")

    def _go_on(self, seconds: float = 0.0) -> None:
        self._loop.advance(seconds)
        if self._running.done() and not self._running.cancelled():
            error = self._running.exception()
            if error is not None:
                # Told once; what is asked of the script later is about what came before.
                self._running = self._loop.create_task(_nothing())
                raise error
        if self._master.mistakes:
            self._fail(f"a master would refuse this: {self._master.mistakes.pop()}")

    def _fail(self, why: str) -> NoReturn:
        story = "\n".join(self._story[-_STORY_MAX:])
        raise ScriptMismatch(f"{why}\nthe story so far:\n{story}")

    @property
    def is_over(self) -> bool:
        """Whether the driver's ``run()`` has returned."""
        return self._running.done()

    @property
    def now_seconds(self) -> float:
        """The time that has passed."""
        return self._loop.time() - self._began_s

    def advance(self, seconds: float) -> None:
        """Let time go by, with all that is due meanwhile; heartbeats go on."""
        self._tell(f"{seconds:g} seconds go by")
        self._go_on(seconds)

    # What the framework is told.

    def _say(self, event: Event, what: str) -> None:
        if not self._master.is_subscribed:
            self._fail("the framework is not subscribed, so it cannot be told anything")
        self._tell(what)
        self._do(lambda: self._master.say(event))

    def _do(self, work: Callable[[], None]) -> None:
        """Do something on the loop, and all that follows from it."""
        self._loop.call_soon(work)
        self._go_on()

    def offer(
        self,
        resources: str = "cpus:4;mem:4096;disk:10240",
        *,
        agent: str = "agent-1",
        role: str = "*",
        attributes: str = "",
    ) -> mesos_pb2.Offer:
        """Offer resources of an agent, and return the offer; see :meth:`offers` for several."""
        made = make_offer(resources, agent=agent, role=role, attributes_text=attributes)
        self.offers(made)
        return made

    def offers(self, *offers: mesos_pb2.Offer) -> None:
        """Offer all of these at once; :func:`~mesozoic.testing.builders.make_offer` makes them."""
        event = Event(type=Event.OFFERS)
        for one in offers:
            one.framework_id.value = self.driver.framework_id or ""
            self._master.offers[one.id.value] = one
            event.offers.offers.add().CopyFrom(one)
        self._say(event, f"offered: {', '.join(f'{o.id.value} of {o.hostname}' for o in offers)}")

    def rescind(self, offer: OfferId) -> None:
        """An offer is void."""
        event = Event(type=Event.RESCIND)
        event.rescind.offer_id.CopyFrom(id_of(offer))
        self._master.offers.pop(event.rescind.offer_id.value, None)
        self._say(event, f"rescinded: {event.rescind.offer_id.value}")

    def update(
        self, task: TaskId | mesos_pb2.TaskStatus, state: str = "TASK_RUNNING", **members: Any
    ) -> mesos_pb2.TaskStatus:
        """Tell the status of a task: a whole one, or see
        :func:`~mesozoic.testing.builders.make_status`; returns it.
        """
        if isinstance(task, mesos_pb2.TaskStatus):
            status = task
        else:
            members.setdefault("agent", self.driver.known_tasks.get(text_of(task)))
            status = make_status(task, state, **members)
        event = Event(type=Event.UPDATE)
        event.update.status.CopyFrom(status)
        name = mesos_pb2.TaskState.Name(status.state)
        self._say(event, f"update: {status.task_id.value} is {name}")
        return status

    def message(self, executor: ExecutorId, agent: AgentId, data: bytes) -> None:
        """An executor has sent bytes."""
        event = Event(type=Event.MESSAGE)
        event.message.executor_id.CopyFrom(executor_id(executor))
        event.message.agent_id.CopyFrom(agent_id(agent))
        event.message.data = data
        self._say(event, f"message of {text_of(executor)}: {data!r}")

    def executor_exited(self, executor: ExecutorId, agent: AgentId, status: int = -1) -> None:
        """An executor has ended, with this status as of ``waitpid``."""
        event = Event(type=Event.FAILURE)
        event.failure.executor_id.CopyFrom(executor_id(executor))
        event.failure.agent_id.CopyFrom(agent_id(agent))
        event.failure.status = status
        self._say(event, f"executor {text_of(executor)} has ended: {status}")

    def agent_lost(self, agent: AgentId) -> None:
        """An agent is gone."""
        event = Event(type=Event.FAILURE)
        event.failure.agent_id.CopyFrom(agent_id(agent))
        self._say(event, f"agent {text_of(agent)} is lost")

    def event(self, event: Event) -> None:
        """Anything else that a master may say."""
        self._say(event, f"event: {Event.Type.Name(event.type)}")

    # What goes wrong.

    def refuse_next_call(self, status: int = 400, text: str = "refused") -> None:
        """The next call is answered by this HTTP status and text."""
        self._master.answers.append((status, text))

    def disconnect(self) -> None:
        """Cut the connection; the driver comes back by itself, as time goes by."""
        self._tell("the connection is cut")
        self._do(self._master.cut)

    def lose_master(self) -> None:
        """The master is gone, until :meth:`find_master`."""
        self._tell("the master is gone")
        self._do(self._master.go_down)

    def find_master(self) -> None:
        """A master leads; the driver subscribes within its back-off, as time goes by."""
        self._tell("a master leads")
        self._do(self._master.come_up)

    def restart(self, scheduler: Scheduler, **arguments: Any) -> None:
        """The scheduler's process dies, and another one begins: with its framework id, if it
        was kept. ``arguments`` replace those of the driver, ``tasks`` for instance.
        """
        self._tell("the scheduler's process dies; another one begins")
        self._crash()
        self._arguments |= arguments
        self._start(scheduler)

    # What is expected.

    def _next(self, expected: str, is_it: Callable[[Call], bool]) -> Call:
        if not self._master.calls:
            self._fail(f"expected {expected}; the framework has called nothing more")
        call = self._master.calls.popleft()
        if not is_it(call):
            self._fail(f"expected {expected}; the framework has called {describe(call)}")
        return call

    def expect_call(self, kind: str) -> Call:
        """The next call is of this type, ``"REVIVE"`` for instance; returns it."""
        number = Call.Type.Value(kind)
        return self._next(kind, lambda call: call.type == number)

    def expect_launch(self, *task_ids: str, on: OfferId | None = None) -> list[mesos_pb2.TaskInfo]:
        """The next call launches tasks, with these ids if given, in order; returns the tasks."""
        where = "" if on is None else f" on {id_of(on).value}"
        expected = f"a launch of {', '.join(task_ids) or 'something'}{where}"
        call = self._next(expected, lambda call: call.type == Call.ACCEPT)
        tasks = [
            task
            for one in call.accept.operations
            for task in (*one.launch.task_infos, *one.launch_group.task_group.tasks)
        ]
        names = [task.task_id.value for task in tasks]
        is_there = on is None or id_of(on) in call.accept.offer_ids
        if not is_there or not tasks or (task_ids and names != list(task_ids)):
            self._fail(f"expected {expected}; the framework has called {describe(call)}")
        return tasks

    def expect_decline(self, *offers: OfferId) -> Call.Decline:
        """The next call declines these offers (none: whichever), in any order; returns it."""
        wanted = {id_of(one).value for one in offers}
        expected = f"a decline of {', '.join(sorted(wanted)) or 'something'}"

        def is_it(call: Call) -> bool:
            declined = {one.value for one in call.decline.offer_ids}
            return call.type == Call.DECLINE and (not wanted or declined == wanted)

        return self._next(expected, is_it).decline

    def expect_acknowledgement(self, task: TaskId) -> None:
        """The next call acknowledges an update of this task."""
        name = text_of(task)
        self._next(
            f"an acknowledgement of {name}",
            lambda call: call.type == Call.ACKNOWLEDGE and call.acknowledge.task_id.value == name,
        )

    def expect_kill(self, task: TaskId) -> Call.Kill:
        """The next call kills this task; returns it."""
        name = text_of(task)
        return self._next(
            f"a kill of {name}",
            lambda call: call.type == Call.KILL and call.kill.task_id.value == name,
        ).kill

    def expect_reconcile(self, *tasks: TaskId) -> None:
        """The next call asks after these tasks (none: all that the master knows)."""
        wanted = {text_of(one) for one in tasks}

        def is_it(call: Call) -> bool:
            asked = {one.task_id.value for one in call.reconcile.tasks}
            return call.type == Call.RECONCILE and asked == wanted

        self._next(f"a reconciliation of {', '.join(sorted(wanted)) or 'everything'}", is_it)

    def forget_calls(self) -> None:
        """Whatever has been called until now is as it should be."""
        self._master.calls.clear()

    def expect_nothing(self) -> None:
        """There is no call that was not expected."""
        if self._master.calls:
            left = "; ".join(describe(call) for call in self._master.calls)
            self._master.calls.clear()
            self._fail(f"expected nothing; the framework has called {left}")


async def _nothing() -> None:
    """What runs when the driver does not."""
