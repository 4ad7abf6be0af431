"""Statuses on their way to the framework: stored, sent, sent again, acknowledged.

Source: ``TaskStatusUpdateManager`` of Mesos. There is one stream per task. Only its oldest
status is under way; it is sent again after 10 s, then after twice as long, up to 10 min, and at
once when the agent has registered again. What comes behind it waits; but the newest state goes
along with each, so that the master can be ahead of the framework. A status whose uuid has come
before is dropped. A status that is to be checkpointed is sent only when it is durable.
"""

from __future__ import annotations

from collections.abc import Callable

from mesos_compat.agent import checkpoint, link_calls
from mesos_compat.agent.context import Context
from mesos_compat.agent.state import TERMINAL_STATES, PendingUpdate, TaskKey, UpdateStream
from mesos_compat.agent.timers import Timer, TimerKind
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2


def key_of(update: link_pb2.Call.StatusUpdate) -> TaskKey:
    """Whose status it is."""
    return TaskKey(update.framework_id.value, update.status.task_id.value)


def take(
    context: Context,
    update: link_pb2.Call.StatusUpdate,
    run_path: str | None,
    stored: Callable[[], None],
) -> bool:
    """A new status; ``stored`` follows when it will not be lost any more.

    ``run_path`` says where it is to be checkpointed, None that it is not. False when it has come
    before: then ``stored`` follows at once if the earlier one is safe, else only that one's.
    """
    key = key_of(update)
    stream = context.state.update_streams.get(key)
    if stream is None:
        stream = UpdateStream(key, run_path)
        context.state.update_streams[key] = stream
    uuid = update.status.uuid
    if uuid in stream.received:
        if all(one.is_stored for one in stream.pending if one.uuid == uuid):
            stored()
        return False
    pending = PendingUpdate(update)
    stream.received[uuid] = None
    stream.pending.append(pending)
    records = []
    if stream.run_path is not None:
        records.append(checkpoint.status_update(stream.run_path, update))

    def is_stored() -> None:
        pending.is_stored = True
        stream.latest_state = update.status.state
        stored()
        if stream.pending and stream.pending[0] is pending:
            _send(context, stream, context.settings.status_update_retry_min_ms)

    context.store(records, is_stored)
    return True


def _send(context: Context, stream: UpdateStream, retry_ms: int) -> None:
    """Send the oldest status, and again in ``retry_ms`` if it is not acknowledged."""
    pending = stream.pending[0]
    if not pending.is_stored:
        return
    # Of one that cannot be sent now too: the next master has to know how far the framework will
    # be told first, or it would answer who asks with a state that is ahead of that.
    _remember_next(context, stream.key, pending.update.status)
    if not context.tell_master(link_calls.status_update(pending.update, stream.latest_state)):
        # All are sent when the agent is registered.
        context.timers.cancel(_timer(stream.key))
        return
    stream.retry_ms = retry_ms
    context.set_timer(_timer(stream.key), retry_ms)


def _remember_next(context: Context, key: TaskKey, status: mesos_pb2.TaskStatus) -> None:
    framework = context.state.frameworks.get(key.framework_id)
    task = None if framework is None else framework.find(key.task_id)
    if task is not None:
        task.message.status_update_state = status.state
        task.message.status_update_uuid = status.uuid


def _timer(key: TaskKey) -> Timer:
    return Timer(TimerKind.STATUS_UPDATE, key)


def retry(context: Context, key: TaskKey) -> None:
    """The timer STATUS_UPDATE is due: nobody has acknowledged."""
    stream = context.state.update_streams.get(key)
    if stream is not None and stream.pending:
        longer_ms = min(stream.retry_ms * 2, context.settings.status_update_retry_max_ms)
        _send(context, stream, longer_ms)


def resume(context: Context) -> None:
    """The agent is registered again: send what is under way once more."""
    for stream in context.state.update_streams.values():
        if stream.pending:
            _send(context, stream, context.settings.status_update_retry_min_ms)


def acknowledge(context: Context, key: TaskKey, uuid: bytes) -> mesos_pb2.TaskStatus | None:
    """The framework has the oldest status of a task: which it was.

    None when ``uuid`` is not of the oldest: it was acknowledged before, or never sent.
    """
    stream = context.state.update_streams.get(key)
    if stream is None or not stream.pending or stream.pending[0].uuid != uuid:
        return None
    acknowledged = stream.pending.popleft()
    context.timers.cancel(_timer(key))
    if stream.run_path is not None:
        # Nothing waits for this: what is lost of it is only sent once more.
        record = checkpoint.acknowledgement(stream.run_path, key.task_id, uuid)
        context.store([record], lambda: None)
    if stream.pending:
        _send(context, stream, context.settings.status_update_retry_min_ms)
    elif acknowledged.update.status.state in TERMINAL_STATES:
        del context.state.update_streams[key]
    return acknowledged.update.status


def recover(
    context: Context,
    key: TaskKey,
    run_path: str,
    updates: list[link_pb2.Call.StatusUpdate],
    acknowledged: dict[bytes, None],
) -> None:
    """Statuses that an earlier agent has stored, the oldest first."""
    stream = UpdateStream(key, run_path)
    for update in updates:
        stream.received[update.status.uuid] = None
        stream.latest_state = update.status.state
        if update.status.uuid not in acknowledged:
            stream.pending.append(PendingUpdate(update, is_stored=True))
    if stream.pending or stream.latest_state not in TERMINAL_STATES:
        context.state.update_streams[key] = stream


def forget_framework(context: Context, framework_id: str) -> None:
    """Nobody will acknowledge statuses of this framework any more. Source: ``cleanup``."""
    streams = context.state.update_streams
    for key in [one for one in streams if one.framework_id == framework_id]:
        del streams[key]
        context.timers.cancel(_timer(key))
