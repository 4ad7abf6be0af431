"""A Mesos cluster inside a test's own process: masters, agents, and ZooKeeper if wanted.

::

    async with Cluster() as cluster:               # one master, one agent, free ports
        url = cluster.url                          # a scheduler subscribes here
        await cluster.restart_agent(cluster.agents[0])
        cluster.cut_links()                        # agents lose their masters, and come back

    async with Cluster(masters=3, with_zookeeper=True) as cluster:
        await cluster.kill_leader()                # as kill -9 would; another one takes over
        await cluster.wait_for_agents(1)

    with EmbeddedCluster() as cluster:             # the same in a thread, for tests without async
        requests.get(cluster.url + "/state")

    def test_mine(mesos_cluster): ...              # the same from pytest, by the plugin

    async with FakeAgents(cluster.url, 1000): ...  # agents without processes, for large clusters

These are the programs themselves, started without their command lines; what agents run are real
processes of this host. Only :class:`FakeAgents` pretend: they say that what they are told to
run runs, and that it ends after a time.

``mesos_compat`` needs no ``zkserver``; where a test asks for ZooKeeper, it is that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesos_compat.testing.cluster import Cluster
    from mesos_compat.testing.embedded import EmbeddedCluster
    from mesos_compat.testing.fake_agents import FakeAgents

__all__ = ["Cluster", "EmbeddedCluster", "FakeAgents"]


def __getattr__(name: str) -> object:
    # pytest imports this package in every run, for the plugin; that has to cost nothing.
    if name == "Cluster":
        from mesos_compat.testing.cluster import Cluster

        return Cluster
    if name == "EmbeddedCluster":
        from mesos_compat.testing.embedded import EmbeddedCluster

        return EmbeddedCluster
    if name == "FakeAgents":
        from mesos_compat.testing.fake_agents import FakeAgents

        return FakeAgents
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
