"""Which probes a task's checks come to, and what their results mean."""

from __future__ import annotations

import math

import pytest

from mesos_compat.executors.actions import HttpProbe, RunCheck, TcpProbe
from mesos_compat.executors.events import Checked, Now
from mesos_compat.executors.monitoring import Finding, TaskMonitor
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.executors.harness import new_task

START = Now(0, 0)
LATER = Now(1_000_000, 0)
Health = mesos_pb2.HealthCheck
Check = mesos_pb2.CheckInfo


def with_health(health: mesos_pb2.HealthCheck) -> mesos_pb2.TaskInfo:
    task = new_task("one", "serve")
    task.health_check.CopyFrom(health)
    return task


def with_check(check: mesos_pb2.CheckInfo) -> mesos_pb2.TaskInfo:
    task = new_task("one", "serve")
    task.check.CopyFrom(check)
    return task


def first_run(task: mesos_pb2.TaskInfo) -> tuple[TaskMonitor, RunCheck]:
    monitor = TaskMonitor(task, START, {})
    [check] = monitor.tick(LATER)
    return monitor, check


def finding(task: mesos_pb2.TaskInfo, value: int | None) -> Finding:
    monitor, check = first_run(task)
    found = monitor.checked(Checked(check.check, value), LATER)
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize(
    ("health", "probe"),
    [
        (
            Health(type=Health.HTTP, http=Health.HTTPCheckInfo(port=80)),
            HttpProbe("http", "127.0.0.1", 80, "/"),
        ),
        (
            Health(
                type=Health.HTTP,
                http=Health.HTTPCheckInfo(
                    port=80, scheme="https", path="/a", protocol=mesos_pb2.NetworkInfo.IPv6
                ),
            ),
            HttpProbe("https", "::1", 80, "/a"),
        ),
        (Health(type=Health.TCP, tcp=Health.TCPCheckInfo(port=22)), TcpProbe("127.0.0.1", 22)),
    ],
)
def test_health_check_probes_this_host(
    health: mesos_pb2.HealthCheck, probe: HttpProbe | TcpProbe
) -> None:
    _, check = first_run(with_health(health))
    assert check.probe == probe
    assert check.timeout_ms == 20_000


@pytest.mark.parametrize(
    ("kind", "value", "healthy"),
    [
        (Health.HTTP, 200, True),
        (Health.HTTP, 399, True),
        (Health.HTTP, 400, False),
        (Health.HTTP, 199, False),
        (Health.HTTP, None, False),
        (Health.TCP, 1, True),
        (Health.TCP, 0, False),
    ],
)
def test_result_is_healthy_by_its_kind(
    kind: mesos_pb2.HealthCheck.Type, value: int | None, healthy: bool
) -> None:
    health = Health(type=kind)
    health.http.port = health.tcp.port = 80
    assert finding(with_health(health), value).healthy is healthy


def test_http_check_tells_its_status() -> None:
    check = Check(type=Check.HTTP, http=Check.Http(port=80))
    found = finding(with_check(check), 418)
    assert found.check_status is not None
    assert found.check_status.http.status_code == 418


@pytest.mark.parametrize("connected", [True, False])
def test_tcp_check_tells_whether_it_connects(connected: bool) -> None:
    check = Check(type=Check.TCP, tcp=Check.Tcp(port=80))
    found = finding(with_check(check), int(connected))
    assert found.check_status is not None
    assert found.check_status.tcp.HasField("succeeded")
    assert found.check_status.tcp.succeeded is connected


def test_both_checks_run_side_by_side() -> None:
    task = with_health(Health(type=Health.TCP, tcp=Health.TCPCheckInfo(port=22)))
    task.check.CopyFrom(Check(type=Check.TCP, tcp=Check.Tcp(port=23)))
    monitor = TaskMonitor(task, START, {})
    assert len(monitor.tick(LATER)) == 2
    assert monitor.tick(LATER) == []
    assert monitor.deadline_ms() is None


@pytest.mark.parametrize("seconds", [math.inf, math.nan, 1e300])
def test_delay_without_end_is_waited_for(seconds: float) -> None:
    health = Health(type=Health.TCP, tcp=Health.TCPCheckInfo(port=22), delay_seconds=seconds)
    monitor = TaskMonitor(with_health(health), START, {})
    assert monitor.tick(LATER) == []


def test_task_without_checks_needs_no_time() -> None:
    assert TaskMonitor(new_task("one", "true"), START, {}).deadline_ms() is None
    unknown = Health(type=Health.UNKNOWN)
    assert TaskMonitor(with_health(unknown), START, {}).deadline_ms() is None
