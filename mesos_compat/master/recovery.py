"""What a master does when it is elected: it takes over what the last one has stored.

Source: ``Master::recover`` and ``_recover``. Agents of the registry are expected back within
``--agent_reregister_timeout``; frameworks, tasks and offers come back with those who know them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeVar

from google.protobuf.message import Message

from mesos_compat.master import agent_health
from mesos_compat.master.context import Context
from mesos_compat.master.registry import RegistryTables, TakeOver, UpdateWeights
from mesos_compat.master.state import Machine, RecoveredAgent, UnreachableAgent
from mesos_compat.master.timers import Timer, TimerKind
from mesos_compat.resources import Limits, Quantities
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2


def begin(context: Context, registry: link_pb2.Registry) -> None:
    """The registry was read: become its master, and recover when that is stored."""
    context.registrar.tables = RegistryTables.of(registry)
    tables = context.registrar.tables
    if not tables.weights and context.settings.weights:
        # The flag only counts until the registry has some.
        context.store(UpdateWeights(context.settings.weights), lambda _changed: None)
    context.store(TakeOver(_copied(context.state.info)), lambda _changed: _recover(context))


def _recover(context: Context) -> None:
    state, tables = context.state, context.registrar.tables
    for agent_id, agent in tables.agents.items():
        state.recovered_agents[agent_id] = RecoveredAgent(
            _copied(agent.info), _drain_info(agent), agent.deactivated
        )
    for agent_id, unreachable in tables.unreachable.items():
        state.unreachable_agents[agent_id] = UnreachableAgent(
            unreachable.timestamp.nanoseconds,
            _drain_info(unreachable),
            unreachable.deactivated,
        )
    for agent_id, gone in tables.gone.items():
        state.gone_agents[agent_id] = gone.timestamp.nanoseconds
    for key, machine in tables.machines.items():
        state.machines[key] = Machine(_copied(machine))
    state.schedule.CopyFrom(tables.schedule)
    _recover_shares(context, tables)
    _begin_to_wait(context)
    state.is_recovered = True


M = TypeVar("M", bound=Message)


def _copied(message: M) -> M:
    """The registry's tables change when a change is asked for, and the state when it is stored."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _drain_info(
    agent: link_pb2.Registry.Agent | link_pb2.Registry.UnreachableAgent,
) -> mesos_pb2.DrainInfo | None:
    return _copied(agent.drain_info) if agent.HasField("drain_info") else None


def _recover_shares(context: Context, tables: RegistryTables) -> None:
    state, allocator = context.state, context.allocator
    state.weights.update(tables.weights)
    allocator.update_weights({role: Fraction(weight) for role, weight in tables.weights.items()})
    for role, config in tables.quotas.items():
        state.quotas[role] = _copied(config)
        guarantees = Quantities.from_map(config.guarantees)
        limits = Limits.from_map(config.limits)
        allocator.update_quota(role, guarantees, limits)
    allocator.recover(len(tables.agents), bool(tables.quotas), context.now.mono_ms)


def _begin_to_wait(context: Context) -> None:
    state, settings, now_ms = context.state, context.settings, context.now.mono_ms
    if state.recovered_agents:
        context.timers.set(
            Timer(TimerKind.RECOVERED_AGENTS, str(len(state.recovered_agents))),
            now_ms + settings.agent_reregister_timeout_ms,
        )
    context.timers.set(Timer(TimerKind.REGISTRY_GC), now_ms + settings.registry_gc_interval_ms)


def time_out(context: Context, key: str) -> None:
    """The timer RECOVERED_AGENTS is due."""
    agent_health.recovered_for_long(context, int(key))
