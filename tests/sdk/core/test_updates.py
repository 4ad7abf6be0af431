"""Updates: told once, acknowledged once, in their order."""

from __future__ import annotations

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesozoic.core import actions, calls, notices
from mesozoic.core.settings import SchedulerSettings
from mesozoic.core.updates import ACKNOWLEDGED_MAX, Seen, Updates
from tests.sdk.core.scripted import MasterEvent, Script, offer, sent, settled, status, task, told

UUID = b"\1" * 16
MANUAL = SchedulerSettings(acknowledges=False)


def test_update_is_acknowledged_when_its_handler_has_returned() -> None:
    script = Script()
    done = script.updates(status("t", uuid=UUID))
    assert sent(done) == []
    (call,) = sent(script.handled(done))
    assert (call.type, call.acknowledge.uuid) == (Call.ACKNOWLEDGE, UUID)
    assert call.acknowledge.task_id.value == "t"
    assert call.acknowledge.agent_id.value == "a1"


def test_update_without_uuid_is_never_acknowledged() -> None:
    script = Script()
    done = script.updates(status("t"), status("t"))
    assert len(told(done)) == 2
    assert sent(script.handled(done)) == []


def test_copy_of_an_update_that_is_being_handled_means_nothing() -> None:
    script = Script()
    done = script.updates(status("t", uuid=UUID))
    assert script.updates(status("t", uuid=UUID)) == []
    assert len(sent(script.handled(done))) == 1


def test_copy_of_an_acknowledged_update_is_acknowledged_and_not_told() -> None:
    script = Script()
    script.handled(script.updates(status("t", uuid=UUID)))
    done = script.updates(status("t", uuid=UUID))
    assert told(done) == []
    assert len(sent(done, Call.ACKNOWLEDGE)) == 1


def test_update_handled_without_subscription_is_acknowledged_when_it_comes_again() -> None:
    script = Script()
    done = script.updates(status("t", uuid=UUID))
    script.lost()
    assert sent(script.handled(done)) == []
    script.tick()
    script.subscribed()
    done = script.updates(status("t", uuid=UUID))
    assert told(done) == []
    assert len(sent(done, Call.ACKNOWLEDGE)) == 1


def test_manual_driver_acknowledges_what_the_author_does_and_once() -> None:
    script = Script(settings=MANUAL)
    update = status("t", uuid=UUID)
    assert sent(script.handled(script.updates(update))) == []
    assert len(sent(script.calls(calls.acknowledge(update)), Call.ACKNOWLEDGE)) == 1
    assert script.calls(calls.acknowledge(update)) == [actions.Settle(2)]


def test_acknowledging_without_subscription_succeeds_later() -> None:
    script = Script(settings=MANUAL)
    update = status("t", uuid=UUID)
    script.updates(update)
    script.lost()
    assert settled(script.calls(calls.acknowledge(update))) == [actions.Settle(1)]
    script.tick()
    script.subscribed()
    assert len(sent(script.updates(update), Call.ACKNOWLEDGE)) == 1


def test_operation_updates_are_acknowledged_likewise() -> None:
    script = Script()
    event = MasterEvent(type=MasterEvent.UPDATE_OPERATION_STATUS)
    event.update_operation_status.status.operation_id.value = "op"
    event.update_operation_status.status.state = mesos_pb2.OPERATION_FINISHED
    event.update_operation_status.status.uuid.value = UUID
    event.update_operation_status.status.agent_id.value = "a1"
    done = script.says(event)
    assert told(done) == [notices.OperationUpdated(event.update_operation_status.status)]
    (call,) = sent(script.handled(done))
    assert call.type == Call.ACKNOWLEDGE_OPERATION_STATUS
    assert call.acknowledge_operation_status.uuid == UUID
    assert call.acknowledge_operation_status.agent_id.value == "a1"
    assert not call.acknowledge_operation_status.HasField("resource_provider_id")


def test_tasks_are_known_from_launch_to_end() -> None:
    script = Script(tasks=[("old", "a7"), ("older", None)])
    assert dict(script.core.tasks) == {"old": "a7", "older": None}
    script.offers(offer(1))
    group = calls.launch_group_operation(mesos_pb2.ExecutorInfo(), [task("g", "a2")])
    script.calls(calls.accept(["O1"], [calls.launch_operation([task("t")]), group]))
    assert dict(script.core.tasks) == {"old": "a7", "older": None, "t": "a1", "g": "a2"}
    script.updates(status("t"), status("older", agent="a9"))
    script.updates(status("g", mesos_pb2.TASK_FINISHED), status("old", mesos_pb2.TASK_LOST))
    assert dict(script.core.tasks) == {"older": "a9", "t": "a1"}
    script.updates(status("t", mesos_pb2.TASK_UNREACHABLE))
    assert "t" in script.core.tasks


def test_only_so_many_acknowledged_updates_are_remembered() -> None:
    updates = Updates()
    uuids = [number.to_bytes(16, "big") for number in range(1, ACKNOWLEDGED_MAX + 2)]
    for uuid in uuids:
        assert updates.acknowledge(uuid)
    assert updates.seen(uuids[0]) is Seen.NEW
    assert updates.seen(uuids[1]) is Seen.ACKNOWLEDGED
