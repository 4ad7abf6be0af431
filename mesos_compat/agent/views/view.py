"""All that an answer may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mesos_compat.agent.events import Now
from mesos_compat.agent.metrics import Metrics
from mesos_compat.agent.settings import AgentSettings
from mesos_compat.agent.state import AgentState
from mesos_compat.containers.spec import ContainerId
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2


class Visible(Protocol):
    """What an asker may see (``master/views/visible.py`` has one by ACLs)."""

    def sees_framework(self, info: mesos_pb2.FrameworkInfo) -> bool:
        """VIEW_FRAMEWORK."""

    def sees_task(self, task: mesos_pb2.Task, info: mesos_pb2.FrameworkInfo) -> bool:
        """VIEW_TASK, and its framework."""

    def sees_executor(
        self, executor: mesos_pb2.ExecutorInfo, info: mesos_pb2.FrameworkInfo
    ) -> bool:
        """VIEW_EXECUTOR, and its framework."""

    def sees_container(
        self, executor: mesos_pb2.ExecutorInfo, info: mesos_pb2.FrameworkInfo
    ) -> bool:
        """VIEW_CONTAINER."""

    def sees_standalone_containers(self) -> bool:
        """VIEW_STANDALONE_CONTAINER."""

    def visible(self, resources: Resources) -> Resources:
        """What is not of a role that must not be seen."""

    def sees_flags(self) -> bool:
        """VIEW_FLAGS."""


class Everything:
    """An asker who may see all: there are no ACLs."""

    def sees_framework(self, info: mesos_pb2.FrameworkInfo) -> bool:
        """Any."""
        del info
        return True

    def sees_task(self, task: mesos_pb2.Task, info: mesos_pb2.FrameworkInfo) -> bool:
        """Any."""
        del task, info
        return True

    def sees_executor(
        self, executor: mesos_pb2.ExecutorInfo, info: mesos_pb2.FrameworkInfo
    ) -> bool:
        """Any."""
        del executor, info
        return True

    def sees_container(
        self, executor: mesos_pb2.ExecutorInfo, info: mesos_pb2.FrameworkInfo
    ) -> bool:
        """Any."""
        del executor, info
        return True

    def sees_standalone_containers(self) -> bool:
        """Yes."""
        return True

    def visible(self, resources: Resources) -> Resources:
        """All of it."""
        return resources

    def sees_flags(self) -> bool:
        """Yes."""
        return True


@dataclass(frozen=True, slots=True)
class View:
    """The agent as one asker sees it, at one time; made for one answer and not kept."""

    state: AgentState
    settings: AgentSettings
    counters: Metrics
    # The agent's flags as texts by their names, as they were given or by default.
    flags: Mapping[str, str]
    # ``version`` is plain dotted integers: tools read it as such.
    version: mesos_pb2.VersionInfo
    now: Now
    # What containers use, as far as it was measured.
    statistics: Mapping[ContainerId, mesos_pb2.ResourceStatistics] = field(default_factory=dict)
    # What only the shell knows, by full name: ``system/...``, ``gc/...``, ``containerizer/...``.
    measured: Mapping[str, float] = field(default_factory=dict)
    visible: Visible = field(default_factory=Everything)
