"""An executor in its container: runs tasks, tells of them, and comes back to its agent.

As the executors of Mesos it keeps what the agent has not acknowledged, and brings it along when
it subscribes again. It says one thing after the other: what it says next waits for the answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mesos_compat.agent.state import TERMINAL_STATES
from mesos_compat.containers.spec import ContainerSpec
from mesos_compat.sim.masters import Opened, Refused
from mesos_compat.sim.wires import Ear, Side, Wire
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

if TYPE_CHECKING:
    from mesos_compat.sim.agents import SimAgent

_Call = executor_pb2.Call
_Event = executor_pb2.Event

_RETRY_MS: Final = 70
#: How long an executor looks for its agent; and one that the agent does not keep.
_LOOKS_MS: Final = 8_000
_LOOKS_UNKEPT_MS: Final = 150
#: How long a custom executor stays without a task.
_IDLE_MS: Final = 1_500


@dataclass(slots=True)
class _Task:
    info: mesos_pb2.TaskInfo
    state: mesos_pb2.TaskState = mesos_pb2.TASK_STAGING
    #: Whether the agent has acknowledged a status of it.
    is_known: bool = False


class SimExecutor:
    """One process."""

    def __init__(self, agent: SimAgent, spec: ContainerSpec) -> None:
        self.container_id = spec.container_id
        self.framework_id = spec.environment["MESOS_FRAMEWORK_ID"]
        self.executor_id = spec.environment["MESOS_EXECUTOR_ID"]
        self.is_kept = spec.checkpoint
        self.name = f"x{agent.number}.{self.executor_id}"
        self._agent = agent
        self.agent_number, self.boot = agent.number, agent.boots
        self._world = agent.world
        self._knobs = agent.knobs
        self._dice = agent.world.stream(f"executor {spec.container_id[0]}")
        self._is_command = spec.command.value == "command-executor"
        self._is_custom = spec.command.value not in ("command-executor", "default-executor")
        self._wire: Wire | None = None
        self._is_open = False
        self._lost_ms = agent.world.now_ms
        self._tasks: dict[str, _Task] = {}
        #: What is to be told, and what of that the agent has not acknowledged.
        self._to_say: deque[mesos_pb2.TaskStatus] = deque()
        self._unsafe: dict[bytes, mesos_pb2.TaskStatus] = {}
        self._is_saying = False
        self._was_used = False
        self._idle_since_ms = 0
        self.is_alive = True
        self._later(self._dice.randint(0, 30), self._dial)

    def _later(self, delay_ms: int, thunk: Callable[..., None], *args: object) -> None:
        def fire() -> None:
            if self.is_alive:
                thunk(*args)

        self._world.after(delay_ms, fire)

    def die(self) -> None:
        """The process is gone."""
        self.is_alive = False
        if self._wire is not None:
            self._wire.hang_up(Side.CLIENT)

    def _exit(self) -> None:
        if self.is_alive:
            self._agent.exited(self)

    # The stream.

    def _dial(self) -> None:
        if self._wire is not None:
            return
        patience_ms = _LOOKS_MS if self.is_kept else _LOOKS_UNKEPT_MS
        if self._was_used and self._world.now_ms - self._lost_ms > patience_ms:
            self._exit()
            return
        if not self._agent.is_up:
            self._later(_RETRY_MS, self._dial)
            return
        wire = self._wire = self._agent.network.dial(self.name)
        self._is_open = self._is_saying = False
        wire.ears[Side.CLIENT] = Ear(lambda one: self._heard(wire, one), lambda: self._lost(wire))
        self._agent.accept(wire)
        call = self._call(_Call.SUBSCRIBE)
        call.subscribe.SetInParent()
        for task in self._tasks.values():
            if not task.is_known:
                call.subscribe.unacknowledged_tasks.add().CopyFrom(task.info)
        for status in self._unsafe.values():
            call.subscribe.unacknowledged_updates.add().status.CopyFrom(status)
        wire.send(Side.SERVER, call)

    def _call(self, kind: executor_pb2.Call.Type) -> executor_pb2.Call:
        call = _Call(type=kind)
        call.framework_id.value = self.framework_id
        call.executor_id.value = self.executor_id
        return call

    def _lost(self, wire: Wire) -> None:
        if self._wire is not wire:
            return
        self._wire = None
        if self._is_open:
            self._lost_ms = self._world.now_ms
        self._is_open = False
        self._later(self._dice.randint(1, _RETRY_MS), self._dial)

    # What it hears.

    def _heard(self, wire: Wire, message: object) -> None:
        if wire is not self._wire:
            return
        if isinstance(message, Opened):
            self._is_open = self._was_used = True
            self._idle_since_ms = self._world.now_ms
            # Those that came along with the subscription need not be said again.
            self._to_say = deque(one for one in self._to_say if one.uuid not in self._unsafe)
        elif isinstance(message, Refused):
            self._answered(message)
        elif isinstance(message, _Event):
            self._event(message)

    def _event(self, event: executor_pb2.Event) -> None:
        match event.type:
            case _Event.SUBSCRIBED:
                self._say()
                if self._is_custom:
                    self._later(_IDLE_MS, self._look_idle)
            case _Event.LAUNCH:
                self._launch(event.launch.task)
            case _Event.LAUNCH_GROUP:
                for info in event.launch_group.task_group.tasks:
                    self._launch(info)
            case _Event.KILL:
                self._kill(event.kill.task_id.value)
            case _Event.ACKNOWLEDGED:
                self._acknowledged(event.acknowledged)
            case _Event.SHUTDOWN:
                self._shut_down()
            case _:
                pass

    def _launch(self, info: mesos_pb2.TaskInfo) -> None:
        task_id = info.task_id.value
        self._agent.checkers.task_began(self, task_id)
        task = self._tasks[task_id] = _Task(info)
        if self._is_command:
            self._tell(task, mesos_pb2.TASK_STARTING)
        self._later(self._dice.randint(1, 40), self._go_on, task, mesos_pb2.TASK_RUNNING)

    def _go_on(self, task: _Task, state: mesos_pb2.TaskState) -> None:
        if task.state in TERMINAL_STATES:
            return
        self._tell(task, state)
        if state == mesos_pb2.TASK_RUNNING:
            fails = self._dice.randrange(100) < self._knobs.broken_percent
            end = mesos_pb2.TASK_FAILED if fails else mesos_pb2.TASK_FINISHED
            usual_ms = self._knobs.task_ms
            self._later(self._dice.randint(1, usual_ms * 2), self._go_on, task, end)

    def _kill(self, task_id: str) -> None:
        task = self._tasks.get(task_id)
        if task is not None:
            self._later(self._dice.randint(1, 60), self._go_on, task, mesos_pb2.TASK_KILLED)

    def _shut_down(self) -> None:
        for task_id in list(self._tasks):
            self._kill(task_id)
        usual_ms = self._knobs.grace_ms
        self._later(self._dice.randint(1, usual_ms * 2), self._exit)

    # What it says.

    def _tell(self, task: _Task, state: mesos_pb2.TaskState) -> None:
        task.state = state
        status = mesos_pb2.TaskStatus(
            task_id=task.info.task_id,
            state=state,
            source=mesos_pb2.TaskStatus.SOURCE_EXECUTOR,
            uuid=self._dice.randbytes(16),
            timestamp=self._world.now_ms / 1000,
        )
        status.executor_id.value = self.executor_id
        self._agent.checkers.executor_told(self, status)
        self._to_say.append(status)
        self._say()

    def _say(self) -> None:
        """Say the next thing, if the one before was answered."""
        if self._wire is None or not self._is_open or self._is_saying or not self._to_say:
            return
        self._is_saying = True
        status = self._to_say[0]
        self._unsafe[status.uuid] = status
        call = self._call(_Call.UPDATE)
        call.update.status.CopyFrom(status)
        self._wire.send(Side.SERVER, call)

    def _answered(self, answer: Refused) -> None:
        if not self._is_open:
            # Not to the subscription: that wire is about to end.
            return
        self._is_saying = False
        if answer.status == 202:
            if self._to_say:
                self._to_say.popleft()
            self._say()
        else:
            self._later(self._dice.randint(1, _RETRY_MS), self._say)

    def _acknowledged(self, call: executor_pb2.Event.Acknowledged) -> None:
        if self._unsafe.pop(call.uuid, None) is None:
            return
        task = self._tasks[call.task_id.value]
        task.is_known = True
        self._agent.checkers.executor_assured(self, call.task_id.value, call.uuid)
        self._idle_since_ms = self._world.now_ms
        if not self._is_custom and self._is_done:
            self._later(self._dice.randint(1, 60), self._exit_if_done)

    @property
    def _is_done(self) -> bool:
        """Whether all of its tasks are over, and the agent has heard of that."""
        over = all(task.state in TERMINAL_STATES for task in self._tasks.values())
        return over and not self._to_say and not self._unsafe

    def _exit_if_done(self) -> None:
        if self._is_done:
            self._exit()

    def _look_idle(self) -> None:
        since_ms = self._world.now_ms - self._idle_since_ms
        if self._is_done and since_ms >= _IDLE_MS:
            self._exit()
        else:
            self._later(_IDLE_MS, self._look_idle)
