"""Who talks to the master of :mod:`tests.mesos_compat.master.harness`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.message import Message

from mesos_compat.master import events as ev
from mesos_compat.master.state import TaskKey
from mesos_compat.master.tasks import make_message
from mesos_compat.resources import Resources
from mesos_compat.resources.convert import apply as apply_operation
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.harness import Cluster, Stream

AgentCapability = mesos_pb2.AgentInfo.Capability
Capability = mesos_pb2.FrameworkInfo.Capability
Operation = mesos_pb2.Offer.Operation

AGENT_RESOURCES = "cpus:4;mem:4096;disk:10240;ports:[31000-32000]"
# What agents of today know.
AGENT_CAPABILITIES = (
    AgentCapability.MULTI_ROLE,
    AgentCapability.HIERARCHICAL_ROLE,
    AgentCapability.RESERVATION_REFINEMENT,
    AgentCapability.RESOURCE_PROVIDER,
    AgentCapability.RESIZE_VOLUME,
    AgentCapability.AGENT_OPERATION_FEEDBACK,
    AgentCapability.AGENT_DRAINING,
    AgentCapability.TASK_RESOURCE_LIMITS,
)
CAPABILITIES = (
    Capability.MULTI_ROLE,
    Capability.RESERVATION_REFINEMENT,
    Capability.PARTITION_AWARE,
)


def framework_info(
    *roles: str,
    capabilities: Iterable[mesos_pb2.FrameworkInfo.Capability.Type] = CAPABILITIES,
    checkpoint: bool = True,
    failover_timeout: float = 3600,
    principal: str | None = None,
) -> mesos_pb2.FrameworkInfo:
    """A framework in these roles."""
    info = mesos_pb2.FrameworkInfo(
        user="user", name="name", checkpoint=checkpoint, failover_timeout=failover_timeout
    )
    for capability in capabilities:
        info.capabilities.add(type=capability)
    if any(one.type == Capability.MULTI_ROLE for one in info.capabilities):
        info.roles.extend(roles)
    elif roles:
        (info.role,) = roles
    if principal is not None:
        info.principal = principal
    return info


class Scheduler:
    """An instance of a scheduler; ``offers`` are those that it may use."""

    def __init__(
        self, cluster: Cluster, info: mesos_pb2.FrameworkInfo, *, subscribes: bool = True
    ) -> None:
        self.cluster, self.info = cluster, info
        self.stream: Stream | None = None
        self.offers: dict[str, mesos_pb2.Offer] = {}
        self.inverse_offers: dict[str, mesos_pb2.InverseOffer] = {}
        self._told: list[scheduler_pb2.Event] = []
        self.heartbeats = 0
        # Whether its calls must be taken as calls of a framework that is subscribed.
        self.is_strict = True
        if subscribes:
            self.subscribe()

    @property
    def framework_id(self) -> str:
        return self.info.id.value

    def receive(self, stream: Stream, event: Message) -> None:
        """See :class:`~tests.mesos_compat.master.harness.Peer`."""
        assert isinstance(event, scheduler_pb2.Event)
        if stream is not self.stream:
            return
        if event.type == scheduler_pb2.Event.HEARTBEAT:
            self.heartbeats += 1
            return
        self._told.append(event)
        if event.type == scheduler_pb2.Event.SUBSCRIBED:
            self.info.id.value = event.subscribed.framework_id.value
        for offer in event.offers.offers:
            self.offers[offer.id.value] = offer
        for inverse_offer in event.inverse_offers.inverse_offers:
            self.inverse_offers[inverse_offer.id.value] = inverse_offer
        self.offers.pop(event.rescind.offer_id.value, None)
        self.inverse_offers.pop(event.rescind_inverse_offer.inverse_offer_id.value, None)

    def cut(self, stream: Stream) -> None:
        """See :class:`~tests.mesos_compat.master.harness.Peer`."""
        if stream is self.stream:
            self.stream = None
            self.offers.clear()
            self.inverse_offers.clear()

    def subscribe(
        self,
        *,
        suppressed_roles: Iterable[str] = (),
        constraints: scheduler_pb2.OfferConstraints | None = None,
        principal: str | None = None,
    ) -> None:
        """SUBSCRIBE, with the id if there is one."""
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.SUBSCRIBE)
        call.subscribe.framework_info.CopyFrom(self.info)
        call.subscribe.suppressed_roles.extend(suppressed_roles)
        if constraints is not None:
            call.subscribe.offer_constraints.CopyFrom(constraints)
        if self.info.HasField("id"):
            call.framework_id.CopyFrom(self.info.id)
        self.offers.clear()
        self.inverse_offers.clear()
        self._told.clear()
        self.stream = self.cluster.open(self)
        self.cluster.step(ev.SchedulerSubscribed(self.stream.route, call, principal))

    def disconnect(self) -> None:
        """The stream ends."""
        assert self.stream is not None
        route = self.stream.route
        self.cut(self.stream)
        self.cluster.streams.pop(route, None)
        self.cluster.step(ev.SchedulerLost(route))

    def call(self, call: scheduler_pb2.Call, *, principal: str | None = None) -> tuple[int, str]:
        """Any other call, and its answer."""
        assert self.stream is not None
        call.framework_id.CopyFrom(self.info.id)
        route = self.cluster.new_route()
        stream_id = self.stream.stream_id
        self.cluster.step(ev.SchedulerCalled(route, call, principal, stream_id))
        return self.cluster.answers[route]

    def _say(self, call: scheduler_pb2.Call) -> None:
        answer = self.call(call)
        assert answer == (202, "") or not self.is_strict

    # What it says.

    def accept(
        self,
        offer_ids: Iterable[str],
        *operations: mesos_pb2.Offer.Operation,
        refuse_seconds: float | None = None,
    ) -> None:
        """ACCEPT."""
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.ACCEPT)
        call.accept.SetInParent()
        for offer_id in offer_ids:
            call.accept.offer_ids.add(value=offer_id)
            self.offers.pop(offer_id, None)
        call.accept.operations.extend(operations)
        if refuse_seconds is not None:
            call.accept.filters.refuse_seconds = refuse_seconds
        self._say(call)

    def launch(self, task_id: str, resources: str = "cpus:1;mem:32") -> TaskKey:
        """ACCEPT of the first offer, with a task of a command; no filter on what is left."""
        offer = next(iter(self.offers.values()))
        info = task_info(task_id, offer.agent_id.value, resources)
        self.accept([offer.id.value], launch(info), refuse_seconds=0)
        return TaskKey(self.framework_id, task_id)

    def decline(self, offer_ids: Iterable[str], refuse_seconds: float | None = None) -> None:
        """DECLINE."""
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.DECLINE)
        for offer_id in offer_ids:
            call.decline.offer_ids.add(value=offer_id)
            self.offers.pop(offer_id, None)
        if refuse_seconds is not None:
            call.decline.filters.refuse_seconds = refuse_seconds
        self._say(call)

    def acknowledge(self, status: mesos_pb2.TaskStatus) -> None:
        """ACKNOWLEDGE."""
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.ACKNOWLEDGE)
        call.acknowledge.agent_id.CopyFrom(status.agent_id)
        call.acknowledge.task_id.CopyFrom(status.task_id)
        call.acknowledge.uuid = status.uuid
        self._say(call)

    def acknowledge_operation(self, status: mesos_pb2.OperationStatus) -> None:
        """ACKNOWLEDGE_OPERATION_STATUS."""
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.ACKNOWLEDGE_OPERATION_STATUS)
        call.acknowledge_operation_status.agent_id.CopyFrom(status.agent_id)
        call.acknowledge_operation_status.operation_id.CopyFrom(status.operation_id)
        call.acknowledge_operation_status.uuid = status.uuid.value
        self._say(call)

    def kill(self, task_id: str, agent_id: str | None = None) -> None:
        """KILL."""
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.KILL)
        call.kill.task_id.value = task_id
        if agent_id is not None:
            call.kill.agent_id.value = agent_id
        self._say(call)

    def reconcile(self, *tasks: tuple[str, str | None]) -> list[mesos_pb2.TaskStatus]:
        """RECONCILE of tasks and where they are thought to be, or of all; what is told."""
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.RECONCILE)
        call.reconcile.SetInParent()
        for task_id, agent_id in tasks:
            wanted = call.reconcile.tasks.add()
            wanted.task_id.value = task_id
            if agent_id is not None:
                wanted.agent_id.value = agent_id
        self.told()
        self._say(call)
        return self.statuses()

    def simple(self, type_: scheduler_pb2.Call.Type, *roles: str) -> None:
        """A call without arguments, or with roles."""
        call = scheduler_pb2.Call(type=type_)
        if type_ == scheduler_pb2.Call.REVIVE:
            call.revive.roles.extend(roles)
        elif type_ == scheduler_pb2.Call.SUPPRESS:
            call.suppress.roles.extend(roles)
        self._say(call)

    # What it was told.

    def told(self) -> list[scheduler_pb2.Event]:
        """What has come since the last time, but for heartbeats."""
        told, self._told = self._told, []
        return told

    def heard(self) -> list[str]:
        """The types of what has come since the last time."""
        return [scheduler_pb2.Event.Type.Name(event.type) for event in self.told()]

    def statuses(self) -> list[mesos_pb2.TaskStatus]:
        """The statuses of tasks that have come since the last time."""
        return [one.update.status for one in self.told() if one.HasField("update")]

    def operation_statuses(self) -> list[mesos_pb2.OperationStatus]:
        """The statuses of operations that have come since the last time."""
        return [
            one.update_operation_status.status
            for one in self.told()
            if one.HasField("update_operation_status")
        ]


def task_info(task_id: str, agent_id: str, resources: str = "cpus:1;mem:32") -> mesos_pb2.TaskInfo:
    """A task of a command."""
    return mesos_pb2.TaskInfo(
        name=task_id,
        task_id=mesos_pb2.TaskID(value=task_id),
        agent_id=mesos_pb2.AgentID(value=agent_id),
        resources=Resources.parse(resources),
        command=mesos_pb2.CommandInfo(value="sleep 1"),
    )


def executor_info(
    executor_id: str, framework_id: str, resources: str = "cpus:0.1;mem:32"
) -> mesos_pb2.ExecutorInfo:
    """A custom executor."""
    return mesos_pb2.ExecutorInfo(
        type=mesos_pb2.ExecutorInfo.CUSTOM,
        executor_id=mesos_pb2.ExecutorID(value=executor_id),
        framework_id=mesos_pb2.FrameworkID(value=framework_id),
        command=mesos_pb2.CommandInfo(value="./executor"),
        resources=Resources.parse(resources),
    )


def launch(*infos: mesos_pb2.TaskInfo) -> mesos_pb2.Offer.Operation:
    """LAUNCH."""
    operation = Operation(type=Operation.LAUNCH)
    operation.launch.task_infos.extend(infos)
    return operation


class Agent:
    """An agent that knows what was launched on it, and says what it is told to say."""

    def __init__(
        self,
        cluster: Cluster,
        hostname: str = "agent0",
        *,
        resources: str = AGENT_RESOURCES,
        capabilities: Sequence[mesos_pb2.AgentInfo.Capability.Type] = AGENT_CAPABILITIES,
        domain: mesos_pb2.DomainInfo | None = None,
        subscribes: bool = True,
    ) -> None:
        self.cluster, self.hostname, self.capabilities = cluster, hostname, capabilities
        self.agent_id = ""
        self.configured = self.total = Resources.parse(resources)
        self.domain = domain
        self.version = bytes(16)
        self.stream: Stream | None = None
        self.tasks: dict[TaskKey, mesos_pb2.Task] = {}
        self.executors: dict[tuple[str, str], mesos_pb2.ExecutorInfo] = {}
        self.frameworks: dict[str, mesos_pb2.FrameworkInfo] = {}
        # Sent by the master, and not answered.
        self.operations: dict[bytes, link_pb2.Event.ApplyOperation] = {}
        self.answers_pings = True
        self._told: list[link_pb2.Event] = []
        if subscribes:
            self.subscribe()

    def receive(self, stream: Stream, event: Message) -> None:
        """See :class:`~tests.mesos_compat.master.harness.Peer`."""
        assert isinstance(event, link_pb2.Event)
        if stream is not self.stream:
            return
        match event.type:
            case link_pb2.Event.PING:
                if self.answers_pings:
                    self.say(link_pb2.Call(type=link_pb2.Call.PONG))
                return
            case link_pb2.Event.REGISTERED | link_pb2.Event.REREGISTERED:
                self.agent_id = event.registered.agent_id.value
            case link_pb2.Event.RUN_TASK:
                self._run(event.run_task.framework, event.run_task.task)
            case link_pb2.Event.RUN_TASK_GROUP:
                for info in event.run_task_group.task_group.tasks:
                    self._run(event.run_task_group.framework, info)
            case link_pb2.Event.APPLY_OPERATION:
                self.operations[event.apply_operation.uuid.value] = event.apply_operation
            case link_pb2.Event.UPDATE_FRAMEWORK:
                framework = event.update_framework.framework
                self.frameworks[framework.id.value] = framework
            case link_pb2.Event.SHUTDOWN_FRAMEWORK:
                self._forget(event.shutdown_framework.framework_id.value)
        self._told.append(event)

    def _run(self, framework: mesos_pb2.FrameworkInfo, info: mesos_pb2.TaskInfo) -> None:
        framework_id = framework.id.value
        self.frameworks[framework_id] = framework
        message = make_message(info, framework_id)
        self.tasks[TaskKey(framework_id, info.task_id.value)] = message
        if info.HasField("executor"):
            key = framework_id, info.executor.executor_id.value
            self.executors.setdefault(key, info.executor)

    def _forget(self, framework_id: str) -> None:
        self.frameworks.pop(framework_id, None)
        for key in [key for key in self.tasks if key.framework_id == framework_id]:
            del self.tasks[key]
        for executor in [key for key in self.executors if key[0] == framework_id]:
            del self.executors[executor]

    def cut(self, stream: Stream) -> None:
        """See :class:`~tests.mesos_compat.master.harness.Peer`."""
        if stream is self.stream:
            self.stream = None

    @property
    def is_registered(self) -> bool:
        """Whether its stream is open, as the master sees it."""
        return self.stream is not None and self.stream.route in self.cluster.state.agent_routes

    def subscription(self) -> link_pb2.Call:
        """What it says of itself, and of what runs on it."""
        call = link_pb2.Call(type=link_pb2.Call.SUBSCRIBE)
        subscribe = call.subscribe
        subscribe.version = "1.11.0"
        subscribe.agent.hostname = self.hostname
        subscribe.agent.port = 5051
        subscribe.agent.resources.extend(self.configured)
        if self.domain is not None:
            subscribe.agent.domain.CopyFrom(self.domain)
        if self.agent_id:
            subscribe.agent.id.value = self.agent_id
        subscribe.address.hostname = self.hostname
        subscribe.address.ip = "127.0.0.1"
        # Agents on one machine differ by their ports.
        subscribe.address.port = 5051 + sum(self.hostname.encode())
        for capability in self.capabilities:
            subscribe.capabilities.add(type=capability)
        subscribe.resources.extend(self.total)
        subscribe.resource_version = self.version
        subscribe.tasks.extend(self.tasks.values())
        for executor in self.executors.values():
            subscribe.executors.add(info=executor)
        subscribe.frameworks.extend(self.frameworks.values())
        return call

    def subscribe(self) -> None:
        """SUBSCRIBE, with the id if there is one; what was sent and not done is not known."""
        self.operations.clear()
        self.subscribe_with(self.subscription())

    def subscribe_with(self, call: link_pb2.Call) -> None:
        """SUBSCRIBE, in other words."""
        self.stream = self.cluster.open(self)
        self.cluster.step(ev.AgentSubscribed(self.stream.route, call))

    def lose(self) -> None:
        """The stream ends."""
        assert self.stream is not None
        route = self.stream.route
        self.stream = None
        self.cluster.streams.pop(route, None)
        self.cluster.step(ev.AgentLost(route))

    def say(self, call: link_pb2.Call) -> None:
        """Any other call, if there is a stream."""
        if self.stream is not None and not self.stream.is_closed:
            self.stream.outbox.append(ev.AgentCalled(self.stream.route, call))
            if self.cluster.instant:
                self.cluster.flush()

    # What it says.

    def update(
        self,
        key: TaskKey,
        state: mesos_pb2.TaskState,
        *,
        latest: mesos_pb2.TaskState | None = None,
        uuid: bytes | None = None,
        **members: object,
    ) -> bytes:
        """STATUS_UPDATE; the uuid of its status, which is new unless it is given."""
        uuid = uuid or self.cluster.random_bytes(16)
        call = link_pb2.Call(type=link_pb2.Call.STATUS_UPDATE)
        call.status_update.framework_id.value = key.framework_id
        call.status_update.latest_state = state if latest is None else latest
        status = mesos_pb2.TaskStatus(
            task_id=mesos_pb2.TaskID(value=key.task_id),
            agent_id=mesos_pb2.AgentID(value=self.agent_id),
            state=state,
            uuid=uuid,
            source=mesos_pb2.TaskStatus.SOURCE_EXECUTOR,
            **members,  # type: ignore[arg-type]
        )
        call.status_update.status.CopyFrom(status)
        task = self.tasks.get(key)
        if task is not None:
            task.state = call.status_update.latest_state
            task.status_update_state = state
            task.status_update_uuid = uuid
        self.say(call)
        return uuid

    def carry_out(self, state: mesos_pb2.OperationState = mesos_pb2.OPERATION_FINISHED) -> None:
        """OPERATION_STATUS of all operations that were sent and not answered."""
        for uuid, sent in list(self.operations.items()):
            if state == mesos_pb2.OPERATION_FINISHED:
                self.total = apply_operation(self.total, sent.info)
            self.tell_operation(uuid, sent, state)
        self.operations.clear()

    def tell_operation(
        self,
        uuid: bytes,
        sent: link_pb2.Event.ApplyOperation,
        state: mesos_pb2.OperationState,
    ) -> None:
        """OPERATION_STATUS, with a uuid if somebody wants to hear of it."""
        call = link_pb2.Call(type=link_pb2.Call.OPERATION_STATUS)
        told = call.operation_status
        told.operation_uuid.value = uuid
        if sent.HasField("framework_id"):
            told.framework_id.CopyFrom(sent.framework_id)
        told.status.state = state
        told.status.agent_id.value = self.agent_id
        if sent.info.HasField("id"):
            told.status.operation_id.CopyFrom(sent.info.id)
            told.status.uuid.value = self.cluster.random_bytes(16)
        self.say(call)

    def update_agent(self, *, oversubscribed: str = "") -> None:
        """UPDATE_AGENT."""
        call = link_pb2.Call(type=link_pb2.Call.UPDATE_AGENT)
        call.update_agent.resources.extend(self.total)
        call.update_agent.resource_version = self.version
        for resource in Resources.parse(oversubscribed) if oversubscribed else ():
            resource.revocable.SetInParent()
            call.update_agent.oversubscribed.append(resource)
        self.say(call)

    def executor_exited(self, framework_id: str, executor_id: str, status: int) -> None:
        """EXITED_EXECUTOR."""
        self.executors.pop((framework_id, executor_id), None)
        call = link_pb2.Call(type=link_pb2.Call.EXITED_EXECUTOR)
        call.exited_executor.framework_id.value = framework_id
        call.exited_executor.executor_id.value = executor_id
        call.exited_executor.status = status
        self.say(call)

    # What it was told.

    def told(self) -> list[link_pb2.Event]:
        """What has come since the last time, but for pings."""
        told, self._told = self._told, []
        return told

    def heard(self) -> list[str]:
        """The types of what has come since the last time."""
        return [link_pb2.Event.Type.Name(event.type) for event in self.told()]


class Operator:
    """A reader of the event stream."""

    def __init__(self, cluster: Cluster, principal: str | None = None) -> None:
        self._told: list[master_pb2.Event] = []
        self.stream = cluster.open(self)
        cluster.step(ev.OperatorSubscribed(self.stream.route, principal))

    def receive(self, stream: Stream, event: Message) -> None:
        """See :class:`~tests.mesos_compat.master.harness.Peer`."""
        assert isinstance(event, master_pb2.Event)
        assert stream is self.stream
        self._told.append(event)

    def cut(self, stream: Stream) -> None:
        """See :class:`~tests.mesos_compat.master.harness.Peer`."""

    def told(self) -> list[master_pb2.Event]:
        """What has come since the last time."""
        told, self._told = self._told, []
        return told

    def heard(self) -> list[str]:
        """The types of what has come since the last time."""
        return [master_pb2.Event.Type.Name(event.type) for event in self.told()]
