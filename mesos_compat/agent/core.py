"""The agent's one door: an event and the time go in, what is to be done comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mesos_compat.agent import (
    checkpoint,
    executor_calls,
    executors,
    kills,
    launching,
    nested,
    operations,
    recovery,
    registration,
    removal,
    status_updates,
)
from mesos_compat.agent import events as ev
from mesos_compat.agent.actions import Action, SendToExecutor, Stop
from mesos_compat.agent.context import Context
from mesos_compat.agent.executor_events import message as executor_message
from mesos_compat.agent.invariants import check_all
from mesos_compat.agent.metrics import Metrics
from mesos_compat.agent.settings import AgentSettings
from mesos_compat.agent.state import AgentState, Phase, TaskKey
from mesos_compat.agent.timers import Timer, TimerKind
from mesos_compat.master.authorization import Authorizer
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_Event = link_pb2.Event

#: A shell ticks at least so often; nothing here is due so late that it would matter.
_TICK_MAX_MS: Final = 60_000


class AgentCore:
    """Everything that one agent decides."""

    def __init__(
        self,
        settings: AgentSettings,
        agent_info: mesos_pb2.AgentInfo,
        below: Callable[[int], int],
        random_bytes: Callable[[int], bytes],
        authorizer: Authorizer | None = None,
    ) -> None:
        """``agent_info`` is without an id, and says which resources there are.

        ``below(n)`` gives a random number from 0 to n - 1, ``random_bytes(n)`` n random bytes.
        ``authorizer`` has the agent's own ACLs; None permits everything.
        """
        info = mesos_pb2.AgentInfo()
        info.CopyFrom(agent_info)
        resources = Resources(info.resources)
        self._state = AgentState(info, flag_total=resources, total=resources, resource_version=b"")
        self._context = Context(
            settings, self._state, below, random_bytes, authorizer or Authorizer()
        )
        self._state.resource_version = self._context.new_uuid()

    @property
    def state(self) -> AgentState:
        """To be looked at, by views; nobody else changes it."""
        return self._state

    @property
    def settings(self) -> AgentSettings:
        """What the flags came to."""
        return self._context.settings

    @property
    def metrics(self) -> Metrics:
        """The counters."""
        return self._context.metrics

    @property
    def is_reconnecting(self) -> bool:
        """Whether executors may subscribe, those of an earlier agent; before it is 503."""
        return self._state.is_reconnecting

    @property
    def is_recovered(self) -> bool:
        """Whether the agent answers anybody but executors; before it is 503."""
        return self._state.phase is not Phase.RECOVERING

    def step(self, event: ev.Event, now: ev.Now) -> list[Action]:
        """Take an event; what is to be done, in order."""
        context = self._context
        context.now = now
        context.actions = []
        self._fire(now.mono_ms)
        self._dispatch(event)
        return context.actions

    def next_due_ms(self) -> int:
        """When the next Tick is needed at the latest, on the clock that never goes back."""
        due_ms = self._context.timers.next_due_ms()
        latest_ms = self._context.now.mono_ms + _TICK_MAX_MS
        return latest_ms if due_ms is None else min(due_ms, latest_ms)

    def story(self, key: str) -> list[str]:
        """What happened last to a task, an executor, a container, or "agent", the oldest first."""
        return self._context.stories.of(key)

    def check(self) -> None:
        """Stop loudly when what the agent knows does not fit together."""
        check_all(self._state)

    # Events.

    def _dispatch(self, event: ev.Event) -> None:
        context = self._context
        match event:
            case ev.LinkEvent():
                if event.link == self._state.link:
                    self._link_event(event.event)
            case ev.LinkLost():
                registration.link_lost(context, event.link, event.why)
            case ev.ExecutorSubscribed():
                executor_calls.subscribed(context, event)
                recovery.finish_if_all_back(context)
            case ev.ExecutorCalled():
                executor_calls.called(context, event)
            case ev.ExecutorLost():
                executors.lost(context, event.route)
            case ev.Checkpointed():
                context.stored(event.token)
            case ev.CheckpointFailed():
                context.emit(Stop(f"Failed to checkpoint: {event.why}"))
            case ev.MasterDetected():
                registration.master_detected(context, event.master)
            case ev.MasterLost():
                registration.master_lost(context)
            case ev.Recovered():
                recovery.recover(context, event)
            case ev.ContainersRecovered():
                recovery.containers_recovered(context, event)
            case ev.UnregisterAsked():
                registration.unregister(context, event.why)
            case ev.ContainerCalled():
                nested.called(context, event)
            case ev.ContainerCallerLost():
                nested.caller_lost(context, event.route)
            case ev.Tick():
                pass
            case _:
                self._container_event(event)

    def _container_event(
        self,
        event: (
            ev.ContainerLaunched
            | ev.ContainerLaunchFailed
            | ev.ContainerExited
            | ev.ContainerUpdated
            | ev.ContainerUpdateFailed
        ),
    ) -> None:
        context, container_id = self._context, event.container_id
        container = self._state.containers.get(container_id)
        executor = None
        if len(container_id) == 1:
            executor = self._state.executors_by_container.get(container_id[0])
        match event:
            case ev.ContainerLaunched():
                if executor is not None:
                    executors.launched(context, executor, event.pid)
                elif container is not None:
                    nested.launched(context, container, event.pid)
            case ev.ContainerLaunchFailed():
                if executor is not None:
                    executors.launch_failed(context, executor, event.why)
                elif container is not None:
                    nested.launch_failed(context, container, event.why)
            case ev.ContainerExited():
                if executor is not None:
                    nested.forget_below(context, executor.container_id)
                    executors.ended(context, executor, event.termination)
                    recovery.finish_if_all_back(context)
                elif container is not None:
                    nested.exited(context, container, event.termination)
            case ev.ContainerUpdated():
                if executor is not None:
                    executors.updated(context, executor)
            case ev.ContainerUpdateFailed():
                if executor is not None:
                    executors.update_failed(context, executor, event.why)

    def _link_event(self, event: link_pb2.Event) -> None:
        context = self._context
        match event.type:
            case _Event.RUN_TASK:
                launching.run_task(context, event.run_task)
            case _Event.RUN_TASK_GROUP:
                launching.run_task_group(context, event.run_task_group)
            case _Event.KILL_TASK:
                kills.kill_task(context, event.kill_task)
            case _Event.ACKNOWLEDGE:
                call = event.acknowledge
                key = TaskKey(call.framework_id.value, call.task_id.value)
                removal.acknowledged(context, key, call.uuid)
            case _Event.PING:
                registration.ping(context, event.ping)
            case _Event.REGISTERED | _Event.REREGISTERED:
                registration.registered(context, event.registered)
            case _Event.APPLY_OPERATION:
                operations.apply(context, event.apply_operation)
            case _Event.ACKNOWLEDGE_OPERATION:
                operations.acknowledge(context, event.acknowledge_operation)
            case _Event.RECONCILE_OPERATIONS:
                operations.reconcile(context, event.reconcile_operations)
            case _Event.DRAIN:
                kills.drain(context, event.drain.config)
            case _Event.SHUTDOWN:
                registration.shut_down(context, event.shutdown.message)
            case _:
                self._framework_event(event)

    def _framework_event(self, event: link_pb2.Event) -> None:
        context = self._context
        match event.type:
            case _Event.FRAMEWORK_MESSAGE:
                self._framework_message(event.framework_message)
            case _Event.SHUTDOWN_EXECUTOR:
                call = event.shutdown_executor
                framework = self._state.frameworks.get(call.framework_id.value)
                if framework is not None and not framework.is_terminating:
                    executor = framework.executors.get(call.executor_id.value)
                    if executor is not None:
                        executors.shut_down(context, executor)
            case _Event.SHUTDOWN_FRAMEWORK:
                executors.shut_down_framework(context, event.shutdown_framework.framework_id.value)
            case _Event.UPDATE_FRAMEWORK:
                self._update_framework(event.update_framework.framework)
            case _:
                # Of a newer master: what is not known cannot be done.
                pass

    def _framework_message(self, call: link_pb2.Event.FrameworkMessage) -> None:
        context = self._context
        framework = self._state.frameworks.get(call.framework_id.value)
        executor = None
        if framework is not None and not framework.is_terminating:
            executor = framework.executors.get(call.executor_id.value)
        if executor is None or executor.route is None:
            context.metrics.count("invalid_framework_messages")
            return
        context.metrics.count("valid_framework_messages")
        context.emit(SendToExecutor(executor.route, executor_message(call.data)))

    def _update_framework(self, info: mesos_pb2.FrameworkInfo) -> None:
        framework = self._state.frameworks.get(info.id.value)
        if framework is None or framework.info == info:
            return
        kept = mesos_pb2.FrameworkInfo()
        kept.CopyFrom(info)
        # What runs was started with the one or without; a framework cannot change it.
        kept.checkpoint = framework.info.checkpoint
        framework.info = kept
        if kept.checkpoint:
            record = checkpoint.framework_info(self._state.agent_id, kept)
            self._context.store([record], lambda: None)

    # Time.

    def _fire(self, now_ms: int) -> None:
        while (timer := self._context.timers.pop_due(now_ms)) is not None:
            self._due(timer)

    def _due(self, timer: Timer) -> None:
        context, key = self._context, timer.key
        match timer.kind:
            case TimerKind.LINK:
                registration.subscribe(context)
            case TimerKind.PING:
                registration.ping_is_late(context)
            case TimerKind.STATUS_UPDATE:
                status_updates.retry(context, TaskKey(*key))
            case TimerKind.OPERATION_STATUS:
                operations.retry(context, key[0])
            case TimerKind.EXECUTOR_REREGISTRATION:
                recovery.finish(context)
            case _:
                executor = self._state.executors_by_container.get(key[0])
                if executor is None:
                    return
                if timer.kind is TimerKind.EXECUTOR_REGISTRATION:
                    executors.registration_is_late(context, executor)
                elif timer.kind is TimerKind.EXECUTOR_SHUTDOWN:
                    executors.shutdown_is_late(context, executor)
                else:
                    executors.heartbeat(context, executor)
