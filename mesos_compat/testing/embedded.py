"""A cluster in a thread of its own, for tests that have no event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from mesos_compat.cli.agent import Agent
from mesos_compat.testing.cluster import Cluster

T = TypeVar("T")


class EmbeddedCluster:
    """``with`` starts and ends it; arguments as for :class:`Cluster`."""

    def __init__(self, **arguments: Any) -> None:
        self._arguments = arguments
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="mesos-cluster", daemon=True)
        self.cluster: Cluster

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the cluster's own loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.call(self._start())
        except BaseException:
            self._end()
            raise
        return self

    async def _start(self) -> None:
        self.cluster = Cluster(**self._arguments)
        await self.cluster.__aenter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.call(self.cluster.stop())
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Of the leading master."""
        return self.cluster.url

    @property
    def agents(self) -> list[Agent]:
        """See :class:`Cluster`; they belong to the cluster's thread."""
        return self.cluster.agents

    @property
    def zk(self) -> str | None:
        """Where ZooKeeper is, if it was asked for."""
        return self.cluster.zk

    def kill_leader(self) -> None:
        """See :meth:`Cluster.kill_leader`."""
        self.call(self.cluster.kill_leader())

    def restart_agent(self, number: int = 0) -> None:
        """See :meth:`Cluster.restart_agent`."""
        self.call(self.cluster.restart_agent(self.cluster.agents[number]))

    def lose_agent(self, number: int = 0) -> None:
        """See :meth:`Cluster.lose_agent`."""
        self.call(self.cluster.lose_agent(self.cluster.agents[number]))

    def wait_for_agents(self, count: int, timeout_s: float = 30.0) -> None:
        """See :meth:`Cluster.wait_for_agents`."""
        self.call(self.cluster.wait_for_agents(count, timeout_s))

    def cut_links(self) -> None:
        """See :meth:`Cluster.cut_links`."""
        self._loop.call_soon_threadsafe(self.cluster.cut_links)
