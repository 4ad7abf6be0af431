"""Checks and health checks of tasks, and the results of checks.

Source: ``validateHealthCheck``, ``validateCheckInfo`` and ``validateCheckStatusInfo``.
"""

from __future__ import annotations

from google.protobuf.message import Message

from mesos_compat.master.validation import command as commands
from mesos_compat.wire.v1 import mesos_pb2

_Check = mesos_pb2.CheckInfo
_HealthCheck = mesos_pb2.HealthCheck


def validate_health_check(check: mesos_pb2.HealthCheck) -> str | None:
    """What follows ``Task uses invalid health check: ``, or None."""
    if not check.HasField("type"):
        return "HealthCheck must specify 'type'"
    fault = _kind_fault(check, _HealthCheck.Type.Name(check.type), "health check")
    if fault is None and check.type == _HealthCheck.COMMAND:
        fault = _command_fault(check.command, "health check")
    if fault is None and check.type == _HealthCheck.HTTP:
        if check.http.HasField("scheme") and check.http.scheme not in ("http", "https"):
            return f"Unsupported HTTP health check scheme: '{check.http.scheme}'"
        fault = _path_fault(check.http, "health check")
    return fault or _times_fault(
        check,
        {
            "delay_seconds": check.delay_seconds,
            "grace_period_seconds": check.grace_period_seconds,
            "interval_seconds": check.interval_seconds,
            "timeout_seconds": check.timeout_seconds,
        },
    )


def validate_check(check: mesos_pb2.CheckInfo) -> str | None:
    """What follows ``Task uses invalid check: ``, or None."""
    if not check.HasField("type"):
        return "CheckInfo must specify 'type'"
    fault = _kind_fault(check, _Check.Type.Name(check.type), "check")
    if fault is None and check.type == _Check.COMMAND:
        fault = _command_fault(check.command.command, "check")
    if fault is None and check.type == _Check.HTTP:
        fault = _path_fault(check.http, "check")
    return fault or _times_fault(
        check,
        {
            "delay_seconds": check.delay_seconds,
            "interval_seconds": check.interval_seconds,
            "timeout_seconds": check.timeout_seconds,
        },
    )


def validate_check_status(status: mesos_pb2.CheckStatusInfo) -> str | None:
    """Checks the result of a check that an executor sends."""
    if not status.HasField("type"):
        return "CheckStatusInfo must specify 'type'"
    return _kind_fault(status, _Check.Type.Name(status.type), "check's status")


def _kind_fault(check: Message, kind: str, what: str) -> str | None:
    """Checks that the member is set that belongs to the type called ``kind``."""
    if kind == "UNKNOWN":
        return f"'{kind}' is not a valid {what} type"
    member = kind.lower()
    if not check.HasField(member):
        return f"Expecting '{member}' to be set for {kind} {what}"
    return None


def _command_fault(command: mesos_pb2.CommandInfo, what: str) -> str | None:
    if not command.HasField("value"):
        wanted = "shell command" if command.shell else "executable path"
        return f"Command {what} must contain '{wanted}'"
    fault = commands.validate(command)
    return f"{what.capitalize()}'s `CommandInfo` is invalid: {fault}" if fault else None


def _path_fault(
    http: mesos_pb2.HealthCheck.HTTPCheckInfo | mesos_pb2.CheckInfo.Http, what: str
) -> str | None:
    if http.HasField("path") and not http.path.startswith("/"):
        return f"The path '{http.path}' of HTTP {what} must start with '/'"
    return None


def _times_fault(check: Message, times_seconds: dict[str, float]) -> str | None:
    for member, seconds in times_seconds.items():
        if check.HasField(member) and seconds < 0:
            return f"Expecting '{member}' to be non-negative"
    return None
