"""Schedulers tested without a cluster, and clusters for tests.

A :class:`Script` plays the master to a scheduler, tick by tick, on virtual time::

    def test_finished_work_is_not_done_again():
        with Script(MyScheduler()) as script:
            offer = script.offer("cpus:2;mem:512")
            (task,) = script.expect_launch(on=offer)
            script.update(task.task_id, "TASK_FINISHED")
            script.expect_acknowledgement(task.task_id)
            script.restart(MyScheduler())              # as if the process had died
            script.offer("cpus:2;mem:512")
            script.advance(5)                          # nobody waits for these five seconds
            script.expect_decline()

What the framework calls has to be expected in its order; what is left over at the end of ``with``
fails the test, as does an expectation that is not met, with the whole story so far. The driver and
its decisions are the real ones; only the master, the connection and the clock are played.

``Cluster``, ``EmbeddedCluster`` and ``FakeAgents`` are those of :mod:`mesos_compat.testing`: real
masters and agents in the test's own process, in milliseconds. With pytest there are the fixtures
``mesos_cluster`` and ``mesos_cluster_factory``, and ``mesos_script``, which is :class:`Script`
with its ``with`` around the test.

* :mod:`~mesozoic.testing.script`: the script. :mod:`~mesozoic.testing.wire`: the master's part.
  :mod:`~mesozoic.testing.virtual_time`: the clock. :mod:`~mesozoic.testing.builders`: offers and
  the like, made of a few words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesos_compat.testing import Cluster, EmbeddedCluster, FakeAgents
    from mesozoic.testing.script import Script, ScriptMismatch

__all__ = ["Cluster", "EmbeddedCluster", "FakeAgents", "Script", "ScriptMismatch"]


def __getattr__(name: str) -> object:
    # pytest imports this package in every run, for the plugin; that has to cost nothing.
    if name in ("Script", "ScriptMismatch"):
        from mesozoic.testing import script

        return getattr(script, name)
    if name in ("Cluster", "EmbeddedCluster", "FakeAgents"):
        from mesos_compat import testing

        return getattr(testing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
