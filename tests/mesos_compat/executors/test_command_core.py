"""The command executor, step by step."""

from __future__ import annotations

import pytest

from mesos_compat.executors.actions import (
    CommandProbe,
    OpenStream,
    RunCheck,
    SignalTask,
    StartTask,
)
from mesos_compat.executors.command_core import CommandExecutor
from mesos_compat.executors.events import Checked, StreamLost, TaskExited, TaskStarted
from mesos_compat.executors.settings import ExecutorSettings
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from tests.mesos_compat.executors.harness import (
    WALL_NS,
    CoreHarness,
    counting_bytes,
    new_task,
    no_backoff,
)

SIGTERM, SIGKILL = 15, 9
TASK_KILLING_STATE = mesos_pb2.FrameworkInfo.Capability.TASK_KILLING_STATE
Reason = mesos_pb2.TaskStatus


def start(*, checkpoint: bool = True, grace_ms: int = 5000) -> CoreHarness:
    settings = ExecutorSettings(
        "framework-1", "executor-1", checkpoint=checkpoint, shutdown_grace_period_ms=grace_ms
    )
    return CoreHarness(CommandExecutor(settings, no_backoff, counting_bytes()))


def running(
    task: mesos_pb2.TaskInfo | None = None, *, checkpoint: bool = True, killing: bool = False
) -> CoreHarness:
    harness = start(checkpoint=checkpoint)
    harness.subscribed(*([TASK_KILLING_STATE] if killing else []))
    harness.launch(task or new_task("one", "sleep 100"))
    harness.step(TaskStarted(42))
    return harness


def health_checked(failures: int = 3, grace_s: float = 0) -> mesos_pb2.TaskInfo:
    task = new_task("one", "serve")
    check = task.health_check
    check.type = mesos_pb2.HealthCheck.COMMAND
    check.command.value = "ask"
    check.delay_seconds = 1
    check.interval_seconds = 2
    check.consecutive_failures = failures
    check.grace_period_seconds = grace_s
    return task


def check_result(harness: CoreHarness, value: int | None) -> None:
    """The next check runs and has this result."""
    due_ms = harness.core.deadline_ms()
    assert due_ms is not None
    harness.pass_to(due_ms)
    [check] = harness.of(RunCheck)
    harness.step(Checked(check.check, value))


def test_task_is_started_between_two_statuses() -> None:
    harness = start()
    harness.subscribed()
    harness.launch(new_task("one", "sleep 100"))
    [action] = harness.of(StartTask)
    assert action.command.value == "sleep 100"
    assert action.environment == {"MESOS_ALLOCATION_ROLE": "prod"}
    assert harness.states() == ["TASK_STARTING"]
    harness.step(TaskStarted(42))
    assert harness.states() == ["TASK_STARTING", "TASK_RUNNING"]
    status = harness.statuses[1]
    assert status.timestamp == WALL_NS / 1e9
    assert len(status.uuid) == 16
    assert not status.HasField("healthy")


@pytest.mark.parametrize(
    ("wait_status", "state", "message"),
    [
        (0, "TASK_FINISHED", "Command exited with status 0"),
        (7 << 8, "TASK_FAILED", "Command exited with status 7"),
        (9, "TASK_FAILED", "Command terminated with signal Killed"),
        (
            11 | 0x80,
            "TASK_FAILED",
            "Command terminated with signal Segmentation fault (core dumped)",
        ),
    ],
)
def test_end_of_the_command_is_told_in_words(wait_status: int, state: str, message: str) -> None:
    harness = running()
    harness.step(TaskExited(wait_status))
    assert harness.states()[2] == state
    assert harness.statuses[2].message == message
    assert not harness.statuses[2].HasField("reason")


def test_executor_ends_when_all_is_acknowledged() -> None:
    harness = running()
    harness.step(TaskExited(0))
    harness.acknowledge(harness.statuses[1:])
    assert harness.exit_status is None
    harness.acknowledge(harness.statuses[:1])
    assert harness.exit_status == 0


def test_executor_ends_with_failure_when_nothing_is_acknowledged_for_a_minute() -> None:
    harness = running()
    harness.step(TaskExited(0))
    harness.pass_to(59_999)
    assert harness.exit_status is None
    harness.pass_to(60_000)
    assert harness.exit_status == 1


def test_last_acknowledgement_is_waited_for_while_the_agent_is_away() -> None:
    harness = running()
    harness.step(TaskExited(0))
    harness.step(StreamLost(harness.stream, "reset"))
    harness.now_ms = 100_000
    harness.pass_to(200_000)
    assert harness.exit_status is None
    harness.subscribed()
    assert [one.status.state for one in harness.subscribe.unacknowledged_updates] == [
        mesos_pb2.TASK_STARTING,
        mesos_pb2.TASK_RUNNING,
        mesos_pb2.TASK_FINISHED,
    ]
    harness.acknowledge(one.status for one in harness.subscribe.unacknowledged_updates)
    assert harness.exit_status == 0


def test_kill_terminates_and_then_kills_when_the_grace_is_over() -> None:
    harness = running(killing=True)
    harness.kill("one")
    assert harness.of(SignalTask) == [SignalTask(SIGTERM)]
    assert harness.states()[-1] == "TASK_KILLING"
    harness.pass_to(2_999)
    assert harness.of(SignalTask) == [SignalTask(SIGTERM)]
    harness.pass_to(3_000)
    assert harness.of(SignalTask) == [SignalTask(SIGKILL)]
    harness.step(TaskExited(SIGKILL))
    assert harness.states()[-1] == "TASK_KILLED"


def test_killed_task_is_killed_whatever_its_exit_status_says() -> None:
    harness = running()
    harness.kill("one")
    harness.step(TaskExited(0))
    assert harness.states() == ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLED"]
    assert harness.statuses[2].message == "Command exited with status 0"


def test_grace_is_the_requests_then_the_tasks() -> None:
    task = new_task("one", "sleep 100")
    task.kill_policy.grace_period.nanoseconds = 8_000_000_000
    harness = running(task)
    harness.kill("one")
    assert harness.core.deadline_ms() == 8_000
    harness = running(task)
    harness.kill("one", 1_000)
    assert harness.core.deadline_ms() == 1_000


def test_second_kill_may_only_shorten_the_grace() -> None:
    harness = running()
    harness.kill("one", 10_000)
    harness.now_ms = 1_000
    harness.kill("one", 20_000)
    assert harness.core.deadline_ms() == 10_000
    harness.kill("one", 4_000)
    assert harness.core.deadline_ms() == 4_000
    harness.kill("one", 500)
    assert harness.of(SignalTask) == [SignalTask(SIGKILL)]


def test_kill_of_an_unknown_task_is_ignored() -> None:
    harness = running()
    harness.kill("other")
    assert not harness.of(SignalTask)


def test_second_task_is_refused_and_the_first_goes_on() -> None:
    harness = running()
    harness.launch(new_task("two", "true"))
    assert not harness.of(StartTask)
    status = harness.statuses[-1]
    assert (status.task_id.value, status.state) == ("two", mesos_pb2.TASK_FAILED)
    assert status.message == 'Attempted to run multiple tasks using a "command" executor'
    harness.step(TaskExited(0))
    assert harness.statuses[-1].task_id.value == "one"


def test_task_without_a_command_ends_the_executor() -> None:
    harness = start()
    harness.subscribed()
    task = new_task("one", "")
    task.command.ClearField("value")
    harness.launch(task)
    assert harness.exit_status == 1
    assert harness.states() == []


def test_task_group_ends_the_executor() -> None:
    harness = start()
    harness.subscribed()
    harness.launch_group(new_task("one", "true"))
    assert harness.exit_status == 0


def test_task_that_runs_for_too_long_fails() -> None:
    task = new_task("one", "sleep 100")
    task.max_completion_time.nanoseconds = 2_000_000_000
    harness = running(task)
    harness.pass_to(2_000)
    assert harness.of(SignalTask) == [SignalTask(SIGTERM), SignalTask(SIGKILL)]
    harness.step(TaskExited(SIGKILL))
    status = harness.statuses[-1]
    assert status.state == mesos_pb2.TASK_FAILED
    assert status.reason == Reason.REASON_MAX_COMPLETION_TIME_REACHED


def test_kill_in_time_is_no_matter_of_the_completion_time() -> None:
    task = new_task("one", "sleep 100")
    task.max_completion_time.nanoseconds = 2_000_000_000
    harness = running(task)
    harness.kill("one", 60_000)
    harness.pass_to(30_000)
    harness.step(TaskExited(SIGTERM))
    assert harness.states()[-1] == "TASK_KILLED"


def test_shutdown_leaves_the_task_the_grace_but_for_a_reserve() -> None:
    harness = running()
    harness.shut_down()
    assert harness.of(SignalTask) == [SignalTask(SIGTERM)]
    harness.pass_to(3_000)
    assert harness.of(SignalTask) == [SignalTask(SIGKILL)]
    harness.step(TaskExited(SIGKILL))
    assert harness.states()[-1] == "TASK_KILLED"
    harness.pass_to(5_000)
    assert harness.exit_status == 0


def test_shutdown_without_a_task_ends_at_once() -> None:
    harness = start()
    harness.subscribed()
    harness.shut_down()
    assert harness.exit_status == 0


def test_lost_stream_without_checkpoint_kills_the_task() -> None:
    harness = running(checkpoint=False)
    harness.step(StreamLost(harness.stream, "reset"))
    assert harness.of(SignalTask) == [SignalTask(SIGTERM)]
    assert not harness.of(OpenStream)
    harness.step(TaskExited(SIGTERM))
    assert harness.exit_status == 1


def test_agent_that_does_not_come_back_kills_the_task() -> None:
    harness = running()
    harness.step(StreamLost(harness.stream, "reset"))
    harness.now_ms = 15 * 60 * 1000 - 1
    harness.pass_to(15 * 60 * 1000)
    assert SignalTask(SIGTERM) in harness.actions


def test_health_is_told_when_it_changes_and_for_each_failure() -> None:
    harness = running(health_checked())
    assert harness.core.deadline_ms() == 1_000
    check_result(harness, 0)
    assert harness.statuses[-1].healthy
    assert harness.statuses[-1].reason == Reason.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED
    assert harness.core.deadline_ms() == 3_000
    check_result(harness, 0)
    assert len(harness.statuses) == 3
    check_result(harness, 1)
    check_result(harness, None)
    assert [status.healthy for status in harness.statuses[2:]] == [True, False, False]
    check_result(harness, 0)
    assert harness.statuses[-1].healthy


def test_task_is_killed_after_failures_in_a_row() -> None:
    harness = running(health_checked(failures=2))
    check_result(harness, 1)
    assert not harness.of(SignalTask)
    check_result(harness, 1)
    assert harness.of(SignalTask) == [SignalTask(SIGTERM)]
    harness.step(TaskExited(SIGTERM))
    status = harness.statuses[-1]
    assert status.state == mesos_pb2.TASK_KILLED
    assert status.HasField("healthy")
    assert not status.healthy
    assert not status.HasField("reason")


def test_failures_in_the_grace_period_do_not_count_until_the_first_success() -> None:
    harness = running(health_checked(failures=1, grace_s=100))
    check_result(harness, 1)
    assert len(harness.statuses) == 2
    check_result(harness, 0)
    check_result(harness, 1)
    assert harness.of(SignalTask) == [SignalTask(SIGTERM)]


def test_check_is_told_when_its_result_changes() -> None:
    task = new_task("one", "serve")
    task.command.environment.variables.add(name="PORT", value="80")
    task.check.type = mesos_pb2.CheckInfo.COMMAND
    task.check.command.command.value = "ask"
    task.check.timeout_seconds = 0
    harness = running(task)
    empty = mesos_pb2.CheckStatusInfo(type=mesos_pb2.CheckInfo.COMMAND)
    empty.command.SetInParent()
    assert [status.check_status for status in harness.statuses] == [empty, empty]
    harness.pass_to(15_000)
    [check] = harness.of(RunCheck)
    assert isinstance(check.probe, CommandProbe)
    assert check.probe.environment == {"MESOS_ALLOCATION_ROLE": "prod", "PORT": "80"}
    assert check.timeout_ms is None
    harness.step(Checked(check.check, 3))
    assert harness.statuses[-1].check_status.command.exit_code == 3
    assert harness.statuses[-1].reason == Reason.REASON_TASK_CHECK_STATUS_UPDATED
    check_result(harness, 3)
    assert len(harness.statuses) == 3
    check_result(harness, None)
    assert harness.statuses[-1].check_status == empty
    harness.step(TaskExited(0))
    assert harness.statuses[-1].check_status == empty


def test_nothing_is_checked_while_the_agent_is_away_or_the_task_is_killed() -> None:
    harness = running(health_checked())
    harness.pass_to(1_000)
    [check] = harness.of(RunCheck)
    harness.step(StreamLost(harness.stream, "reset"))
    harness.step(Checked(check.check, 0))
    assert len(harness.statuses) == 2
    harness.pass_to(10_000)
    harness.subscribed()
    assert harness.core.deadline_ms() == 12_000
    harness.kill("one", 100_000)
    assert harness.core.deadline_ms() == 110_000


def test_what_a_lost_stream_still_says_is_ignored() -> None:
    harness = running()
    old = harness.stream
    harness.step(StreamLost(old, "reset"))
    harness.pass_to(10)
    assert harness.stream != old
    harness.step(StreamLost(old, "again"))
    assert harness.actions == []
    event = executor_pb2.Event(type=executor_pb2.Event.SHUTDOWN)
    harness.stream, current = old, harness.stream
    harness.says(event)
    assert harness.actions == []
    harness.stream = current
