"""The executor of task groups (pure).

Source: ``DefaultExecutor`` of Mesos (``launcher/default_executor.cpp``). Each task runs in a
container that is nested in the executor's; the agent launches it, waits for it and signals it.
When a task of a group fails or is killed, the others of the group are killed. When no task is
left and all is acknowledged, the executor ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from mesos_compat.executors import groups, killing
from mesos_compat.executors.actions import Action, Exit, Note, SignalNested, WaitNested
from mesos_compat.executors.events import (
    CallFailed,
    Checked,
    CheckKind,
    ContainerEnded,
    ContainerLaunchAnswered,
    ContainerWaitFailed,
    Event,
    Now,
    Received,
    Started,
    StreamLost,
    Tick,
)
from mesos_compat.executors.groups import NestedTask, Phase
from mesos_compat.executors.killing import Killing
from mesos_compat.executors.monitoring import Finding
from mesos_compat.executors.settings import ExecutorSettings
from mesos_compat.executors.statuses import describe_exit, may_tell_killing, succeeded
from mesos_compat.executors.subscription import News, Subscription
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

_Event = executor_pb2.Event

_NS_PER_MS: Final = 1_000_000
# How long the acknowledgements of the last updates are waited for.
_LAST_ACKNOWLEDGEMENT_MS: Final = 60_000
# After a question to the agent that had no answer.
_RETRY_MS: Final = 1_000
_LAUNCHED: Final = (200, 202)
# The agent is recovering.
_UNAVAILABLE: Final = 503

_REASON_HEALTH: Final = mesos_pb2.TaskStatus.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED
_REASON_CHECK: Final = mesos_pb2.TaskStatus.REASON_TASK_CHECK_STATUS_UPDATED
_REASON_MAX_TIME: Final = mesos_pb2.TaskStatus.REASON_MAX_COMPLETION_TIME_REACHED
_REASON_LAUNCH: Final = mesos_pb2.TaskStatus.REASON_CONTAINER_LAUNCH_FAILED


class DefaultExecutor:
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
        self._may_tell_killing = False
        # The executor's own container, from SUBSCRIBED.
        self._container_id = mesos_pb2.ContainerID()
        # By the values of their containers' ids; what is over is not here.
        self._tasks: dict[str, NestedTask] = {}
        self._was_used = False
        self._is_shutting_down = False
        # When this program ends, whatever is left, and with what: 0 while it shuts down, 1
        # while it waits for the last acknowledgement.
        self._exit_ms: int | None = None
        self._exit_status = 0

    def deadline_ms(self) -> int | None:
        """When a Tick is due; None is never."""
        due = [self._subscription.deadline_ms(), self._exit_ms]
        due += [nested.deadline_ms() for nested in self._tasks.values()]
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
            case ContainerLaunchAnswered():
                self._launch_answered(event, now)
            case ContainerEnded():
                self._container_ended(event, now)
            case ContainerWaitFailed():
                self._wait_failed(event, now)
            case Checked():
                self._checked(event, now)
            case _:
                pass  # Of a command's own process, which this executor has none of.
        self._leave_if_done(now)
        return self._actions

    # The stream.

    def _received(self, event: Received, now: Now) -> None:
        message = event.event
        kind = message.type
        if kind == _Event.SUBSCRIBED:
            subscribed = message.subscribed
            self._may_tell_killing = may_tell_killing(subscribed.framework_info)
            self._container_id = subscribed.container_id
            self._note(f"Subscribed executor on {subscribed.agent_info.hostname}")
        self._follow(self._subscription.received(event), now)
        if kind == _Event.LAUNCH_GROUP:
            self._launch_group(message.launch_group.task_group, now)
        elif kind == _Event.LAUNCH:
            self._note("A default executor runs task groups only; shutting down")
            self._shut_down(now)
        elif kind == _Event.KILL:
            policy = message.kill.kill_policy if message.kill.HasField("kill_policy") else None
            self._kill_asked(message.kill.task_id.value, policy, now)
        elif kind == _Event.SHUTDOWN:
            self._note("Asked to shut down")
            self._shut_down(now)
        elif kind == _Event.ERROR:
            self._note(f"The agent reports an error: {message.error.message}")

    def _follow(self, told: tuple[News, list[Action]], now: Now) -> None:
        news, actions = told
        self._actions += actions
        if news is News.SUBSCRIBED:
            for nested in self._tasks.values():
                if nested.monitor is not None and nested.killing is None:
                    nested.monitor.resume(now)
                if nested.retry_ms is not None:
                    self._ask_again(nested)
        elif news is News.LOST:
            for nested in self._tasks.values():
                if nested.monitor is not None:
                    nested.monitor.pause()
            if self._exit_status:
                # The agent may be back only after that time; the recovery timeout holds.
                self._exit_ms = None
        elif news is News.ABANDONED:
            self._shut_down(now)

    # Launching.

    def _launch_group(self, group: mesos_pb2.TaskGroupInfo, now: Now) -> None:
        task_ids = tuple(task.task_id.value for task in group.tasks)
        if self._is_shutting_down:
            self._note(f"Not launching tasks {', '.join(task_ids)}: shutting down")
            return
        self._was_used = True
        # What was waited for is told on the way.
        self._exit_ms = None
        self._exit_status = 0
        launched = []
        for task in group.tasks:
            nested = groups.new_task(task, task_ids, self._container_id, self._random_bytes)
            self._tasks[nested.container_id.value] = nested
            self._subscription.add_task(task)
            launched.append(nested)
            self._tell(nested, mesos_pb2.TASK_STARTING, now)
        for nested in launched:
            container = nested.container_id.value
            self._note(f"Launching task {nested.task_id} in container {container}")
            self._ask_again(nested)

    def _ask_again(self, nested: NestedTask) -> None:
        """Ask the agent to launch a container, or how it has ended."""
        nested.retry_ms = None
        if nested.phase is Phase.LAUNCHING:
            self._actions.append(groups.launch_of(nested, self._settings.container_ip))
        else:
            self._actions.append(WaitNested(nested.container_id))

    def _launch_answered(self, event: ContainerLaunchAnswered, now: Now) -> None:
        nested = self._tasks.get(event.container_id)
        if nested is None or nested.phase is not Phase.LAUNCHING:
            return
        if event.status in _LAUNCHED:
            self._launched(nested, now)
        elif event.status is None or event.status == _UNAVAILABLE:
            nested.retry_ms = now.ms + _RETRY_MS
        else:
            self._note(f"Failed to launch task {nested.task_id}: {event.message}")
            message = f"Failed to launch container: {event.message}"
            is_killed = nested.killing is not None
            state = mesos_pb2.TASK_KILLED if is_killed else mesos_pb2.TASK_FAILED
            self._over(nested, state, now, message, None if is_killed else _REASON_LAUNCH)

    def _launched(self, nested: NestedTask, now: Now) -> None:
        nested.phase = Phase.RUNNING
        self._actions.append(WaitNested(nested.container_id))
        if nested.killing is not None:
            # It may not have been there yet when it was signalled.
            number = killing.SIGKILL if nested.killing.has_escalated else killing.SIGTERM
            self._actions.append(SignalNested(nested.container_id, number))
            return
        if nested.task.HasField("max_completion_time"):
            length_ms = max(0, nested.task.max_completion_time.nanoseconds // _NS_PER_MS)
            nested.completion_ms = now.ms + length_ms
        groups.start_monitoring(nested, now)
        self._tell(nested, mesos_pb2.TASK_RUNNING, now)

    # Checks.

    def _checked(self, event: Checked, now: Now) -> None:
        nested = self._find(event.check.task_id)
        if nested is None or nested.monitor is None:
            return
        finding = nested.monitor.checked(event, now)
        if isinstance(finding, Note):
            self._actions.append(finding)
        elif finding is not None:
            self._found(nested, finding, now)

    def _found(self, nested: NestedTask, finding: Finding, now: Now) -> None:
        if finding.kind is CheckKind.CHECK:
            nested.statuses.check_status = finding.check_status
            self._tell(nested, mesos_pb2.TASK_RUNNING, now, reason=_REASON_CHECK)
            return
        nested.statuses.healthy = finding.healthy
        self._tell(nested, mesos_pb2.TASK_RUNNING, now, reason=_REASON_HEALTH)
        if finding.is_fatal:
            self._note(f"Killing task {nested.task_id}, which is not healthy")
            self._kill(nested, killing.grace_ms(nested.task), now)

    # Ends.

    def _kill_asked(self, task_id: str, policy: mesos_pb2.KillPolicy | None, now: Now) -> None:
        nested = self._find(task_id)
        if nested is None:
            self._note(f"Ignoring the request to kill unknown task '{task_id}'")
            return
        self._kill(nested, killing.grace_ms(nested.task, policy), now)

    def _kill(self, nested: NestedTask, grace: int, now: Now) -> None:
        """Begin to kill a task, or do it faster than was asked before."""
        if nested.killing is not None:
            nested.killing.shorten(grace)
        else:
            nested.killing = Killing.begin(grace, now)
            nested.completion_ms = None
            if nested.monitor is not None:
                nested.monitor.pause()
            if self._may_tell_killing:
                self._tell(nested, mesos_pb2.TASK_KILLING, now)
            self._actions.append(SignalNested(nested.container_id, killing.SIGTERM))
        self._escalate(nested, now)

    def _escalate(self, nested: NestedTask, now: Now) -> None:
        if nested.killing is not None and nested.killing.escalates(now):
            self._actions.append(SignalNested(nested.container_id, killing.SIGKILL))

    def _wait_failed(self, event: ContainerWaitFailed, now: Now) -> None:
        nested = self._tasks.get(event.container_id)
        if nested is None or nested.phase is not Phase.RUNNING:
            return
        if event.status is None or event.status == _UNAVAILABLE:
            nested.retry_ms = now.ms + _RETRY_MS
            return
        # Nobody knows how it has ended.
        self._container_ended(ContainerEnded(event.container_id, None, message=event.message), now)

    def _container_ended(self, event: ContainerEnded, now: Now) -> None:
        nested = self._tasks.get(event.container_id)
        if nested is None:
            return
        message = event.message
        if event.wait_status is not None:
            told = describe_exit(event.wait_status)
            message = f"{told}; {message}" if message else told
        reason = event.reason
        if nested.ran_too_long:
            state, reason = mesos_pb2.TASK_FAILED, _REASON_MAX_TIME
        elif nested.killing is not None:
            state = mesos_pb2.TASK_KILLED
        elif event.wait_status is not None and succeeded(event.wait_status):
            state = mesos_pb2.TASK_FINISHED
        else:
            state = mesos_pb2.TASK_FAILED
        self._note(f"Task {nested.task_id} has ended: {message}")
        self._over(nested, state, now, message, reason, event.limitation)

    def _over(
        self,
        nested: NestedTask,
        state: mesos_pb2.TaskState,
        now: Now,
        message: str,
        reason: mesos_pb2.TaskStatus.Reason | None,
        limitation: mesos_pb2.TaskResourceLimitation | None = None,
    ) -> None:
        """A task has ended; when that was no success, its group goes with it."""
        del self._tasks[nested.container_id.value]
        status = nested.statuses.make(
            state, now, message=message, reason=reason, limitation=limitation
        )
        self._actions += self._subscription.update(status)
        if state != mesos_pb2.TASK_FINISHED:
            for other in self._of_group(nested.group):
                if other.killing is None:
                    self._note(f"Killing task {other.task_id}, of the same group")
                    self._kill(other, killing.grace_ms(other.task), now)

    def _shut_down(self, now: Now) -> None:
        """Kill all tasks and end; the agent does not wait for long."""
        self._is_shutting_down = True
        exit_ms = now.ms + self._settings.shutdown_grace_period_ms
        self._exit_ms = exit_ms if self._exit_ms is None else min(self._exit_ms, exit_ms)
        self._exit_status = 0
        grace_max = killing.shutdown_grace_ms(self._settings)
        for nested in list(self._tasks.values()):
            self._kill(nested, min(killing.grace_ms(nested.task), grace_max), now)

    def _leave_if_done(self, now: Now) -> None:
        if self._tasks or not (self._was_used or self._is_shutting_down):
            return
        if any(isinstance(action, Exit) for action in self._actions):
            return
        if not self._subscription.has_unacknowledged:
            self._actions.append(Exit(0))
        elif self._subscription.is_abandoned:
            self._actions.append(Exit(1))
        elif self._exit_ms is None and self._subscription.is_subscribed:
            self._exit_ms = now.ms + _LAST_ACKNOWLEDGEMENT_MS
            self._exit_status = 1

    def _tick(self, now: Now) -> None:
        self._follow(self._subscription.tick(now), now)
        if self._exit_ms is not None and now.ms >= self._exit_ms:
            self._note("Ending with tasks or updates that are not acknowledged")
            self._actions.append(Exit(self._exit_status))
            return
        for nested in list(self._tasks.values()):
            if nested.retry_ms is not None and now.ms >= nested.retry_ms:
                self._ask_again(nested)
            if nested.completion_ms is not None and now.ms >= nested.completion_ms:
                self._note(f"Killing task {nested.task_id}: its max_completion_time is over")
                nested.ran_too_long = True
                self._kill(nested, 0, now)
            self._escalate(nested, now)
            if nested.monitor is not None:
                self._actions += nested.monitor.tick(now)

    # Looking up and telling.

    def _find(self, task_id: str) -> NestedTask | None:
        return next((one for one in self._tasks.values() if one.task_id == task_id), None)

    def _of_group(self, group: Iterable[str]) -> list[NestedTask]:
        return [one for one in self._tasks.values() if one.task_id in group]

    def _tell(
        self,
        nested: NestedTask,
        state: mesos_pb2.TaskState,
        now: Now,
        *,
        reason: mesos_pb2.TaskStatus.Reason | None = None,
    ) -> None:
        self._actions += self._subscription.update(nested.statuses.make(state, now, reason=reason))

    def _note(self, text: str) -> None:
        self._actions.append(Note(text))
