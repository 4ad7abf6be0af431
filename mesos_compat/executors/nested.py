"""The agent's operator API, as a default executor uses it: nested containers and sessions.

Each call has a connection and a thread of its own: a launch takes as long as its URIs, a wait
as long as its container.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from typing import Final

from google.protobuf.message import DecodeError as ProtobufDecodeError

from mesos_compat.errors import DecodeError
from mesos_compat.executors.actions import (
    CommandProbe,
    LaunchNested,
    RunCheck,
    SignalNested,
    WaitNested,
)
from mesos_compat.executors.checks import CheckFailedError
from mesos_compat.executors.connection import Connection
from mesos_compat.executors.events import (
    Checked,
    ContainerEnded,
    ContainerLaunchAnswered,
    ContainerWaitFailed,
    Event,
)
from mesos_compat.executors.settings import AgentAddress
from mesos_compat.wire.v1 import agent_pb2, mesos_pb2

PATH: Final = "/api/v1"
_PROTOBUF: Final = "application/x-protobuf"
_HEADERS: Final = {"Content-Type": _PROTOBUF, "Accept": _PROTOBUF}
_SESSION_HEADERS: Final = {
    "Content-Type": _PROTOBUF,
    "Accept": "application/recordio",
    "Message-Accept": _PROTOBUF,
}
_MS_PER_SECOND: Final = 1_000
_OK: Final = 200
_SIGNAL_MASK: Final = 0x7F
_EXIT_CODE_SHIFT: Final = 8

_Call = agent_pb2.Call
_Failures = (OSError, DecodeError, ProtobufDecodeError)


class NestedContainers:
    """See the module. What comes of the calls is said by ``put``."""

    def __init__(self, address: AgentAddress, put: Callable[[Event], None]) -> None:
        self._address = address
        self._put = put

    def launch(self, action: LaunchNested) -> None:
        """Launch a container."""
        call = _Call(type=_Call.LAUNCH_CONTAINER)
        launch = call.launch_container
        launch.container_id.CopyFrom(action.container_id)
        launch.command.CopyFrom(action.command)
        if action.container is not None:
            launch.container.CopyFrom(action.container)
        launch.resources.extend(action.resources)
        for name, limit in action.limits.items():
            launch.limits[name].value = limit
        value = action.container_id.value

        def run() -> Event:
            try:
                status, body = self._ask(call)
            except _Failures as error:
                return ContainerLaunchAnswered(value, None, str(error))
            return ContainerLaunchAnswered(value, status, body.decode("utf-8", "replace"))

        self._start(run, f"launch-{value}")

    def wait(self, action: WaitNested) -> None:
        """Wait for a container's end."""
        value = action.container_id.value

        def run() -> Event:
            try:
                status, body = self._ask(_wait_call(action.container_id))
                if status != _OK:
                    return ContainerWaitFailed(value, status, body.decode("utf-8", "replace"))
                return _ended(value, agent_pb2.Response.FromString(body))
            except _Failures as error:
                return ContainerWaitFailed(value, None, str(error))

        self._start(run, f"wait-{value}")

    def signal(self, action: SignalNested) -> None:
        """Signal a container; one that is gone needs none."""
        call = _Call(type=_Call.KILL_CONTAINER)
        call.kill_container.container_id.CopyFrom(action.container_id)
        call.kill_container.signal = action.number

        def run() -> None:
            try:
                self._ask(call)
            except _Failures:
                pass  # It is signalled again, for good, when its grace is over.

        self._start(run, f"signal-{action.container_id.value}")

    def check(self, action: RunCheck, probe: CommandProbe) -> None:
        """Run the command of a check in a task's container."""

        def run() -> Event:
            try:
                value = self._run_session(probe, action.timeout_ms)
            except (CheckFailedError, *_Failures) as error:
                return Checked(action.check, None, str(error) or type(error).__name__)
            return Checked(action.check, value)

        self._start(run, f"{action.check.kind.value} {action.check.run}")

    def _start(self, run: Callable[[], Event | None], name: str) -> None:
        def tell() -> None:
            event = run()
            if event is not None:
                self._put(event)

        threading.Thread(target=tell, name=name, daemon=True).start()

    def _ask(self, call: agent_pb2.Call) -> tuple[int, bytes]:
        connection = Connection(self._address)
        try:
            head = connection.post(PATH, call.SerializeToString(), _HEADERS)
            return head.status, connection.read(head)
        finally:
            connection.close()

    def _run_session(self, probe: CommandProbe, timeout_ms: int | None) -> int:
        """The exit code of a command in a debug container. Raises CheckFailedError."""
        value = uuid.UUID(bytes=os.urandom(16), version=4)
        container_id = mesos_pb2.ContainerID(value=f"check-{value}", parent=probe.container_id)
        connection = Connection(self._address)
        timed_out = threading.Event()

        def stop() -> None:
            # A session ends with its connection.
            timed_out.set()
            connection.interrupt()

        timer = None
        if timeout_ms is not None:
            timer = threading.Timer(timeout_ms / _MS_PER_SECOND, stop)
            timer.daemon = True
            timer.start()
        try:
            self._read_session(connection, container_id, probe)
        except _Failures as error:
            if timed_out.is_set():
                raise CheckFailedError(f"Command timed out after {timeout_ms} ms") from error
            raise
        finally:
            if timer is not None:
                timer.cancel()
            connection.close()
            status = self._bury(container_id)
        if timed_out.is_set():
            raise CheckFailedError(f"Command timed out after {timeout_ms} ms")
        if status is None or status & _SIGNAL_MASK:
            raise CheckFailedError("Nobody knows how the command has ended")
        return status >> _EXIT_CODE_SHIFT

    @staticmethod
    def _read_session(
        connection: Connection, container_id: mesos_pb2.ContainerID, probe: CommandProbe
    ) -> None:
        call = _Call(type=_Call.LAUNCH_NESTED_CONTAINER_SESSION)
        session = call.launch_nested_container_session
        session.container_id.CopyFrom(container_id)
        session.command.CopyFrom(probe.command)
        head = connection.post(PATH, call.SerializeToString(), _SESSION_HEADERS)
        if head.status != _OK:
            text = connection.read(head).decode("utf-8", "replace")
            raise CheckFailedError(f"Failed to launch the command's container: {text}")
        for _ in connection.body(head):
            pass  # What a check prints is for nobody.

    def _bury(self, container_id: mesos_pb2.ContainerID) -> int | None:
        """Wait for the end of a check's container, and remove it; its wait status."""
        try:
            status, body = self._ask(_wait_call(container_id))
            if status != _OK:
                return None
            remove = _Call(type=_Call.REMOVE_CONTAINER)
            remove.remove_container.container_id.CopyFrom(container_id)
            self._ask(remove)
            ended = agent_pb2.Response.FromString(body).wait_container
        except _Failures:
            return None
        return ended.exit_status if ended.HasField("exit_status") else None


def _wait_call(container_id: mesos_pb2.ContainerID) -> agent_pb2.Call:
    call = _Call(type=_Call.WAIT_CONTAINER)
    call.wait_container.container_id.CopyFrom(container_id)
    return call


def _ended(value: str, response: agent_pb2.Response) -> ContainerEnded:
    ended = response.wait_container
    return ContainerEnded(
        value,
        ended.exit_status if ended.HasField("exit_status") else None,
        reason=ended.reason if ended.HasField("reason") else None,
        message=ended.message,
        limitation=ended.limitation if ended.HasField("limitation") else None,
    )
