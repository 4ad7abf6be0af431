"""When a task is checked, and what follows of the results (pure).

Source: ``checks/checker.cpp``, ``checks/health_checker.cpp`` and ``checks/checker_process.cpp``
of Mesos. A health check ends the task after failures in a row; a check only tells its results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mesos_compat.executors.actions import CommandProbe, HttpProbe, Note, RunCheck, TcpProbe
from mesos_compat.executors.events import Checked, CheckId, CheckKind, Now
from mesos_compat.executors.statuses import empty_check_status
from mesos_compat.wire.v1 import mesos_pb2

_Probe = CommandProbe | HttpProbe | TcpProbe

_MS_PER_SECOND: Final = 1_000
# Thirty years.
_FOREVER_S: Final = 1e9
_LOOPBACK: Final = "127.0.0.1"
_LOOPBACK_6: Final = "::1"
_HTTP_HEALTHY: Final = range(200, 400)


@dataclass(slots=True)
class _Schedule:
    """The runs of one check, of which there is at most one at a time."""

    kind: CheckKind
    probe: _Probe
    interval_ms: int
    timeout_ms: int | None
    # When the next run begins; None while one is under way.
    due_ms: int | None
    run: int = 0


@dataclass(slots=True)
class _Health:
    """What the results of the health check have come to."""

    # Failures up to then do not count, until the first success.
    grace_end_ms: int
    failures_max: int
    failures: int = 0
    is_initializing: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """A result that is to be told."""

    kind: CheckKind
    # Whether the task is to be killed for it.
    is_fatal: bool = False
    healthy: bool | None = None
    check_status: mesos_pb2.CheckStatusInfo | None = None


class TaskMonitor:
    """The checks of one running task; see the module.

    ``container_id`` is where commands of checks run: a nested container, or the executor's own
    for None.
    """

    __slots__ = ("_check", "_check_status", "_health", "_is_paused", "_schedules", "_task_id")

    def __init__(
        self,
        task: mesos_pb2.TaskInfo,
        now: Now,
        environment: Mapping[str, str],
        container_id: mesos_pb2.ContainerID | None = None,
    ) -> None:
        self._task_id = task.task_id.value
        self._is_paused = False
        self._schedules: list[_Schedule] = []
        self._health: _Health | None = None
        self._check: mesos_pb2.CheckInfo | None = None
        self._check_status: mesos_pb2.CheckStatusInfo | None = None
        command = _merged_environment(task, environment)
        if task.HasField("health_check"):
            self._add_health_check(task.health_check, now, command, container_id)
        if task.HasField("check"):
            self._add_check(task.check, now, command, container_id)

    def _add_health_check(
        self,
        health_check: mesos_pb2.HealthCheck,
        now: Now,
        environment: Mapping[str, str],
        container_id: mesos_pb2.ContainerID | None,
    ) -> None:
        probe = _health_probe(health_check, environment, container_id)
        if probe is None:
            return
        self._health = _Health(
            grace_end_ms=now.ms + _milliseconds(health_check.grace_period_seconds),
            failures_max=health_check.consecutive_failures,
        )
        self._schedule(CheckKind.HEALTH, probe, health_check, now)

    def _add_check(
        self,
        check: mesos_pb2.CheckInfo,
        now: Now,
        environment: Mapping[str, str],
        container_id: mesos_pb2.ContainerID | None,
    ) -> None:
        probe = _check_probe(check, environment, container_id)
        if probe is None:
            return
        self._check = check
        self._check_status = empty_check_status(check)
        self._schedule(CheckKind.CHECK, probe, check, now)

    def _schedule(
        self,
        kind: CheckKind,
        probe: _Probe,
        info: mesos_pb2.HealthCheck | mesos_pb2.CheckInfo,
        now: Now,
    ) -> None:
        schedule = _Schedule(
            kind=kind,
            probe=probe,
            interval_ms=_milliseconds(info.interval_seconds),
            timeout_ms=_milliseconds(info.timeout_seconds) or None,
            due_ms=now.ms + _milliseconds(info.delay_seconds),
        )
        self._schedules.append(schedule)

    def deadline_ms(self) -> int | None:
        """When a Tick is due."""
        if self._is_paused:
            return None
        due = [one.due_ms for one in self._schedules if one.due_ms is not None]
        return min(due, default=None)

    def pause(self) -> None:
        """Check nothing for now; the result of a run that is under way does not count."""
        self._is_paused = True

    def resume(self, now: Now) -> None:
        """Check again, each after its interval."""
        if not self._is_paused:
            return
        self._is_paused = False
        for schedule in self._schedules:
            schedule.due_ms = now.ms + schedule.interval_ms

    def tick(self, now: Now) -> list[RunCheck]:
        """Begin what is due."""
        started: list[RunCheck] = []
        if self._is_paused:
            return started
        for schedule in self._schedules:
            if schedule.due_ms is not None and now.ms >= schedule.due_ms:
                schedule.due_ms = None
                schedule.run += 1
                check = CheckId(self._task_id, schedule.kind, schedule.run)
                started.append(RunCheck(check, schedule.probe, schedule.timeout_ms))
        return started

    def checked(self, event: Checked, now: Now) -> Finding | Note | None:
        """Take a result in; what it comes to."""
        if self._is_paused:
            return None
        for schedule in self._schedules:
            expected = CheckId(self._task_id, schedule.kind, schedule.run)
            if event.check == expected and schedule.due_ms is None:
                schedule.due_ms = now.ms + schedule.interval_ms
                if schedule.kind is CheckKind.HEALTH:
                    return self._judge_health(event, now)
                return self._judge_check(event)
        return None

    def _judge_health(self, event: Checked, now: Now) -> Finding | Note | None:
        health = self._health
        if health is None:
            return None
        if self._is_healthy(event):
            is_news = health.is_initializing or health.failures > 0
            health.is_initializing = False
            health.failures = 0
            return Finding(CheckKind.HEALTH, healthy=True) if is_news else None
        if health.is_initializing and now.ms < health.grace_end_ms:
            return Note(
                f"Ignoring a failed health check of task '{self._task_id}', which is in its"
                f" grace period: {_shown(event)}"
            )
        health.failures += 1
        is_fatal = health.failures >= health.failures_max
        return Finding(CheckKind.HEALTH, is_fatal=is_fatal, healthy=False)

    def _is_healthy(self, event: Checked) -> bool:
        if event.value is None:
            return False
        probe = next(one.probe for one in self._schedules if one.kind is CheckKind.HEALTH)
        match probe:
            case HttpProbe():
                return event.value in _HTTP_HEALTHY
            case TcpProbe():
                return event.value == 1
            case CommandProbe():
                return event.value == 0

    def _judge_check(self, event: Checked) -> Finding | None:
        check = self._check
        if check is None:
            return None
        status = empty_check_status(check)
        if event.value is not None:
            if check.type == mesos_pb2.CheckInfo.COMMAND:
                status.command.exit_code = event.value
            elif check.type == mesos_pb2.CheckInfo.HTTP:
                status.http.status_code = event.value
            else:
                status.tcp.succeeded = event.value == 1
        if status == self._check_status:
            return None
        self._check_status = status
        return Finding(CheckKind.CHECK, check_status=status)


def _shown(event: Checked) -> str:
    return event.why or f"result {event.value}"


def _milliseconds(seconds: float) -> int:
    """Anything may be in the message: what is no number at all, or too large, is for ever."""
    if not seconds < _FOREVER_S:
        seconds = _FOREVER_S
    return max(0, round(seconds * _MS_PER_SECOND))


def _merged_environment(task: mesos_pb2.TaskInfo, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the task's own command, for the commands of its checks."""
    merged = dict(environment)
    for variable in task.command.environment.variables:
        merged[variable.name] = variable.value
    return merged


def _health_probe(
    health_check: mesos_pb2.HealthCheck,
    environment: Mapping[str, str],
    container_id: mesos_pb2.ContainerID | None,
) -> _Probe | None:
    kind = health_check.type
    if kind == mesos_pb2.HealthCheck.COMMAND:
        return CommandProbe(health_check.command, environment, container_id)
    if kind == mesos_pb2.HealthCheck.HTTP:
        http = health_check.http
        host = _host(http.protocol)
        return HttpProbe(http.scheme or "http", host, http.port, http.path or "/")
    if kind == mesos_pb2.HealthCheck.TCP:
        return TcpProbe(_host(health_check.tcp.protocol), health_check.tcp.port)
    return None


def _check_probe(
    check: mesos_pb2.CheckInfo,
    environment: Mapping[str, str],
    container_id: mesos_pb2.ContainerID | None,
) -> _Probe | None:
    if check.type == mesos_pb2.CheckInfo.COMMAND:
        return CommandProbe(check.command.command, environment, container_id)
    if check.type == mesos_pb2.CheckInfo.HTTP:
        return HttpProbe("http", _LOOPBACK, check.http.port, check.http.path or "/")
    if check.type == mesos_pb2.CheckInfo.TCP:
        return TcpProbe(_LOOPBACK, check.tcp.port)
    return None


def _host(protocol: mesos_pb2.NetworkInfo.Protocol) -> str:
    return _LOOPBACK_6 if protocol == mesos_pb2.NetworkInfo.IPv6 else _LOOPBACK
