"""The Java driver, towards a master of which every word is in the test."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from tests.sdk.bridges.spark.conftest import NewDriver, Probe
from tests.sdk.bridges.spark.scripted_master import (
    FRAMEWORK_ID,
    Event,
    Said,
    ScriptedMaster,
    Stream,
)

pytestmark = pytest.mark.real

REFUSED = "http://127.0.0.1:1"


@pytest.fixture
def master() -> Iterator[ScriptedMaster]:
    with ScriptedMaster() as running:
        yield running


def registered(driver: Probe, master: ScriptedMaster) -> Stream:
    master.asked("SUBSCRIBE")
    assert driver.next() == f"registered {FRAMEWORK_ID} {master.name}"
    return master.next_stream()


def offers(*names: str) -> scheduler_pb2.Event:
    event = Event(type=Event.OFFERS)
    for name in names:
        offer = event.offers.offers.add(hostname="h")
        offer.id.value = name
        offer.framework_id.value = FRAMEWORK_ID
        offer.agent_id.value = "a"
    return event


def update(task: str, *, uuid: bytes = b"", message: str = "") -> scheduler_pb2.Event:
    event = Event(type=Event.UPDATE)
    status = event.update.status
    status.task_id.value = task
    status.agent_id.value = "a"
    status.state = mesos_pb2.TASK_RUNNING
    status.message = message
    if uuid:
        status.uuid = uuid
    return event


def test_driver_subscribes_in_protobuf_as_the_user_and_host_it_runs_as(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    asked = master.asked("SUBSCRIBE")
    info = asked.call.subscribe.framework_info
    assert info.name == "probe"
    assert info.user
    assert not info.HasField("id")
    assert not asked.call.HasField("framework_id")
    assert asked.headers["content-type"] == asked.headers["accept"] == "application/x-protobuf"
    assert "mesos-stream-id" not in asked.headers
    assert "authorization" not in asked.headers
    assert driver.next() == f"registered {FRAMEWORK_ID} {master.name}"


def test_every_event_is_a_callback_in_order(new_driver: NewDriver, master: ScriptedMaster) -> None:
    driver = new_driver(master.address)
    stream = registered(driver, master)
    stream.send(offers("o1", "o2"))
    rescind = Event(type=Event.RESCIND)
    rescind.rescind.offer_id.value = "o1"
    stream.send(rescind)
    stream.send(Event(type=Event.HEARTBEAT))
    message = Event(type=Event.MESSAGE)
    message.message.agent_id.value = "a"
    message.message.executor_id.value = "e"
    message.message.data = b"hello"
    stream.send(message)
    failure = Event(type=Event.FAILURE)
    failure.failure.agent_id.value = "a"
    stream.send(failure)
    failure.failure.executor_id.value = "e"
    failure.failure.status = 9
    stream.send(failure)
    assert [driver.next() for _ in range(5)] == [
        "offers o1 o2",
        "rescinded o1",
        "message e a hello",
        "agentLost a",
        "executorLost e a 9",
    ]


def test_every_method_is_a_call_and_they_leave_in_order(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    registered(driver, master)
    for line in (
        "launch o1 a t1 t2",
        "launch o2 a",
        "accept o3 a t3",
        "decline o4 7",
        "kill t1",
        "revive",
        "suppress",
        "reconcile t2",
        "request",
        "message e a hello",
    ):
        driver.tell(line)
    launch = master.asked("ACCEPT")
    assert launch.headers["mesos-stream-id"] == "stream-1"
    assert launch.call.framework_id.value == FRAMEWORK_ID
    accept = launch.call.accept
    assert [one.value for one in accept.offer_ids] == ["o1"]
    assert accept.filters.refuse_seconds == 5.0
    (operation,) = accept.operations
    assert operation.type == mesos_pb2.Offer.Operation.LAUNCH
    assert [one.task_id.value for one in operation.launch.task_infos] == ["t1", "t2"]
    assert master.asked("DECLINE").call.decline.offer_ids[0].value == "o2"
    assert master.asked("ACCEPT").call.accept.offer_ids[0].value == "o3"
    declined = master.asked("DECLINE").call.decline
    assert (declined.offer_ids[0].value, declined.filters.refuse_seconds) == ("o4", 7.0)
    assert master.asked("KILL").call.kill.task_id.value == "t1"
    master.asked("REVIVE")
    master.asked("SUPPRESS")
    assert master.asked("RECONCILE").call.reconcile.tasks[0].task_id.value == "t2"
    assert master.asked("REQUEST").call.request.requests[0].resources[0].scalar.value == 2.0
    message = master.asked("MESSAGE").call.message
    assert (message.executor_id.value, message.agent_id.value) == ("e", "a")
    assert message.data == b"hello"


def test_update_is_acknowledged_after_its_callback_and_only_if_it_has_a_uuid(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    stream = registered(driver, master)
    stream.send(update("t1"))
    stream.send(update("t2", uuid=b"0123456789abcdef"))
    assert driver.next().startswith("update t1 TASK_RUNNING a")
    assert driver.next().startswith("update t2 TASK_RUNNING a")
    acknowledged = master.asked("ACKNOWLEDGE").call.acknowledge
    assert acknowledged.task_id.value == "t2"
    assert acknowledged.agent_id.value == "a"
    assert acknowledged.uuid == b"0123456789abcdef"
    driver.tell("acknowledge")
    assert driver.next() == "refused this driver acknowledges implicitly"


def test_explicit_acknowledgements_are_left_to_the_scheduler(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address, "explicit")
    stream = registered(driver, master)
    stream.send(update("t1", uuid=b"0123456789abcdef"))
    driver.wait("update t1")
    driver.tell("revive")
    master.asked("REVIVE")
    driver.tell("acknowledge")
    assert master.asked("ACKNOWLEDGE").call.acknowledge.task_id.value == "t1"


def test_lost_stream_is_told_and_made_anew_with_the_same_id(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    registered(driver, master).break_off()
    assert driver.next() == "disconnected"
    again = master.asked("SUBSCRIBE").call
    assert again.framework_id.value == again.subscribe.framework_info.id.value == FRAMEWORK_ID
    assert driver.next() == f"reregistered {master.name}"
    driver.tell("revive")
    assert master.asked("REVIVE").headers["mesos-stream-id"] == "stream-2"


def test_silence_of_five_heartbeats_ends_the_stream(new_driver: NewDriver) -> None:
    with ScriptedMaster(heartbeat_s=0.01) as master:
        driver = new_driver(master.address)
        registered(driver, master)
        assert driver.next() == "disconnected"
        master.asked("SUBSCRIBE")


def test_error_is_told_and_aborts(new_driver: NewDriver, master: ScriptedMaster) -> None:
    driver = new_driver(master.address)
    stream = registered(driver, master)
    error = Event(type=Event.ERROR)
    error.error.message = "Framework has been removed"
    stream.send(error)
    stream.send(offers("late"))
    lines = {driver.next() for _ in range(2)}
    assert lines == {"error Framework has been removed", "ended DRIVER_ABORTED"}
    driver.tell("stop")
    assert driver.next() == "stopped DRIVER_ABORTED"


def test_stop_tears_the_framework_down_behind_all_other_calls(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    registered(driver, master)
    driver.tell("kill t1")
    driver.tell("stop")
    master.asked("KILL")
    assert master.asked("TEARDOWN").headers["mesos-stream-id"] == "stream-1"
    assert {driver.next() for _ in range(2)} == {"stopped DRIVER_STOPPED", "ended DRIVER_STOPPED"}
    driver.tell("start")
    assert driver.next() == "status DRIVER_STOPPED"


def test_stop_for_a_failover_sends_what_waits_and_no_more(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    registered(driver, master)
    driver.tell("kill t1")
    driver.tell("stop failover")
    master.asked("KILL")
    assert {driver.next() for _ in range(2)} == {"stopped DRIVER_STOPPED", "ended DRIVER_STOPPED"}
    # The next thing that this master is asked comes from another driver.
    registered(new_driver(master.address), master)


def test_redirection_is_followed(new_driver: NewDriver, master: ScriptedMaster) -> None:
    with ScriptedMaster() as leader:
        location = f"//{leader.address}/master/api/v1/scheduler"
        master.to_subscribe.append(Said(HTTPStatus.TEMPORARY_REDIRECT, location=location))
        driver = new_driver(master.address)
        master.asked("SUBSCRIBE")
        registered(driver, leader)
        driver.tell("revive")
        leader.asked("REVIVE")


def test_master_that_does_not_lead_yet_is_asked_again(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    for status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.NOT_FOUND):
        master.to_subscribe.append(Said(status, "No leader elected"))
    driver = new_driver(master.address)
    master.asked("SUBSCRIBE")
    master.asked("SUBSCRIBE")
    registered(driver, master)
    master.to_calls.append(Said(HTTPStatus.SERVICE_UNAVAILABLE, "recovering"))
    driver.tell("launch o1 a t1")
    first, second = master.asked("ACCEPT"), master.asked("ACCEPT")
    assert first.call == second.call


def test_next_master_of_a_list_is_tried(new_driver: NewDriver, master: ScriptedMaster) -> None:
    registered(new_driver(f"{REFUSED},{master.address}"), master)


def test_launch_while_disconnected_is_lost(new_driver: NewDriver, master: ScriptedMaster) -> None:
    driver = new_driver(master.address)
    stream = registered(driver, master)
    master.to_subscribe.extend([Said(HTTPStatus.SERVICE_UNAVAILABLE)] * 50)
    stream.break_off()
    assert driver.next() == "disconnected"
    driver.tell("launch o1 a t1")
    lost = "update t1 TASK_LOST a REASON_MASTER_DISCONNECTED Master disconnected"
    assert driver.next() == lost
    master.to_subscribe.clear()
    assert driver.next() == f"reregistered {master.name}"


def test_launch_that_was_never_heard_of_is_asked_for_under_the_next_subscription(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    stream = registered(driver, master)
    driver.tell("launch o1 a t1 t2")
    master.asked("ACCEPT")
    stream.send(update("t1"))
    driver.wait("update t1")
    stream.break_off()
    master.asked("SUBSCRIBE")
    (task,) = master.asked("RECONCILE").call.reconcile.tasks
    assert (task.task_id.value, task.agent_id.value) == ("t2", "a")


def test_launch_whose_connection_breaks_is_asked_for_and_not_repeated(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    registered(driver, master)
    master.to_calls.append(Said(None))
    driver.tell("launch o1 a t1")
    master.asked("ACCEPT")
    master.asked("SUBSCRIBE")
    assert master.asked("RECONCILE").call.reconcile.tasks[0].task_id.value == "t1"


def test_other_call_whose_connection_breaks_is_repeated(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    registered(driver, master)
    master.to_calls.append(Said(None))
    driver.tell("kill t1")
    assert master.asked("KILL").call == master.asked("KILL").call


def test_refused_launch_is_lost_with_the_masters_words(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    registered(driver, master)
    master.to_calls.append(Said(HTTPStatus.FORBIDDEN, "Framework is not subscribed"))
    driver.tell("launch o1 a t1")
    lost = "update t1 TASK_LOST a REASON_MASTER_DISCONNECTED Framework is not subscribed"
    assert driver.next() == lost


def test_credential_is_sent_with_every_request(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address, "implicit", "me", "s3:cret")
    wanted = "Basic " + base64.b64encode(b"me:s3:cret").decode()
    assert master.asked("SUBSCRIBE").headers["authorization"] == wanted
    driver.wait("registered")
    driver.tell("revive")
    assert master.asked("REVIVE").headers["authorization"] == wanted


def test_refused_credential_is_an_error_that_aborts(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    master.to_subscribe.append(Said(HTTPStatus.UNAUTHORIZED, "401 Unauthorized."))
    driver = new_driver(master.address, "implicit", "me", "wrong")
    lines = {driver.next() for _ in range(2)}
    refused = f"error http://{master.address} has refused the framework: 401 Unauthorized."
    assert lines == {refused, "ended DRIVER_ABORTED"}


def test_callback_that_throws_aborts_and_its_update_is_not_acknowledged(
    new_driver: NewDriver, master: ScriptedMaster
) -> None:
    driver = new_driver(master.address)
    stream = registered(driver, master)
    stream.send(update("t1", uuid=b"0123456789abcdef", message="throw"))
    assert driver.next() == "ended DRIVER_ABORTED"
    registered(new_driver(master.address), master)


@pytest.mark.parametrize("address", ["zk://", "zk://me@host/mesos", "host/path", "file:///none"])
def test_what_is_no_address_is_an_error_at_the_start(new_driver: NewDriver, address: str) -> None:
    driver = new_driver(address)
    assert driver.next().startswith("error ")
    assert driver.next() == "ended DRIVER_ABORTED"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_master_with_a_certificate_of_a_named_authority_is_trusted(
    new_driver: NewDriver, tmp_path: Path
) -> None:
    line = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key"
    more = ("-addext", "subjectAltName=IP:127.0.0.1", "-out", "certificate")
    subprocess.run([*line.split(), *more], cwd=tmp_path, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    with ScriptedMaster(tls=tls) as master:
        # The address has no scheme: a named authority says https.
        new_driver.set("spark.mesozoic.tls.ca", str(tmp_path / "certificate"))
        driver = new_driver(master.address)
        registered(driver, master)
        driver.tell("revive")
        master.asked("REVIVE")
