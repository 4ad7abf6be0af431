"""The typed methods make the very calls that a real Mesos 1.11 was sent, and read what it said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import pytest

from mesos_compat.wire.json_dialect import JsonValue, dumps, parse
from mesos_compat.wire.media import ContentType, decode, encode
from mesos_compat.wire.v1 import agent_pb2, master_pb2, mesos_pb2, scheduler_pb2
from mesozoic.aio.agent_calls import AgentCalls
from mesozoic.aio.master_calls import MasterCalls
from mesozoic.aio.scheduler_calls import SchedulerCalls
from mesozoic.core import actions, notices
from mesozoic.core import events as core_events
from tests.sdk.core.recordings import Recorded, events, requests, stream
from tests.sdk.core.scripted import Script, told

E = TypeVar("E", scheduler_pb2.Event, master_pb2.Event)
C = TypeVar("C", scheduler_pb2.Call, master_pb2.Call, agent_pb2.Call)


class Scheduler(SchedulerCalls):
    """Keeps the call that a method makes."""

    def __init__(self) -> None:
        self.made = scheduler_pb2.Call()

    async def call(self, call: scheduler_pb2.Call) -> None:
        self.made = call

    @property
    def held_offers(self) -> Mapping[str, mesos_pb2.Offer]:
        return {}

    @property
    def refuse_seconds(self) -> float:
        return 120.0


class Master(MasterCalls):
    """Keeps the call that a method makes."""

    def __init__(self) -> None:
        self.made = master_pb2.Call()

    async def call(self, call: master_pb2.Call) -> master_pb2.Response:
        self.made = call
        return master_pb2.Response()


class Agent(AgentCalls):
    """Keeps the call that a method makes."""

    def __init__(self) -> None:
        self.made = agent_pb2.Call()

    async def call(
        self, call: agent_pb2.Call, timeout_s: float | None = None
    ) -> agent_pb2.Response:
        del timeout_s
        self.made = call
        return agent_pb2.Response()


def readable(path: str, cls: type[C]) -> list[tuple[str, Recorded, C]]:
    """The recorded calls that are calls, and have a type that this version knows."""
    found = []
    for one in requests(path):
        if one.content_type not in (ContentType.JSON, ContentType.PROTOBUF):
            continue
        try:
            call = decode(one.body, one.content_type, cls)
        except ValueError:
            continue
        if call.type:
            found.append((one.name, one, call))
    return found


def accepting(driver: Scheduler, accept: scheduler_pb2.Call.Accept) -> Awaitable[None]:
    """By the method that an author would take."""
    filters = accept.filters if accept.HasField("filters") else None
    operations = list(accept.operations)
    kinds = [one.type for one in operations]
    if kinds == [mesos_pb2.Offer.Operation.LAUNCH] and not operations[0].HasField("id"):
        return driver.launch(accept.offer_ids, operations[0].launch.task_infos, filters)
    if kinds == [mesos_pb2.Offer.Operation.LAUNCH_GROUP]:
        group = operations[0].launch_group
        tasks = group.task_group.tasks
        return driver.launch_group(accept.offer_ids, group.executor, tasks, filters)
    return driver.accept(accept.offer_ids, operations, filters)


def given(
    member: scheduler_pb2.Call.AcceptInverseOffers | scheduler_pb2.Call.DeclineInverseOffers,
) -> mesos_pb2.Filters | None:
    """Filters, if there are any."""
    return member.filters if member.HasField("filters") else None


def scheduling(driver: Scheduler, call: scheduler_pb2.Call) -> Awaitable[None]:
    """The call again, by its method."""
    kind = scheduler_pb2.Call
    match call.type:
        case kind.ACCEPT:
            return accepting(driver, call.accept)
        case kind.DECLINE:
            filters = call.decline.filters
            return driver.decline([one.value for one in call.decline.offer_ids], filters)
        case kind.ACCEPT_INVERSE_OFFERS:
            accepted = call.accept_inverse_offers
            return driver.accept_inverse_offers(accepted.inverse_offer_ids, given(accepted))
        case kind.DECLINE_INVERSE_OFFERS:
            declined = call.decline_inverse_offers
            return driver.decline_inverse_offers(declined.inverse_offer_ids, given(declined))
        case kind.REVIVE:
            return driver.revive(call.revive.roles)
        case kind.SUPPRESS:
            return driver.suppress(call.suppress.roles)
        case kind.KILL:
            agent = call.kill.agent_id if call.kill.HasField("agent_id") else None
            return driver.kill(call.kill.task_id.value, agent)
        case kind.SHUTDOWN:
            return driver.shutdown(call.shutdown.executor_id, call.shutdown.agent_id)
        case kind.ACKNOWLEDGE:
            return driver.acknowledge(
                mesos_pb2.TaskStatus(
                    task_id=call.acknowledge.task_id,
                    agent_id=call.acknowledge.agent_id,
                    uuid=call.acknowledge.uuid,
                )
            )
        case kind.ACKNOWLEDGE_OPERATION_STATUS:
            member = call.acknowledge_operation_status
            status = mesos_pb2.OperationStatus(
                operation_id=member.operation_id,
                agent_id=member.agent_id,
                uuid=mesos_pb2.UUID(value=member.uuid),
            )
            return driver.acknowledge_operation(status)
        case kind.RECONCILE:
            return driver.reconcile(
                (one.task_id, one.agent_id if one.HasField("agent_id") else None)
                for one in call.reconcile.tasks
            )
        case kind.RECONCILE_OPERATIONS:
            return driver.reconcile_operations(call.reconcile_operations.operations)
        case kind.MESSAGE:
            said = call.message
            return driver.message(said.agent_id, said.executor_id.value, said.data)
        case kind.REQUEST:
            return driver.request(call.request.requests)
        case kind.UPDATE_FRAMEWORK:
            update = call.update_framework
            return driver.update_framework(update.framework_info, update.suppressed_roles)
        case kind.TEARDOWN:
            return driver.teardown()
    raise AssertionError(call)


SCHEDULED = [
    one
    for one in readable("/api/v1/scheduler", scheduler_pb2.Call)
    if one[2].type != scheduler_pb2.Call.SUBSCRIBE
    and one[2].IsInitialized()
    # What a method cannot leave out.
    and one[0] not in ("scheduler-http/decline-without-decline",)
]


@pytest.mark.parametrize(("name", "call"), [(one[0], one[2]) for one in SCHEDULED])
def test_method_makes_the_call_that_a_master_was_sent(name: str, call: scheduler_pb2.Call) -> None:
    driver = Scheduler()

    async def make() -> None:
        await scheduling(driver, call)

    asyncio.run(make())
    driver.made.framework_id.CopyFrom(call.framework_id)
    if not call.HasField("framework_id"):
        driver.made.ClearField("framework_id")
    if call.type == scheduler_pb2.Call.DECLINE and not call.decline.HasField("filters"):
        driver.made.decline.ClearField("filters")
    assert driver.made == call, name


def test_all_calls_of_the_scheduler_are_among_the_recorded() -> None:
    kinds = {call.type for _, _, call in SCHEDULED}
    every = set(scheduler_pb2.Call.Type.values()) - {
        scheduler_pb2.Call.UNKNOWN,
        scheduler_pb2.Call.SUBSCRIBE,
    }
    assert kinds == every
    assert len(SCHEDULED) > 120


Operating = Callable[[Master, master_pb2.Call], Awaitable[object]]
_M = master_pb2.Call
OPERATING: dict[int, Operating] = {
    _M.GET_METRICS: lambda m, c: m.get_metrics(
        c.get_metrics.timeout.nanoseconds / 1e9 if c.get_metrics.HasField("timeout") else None
    ),
    _M.SET_LOGGING_LEVEL: lambda m, c: m.set_logging_level(
        c.set_logging_level.level, c.set_logging_level.duration.nanoseconds / 1e9
    ),
    _M.LIST_FILES: lambda m, c: m.list_files(c.list_files.path),
    _M.READ_FILE: lambda m, c: m.read_file(
        c.read_file.path,
        c.read_file.offset,
        c.read_file.length if c.read_file.HasField("length") else None,
    ),
    _M.UPDATE_WEIGHTS: lambda m, c: m.update_weights(c.update_weights.weight_infos),
    _M.RESERVE_RESOURCES: lambda m, c: m.reserve_resources(
        c.reserve_resources.agent_id, c.reserve_resources.resources, c.reserve_resources.source
    ),
    _M.UNRESERVE_RESOURCES: lambda m, c: m.unreserve_resources(
        c.unreserve_resources.agent_id, c.unreserve_resources.resources
    ),
    _M.CREATE_VOLUMES: lambda m, c: m.create_volumes(
        c.create_volumes.agent_id, c.create_volumes.volumes
    ),
    _M.DESTROY_VOLUMES: lambda m, c: m.destroy_volumes(
        c.destroy_volumes.agent_id, c.destroy_volumes.volumes
    ),
    _M.GROW_VOLUME: lambda m, c: m.grow_volume(
        c.grow_volume.agent_id, c.grow_volume.volume, c.grow_volume.addition
    ),
    _M.SHRINK_VOLUME: lambda m, c: m.shrink_volume(
        c.shrink_volume.agent_id, c.shrink_volume.volume, c.shrink_volume.subtract.value
    ),
    _M.UPDATE_MAINTENANCE_SCHEDULE: lambda m, c: m.update_maintenance_schedule(
        c.update_maintenance_schedule.schedule
    ),
    _M.START_MAINTENANCE: lambda m, c: m.start_maintenance(c.start_maintenance.machines),
    _M.STOP_MAINTENANCE: lambda m, c: m.stop_maintenance(c.stop_maintenance.machines),
    _M.DRAIN_AGENT: lambda m, c: m.drain_agent(
        c.drain_agent.agent_id,
        c.drain_agent.max_grace_period.seconds + c.drain_agent.max_grace_period.nanos / 1e9
        if c.drain_agent.HasField("max_grace_period")
        else None,
        c.drain_agent.mark_gone if c.drain_agent.HasField("mark_gone") else None,
    ),
    _M.DEACTIVATE_AGENT: lambda m, c: m.deactivate_agent(c.deactivate_agent.agent_id),
    _M.REACTIVATE_AGENT: lambda m, c: m.reactivate_agent(c.reactivate_agent.agent_id.value),
    _M.MARK_AGENT_GONE: lambda m, c: m.mark_agent_gone(c.mark_agent_gone.agent_id),
    _M.UPDATE_QUOTA: lambda m, c: m.update_quota(
        c.update_quota.quota_configs,
        c.update_quota.force if c.update_quota.HasField("force") else None,
    ),
    _M.SET_QUOTA: lambda m, c: m.set_quota(c.set_quota.quota_request),
    _M.REMOVE_QUOTA: lambda m, c: m.remove_quota(c.remove_quota.role),
    _M.TEARDOWN: lambda m, c: m.teardown(c.teardown.framework_id.value),
}


def operating(master: Master, call: master_pb2.Call) -> Awaitable[object]:
    """The call again, by its method; those without members by their name."""
    method = OPERATING.get(call.type)
    if method is not None:
        return method(master, call)
    plain: Awaitable[object] = getattr(master, _M.Type.Name(call.type).lower())()
    return plain


OPERATED = [
    (name, call)
    for name, _, call in readable("/api/v1", master_pb2.Call)
    if not name.startswith(("agent/", "task-group/"))
    and call.type != _M.SUBSCRIBE
    # Mesos refuses what lacks its member, which a method cannot leave out.
    and not name.startswith(("operator/missing-", "operator/get_metrics-protobuf"))
    and name != "operator/get_metrics"
]


@pytest.mark.parametrize(("name", "call"), OPERATED)
def test_method_makes_the_call_that_an_operator_has_made(name: str, call: master_pb2.Call) -> None:
    master = Master()

    async def make() -> None:
        await operating(master, call)

    asyncio.run(make())
    assert master.made == call, name


def test_nearly_all_calls_of_operators_are_among_the_recorded() -> None:
    missing = {
        _M.Type.Name(kind) for kind in set(_M.Type.values()) - {call.type for _, call in OPERATED}
    }
    assert missing == {"UNKNOWN", "SUBSCRIBE"}


_A = agent_pb2.Call
ASKED = [
    (name, call)
    for name, _, call in readable("/api/v1", agent_pb2.Call)
    if name.startswith(("agent/", "task-group/"))
]


def asking(agent: Agent, call: agent_pb2.Call) -> Awaitable[object]:
    """The call again, by its method."""
    match call.type:
        case _A.LIST_FILES:
            return agent.list_files(call.list_files.path)
        case _A.READ_FILE:
            member = call.read_file
            length = member.length if member.HasField("length") else None
            return agent.read_file(member.path, member.offset, length)
        case _A.GET_CONTAINERS if call.HasField("get_containers"):
            shown = call.get_containers
            return agent.get_containers(
                shown.show_nested if shown.HasField("show_nested") else None,
                shown.show_standalone if shown.HasField("show_standalone") else None,
            )
    plain: Awaitable[object] = getattr(agent, _A.Type.Name(call.type).lower())()
    return plain


@pytest.mark.parametrize(("name", "call"), ASKED)
def test_method_makes_the_call_that_an_agent_was_asked(name: str, call: agent_pb2.Call) -> None:
    agent = Agent()

    async def make() -> None:
        await asking(agent, call)

    asyncio.run(make())
    assert agent.made == call, name


def without_older_names(value: JsonValue) -> JsonValue:
    """Without ``AgentInfo.checkpoint``, which Mesos still prints and v1 no longer has."""
    if isinstance(value, list):
        return [without_older_names(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_older_names(member)
        for name, member in value.items()
        if not (name == "checkpoint" and "hostname" in value and "resources" in value)
    }


def printed_alike(body: bytes, content_type: ContentType, cls: type[E]) -> None:
    """A body is read, and written to the same effect.

    Not to the last letter: RapidJSON has two texts for some doubles, and protobuf puts enums
    that it does not know behind the rest.
    """
    event = decode(body, content_type, cls)
    assert event.type
    if content_type is ContentType.JSON:
        assert parse(dumps(event)) == without_older_names(parse(body))
    else:
        assert len(encode(event, content_type)) == len(body)
        assert decode(encode(event, content_type), content_type, cls) == event


@pytest.mark.parametrize("one", [pytest.param(one, id=one.name) for one in events()])
def test_recorded_event_prints_back_as_it_came(one: Recorded) -> None:
    assert one.content_type is not None
    if one.name.startswith(("operator-events/", "agent-loss/operator-")):
        printed_alike(one.body, one.content_type, master_pb2.Event)
    else:
        printed_alike(one.body, one.content_type, scheduler_pb2.Event)


def play(name: str, content_type: ContentType) -> list[notices.Notice]:
    """What a driver tells of a whole recorded stream."""
    script = Script(subscribe=False)
    script.happens(core_events.MasterDetected("http://127.0.0.1:5050"))
    script.tick()
    for record in stream(name):
        for action in script.says(decode(record, content_type, scheduler_pb2.Event)):
            if isinstance(action, actions.SaveFrameworkId):
                script.happens(core_events.FrameworkIdSaved(action.framework_id))
    return told(script.done)


def test_recorded_stream_is_told_event_by_event() -> None:
    heard = play("scheduler-protobuf/stream.pbstream", ContentType.PROTOBUF)
    assert isinstance(heard[0], notices.Subscribed)
    assert heard[1] == notices.Heartbeat()
    assert isinstance(heard[2], notices.OffersReceived)
    states = [
        mesos_pb2.TaskState.Name(one.status.state)
        for one in heard
        if isinstance(one, notices.TaskUpdated) and one.status.task_id.value == "pb1"
    ]
    assert [one for one in states if one != "TASK_FINISHED"][:2] == [
        "TASK_STARTING",
        "TASK_RUNNING",
    ]
    assert "TASK_FINISHED" in states


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("failover/old-stream.jsonstream", "Framework failed over"),
        ("failover/after-failover-timeout.jsonstream", "Framework has been removed"),
        ("scheduler-http/subscribe-bad-id.jsonstream", "'a/b' contains invalid characters"),
    ],
)
def test_recorded_refusal_is_told_as_the_end(name: str, message: str) -> None:
    assert play(name, ContentType.JSON)[-1] == notices.ErrorReported(message)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("operator-events/operator-subscribe.jsonstream", ContentType.JSON),
        ("agent-loss/operator-events.jsonstream", ContentType.JSON),
        ("operator-events/operator-subscribe-protobuf.pbstream", ContentType.PROTOBUF),
    ],
)
def test_recorded_operator_events_print_back_as_they_came(
    name: str, content_type: ContentType
) -> None:
    records = stream(name)
    assert len(records) > 2
    for record in records:
        printed_alike(record, content_type, master_pb2.Event)
