"""Counters, by the names that Mesos gives them in ``/metrics/snapshot``.

Only what events change is here; what can be read off the state is in
:mod:`mesos_compat.master.views.metrics`. The names are the older ones, in which agents are slaves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_Call = scheduler_pb2.Call
_Event = scheduler_pb2.Event
_Operation = mesos_pb2.Offer.Operation
_Source = mesos_pb2.TaskStatus.Source
_Reason = mesos_pb2.TaskStatus.Reason

# How many of the latest delays percentiles are taken of.
_DELAYS_MAX: Final = 1000
_PERCENTILES: Final = (("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99))

# The message that Mesos counts for a call, apart from SUBSCRIBE.
_MESSAGES: Final = {
    _Call.TEARDOWN: "messages_unregister_framework",
    _Call.ACCEPT: "messages_launch_tasks",
    _Call.DECLINE: "messages_decline_offers",
    _Call.REVIVE: "messages_revive_offers",
    _Call.SUPPRESS: "messages_suppress_offers",
    _Call.KILL: "messages_kill_task",
    _Call.ACKNOWLEDGE: "messages_status_update_acknowledgement",
    _Call.ACKNOWLEDGE_OPERATION_STATUS: "messages_operation_status_update_acknowledgement",
    _Call.RECONCILE: "messages_reconcile_tasks",
    _Call.RECONCILE_OPERATIONS: "messages_reconcile_operations",
    _Call.MESSAGE: "messages_framework_to_executor",
    _Call.REQUEST: "messages_resource_request",
}

TERMINAL_STATE_NAMES: Final = (
    "finished",
    "failed",
    "killed",
    "lost",
    "error",
    "dropped",
    "gone",
    "gone_by_operator",
)

# All that are there from the beginning, with zero; below ``master/``.
_COUNTERS: Final = (
    *(f"tasks_{name}" for name in TERMINAL_STATE_NAMES),
    *_MESSAGES.values(),
    "messages_register_framework",
    "messages_reregister_framework",
    "messages_deactivate_framework",
    "messages_authenticate",
    "messages_register_slave",
    "messages_reregister_slave",
    "messages_unregister_slave",
    "messages_update_slave",
    "messages_status_update",
    "messages_operation_status_update",
    "messages_executor_to_framework",
    "messages_exited_executor",
    *(
        f"{validity}_{what}"
        for validity in ("valid", "invalid")
        for what in (
            "status_updates",
            "status_update_acknowledgements",
            "operation_status_updates",
            "operation_status_update_acknowledgements",
            "framework_to_executor_messages",
            "executor_to_framework_messages",
        )
    ),
    "dropped_messages",
    "http_cache_hits",
    "slave_registrations",
    "slave_reregistrations",
    "slave_removals",
    "slave_removals/reason_registered",
    "slave_removals/reason_unhealthy",
    "slave_removals/reason_unregistered",
    "slave_unreachable_scheduled",
    "slave_unreachable_canceled",
    "slave_unreachable_completed",
    # The same three, as they were called before agents could be unreachable.
    "slave_shutdowns_scheduled",
    "slave_shutdowns_canceled",
    "slave_shutdowns_completed",
    "recovery_slave_removals",
)

_FRAMEWORK_OFFERS: Final = ("sent", "accepted", "declined", "rescinded")


def _type_names(names: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(name.lower() for name, number in names.items() if number)


_CALL_TYPES: Final = _type_names(dict(_Call.Type.items()))
_EVENT_TYPES: Final = _type_names(dict(_Event.Type.items()))
_OPERATION_TYPES: Final = _type_names(dict(_Operation.Type.items()))


def state_name(state: mesos_pb2.TaskState) -> str:
    """``finished`` for TASK_FINISHED."""
    return mesos_pb2.TaskState.Name(state).removeprefix("TASK_").lower()


def _older(name: str) -> str:
    return name.lower().replace("agent", "slave")


@dataclass(slots=True)
class FrameworkMetrics:
    """One framework's counters."""

    calls: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_CALL_TYPES, 0))
    events: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_EVENT_TYPES, 0))
    operations: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_OPERATION_TYPES, 0))
    offers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_FRAMEWORK_OFFERS, 0))
    terminal: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TERMINAL_STATE_NAMES, 0))

    def items(self) -> Iterator[tuple[str, int]]:
        """Names below the framework's own."""
        for group, counts in (
            ("calls", self.calls),
            ("events", self.events),
            ("operations", self.operations),
        ):
            yield group, sum(counts.values())
            for name, count in counts.items():
                yield f"{group}/{name}", count
        for name, count in self.offers.items():
            yield f"offers/{name}", count
        for name, count in self.terminal.items():
            yield f"tasks/terminal/task_{name}", count


def framework_prefix(info: mesos_pb2.FrameworkInfo) -> str:
    """Where a framework's metrics are; its name is encoded, since it may hold anything."""
    return f"master/frameworks/{quote(info.name, safe='')}/{info.id.value}"


class Metrics:
    """All counters of a master."""

    __slots__ = ("_counters", "_delays_ms", "_frameworks")

    def __init__(self) -> None:
        self._counters: dict[str, int] = dict.fromkeys(_COUNTERS, 0)
        self._frameworks: dict[str, FrameworkMetrics] = {}
        self._delays_ms: deque[int] = deque(maxlen=_DELAYS_MAX)

    def count(self, name: str, number: int = 1) -> None:
        """Count ``master/<name>``."""
        self._counters[name] = self._counters.get(name, 0) + number

    def value(self, name: str) -> int:
        """What has been counted for ``master/<name>``."""
        return self._counters.get(name, 0)

    def valid(self, what: str, *, is_valid: bool) -> None:
        """Count a message that was acted upon, or was not."""
        self.count(f"{'valid' if is_valid else 'invalid'}_{what}")

    def framework(self, framework_id: str) -> FrameworkMetrics:
        """A framework's counters, made when they are not there yet."""
        return self._frameworks.setdefault(framework_id, FrameworkMetrics())

    def forget_framework(self, framework_id: str) -> None:
        """A framework is removed, and its counters with it."""
        self._frameworks.pop(framework_id, None)

    def called(self, framework_id: str, call: scheduler_pb2.Call) -> None:
        """A scheduler's call was accepted for processing."""
        if call.type in _MESSAGES:
            self.count(_MESSAGES[call.type])
        calls = self.framework(framework_id).calls
        calls[_Call.Type.Name(call.type).lower()] += 1

    def sent(self, framework_id: str, event: scheduler_pb2.Event) -> None:
        """An event was written to a scheduler's stream."""
        self.framework(framework_id).events[_Event.Type.Name(event.type).lower()] += 1

    def operated(self, framework_id: str, operation: mesos_pb2.Offer.Operation) -> None:
        """A scheduler's operation was carried out."""
        name = _Operation.Type.Name(operation.type).lower()
        self.framework(framework_id).operations[name] += 1

    def ended(
        self, framework_id: str | None, status: mesos_pb2.TaskStatus, state: mesos_pb2.TaskState
    ) -> None:
        """A task came into the terminal ``state``, as ``status`` tells."""
        name = state_name(state)
        if name not in TERMINAL_STATE_NAMES:
            return
        self.count(f"tasks_{name}")
        if framework_id is not None:
            self.framework(framework_id).terminal[name] += 1
        source = _older(_Source.Name(status.source))
        if status.HasField("reason"):
            self.count(f"task_{name}/{source}/{_older(_Reason.Name(status.reason))}")

    def started(self, delay_ms: int) -> None:
        """A task runs, so long after it was accepted."""
        self._delays_ms.append(delay_ms)

    def counters(self) -> dict[str, float]:
        """All but the frameworks' own, by full name."""
        shown = {f"master/{name}": float(count) for name, count in self._counters.items()}
        shown.update(self._measures())
        return shown

    def of_framework(self, info: mesos_pb2.FrameworkInfo) -> dict[str, float]:
        """A framework's counters, by full name."""
        prefix = framework_prefix(info)
        items = self.framework(info.id.value).items()
        return {f"{prefix}/{name}": float(count) for name, count in items}

    def _measures(self) -> dict[str, float]:
        """How tasks fare: the part that succeeds, and how long they take to run.

        Killed tasks are not counted as failures, since somebody wanted that.
        """
        finished = self._counters["tasks_finished"]
        ended = sum(
            self._counters[f"tasks_{name}"] for name in TERMINAL_STATE_NAMES if name != "killed"
        )
        shown = {"mesozoic/task_success_ratio": finished / ended} if ended else {}
        if self._delays_ms:
            delays = sorted(self._delays_ms)
            key = "mesozoic/task_scheduling_delay_ms"
            shown[key] = float(self._delays_ms[-1])
            shown[f"{key}/count"] = float(len(delays))
            shown[f"{key}/min"], shown[f"{key}/max"] = float(delays[0]), float(delays[-1])
            for name, percent in _PERCENTILES:
                # The smallest delay that so many percent do not exceed.
                shown[f"{key}/{name}"] = float(delays[(len(delays) * percent - 1) // 100])
        return shown
