"""The pytest plugin: a cluster for each test that asks for one.

* ``mesos_cluster``: one master and one agent, an :class:`~mesos_compat.testing.EmbeddedCluster`;
* ``mesos_cluster_factory``: makes clusters with arguments of the test's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesos_compat.testing import EmbeddedCluster


@pytest.fixture
def mesos_cluster_factory() -> Iterator[Callable[..., EmbeddedCluster]]:
    """A function that starts clusters; they are stopped after the test."""
    from mesos_compat.testing import EmbeddedCluster

    with ExitStack() as clusters:

        def make(**arguments: object) -> EmbeddedCluster:
            return clusters.enter_context(EmbeddedCluster(**arguments))

        yield make


@pytest.fixture
def mesos_cluster(mesos_cluster_factory: Callable[..., EmbeddedCluster]) -> EmbeddedCluster:
    """A running cluster of the test's own: one master, one agent."""
    return mesos_cluster_factory()
