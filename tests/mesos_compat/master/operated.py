"""A master with agents and frameworks, of which operators want something.

Only what the modules of the operator's calls need: events are given to them directly, and the
registry stores when the test says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from mesos_compat.allocator import HierarchicalAllocator
from mesos_compat.allocator.interface import AllocatorOptions
from mesos_compat.master import (
    agents,
    draining,
    frameworks,
    maintenance,
    offers,
    operations,
    quota_and_weights,
    reservations,
    scheduler_calls,
    tasks,
)
from mesos_compat.master.actions import Reply, SendToAgent, SendToScheduler
from mesos_compat.master.authorization import Authorizer, parse_acls
from mesos_compat.master.context import Context
from mesos_compat.master.events import (
    AgentSubscribed,
    Now,
    OperatorCalled,
    Route,
    SchedulerCalled,
    SchedulerSubscribed,
)
from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import Agent, Framework, MasterState, TaskKey
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.validation.launching import ALL_CAPABILITIES

CALLS = {
    **maintenance.CALLS,
    **draining.CALLS,
    **quota_and_weights.CALLS,
    **reservations.CALLS,
}

OK = (200, "")
ACCEPTED = (202, "")
FORBIDDEN = (403, "403 Forbidden.")

_AGENT_RESOURCES = "cpus:4;mem:4096;disk:10240;ports:[31000-32000]"
_SECOND_NS = 1_000_000_000
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

    def __init__(self, *, acls: str | None = None, settings: MasterSettings | None = None) -> None:
        self._serial = 0
        info = mesos_pb2.MasterInfo(id="M", ip=0, port=5050, hostname="master")
        self.state = MasterState(info)
        self.allocator = HierarchicalAllocator("drf", AllocatorOptions(), below=lambda _bound: 0)
        self.context = Context(
            settings or MasterSettings(),
            self.state,
            self.allocator,
            Authorizer(parse_acls(acls) if acls is not None else None),
            self._bytes,
        )
        self._seen = 0
        self.advance(1_000)

    def _bytes(self, length: int) -> bytes:
        return self._next().to_bytes(length, "big")

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    def advance(self, duration_ms: int) -> None:
        """Let time pass."""
        now = self.context.now
        self.context.now = Now(now.mono_ms + duration_ms, now.wall_ns + duration_ms * 1_000_000)

    def store(self) -> None:
        """Let the registry store all that waits, and the allocator run."""
        registrar = self.context.registrar
        while (action := registrar.flush()) is not None:
            registrar.stored(action.token)
        offers.run(self.context)
        self.allocator.check()

    # Those who are there.

    def subscribe(self, call: link_pb2.Call.Subscribe) -> Route:
        """SUBSCRIBE of an agent."""
        route = Route(self._next())
        event = AgentSubscribed(route, link_pb2.Call(type=link_pb2.Call.SUBSCRIBE, subscribe=call))
        agents.subscribe(self.context, event)
        self.store()
        return route

    def agent(
        self,
        hostname: str = "agent0",
        *,
        resources: str = _AGENT_RESOURCES,
        capabilities: Iterable[int] = ALL_CAPABILITIES,
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
        agents.lost(self.context, agent.route)

    def framework(self, *roles: str) -> Framework:
        """A new framework in these roles, subscribed."""
        route = Route(self._next())
        info = mesos_pb2.FrameworkInfo(user="user", name="name", roles=roles, checkpoint=True)
        for capability in _FRAMEWORK_CAPABILITIES:
            info.capabilities.add(type=capability)
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.SUBSCRIBE)
        call.subscribe.framework_info.CopyFrom(info)
        frameworks.subscribe(self.context, SchedulerSubscribed(route, call))
        self.store()
        return self.state.frameworks[self.state.scheduler_routes[route]]

    # What they do.

    def call(self, framework: Framework, call: scheduler_pb2.Call) -> None:
        """A call of a scheduler."""
        call.framework_id.value = framework.framework_id
        event = SchedulerCalled(Route(self._next()), call, None, framework.stream_id)
        scheduler_calls.called(self.context, event)
        self.store()

    def launch(self, framework: Framework, agent: Agent, task_id: str, resources: str) -> TaskKey:
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
            resources=Resources.parse(resources),
            command=mesos_pb2.CommandInfo(value="sleep 1"),
        )
        self.call(framework, call)
        key = TaskKey(framework.framework_id, task_id)
        self.update(agent, key, mesos_pb2.TASK_RUNNING)
        return key

    def update(self, agent: Agent, key: TaskKey, state: mesos_pb2.TaskState) -> None:
        """STATUS_UPDATE of the agent, acknowledged by the framework."""
        uuid = self.context.new_uuid()
        call = link_pb2.Call.StatusUpdate(latest_state=state)
        call.framework_id.value = key.framework_id
        call.status.task_id.value = key.task_id
        call.status.agent_id.value = agent.agent_id
        call.status.state = state
        call.status.uuid = uuid
        tasks.status_update(self.context, agent, call)
        draining.check_drained(self.context, agent)
        acknowledge = scheduler_pb2.Call(type=scheduler_pb2.Call.ACKNOWLEDGE)
        acknowledge.acknowledge.task_id.value = key.task_id
        acknowledge.acknowledge.agent_id.value = agent.agent_id
        acknowledge.acknowledge.uuid = uuid
        self.call(self.state.frameworks[key.framework_id], acknowledge)
        draining.check_drained(self.context, agent)
        self.store()

    def carry_out(self, agent: Agent) -> None:
        """The agent has carried out all operations that it was sent."""
        for uuid in list(agent.operations):
            call = link_pb2.Call.OperationStatus()
            call.operation_uuid.value = uuid
            call.status.state = mesos_pb2.OPERATION_FINISHED
            call.status.uuid.value = self.context.new_uuid()
            operations.status_update(self.context, agent, call)
        draining.check_drained(self.context, agent)
        self.store()

    # What operators want.

    def submit(self, call: master_pb2.Call, principal: str | None = None) -> Route:
        """A call of an operator, of which nothing is stored yet."""
        route = Route(self._next())
        CALLS[call.type](self.context, OperatorCalled(route, call, principal))
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
            for one in self.context.actions
            if isinstance(one, Reply) and one.route == route
        ]

    def forget(self) -> None:
        """What was told until now is of no interest."""
        self._seen = len(self.context.actions)

    def told(self, framework: Framework) -> list[scheduler_pb2.Event]:
        """What a framework was told since :meth:`forget`."""
        return [
            one.event
            for one in self.context.actions[self._seen :]
            if isinstance(one, SendToScheduler) and one.route == framework.route
        ]

    def heard(self, framework: Framework) -> list[str]:
        """The types of what a framework was told."""
        return [scheduler_pb2.Event.Type.Name(event.type) for event in self.told(framework)]

    def told_agents(self) -> list[link_pb2.Event]:
        """What agents were told since :meth:`forget`."""
        return [
            one.event for one in self.context.actions[self._seen :] if isinstance(one, SendToAgent)
        ]

    def ordered(self) -> list[str]:
        """The types of what agents were told."""
        return [link_pb2.Event.Type.Name(event.type) for event in self.told_agents()]


def subscription(
    hostname: str, resources: Resources, capabilities: Iterable[int]
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
        call.capabilities.add().type = mesos_pb2.AgentInfo.Capability.Type.Name(capability)
    return call
