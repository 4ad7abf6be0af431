"""The master as one machine: an event and the time in, actions out.

Each event is handed to the module of its noun. What follows from any of them is done once in a
step: agents that have become empty, a run of the allocator, a write of the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from mesos_compat.allocator.interface import Allocator
from mesos_compat.master import (
    agent_calls,
    agent_health,
    agents,
    books,
    draining,
    frameworks,
    maintenance,
    quota_and_weights,
    recovery,
    reservations,
    scheduler_calls,
    stream,
)
from mesos_compat.master import offers as offering
from mesos_compat.master.actions import Action, FetchRegistry, Reply, Stop
from mesos_compat.master.authorization import Authorizer
from mesos_compat.master.context import Context
from mesos_compat.master.events import (
    AgentCalled,
    AgentLost,
    AgentSubscribed,
    Elected,
    Event,
    Now,
    OperatorCalled,
    OperatorLost,
    OperatorSubscribed,
    Recovered,
    RegistryFailed,
    RegistryStored,
    SchedulerCalled,
    SchedulerLost,
    SchedulerSubscribed,
    Tick,
    WhitelistRead,
)
from mesos_compat.master.metrics import Metrics
from mesos_compat.master.registrar import Registrar
from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import MasterState
from mesos_compat.master.timers import Timer, TimerKind
from mesos_compat.master.validation.operator import NO_FRAMEWORK
from mesos_compat.wire.v1 import master_pb2, mesos_pb2

_Call = master_pb2.Call

# After these an agent may be draining that was not before.
_MAY_DRAIN: Final = (OperatorCalled, RegistryStored, AgentSubscribed)

# With nothing to do the core is ticked as often as this all the same.
_IDLE_MS: Final = 1000


def _teardown(context: Context, event: OperatorCalled) -> None:
    """TEARDOWN by an operator: the framework is ended, with all that it has."""
    framework = context.state.frameworks.get(event.call.teardown.framework_id.value)
    if framework is None:
        context.emit(Reply(event.route, *NO_FRAMEWORK))
        return
    allowed = context.authorizer.allows(
        "teardown_frameworks", event.principal, framework_principals=framework.principal
    )
    if not allowed:
        context.emit(Reply(event.route, 403, "403 Forbidden."))
        return
    frameworks.remove(context, framework)
    context.emit(Reply(event.route, 200))


_OPERATOR_CALLS: Final[Mapping[master_pb2.Call.Type, Callable[[Context, OperatorCalled], None]]] = {
    **maintenance.CALLS,
    **draining.CALLS,
    **quota_and_weights.CALLS,
    **reservations.CALLS,
    _Call.TEARDOWN: _teardown,
}

_TIMERS: Final[Mapping[TimerKind, Callable[[Context, str], None]]] = MappingProxyType(
    {
        TimerKind.FRAMEWORK_HEARTBEAT: frameworks.heartbeat,
        TimerKind.FRAMEWORK_FAILOVER: frameworks.time_out,
        TimerKind.AGENT_PING: agent_health.ping,
        TimerKind.AGENT_REREGISTER: agent_health.disconnected_for_long,
        TimerKind.RECOVERED_AGENTS: recovery.time_out,
        TimerKind.AGENT_REMOVAL: lambda context, _key: agent_health.give_up(context),
        TimerKind.OFFER_TIMEOUT: offering.time_out,
        TimerKind.OPERATOR_HEARTBEAT: stream.heartbeat,
        TimerKind.REGISTRY_GC: lambda context, _key: agent_health.tidy(context),
        TimerKind.REGISTRY_STORE: lambda context, _key: context.emit(
            Stop("Failed to update registry: it took too long to store")
        ),
    }
)


class MasterCore:
    """See the package. ``random_bytes(n)`` gives what uuids are made of."""

    def __init__(
        self,
        settings: MasterSettings,
        info: mesos_pb2.MasterInfo,
        allocator: Allocator,
        authorizer: Authorizer,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.state = MasterState(info)
        self._context = Context(settings, self.state, allocator, authorizer, random_bytes)
        # Agents that are being drained, which are few.
        self._draining: list[str] = []

    @property
    def metrics(self) -> Metrics:
        """What was counted."""
        return self._context.metrics

    @property
    def registrar(self) -> Registrar:
        """What is to be stored."""
        return self._context.registrar

    def step(self, event: Event, now: Now) -> list[Action]:
        """Take an event; returns what is to be done, in this order."""
        context = self._context
        context.now, context.actions = now, []
        if not self.state.started_ns:
            self.state.started_ns = now.wall_ns
        self._dispatch(event)
        while (timer := context.timers.pop_due(now.mono_ms)) is not None:
            _TIMERS[timer.kind](context, timer.key)
        self._follow_up(event)
        return context.actions

    def _dispatch(self, event: Event) -> None:
        context = self._context
        match event:
            case SchedulerSubscribed():
                frameworks.subscribe(context, event)
            case SchedulerCalled():
                scheduler_calls.called(context, event)
            case SchedulerLost(route):
                frameworks.lost(context, route)
            case AgentSubscribed():
                agents.subscribe(context, event)
            case AgentCalled():
                agent_calls.called(context, event)
            case AgentLost(route):
                agents.lost(context, route)
            case OperatorCalled():
                _OPERATOR_CALLS[event.call.type](context, event)
            case OperatorSubscribed(route, principal):
                stream.subscribe(context, route, principal)
            case OperatorLost(route):
                stream.lost(context, route)
            case Elected():
                self.state.elected_ms, self.state.elected_ns = context.now
                context.emit(FetchRegistry())
            case Recovered(registry):
                recovery.begin(context, registry)
            case RegistryStored(token):
                context.timers.cancel(Timer(TimerKind.REGISTRY_STORE))
                context.registrar.stored(token)
            case RegistryFailed(why):
                context.emit(Stop(f"Failed to use the registry: {why}"))
            case WhitelistRead(hostnames):
                context.allocator.update_whitelist(hostnames)
            case Tick():
                pass

    def _follow_up(self, event: Event) -> None:
        """What any event may have made due."""
        # First, since what follows changes that need no storing is done there at once.
        self._store()
        if not self.state.is_recovered:
            return
        context = self._context
        if isinstance(event, _MAY_DRAIN):
            self._draining = [
                agent_id for agent_id, agent in self.state.agents.items() if agent.is_draining
            ]
        for agent_id in self._draining:
            agent = self.state.agents.get(agent_id)
            if agent is not None:
                draining.check_drained(context, agent)
        offering.run(context)
        self._store()

    def _store(self) -> None:
        context = self._context
        store = context.registrar.flush()
        if store is not None:
            context.emit(store)
            context.timers.set(
                Timer(TimerKind.REGISTRY_STORE),
                context.now.mono_ms + context.settings.registry_store_timeout_ms,
            )

    def next_due_ms(self) -> int:
        """When the next Tick is needed at the latest, on the clock that never goes back."""
        context = self._context
        due_ms = context.timers.next_due_ms()
        latest_ms = context.now.mono_ms + _IDLE_MS
        if due_ms is not None:
            latest_ms = min(latest_ms, due_ms)
        if self.state.is_recovered:
            latest_ms = min(latest_ms, context.allocator.next_due_ms())
        return latest_ms

    def story(self, key: str) -> list[str]:
        """The last things that happened to a framework, an agent, a task or an offer."""
        return self._context.stories.of(key)

    def check(self) -> None:
        """Raise :class:`~mesos_compat.errors.InvariantBroken` when the books do not agree."""
        books.check(self.state)
        self._context.allocator.check()
