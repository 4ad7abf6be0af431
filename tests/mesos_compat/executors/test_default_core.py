"""The default executor, step by step."""

from __future__ import annotations

from mesos_compat.executors.actions import (
    CommandProbe,
    LaunchNested,
    RunCheck,
    SignalNested,
    WaitNested,
)
from mesos_compat.executors.default_core import DefaultExecutor
from mesos_compat.executors.events import (
    Checked,
    ContainerEnded,
    ContainerLaunchAnswered,
    ContainerWaitFailed,
    StreamLost,
)
from mesos_compat.executors.settings import ExecutorSettings
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.executors.harness import (
    CoreHarness,
    counting_bytes,
    new_task,
    no_backoff,
)
from tests.mesos_compat.executors.stub_agent import CONTAINER_ID

SIGTERM, SIGKILL = 15, 9
TASK_KILLING_STATE = mesos_pb2.FrameworkInfo.Capability.TASK_KILLING_STATE


class Group(CoreHarness):
    """A default executor that was given one group."""

    def __init__(self, *tasks: mesos_pb2.TaskInfo, checkpoint: bool = True) -> None:
        settings = ExecutorSettings("framework-1", "executor-1", checkpoint=checkpoint)
        super().__init__(DefaultExecutor(settings, no_backoff, counting_bytes()))
        self.subscribed(TASK_KILLING_STATE)
        self.containers: dict[str, str] = {}
        self.launch_group(*(tasks or (new_task("a", "sleep 1"), new_task("b", "sleep 2"))))
        for launch in self.of(LaunchNested):
            name = self.statuses[len(self.containers)].task_id.value
            self.containers[name] = launch.container_id.value
        self.launches = self.of(LaunchNested)

    def launched(self, *names: str) -> None:
        for name in names or self.containers:
            self.step(ContainerLaunchAnswered(self.containers[name], 200))

    def ended(self, name: str, wait_status: int | None = 0, message: str = "") -> None:
        self.step(ContainerEnded(self.containers[name], wait_status, message=message))

    def told(self) -> list[tuple[str, str]]:
        states = self.states()
        return [
            (one.task_id.value, state) for one, state in zip(self.statuses, states, strict=True)
        ]

    def signals(self) -> list[tuple[str, int]]:
        names = {value: name for name, value in self.containers.items()}
        return [(names[one.container_id.value], one.number) for one in self.of(SignalNested)]


def test_all_tasks_start_before_any_runs() -> None:
    group = Group()
    assert group.told() == [("a", "TASK_STARTING"), ("b", "TASK_STARTING")]
    group.launched()
    assert group.told()[2:] == [("a", "TASK_RUNNING"), ("b", "TASK_RUNNING")]
    container_id = group.statuses[2].container_status.container_id
    assert container_id.value == group.containers["a"]
    assert container_id.parent.value == CONTAINER_ID


def test_end_of_a_launched_container_is_waited_for() -> None:
    group = Group()
    group.launched("b")
    [wait] = group.of(WaitNested)
    assert wait.container_id.value == group.containers["b"]


def test_tasks_that_succeed_leave_each_other_alone() -> None:
    group = Group()
    group.launched()
    group.ended("a")
    assert group.told()[-1] == ("a", "TASK_FINISHED")
    assert group.statuses[-1].message == "Command exited with status 0"
    assert group.signals() == []
    group.ended("b")
    assert group.exit_status is None
    group.acknowledge()
    assert group.exit_status == 0


def test_failed_task_takes_its_group_with_it() -> None:
    group = Group()
    group.launched()
    group.ended("a", 1 << 8)
    assert group.told()[-2:] == [("a", "TASK_FAILED"), ("b", "TASK_KILLING")]
    assert group.signals() == [("b", SIGTERM)]
    group.pass_to(3_000)
    assert group.signals() == [("b", SIGKILL)]
    group.ended("b", SIGKILL)
    assert group.told()[-1] == ("b", "TASK_KILLED")


def test_failed_task_leaves_other_groups_alone() -> None:
    group = Group()
    group.launched()
    group.launch_group(new_task("c", "true"))
    [launch] = group.of(LaunchNested)
    group.containers["c"] = launch.container_id.value
    group.launched("c")
    group.ended("a", 1 << 8)
    assert group.signals() == [("b", SIGTERM)]


def test_killed_task_takes_its_group_with_it() -> None:
    group = Group()
    group.launched()
    group.kill("a", 1_000)
    assert group.signals() == [("a", SIGTERM)]
    group.ended("a", SIGTERM)
    assert group.told()[-2:] == [("a", "TASK_KILLED"), ("b", "TASK_KILLING")]
    assert group.signals() == [("b", SIGTERM)]


def test_container_that_cannot_be_launched_fails_its_task() -> None:
    group = Group()
    group.launched("b")
    group.step(ContainerLaunchAnswered(group.containers["a"], 500, "Failed to fetch all URIs"))
    status = next(one for one in group.statuses if one.state == mesos_pb2.TASK_FAILED)
    assert status.task_id.value == "a"
    assert status.message == "Failed to launch container: Failed to fetch all URIs"
    assert status.reason == mesos_pb2.TaskStatus.REASON_CONTAINER_LAUNCH_FAILED
    assert group.signals() == [("b", SIGTERM)]


def test_task_that_is_killed_while_it_is_launched_does_not_run() -> None:
    group = Group()
    group.kill("a")
    group.launched("a")
    assert ("a", "TASK_RUNNING") not in group.told()
    assert group.signals() == [("a", SIGTERM)]
    group.ended("a", SIGTERM)
    assert ("a", "TASK_KILLED") in group.told()


def test_agents_reason_for_the_end_is_passed_on() -> None:
    group = Group()
    group.launched()
    limitation = mesos_pb2.TaskResourceLimitation()
    reason = mesos_pb2.TaskStatus.REASON_CONTAINER_LIMITATION_MEMORY
    group.step(
        ContainerEnded(group.containers["a"], SIGKILL, reason, "Memory limit exceeded", limitation)
    )
    status = next(one for one in group.statuses if one.state == mesos_pb2.TASK_FAILED)
    assert status.reason == reason
    assert status.message == "Command terminated with signal Killed; Memory limit exceeded"
    assert status.HasField("limitation")


def test_launch_and_wait_are_repeated_when_the_agent_is_back() -> None:
    group = Group()
    group.launched("a")
    group.step(StreamLost(group.stream, "reset"))
    group.step(ContainerWaitFailed(group.containers["a"], None))
    group.step(ContainerLaunchAnswered(group.containers["b"], None))
    group.pass_to(10)
    group.subscribed()
    assert [one.container_id.value for one in group.of(WaitNested)] == [group.containers["a"]]
    assert group.of(LaunchNested) == [group.launches[1]]


def test_unanswered_wait_is_repeated_after_a_second() -> None:
    group = Group()
    group.launched("a")
    group.step(ContainerWaitFailed(group.containers["a"], 503, "Agent has not finished recovery"))
    group.pass_to(1_000)
    assert len(group.of(WaitNested)) == 1


def test_container_that_the_agent_does_not_know_has_failed() -> None:
    group = Group()
    group.launched()
    group.step(ContainerWaitFailed(group.containers["a"], 404, "cannot be found"))
    assert ("a", "TASK_FAILED") in group.told()


def test_new_group_keeps_the_executor() -> None:
    group = Group()
    group.launched()
    group.ended("a")
    group.ended("b")
    assert group.core.deadline_ms() == 60_000
    group.launch_group(new_task("c", "true"))
    group.acknowledge()
    assert group.exit_status is None
    assert group.core.deadline_ms() is None


def test_executor_ends_with_failure_when_its_updates_are_not_acknowledged() -> None:
    group = Group()
    group.launched()
    group.ended("a")
    group.ended("b")
    group.pass_to(60_000)
    assert group.exit_status == 1


def test_shutdown_kills_all_and_launches_no_more() -> None:
    group = Group()
    group.launched()
    group.shut_down()
    assert group.signals() == [("a", SIGTERM), ("b", SIGTERM)]
    group.launch_group(new_task("c", "true"))
    assert not group.of(LaunchNested)
    group.ended("a", SIGTERM)
    group.ended("b", SIGTERM)
    group.acknowledge()
    assert group.exit_status == 0


def test_single_task_ends_the_executor() -> None:
    group = Group()
    group.launched()
    group.launch(new_task("c", "true"))
    assert group.signals() == [("a", SIGTERM), ("b", SIGTERM)]


def test_task_that_runs_for_too_long_fails() -> None:
    task = new_task("a", "sleep 100")
    task.max_completion_time.nanoseconds = 1_000_000
    group = Group(task)
    group.launched()
    group.pass_to(1)
    assert group.signals() == [("a", SIGTERM), ("a", SIGKILL)]
    group.ended("a", SIGKILL)
    status = group.statuses[-1]
    assert status.state == mesos_pb2.TASK_FAILED
    assert status.reason == mesos_pb2.TaskStatus.REASON_MAX_COMPLETION_TIME_REACHED


def test_check_runs_in_the_tasks_container() -> None:
    task = new_task("a", "serve")
    task.health_check.type = mesos_pb2.HealthCheck.COMMAND
    task.health_check.command.value = "ask"
    task.health_check.consecutive_failures = 1
    task.health_check.grace_period_seconds = 0
    group = Group(task)
    group.launched()
    group.pass_to(15_000)
    [check] = group.of(RunCheck)
    assert isinstance(check.probe, CommandProbe)
    assert check.probe.container_id is not None
    assert check.probe.container_id.value == group.containers["a"]
    group.step(Checked(check.check, 1))
    assert group.signals() == [("a", SIGTERM)]
    group.ended("a", SIGTERM)
    assert group.told()[-1] == ("a", "TASK_KILLED")
    assert not group.statuses[-1].healthy


def test_container_gets_what_is_the_tasks() -> None:
    task = new_task("a", "true")
    task.command.environment.variables.add(name="MESOS_ALLOCATION_ROLE", value="mine")
    disk = task.resources.add(name="disk", type=mesos_pb2.Value.SCALAR)
    disk.disk.persistence.id = "data"
    disk.disk.volume.container_path = "data"
    disk.disk.volume.mode = mesos_pb2.Volume.RW
    [launch] = Group(task).launches
    variables = {one.name: one.value for one in launch.command.environment.variables}
    assert variables == {"MESOS_ALLOCATION_ROLE": "mine", "MESOS_CONTAINER_IP": "127.0.0.1"}
    assert launch.resources == ()
    assert launch.container is not None
    [volume] = launch.container.volumes
    assert volume.container_path == "data"
    assert volume.source.sandbox_path.path == "data"
    assert volume.source.sandbox_path.type == mesos_pb2.Volume.Source.SandboxPath.PARENT


def test_task_with_a_cgroup_of_its_own_has_its_own_resources() -> None:
    task = new_task("a", "true")
    task.container.type = mesos_pb2.ContainerInfo.MESOS
    task.container.linux_info.share_cgroups = False
    task.limits["mem"].value = 64
    [launch] = Group(task).launches
    assert launch.resources == tuple(task.resources)
    assert launch.limits == {"mem": 64.0}
