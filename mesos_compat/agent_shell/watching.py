"""What the agent's views are given: its state, and what containers use, as it is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from mesos_compat.agent import events as ev
from mesos_compat.agent.core import AgentCore
from mesos_compat.agent.views.view import View, Visible
from mesos_compat.containers.containerizer import Containerizer
from mesos_compat.containers.spec import ContainerId, UnknownContainerError
from mesos_compat.http import system
from mesos_compat.http.requests import Principal
from mesos_compat.http.stepping import mono_ms
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2


class Statistics(Mapping[ContainerId, mesos_pb2.ResourceStatistics]):
    """By container, measured when it is looked at; few answers show any."""

    def __init__(self, containerizer: Containerizer) -> None:
        self._containerizer = containerizer

    def __getitem__(self, container_id: ContainerId) -> mesos_pb2.ResourceStatistics:
        try:
            return self._containerizer.statistics(container_id)
        except UnknownContainerError:
            raise KeyError(container_id) from None

    def __iter__(self) -> Iterator[ContainerId]:
        return iter(self._containerizer.containers())

    def __len__(self) -> int:
        return len(self._containerizer.containers())


class Utilization:
    """What all containers together really use, from one look to the next."""

    def __init__(self, containerizer: Containerizer) -> None:
        self._statistics = Statistics(containerizer)
        #: Of each root container: processor seconds so far, and when that was.
        self._before: dict[ContainerId, tuple[float, float]] = {}

    def measure(self, pong: link_pb2.Call.Pong) -> None:
        """Put it into the answer to a ping."""
        cpus = mem_bytes = 0.0
        before, self._before = self._before, {}
        for container_id in list(self._statistics):
            found = self._statistics.get(container_id)
            if len(container_id) > 1 or found is None:
                continue
            used_s = found.cpus_user_time_secs + found.cpus_system_time_secs
            self._before[container_id] = used_s, found.timestamp
            mem_bytes += found.mem_rss_bytes
            last = before.get(container_id)
            if last is not None and found.timestamp > last[1]:
                cpus += max(0.0, used_s - last[0]) / (found.timestamp - last[1])
        pong.cpus_used, pong.mem_used_bytes = cpus, mem_bytes


class Watching:
    """Makes views; ``visible`` tells what one who asks may see."""

    def __init__(
        self,
        core: AgentCore,
        containerizer: Containerizer,
        flags: Mapping[str, str],
        version: mesos_pb2.VersionInfo,
        visible: Callable[[Principal | None], Visible],
    ) -> None:
        self._core = core
        self._statistics = Statistics(containerizer)
        self._flags = flags
        self._version = version
        self._visible = visible

    def view(self, asker: Principal | None) -> View:
        """The agent as ``asker`` sees it now."""
        return View(
            state=self._core.state,
            settings=self._core.settings,
            counters=self._core.metrics,
            flags=self._flags,
            version=self._version,
            now=ev.Now(mono_ms(), time.time_ns()),
            statistics=self._statistics,
            measured=system.measure(),
            visible=self._visible(asker),
        )
