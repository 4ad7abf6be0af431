"""Faults of our own in the code under test, to see that the checks see something.

Each is put into the modules of this process and taken out again. ``python -m
mesos_compat.sim.planted`` tells after how many seeds each one is found; one that is not found
is a hole in the checks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from mesos_compat.agent import recovery, status_updates
from mesos_compat.agent.actions import Checkpoint
from mesos_compat.agent.checkpoint import Record
from mesos_compat.agent.context import Context as AgentContext
from mesos_compat.agent.state import TaskKey
from mesos_compat.allocator.quota import QuotaBook
from mesos_compat.allocator.state import Amounts
from mesos_compat.master import agent_events, offers, reregistration, tasks
from mesos_compat.master.actions import StoreRegistry
from mesos_compat.master.context import Context as MasterContext
from mesos_compat.master.registrar import Registrar
from mesos_compat.master.state import Agent, Framework
from mesos_compat.master.state import TaskKey as MasterTaskKey
from mesos_compat.sim.cluster import run
from mesos_compat.sim.scenario import draw
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import scheduler_pb2

#: What is replaced: (object, name of its attribute, replacement).
Change = tuple[object, str, Any]


def _assured_early() -> list[Change]:
    """An agent takes everything for durable that it has only asked to be."""

    def store(context: AgentContext, records: Iterable[Record], then: Callable[[], None]) -> None:
        kept = tuple(records)
        if kept:
            context.emit(Checkpoint(0, kept))
        then()

    return [(AgentContext, "store", store)]


def _reboot_forgotten() -> list[Change]:
    """An agent does not write down that a reboot has ended all that ran."""

    def ended(context: AgentContext, framework: object) -> list[Record]:
        del context, framework
        return []

    return [(recovery, "_ended_by_reboot", ended)]


def _acknowledged_by_master() -> list[Change]:
    """The master acknowledges what it has passed on, in place of the framework."""
    original = tasks.status_update

    def status_update(
        context: MasterContext, agent: Agent, call: link_pb2.Call.StatusUpdate
    ) -> None:
        original(context, agent, call)
        key = MasterTaskKey(call.framework_id.value, call.status.task_id.value)
        context.tell_agent(agent, agent_events.acknowledge(key, call.status.uuid))

    return [(tasks, "status_update", status_update)]


def _status_given_up() -> list[Change]:
    """An agent sends a status twice, and then the next one."""
    original = status_updates.retry

    def retry(context: AgentContext, key: TaskKey) -> None:
        stream = context.state.update_streams.get(key)
        if stream is not None and stream.pending:
            stream.pending.popleft()
        original(context, key)

    return [(status_updates, "retry", retry)]


def _missing_not_told() -> list[Change]:
    """An agent that is back is not asked after tasks that never reached it."""

    def expected_of(context: MasterContext, agent: Agent) -> list[object]:
        del context, agent
        return []

    return [(reregistration, "expected_of", expected_of)]


def _executors_forgotten() -> list[Change]:
    """A new master does not count the executors that run on an agent."""
    original = reregistration._take_over_contents

    def take_over(context: MasterContext, agent: Agent, call: link_pb2.Call.Subscribe) -> object:
        told = link_pb2.Call.Subscribe()
        told.CopyFrom(call)
        del told.executors[:]
        return original(context, agent, told)

    return [(reregistration, "_take_over_contents", take_over)]


def _stored_early() -> list[Change]:
    """A master does what follows a change of the registry when that is only under way."""
    original = Registrar.flush

    def flush(registrar: Registrar) -> StoreRegistry | None:
        store = original(registrar)
        if store is not None:
            following, registrar._following = registrar._following, []
            for then, changed in following:
                then(changed)
        return store

    return [(Registrar, "flush", flush)]


def _quota_unbounded() -> list[Change]:
    """Limits of quotas bound nothing."""

    def remaining(book: QuotaBook, role: str) -> Amounts | None:
        del book, role
        return None

    return [(QuotaBook, "remaining", remaining)]


def _offers_kept() -> list[Change]:
    """What is declined is not given back."""

    def decline(
        context: MasterContext, framework: Framework, call: scheduler_pb2.Call.Decline
    ) -> None:
        for offer_id in call.offer_ids:
            offer = context.state.offers.get(offer_id.value)
            if offer is not None and offer.framework_id == framework.framework_id:
                offers.take(context, offer)

    return [(offers, "decline", decline)]


PLANTED: Final[dict[str, Callable[[], list[Change]]]] = {
    "assured-early": _assured_early,
    "reboot-forgotten": _reboot_forgotten,
    "acknowledged-by-master": _acknowledged_by_master,
    "status-given-up": _status_given_up,
    "missing-not-told": _missing_not_told,
    "executors-forgotten": _executors_forgotten,
    "stored-early": _stored_early,
    "quota-unbounded": _quota_unbounded,
    "offers-kept": _offers_kept,
}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Break the code under test as ``name`` says, for a while; ``None`` breaks nothing."""
    changes = PLANTED[name]() if name else []
    before = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in changes]
    try:
        for owner, attribute, value in changes:
            setattr(owner, attribute, value)
        yield
    finally:
        for owner, attribute, value in before:
            setattr(owner, attribute, value)


def found_after(name: str, seeds: range) -> tuple[int, str]:
    """How many seeds it takes to find a planted fault, and by which check; 0 if none does.

    Whatever stops the broken code counts, an exception of its own as well.
    """
    with planted(name):
        for number, seed in enumerate(seeds, 1):
            try:
                violation = run(draw(seed)).violation
            except Exception as error:  # noqa: BLE001 - broken code may fail in any way
                return number, f"{type(error).__name__}: {error}"
            if violation is not None:
                return number, str(violation)
    return 0, ""


@click.command()
@click.option("--seeds", "count", default=2000, show_default=True, help="Give up after so many.")
@click.argument("names", nargs=-1, type=click.Choice(sorted(PLANTED)))
def main(count: int, names: tuple[str, ...]) -> None:
    """Plant one fault after another, and tell after how many seeds each is found."""
    missed = 0
    for name in names or tuple(PLANTED):
        number, why = found_after(name, range(count))
        missed += not number
        told = f"after {number:>4} seeds: {why[:90]}" if number else f"NOT within {count} seeds"
        click.echo(f"{name:<26} {told}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
