"""The executor of one task with a command (pure).

Source: ``CommandExecutor`` of Mesos (``launcher/executor.cpp``). LAUNCH: TASK_STARTING, fork,
TASK_RUNNING; the end of the command is the end of the task; when that is acknowledged, the
executor ends.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from mesos_compat.executors import killing
from mesos_compat.executors.actions import Action, Exit, Note, SignalTask, StartTask
from mesos_compat.executors.events import (
    CallFailed,
    Checked,
    CheckKind,
    Event,
    Now,
    Received,
    Started,
    StreamLost,
    TaskExited,
    TaskStarted,
    Tick,
)
from mesos_compat.executors.killing import Killing
from mesos_compat.executors.monitoring import Finding, TaskMonitor
from mesos_compat.executors.settings import ExecutorSettings
from mesos_compat.executors.statuses import (
    TaskStatuses,
    allocation_environment,
    describe_exit,
    may_tell_killing,
    succeeded,
)
from mesos_compat.executors.subscription import News, Subscription
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

_Event = executor_pb2.Event

_NS_PER_MS: Final = 1_000_000
# How long the acknowledgement of the last update is waited for.
_LAST_ACKNOWLEDGEMENT_MS: Final = 60_000

_REASON_HEALTH: Final = mesos_pb2.TaskStatus.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED
_REASON_CHECK: Final = mesos_pb2.TaskStatus.REASON_TASK_CHECK_STATUS_UPDATED
_REASON_MAX_TIME: Final = mesos_pb2.TaskStatus.REASON_MAX_COMPLETION_TIME_REACHED


class _Phase(Enum):
    WAITING = "for a task"
    RUNNING = "the task's command runs"
    OVER = "it has ended; its last update is told"


class CommandExecutor:
    """See the module. ``below(n)`` is a random number below n."""

    def __init__(
        self,
        settings: ExecutorSettings,
        below: Callable[[int], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._settings = settings
        self._random_bytes = random_bytes
        self._subscription = Subscription(settings, below)
        self._actions: list[Action] = []
        self._phase = _Phase.WAITING
        self._may_tell_killing = False
        # Set from LAUNCH on.
        self._task: mesos_pb2.TaskInfo | None = None
        self._statuses: TaskStatuses | None = None
        self._monitor: TaskMonitor | None = None
        self._killing: Killing | None = None
        # When the task has run for too long; None is never.
        self._completion_ms: int | None = None
        self._ran_too_long = False
        # When this program ends, whatever is left, and with what: 0 while it shuts down, 1
        # while it waits for the last acknowledgement.
        self._exit_ms: int | None = None
        self._exit_status = 0

    def deadline_ms(self) -> int | None:
        """When a Tick is due; None is never."""
        due = [self._subscription.deadline_ms(), self._completion_ms, self._exit_ms]
        if self._monitor is not None:
            due.append(self._monitor.deadline_ms())
        if self._killing is not None and self._phase is _Phase.RUNNING:
            due.append(self._killing.due_ms())
        return min((at for at in due if at is not None), default=None)

    def step(self, event: Event, now: Now) -> list[Action]:
        """What an event comes to."""
        self._actions = []
        match event:
            case Started():
                self._actions += self._subscription.open(now)
            case Tick():
                self._tick(now)
            case Received():
                if self._subscription.is_current(event.stream):
                    self._received(event, now)
            case StreamLost():
                self._follow(self._subscription.lost(event, now), now)
            case CallFailed():
                self._follow(self._subscription.call_failed(event, now), now)
            case TaskStarted():
                self._started(event, now)
            case TaskExited():
                self._exited(event, now)
            case Checked():
                self._checked(event, now)
            case _:
                pass  # Of nested containers, which this executor has none of.
        self._leave_if_done()
        return self._actions

    # The stream.

    def _received(self, event: Received, now: Now) -> None:
        message = event.event
        kind = message.type
        if kind == _Event.SUBSCRIBED:
            self._subscribed(message.subscribed)
        self._follow(self._subscription.received(event), now)
        if kind == _Event.LAUNCH:
            self._launch(message.launch.task, now)
        elif kind == _Event.LAUNCH_GROUP:
            self._note("A command executor runs no task groups; shutting down")
            self._shut_down(now)
        elif kind == _Event.KILL:
            policy = message.kill.kill_policy if message.kill.HasField("kill_policy") else None
            self._kill_asked(message.kill.task_id.value, policy, now)
        elif kind == _Event.SHUTDOWN:
            self._note("Asked to shut down")
            self._shut_down(now)
        elif kind == _Event.ERROR:
            self._note(f"The agent reports an error: {message.error.message}")

    def _subscribed(self, subscribed: executor_pb2.Event.Subscribed) -> None:
        self._may_tell_killing = may_tell_killing(subscribed.framework_info)
        self._note(f"Subscribed executor on {subscribed.agent_info.hostname}")

    def _follow(self, told: tuple[News, list[Action]], now: Now) -> None:
        news, actions = told
        self._actions += actions
        if news is News.SUBSCRIBED:
            if self._monitor is not None and self._killing is None:
                self._monitor.resume(now)
            self._await_last_acknowledgement(now)
        elif news is News.LOST:
            if self._monitor is not None:
                self._monitor.pause()
            if self._exit_status:
                self._exit_ms = None
        elif news is News.ABANDONED:
            self._shut_down(now)

    # The task.

    def _launch(self, task: mesos_pb2.TaskInfo, now: Now) -> None:
        if self._task is not None:
            self._refuse(task, now)
            return
        command = task.command
        if not command.HasField("value"):
            # As Mesos: the agent makes TASK_FAILED of it.
            what = "Shell command" if command.shell else "Executable"
            self._note(f"{what} of task '{task.task_id.value}' is not specified")
            self._actions.append(Exit(1))
            return
        self._task = task
        self._statuses = TaskStatuses(task, self._random_bytes)
        self._phase = _Phase.RUNNING
        self._subscription.add_task(task)
        self._note(f"Starting task {task.task_id.value}")
        self._tell(mesos_pb2.TASK_STARTING, now)
        self._actions.append(StartTask(command, allocation_environment(task)))

    def _refuse(self, task: mesos_pb2.TaskInfo, now: Now) -> None:
        statuses = TaskStatuses(task, self._random_bytes)
        self._subscription.add_task(task)
        why = 'Attempted to run multiple tasks using a "command" executor'
        status = statuses.make(mesos_pb2.TASK_FAILED, now, message=why)
        self._actions += self._subscription.update(status)

    def _started(self, event: TaskStarted, now: Now) -> None:
        task = self._task
        if task is None or self._phase is not _Phase.RUNNING:
            return
        self._note(f"Forked command at {event.pid}")
        if self._killing is not None:
            return
        if task.HasField("max_completion_time"):
            length_ms = max(0, task.max_completion_time.nanoseconds // _NS_PER_MS)
            self._completion_ms = now.ms + length_ms
        self._monitor = TaskMonitor(task, now, allocation_environment(task))
        self._tell(mesos_pb2.TASK_RUNNING, now)

    def _exited(self, event: TaskExited, now: Now) -> None:
        if self._phase is not _Phase.RUNNING:
            return
        self._phase = _Phase.OVER
        self._monitor = None
        self._completion_ms = None
        if self._ran_too_long:
            state, reason = mesos_pb2.TASK_FAILED, _REASON_MAX_TIME
        elif self._killing is not None:
            state, reason = mesos_pb2.TASK_KILLED, None
        else:
            is_success = succeeded(event.wait_status)
            state = mesos_pb2.TASK_FINISHED if is_success else mesos_pb2.TASK_FAILED
            reason = None
        message = describe_exit(event.wait_status)
        self._note(message)
        self._tell(state, now, message=message, reason=reason)
        self._await_last_acknowledgement(now)

    def _await_last_acknowledgement(self, now: Now) -> None:
        """While there is no stream, the time that the agent has to come back holds instead."""
        is_over = self._phase is _Phase.OVER and self._subscription.is_subscribed
        if is_over and self._exit_ms is None:
            self._exit_ms = now.ms + _LAST_ACKNOWLEDGEMENT_MS
            self._exit_status = 1

    def _checked(self, event: Checked, now: Now) -> None:
        if self._monitor is None or self._statuses is None:
            return
        finding = self._monitor.checked(event, now)
        if isinstance(finding, Note):
            self._actions.append(finding)
        elif finding is not None:
            self._found(finding, event, now)

    def _found(self, finding: Finding, event: Checked, now: Now) -> None:
        statuses = self._statuses
        if statuses is None or self._task is None:
            return
        if finding.kind is CheckKind.CHECK:
            statuses.check_status = finding.check_status
            self._tell(mesos_pb2.TASK_RUNNING, now, reason=_REASON_CHECK)
            return
        statuses.healthy = finding.healthy
        self._tell(mesos_pb2.TASK_RUNNING, now, reason=_REASON_HEALTH)
        if finding.is_fatal:
            self._note(f"Killing the task, which is not healthy: {event.why or event.value}")
            self._kill(killing.grace_ms(self._task), now)

    # Its end.

    def _kill_asked(self, task_id: str, policy: mesos_pb2.KillPolicy | None, now: Now) -> None:
        task = self._task
        if task is None or task.task_id.value != task_id:
            self._note(f"Ignoring the request to kill unknown task '{task_id}'")
            return
        self._kill(killing.grace_ms(task, policy), now)

    def _kill(self, grace: int, now: Now) -> None:
        """Begin to kill the task, or do it faster than was asked before."""
        if self._phase is not _Phase.RUNNING:
            return
        if self._killing is not None:
            self._killing.shorten(grace)
        else:
            self._killing = Killing.begin(grace, now)
            self._completion_ms = None
            if self._monitor is not None:
                self._monitor.pause()
            if self._may_tell_killing:
                self._tell(mesos_pb2.TASK_KILLING, now)
            self._actions.append(SignalTask(killing.SIGTERM))
        self._escalate(now)

    def _escalate(self, now: Now) -> None:
        if self._phase is not _Phase.RUNNING or self._killing is None:
            return
        if self._killing.escalates(now):
            self._actions.append(SignalTask(killing.SIGKILL))

    def _shut_down(self, now: Now) -> None:
        """Kill the task, if any, and end; the agent does not wait for long."""
        exit_ms = now.ms + self._settings.shutdown_grace_period_ms
        self._exit_ms = exit_ms if self._exit_ms is None else min(self._exit_ms, exit_ms)
        self._exit_status = 0
        if self._phase is _Phase.WAITING:
            self._actions.append(Exit(0))
        self._kill(killing.shutdown_grace_ms(self._settings), now)

    def _leave_if_done(self) -> None:
        if self._phase is not _Phase.OVER or any(isinstance(one, Exit) for one in self._actions):
            return
        if not self._subscription.has_unacknowledged:
            self._actions.append(Exit(0))
        elif self._subscription.is_abandoned:
            self._actions.append(Exit(1))

    def _tick(self, now: Now) -> None:
        self._follow(self._subscription.tick(now), now)
        if self._exit_ms is not None and now.ms >= self._exit_ms:
            self._note("Ending without the acknowledgement of all updates")
            self._actions.append(Exit(self._exit_status))
            return
        if self._completion_ms is not None and now.ms >= self._completion_ms:
            self._note("Killing the task, which has run for its max_completion_time")
            self._ran_too_long = True
            self._kill(0, now)
        self._escalate(now)
        if self._monitor is not None:
            self._actions += self._monitor.tick(now)

    def _tell(
        self,
        state: mesos_pb2.TaskState,
        now: Now,
        *,
        message: str | None = None,
        reason: mesos_pb2.TaskStatus.Reason | None = None,
    ) -> None:
        if self._statuses is None:
            return
        status = self._statuses.make(state, now, message=message, reason=reason)
        self._actions += self._subscription.update(status)

    def _note(self, text: str) -> None:
        self._actions.append(Note(text))
