"""A master with agents and frameworks, of which operators want something.

The registry stores when the test says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from mesos_compat.allocator import HierarchicalAllocator
from mesos_compat.allocator.interface import AllocatorOptions
from mesos_compat.master.actions import Action, Reply, SendToAgent, SendToScheduler, StoreRegistry
from mesos_compat.master.authorization import Authorizer, parse_acls
from mesos_compat.master.core import MasterCore
from mesos_compat.master.events import (
    AgentCalled,
    AgentLost,
    AgentSubscribed,
    Elected,
    Event,
    Now,
    OperatorCalled,
    Recovered,
    RegistryStored,
    Route,
    SchedulerCalled,
    SchedulerLost,
    SchedulerSubscribed,
    Tick,
)
from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import Agent, Framework, TaskKey
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, scheduler_pb2

OK = (200, "")
ACCEPTED = (202, "")
FORBIDDEN = (403, "403 Forbidden.")

# What agents of today know.
AGENT_CAPABILITIES = (
    mesos_pb2.AgentInfo.Capability.MULTI_ROLE,
    mesos_pb2.AgentInfo.Capability.HIERARCHICAL_ROLE,
    mesos_pb2.AgentInfo.Capability.RESERVATION_REFINEMENT,
    mesos_pb2.AgentInfo.Capability.RESOURCE_PROVIDER,
    mesos_pb2.AgentInfo.Capability.RESIZE_VOLUME,
    mesos_pb2.AgentInfo.Capability.AGENT_OPERATION_FEEDBACK,
    mesos_pb2.AgentInfo.Capability.AGENT_DRAINING,
)
_AGENT_RESOURCES = "cpus:4;mem:4096;disk:10240;ports:[31000-32000]"
_Capability = mesos_pb2.FrameworkInfo.Capability
_FRAMEWORK_CAPABILITIES = (
    _Capability.MULTI_ROLE,
    _Capability.RESERVATION_REFINEMENT,
    _Capability.PARTITION_AWARE,
)


def acls(action: str, member: str, *, principal: str = "ops") -> str:
    """The flag that lets only ``principal`` do ``action``."""
    return json.dumps(
        {
            action: [
                {"principals": {"values": [principal]}, member: {"type": "ANY"}},
                {"principals": {"type": "ANY"}, member: {"type": "NONE"}},
            ]
        }
    )


class World:
    """See the module."""

    def __init__(
        self,
        *,
        acls: str | None = None,
        settings: MasterSettings | None = None,
        registry: link_pb2.Registry | None = None,
        master_id: str = "M",
    ) -> None:
        """A master that leads, with what the last one has stored."""
        self._serial = 0
        self.allocator = HierarchicalAllocator("drf", AllocatorOptions(), below=lambda _bound: 0)
        self.core = MasterCore(
            settings or MasterSettings(),
            mesos_pb2.MasterInfo(id=master_id, ip=0, port=5050, hostname="master"),
            self.allocator,
            Authorizer(parse_acls(acls) if acls is not None else None),
            self._bytes,
        )
        self.state = self.core.state
        self.now = Now(1_000, 1_000_000_000)
        self.actions: list[Action] = []
        self._seen = 0
        # What the registry has stored, and the token of what it is to store.
        self.registry = registry or link_pb2.Registry()
        self._storing: StoreRegistry | None = None
        self.step(Elected())
        self.step(Recovered(self.registry))
        self.store()

    def _bytes(self, length: int) -> bytes:
        return self._next().to_bytes(length, "big")

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    def step(self, event: Event) -> None:
        """One step; what comes of it is kept."""
        for action in self.core.step(event, self.now):
            if isinstance(action, StoreRegistry):
                assert self._storing is None
                self._storing = action
            else:
                self.actions.append(action)
        self.core.check()

    def advance(self, duration_ms: int) -> None:
        """Let time pass."""
        self.now = Now(self.now.mono_ms + duration_ms, self.now.wall_ns + duration_ms * 1_000_000)
        self.step(Tick())
        self.store()

    def store(self) -> None:
        """Let the registry store all that waits."""
        while self._storing is not None:
            self.store_once()

    def store_once(self) -> None:
        """Let the store that is under way be done; what follows may be another."""
        assert self._storing is not None
        done, self._storing = self._storing, None
        self.registry = done.registry
        self.step(RegistryStored(done.token))

    @property
    def is_storing(self) -> bool:
        """Whether anything is not stored yet."""
        return self._storing is not None or self.core.registrar.queued > 0

    # Those who are there.

    def subscribe(self, call: link_pb2.Call.Subscribe) -> Route:
        """SUBSCRIBE of an agent."""
        route = Route(self._next())
        event = AgentSubscribed(route, link_pb2.Call(type=link_pb2.Call.SUBSCRIBE, subscribe=call))
        self.step(event)
        self.store()
        return route

    def agent(
        self,
        hostname: str = "agent0",
        *,
        resources: str = _AGENT_RESOURCES,
        capabilities: Iterable[mesos_pb2.AgentInfo.Capability.Type] = AGENT_CAPABILITIES,
    ) -> Agent:
        """A new agent, registered and connected."""
        call = subscription(hostname, Resources.parse(resources), capabilities)
        route = self.subscribe(call)
        return self.state.agents[self.state.agent_routes[route]]

    def come_back(self, agent_id: str, agent: Agent) -> Agent:
        """The agent subscribes with its id, and with nothing running; as it is known then."""
        call = subscription(agent.info.hostname, agent.total, agent.capabilities)
        call.agent.id.value = agent_id
        self.subscribe(call)
        return self.state.agents[agent_id]

    def lose(self, agent: Agent) -> None:
        """The agent's stream ends."""
        assert agent.route is not None
        self.step(AgentLost(agent.route))

    def lose_for_good(self, agent: Agent) -> None:
        """The agent's stream ends, and it does not come back in time."""
        if agent.route is not None:
            self.lose(agent)
        self.advance(MasterSettings().agent_reregister_timeout_ms)
        assert agent.agent_id in self.state.unreachable_agents

    def unregister(self, agent: Agent) -> None:
        """The agent ends; the registry does not know it yet."""
        self.call_of(agent, link_pb2.Call(type=link_pb2.Call.UNREGISTER))

    def call_of(self, agent: Agent, call: link_pb2.Call) -> None:
        """A call of an agent."""
        assert agent.route is not None
        self.step(AgentCalled(agent.route, call))

    def framework(self, *roles: str) -> Framework:
        """A new framework in these roles, subscribed."""
        route = Route(self._next())
        info = mesos_pb2.FrameworkInfo(
            user="user", name="name", roles=roles, checkpoint=True, failover_timeout=3600
        )
        for capability in _FRAMEWORK_CAPABILITIES:
            info.capabilities.add(type=capability)
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.SUBSCRIBE)
        call.subscribe.framework_info.CopyFrom(info)
        self.step(SchedulerSubscribed(route, call))
        return self.state.frameworks[self.state.scheduler_routes[route]]

    def disconnect(self, framework: Framework) -> None:
        """The framework's stream ends."""
        assert framework.route is not None
        self.step(SchedulerLost(framework.route))

    # What they do.

    def call(self, framework: Framework, call: scheduler_pb2.Call) -> None:
        """A call of a scheduler."""
        call.framework_id.value = framework.framework_id
        self.step(SchedulerCalled(Route(self._next()), call, None, framework.stream_id))

    def launch(
        self,
        framework: Framework,
        agent: Agent,
        task_id: str,
        resources: str | Iterable[mesos_pb2.Resource],
    ) -> TaskKey:
        """Accept all offers of the agent with one task, and run it."""
        offered = [one for one in framework.offers.values() if one.agent_id == agent.agent_id]
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.ACCEPT)
        for offer in offered:
            call.accept.offer_ids.add(value=offer.offer_id)
        operation = call.accept.operations.add(type=mesos_pb2.Offer.Operation.LAUNCH)
        operation.launch.task_infos.add(
            name=task_id,
            task_id=mesos_pb2.TaskID(value=task_id),
            agent_id=mesos_pb2.AgentID(value=agent.agent_id),
            resources=Resources.parse(resources) if isinstance(resources, str) else resources,
            command=mesos_pb2.CommandInfo(value="sleep 1"),
        )
        self.call(framework, call)
        key = TaskKey(framework.framework_id, task_id)
        self.update(agent, key, mesos_pb2.TASK_RUNNING)
        return key

    def update(self, agent: Agent, key: TaskKey, state: mesos_pb2.TaskState) -> None:
        """STATUS_UPDATE of the agent, acknowledged by the framework."""
        uuid = self._bytes(16)
        call = link_pb2.Call(type=link_pb2.Call.STATUS_UPDATE)
        update = call.status_update
        update.latest_state = state
        update.framework_id.value = key.framework_id
        update.status.task_id.value = key.task_id
        update.status.agent_id.value = agent.agent_id
        update.status.state = state
        update.status.uuid = uuid
        self.call_of(agent, call)
        acknowledge = scheduler_pb2.Call(type=scheduler_pb2.Call.ACKNOWLEDGE)
        acknowledge.acknowledge.task_id.value = key.task_id
        acknowledge.acknowledge.agent_id.value = agent.agent_id
        acknowledge.acknowledge.uuid = uuid
        self.call(self.state.frameworks[key.framework_id], acknowledge)
        self.store()

    def carry_out(self, agent: Agent) -> None:
        """The agent has carried out all operations that it was sent."""
        for uuid in list(agent.operations):
            call = link_pb2.Call(type=link_pb2.Call.OPERATION_STATUS)
            call.operation_status.operation_uuid.value = uuid
            call.operation_status.status.state = mesos_pb2.OPERATION_FINISHED
            call.operation_status.status.uuid.value = self._bytes(16)
            self.call_of(agent, call)
        self.store()

    # What operators want.

    def submit(self, call: master_pb2.Call, principal: str | None = None) -> Route:
        """A call of an operator, of which nothing is stored yet."""
        route = Route(self._next())
        self.step(OperatorCalled(route, call, principal))
        return route

    def operate(self, call: master_pb2.Call, principal: str | None = None) -> tuple[int, str]:
        """A call of an operator, and its answer."""
        route = self.submit(call, principal)
        self.store()
        (answer,) = self.answers(route)
        return answer

    # What came of it.

    def answers(self, route: Route) -> list[tuple[int, str]]:
        """The answers so far to a call."""
        return [
            (int(one.status), one.message)
            for one in self.actions
            if isinstance(one, Reply) and one.route == route
        ]

    def forget(self) -> None:
        """What was told until now is of no interest."""
        self._seen = len(self.actions)

    def told(self, framework: Framework) -> list[scheduler_pb2.Event]:
        """What a framework was told since :meth:`forget`, but for heartbeats."""
        return [
            one.event
            for one in self.actions[self._seen :]
            if isinstance(one, SendToScheduler)
            and one.route == framework.route
            and one.event.type != scheduler_pb2.Event.HEARTBEAT
        ]

    def heard(self, framework: Framework) -> list[str]:
        """The types of what a framework was told."""
        return [scheduler_pb2.Event.Type.Name(event.type) for event in self.told(framework)]

    def told_agents(self) -> list[link_pb2.Event]:
        """What agents were told since :meth:`forget`, but for pings."""
        return [
            one.event
            for one in self.actions[self._seen :]
            if isinstance(one, SendToAgent) and one.event.type != link_pb2.Event.PING
        ]

    def ordered(self) -> list[str]:
        """The types of what agents were told."""
        return [link_pb2.Event.Type.Name(event.type) for event in self.told_agents()]


def subscription(
    hostname: str, resources: Resources, capabilities: Iterable[mesos_pb2.AgentInfo.Capability.Type]
) -> link_pb2.Call.Subscribe:
    """What an agent says of itself."""
    call = link_pb2.Call.Subscribe(version="1.11.0", resources=resources)
    call.agent.hostname = hostname
    call.agent.port = 5051
    call.agent.resources.extend(resources)
    call.address.hostname = hostname
    call.address.ip = "127.0.0.1"
    # Agents on one machine differ by their ports.
    call.address.port = 5051 + sum(hostname.encode())
    for capability in capabilities:
        call.capabilities.add(type=capability)
    return call
