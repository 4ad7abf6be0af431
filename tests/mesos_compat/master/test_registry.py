"""The registry: what changes it, and what waits until it is stored."""

from __future__ import annotations

import pytest

from mesos_compat.errors import InvariantBroken
from mesos_compat.master.registrar import Registrar
from mesos_compat.master.registry import (
    AdmitAgent,
    DrainAgent,
    MarkDrained,
    MarkGone,
    MarkReachable,
    MarkUnreachable,
    Prune,
    RegistryTables,
    RemoveAgent,
    TakeOver,
    UpdateAgent,
    UpdateWeights,
    prune,
)
from mesos_compat.wire.v1 import mesos_pb2


def info(agent_id: str, hostname: str = "agent0") -> mesos_pb2.AgentInfo:
    return mesos_pb2.AgentInfo(id=mesos_pb2.AgentID(value=agent_id), hostname=hostname)


def admitted(*agent_ids: str) -> RegistryTables:
    tables = RegistryTables()
    for agent_id in agent_ids:
        assert AdmitAgent(info(agent_id)).apply(tables)
    return tables


def test_a_registry_is_the_same_when_it_was_stored_and_read() -> None:
    tables = admitted("a", "b", "c")
    assert TakeOver(mesos_pb2.MasterInfo(id="M", ip=0, port=1)).apply(tables)
    assert DrainAgent("b", mesos_pb2.DrainConfig(mark_gone=True)).apply(tables)
    assert MarkUnreachable("b", 7).apply(tables)
    assert MarkGone("c", 8).apply(tables)
    assert UpdateWeights((("r", 2.0),)).apply(tables)
    assert RegistryTables.of(tables.message()) == tables


def test_an_agent_is_in_one_place_only() -> None:
    tables = admitted("a")
    assert MarkUnreachable("a", 7).apply(tables)
    assert (list(tables.agents), list(tables.unreachable)) == ([], ["a"])
    assert not MarkUnreachable("a", 8).apply(tables)
    assert tables.unreachable["a"].timestamp.nanoseconds == 7
    assert MarkReachable(info("a")).apply(tables)
    assert (list(tables.agents), list(tables.unreachable)) == (["a"], [])
    assert MarkGone("a", 9).apply(tables)
    assert (list(tables.agents), list(tables.gone)) == ([], ["a"])
    assert not MarkGone("a", 10).apply(tables)


def test_draining_goes_with_the_agent() -> None:
    tables = admitted("a")
    DrainAgent("a", mesos_pb2.DrainConfig()).apply(tables)
    MarkUnreachable("a", 7).apply(tables)
    assert MarkDrained("a").apply(tables)
    MarkReachable(info("a")).apply(tables)
    assert tables.agents["a"].deactivated
    assert tables.agents["a"].drain_info.state == mesos_pb2.DRAINED
    assert not MarkDrained("a").apply(tables)


def test_what_changes_nothing_says_so() -> None:
    tables = admitted("a")
    assert not UpdateAgent(info("a")).apply(tables)
    assert not UpdateAgent(info("other")).apply(tables)
    assert UpdateAgent(info("a", "renamed")).apply(tables)
    assert tables.agents["a"].info.hostname == "renamed"
    assert not RemoveAgent("other").apply(tables)
    assert not UpdateWeights(()).apply(tables)
    assert not Prune((), ("other",)).apply(tables)


def test_the_old_and_the_surplus_are_pruned() -> None:
    agents = [("a", 1), ("b", 5), ("c", 6), ("d", 7)]
    assert prune(agents, [], oldest_ns=5, count_max=10) == Prune(("a",), ())
    assert prune(agents, agents[:1], oldest_ns=0, count_max=2) == Prune(("a", "b"), ())
    assert prune(agents, agents, oldest_ns=9, count_max=9) == Prune(tuple("abcd"), tuple("abcd"))


# The registrar.


def test_what_follows_waits_for_the_store_and_comes_in_order() -> None:
    registrar, done = Registrar(), list[str]()
    registrar.apply(AdmitAgent(info("a")), lambda _changed: done.append("a"))
    store = registrar.flush()
    assert store is not None
    assert [one.info.id.value for one in store.registry.agents] == ["a"]
    registrar.apply(AdmitAgent(info("b")), lambda _changed: done.append("b"))
    registrar.apply(RemoveAgent("x"), lambda changed: done.append(f"x {changed}"))
    assert registrar.flush() is None
    assert registrar.queued == 3
    assert done == []
    registrar.stored(store.token)
    assert done == ["a"]
    store = registrar.flush()
    assert store is not None
    registrar.stored(store.token)
    assert done == ["a", "b", "x False"]
    assert registrar.queued == 0


def test_what_changes_nothing_is_not_stored() -> None:
    registrar, done = Registrar(), list[bool]()
    registrar.apply(RemoveAgent("x"), done.append)
    assert registrar.flush() is None
    assert done == [False]


def test_a_store_must_be_the_one_under_way() -> None:
    registrar = Registrar()
    with pytest.raises(InvariantBroken):
        registrar.stored(1)
