"""Masters in the states in which Apache Mesos 1.11.0 was when its answers were recorded.

What a master is told (infos of agents and frameworks, tasks, offers) is taken from a recorded
GET_STATE; what it makes of that (sums, addresses, what is active) is left to the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mesos_compat.allocator.hierarchical import HierarchicalAllocator
from mesos_compat.allocator.interface import AllocatorOptions
from mesos_compat.master.authorization import Authorizer, parse_acls
from mesos_compat.master.events import Now, Route
from mesos_compat.master.metrics import Metrics
from mesos_compat.master.registrar import Registrar
from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import Agent, Framework, MasterState, Offer, Task
from mesos_compat.master.views.view import View
from mesos_compat.master.views.visible import Visible
from mesos_compat.resources import Resources
from mesos_compat.resources.formats import upgrade
from mesos_compat.wire import json_dialect
from mesos_compat.wire.v1 import master_pb2, mesos_pb2

GOLDEN = Path(__file__).resolve().parents[2] / "golden"

SECOND_NS = 1_000_000_000


def recorded_body(section: str, case: str) -> str:
    """The body of a recorded answer."""
    return (GOLDEN / section / f"{case}.res").read_bytes().partition(b"\r\n\r\n")[2].decode()


def recorded_response(section: str, case: str) -> master_pb2.Response:
    """A recorded answer of the operator API."""
    return json_dialect.loads(recorded_body(section, case), master_pb2.Response)


def allocator() -> HierarchicalAllocator:
    """One that knows nothing yet."""
    return HierarchicalAllocator("drf", AllocatorOptions(), below=lambda _bound: 0)


def view(
    state: MasterState,
    *,
    acls: str | None = None,
    principal: str | None = "ops",
    settings: MasterSettings | None = None,
    counters: Metrics | None = None,
    flags: dict[str, str] | None = None,
    version: mesos_pb2.VersionInfo | None = None,
    measured: dict[str, float] | None = None,
    wall_ns: int = 1000 * SECOND_NS,
) -> View:
    """What ``principal`` sees of ``state``."""
    authorizer = Authorizer(parse_acls(acls) if acls is not None else None)
    return View(
        state=state,
        settings=settings or MasterSettings(),
        visible=Visible(authorizer, principal),
        allocator=allocator(),
        registrar=Registrar(),
        counters=counters or Metrics(),
        flags=flags or {},
        version=version or mesos_pb2.VersionInfo(version="1.11.0"),
        now=Now(mono_ms=wall_ns // 1_000_000, wall_ns=wall_ns),
        measured=measured or {},
    )


def resources(messages: Iterable[mesos_pb2.Resource]) -> Resources:
    """Messages of an endpoint, with both ways of writing reservations, as resources."""
    upgraded = []
    for message in messages:
        copy = mesos_pb2.Resource()
        copy.CopyFrom(message)
        if copy.reservations:
            copy.ClearField("role")
            copy.ClearField("reservation")
        upgrade(copy)
        upgraded.append(copy)
    return Resources(upgraded)


def empty_state(master_id: str = "M") -> MasterState:
    """A master that leads, and knows nobody."""
    info = mesos_pb2.MasterInfo(id=master_id, ip=16777343, port=5050, hostname="localhost")
    return MasterState(info, started_ns=SECOND_NS, elected_ns=2 * SECOND_NS, is_recovered=True)


def add_agent(state: MasterState, shown: master_pb2.Response.GetAgents.Agent) -> Agent:
    """An agent as it registered itself."""
    info = shown.agent_info
    address = mesos_pb2.Address(hostname=info.hostname, ip="127.0.0.1", port=info.port)
    agent = Agent(
        agent_id=info.id.value,
        info=info,
        version=shown.version,
        address=address,
        machine_id=mesos_pb2.MachineID(hostname=info.hostname, ip="127.0.0.1"),
        capabilities=tuple(one.type for one in shown.capabilities),
        total=resources(shown.total_resources),
        resource_version=None,
        registered_ns=shown.registered_time.nanoseconds,
        route=Route(1000 + len(state.agents)),
    )
    state.agents[agent.agent_id] = agent
    state.agents_by_pid[agent.pid] = agent.agent_id
    return agent


def add_framework(
    state: MasterState, shown: master_pb2.Response.GetFrameworks.Framework
) -> Framework:
    """A framework as it subscribed."""
    framework = Framework(
        framework_id=shown.framework_info.id.value,
        info=shown.framework_info,
        route=Route(1 + len(state.frameworks)) if shown.connected else None,
        registered_ns=shown.registered_time.nanoseconds,
        reregistered_ns=shown.reregistered_time.nanoseconds,
    )
    state.frameworks[framework.framework_id] = framework
    for message in shown.offers:
        add_offer(state, framework, message)
    return framework


def add_offer(state: MasterState, framework: Framework, message: mesos_pb2.Offer) -> None:
    """An outstanding offer."""
    offer = Offer(
        offer_id=message.id.value,
        framework_id=framework.framework_id,
        agent_id=message.agent_id.value,
        role=message.allocation_info.role,
        resources=resources(message.resources),
        message=message,
    )
    framework.offers[offer.offer_id] = offer
    state.agents[offer.agent_id].offers[offer.offer_id] = offer
    state.offers[offer.offer_id] = offer


def add_task(state: MasterState, message: mesos_pb2.Task) -> Task:
    """A task that uses what it needs, and whose agent and framework are known."""
    task = Task(message, resources(message.resources))
    framework, agent = state.frameworks[task.framework_id], state.agents[task.agent_id]
    framework.tasks[task.task_id] = task
    framework.agent_ids[task.agent_id] = None
    agent.tasks.setdefault(task.framework_id, {})[task.task_id] = task
    used = agent.used.get(task.framework_id, Resources())
    agent.used[task.framework_id] = used + task.resources
    return task


def state_of(recorded: master_pb2.Response.GetState) -> MasterState:
    """The state that a recorded GET_STATE shows."""
    state = empty_state()
    for shown in recorded.get_agents.agents:
        add_agent(state, shown)
    for one in recorded.get_frameworks.frameworks:
        add_framework(state, one)
    for message in recorded.get_tasks.tasks:
        add_task(state, message)
    for message in recorded.get_tasks.unreachable_tasks:
        framework = state.frameworks[message.framework_id.value]
        framework.unreachable_tasks[message.task_id.value] = Task(message, Resources())
    for message in recorded.get_tasks.completed_tasks:
        state.frameworks[message.framework_id.value].completed_tasks.append(message)
    return state


def recorded_state(section: str = "operator", case: str = "get_state") -> MasterState:
    """The state in which one of the recorded masters was."""
    return state_of(recorded_response(section, case).get_state)
