"""The threads that speak to the agent: one reads the stream, one makes the calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from google.protobuf.message import DecodeError as ProtobufDecodeError

from mesos_compat.errors import DecodeError
from mesos_compat.executors.connection import Connection
from mesos_compat.executors.events import CallFailed, Event, Received, StreamId, StreamLost
from mesos_compat.executors.settings import AgentAddress
from mesos_compat.wire.recordio import Decoder
from mesos_compat.wire.v1 import executor_pb2

PATH: Final = "/api/v1/executor"
PROTOBUF: Final = "application/x-protobuf"
_HEADERS: Final = {"Content-Type": PROTOBUF, "Accept": PROTOBUF}
_RECORD_BYTES_MAX: Final = 512 * 1024 * 1024
_ACCEPTED: Final = 202

Put = Callable[[Event], None]


class Stream:
    """One subscription, from the attempt to its end; says all that comes of it by ``put``."""

    def __init__(
        self, address: AgentAddress, stream: StreamId, subscribe: executor_pb2.Call, put: Put
    ) -> None:
        self._address = address
        self._stream = stream
        self._body = subscribe.SerializeToString()
        self._put = put
        self._connection: Connection | None = None
        self._is_closed = False
        threading.Thread(target=self._run, name=f"stream-{stream}", daemon=True).start()

    def close(self) -> None:
        """End it; what it still says is of no interest."""
        self._is_closed = True
        if self._connection is not None:
            self._connection.interrupt()

    def _run(self) -> None:
        try:
            lost = self._read()
        except (OSError, DecodeError, ProtobufDecodeError) as error:
            lost = StreamLost(self._stream, str(error) or type(error).__name__)
        finally:
            if self._connection is not None:
                self._connection.close()
        self._put(lost)

    def _read(self) -> StreamLost:
        connection = self._connection = Connection(self._address)
        if self._is_closed:
            return StreamLost(self._stream, "closed")
        head = connection.post(PATH, self._body, _HEADERS)
        if head.status != 200:
            text = connection.read(head).decode("utf-8", "replace")
            return StreamLost(self._stream, text or "refused", head.status)
        decoder = Decoder(_RECORD_BYTES_MAX)
        for piece in connection.body(head):
            for record in decoder.feed(piece):
                event = executor_pb2.Event.FromString(record)
                self._put(Received(self._stream, event))
        return StreamLost(self._stream, "the agent has closed the stream")


class Caller:
    """Makes calls in their order, over one connection while that lasts."""

    def __init__(self, address: AgentAddress, put: Put) -> None:
        self._address = address
        self._put = put
        self._calls: SimpleQueue[tuple[StreamId, executor_pb2.Call]] = SimpleQueue()
        self._connection: Connection | None = None
        self._thread: threading.Thread | None = None

    def send(self, stream: StreamId, call: executor_pb2.Call) -> None:
        """Make a call behind those before."""
        self._calls.put((stream, call))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="calls", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            stream, call = self._calls.get()
            failure = self._make(stream, call.SerializeToString())
            if failure is not None:
                self._put(failure)

    def _make(self, stream: StreamId, body: bytes) -> CallFailed | None:
        """Calls may be made twice: the agent knows updates by their uuid."""
        is_fresh = self._connection is None
        try:
            return self._post(stream, body)
        except (OSError, DecodeError) as error:
            self._drop()
            if is_fresh:
                return CallFailed(stream, str(error) or type(error).__name__)
        # The agent closes connections that are idle for long.
        try:
            return self._post(stream, body)
        except (OSError, DecodeError) as error:
            self._drop()
            return CallFailed(stream, str(error) or type(error).__name__)

    def _post(self, stream: StreamId, body: bytes) -> CallFailed | None:
        if self._connection is None:
            self._connection = Connection(self._address)
        head = self._connection.post(PATH, body, _HEADERS)
        text = self._connection.read(head).decode("utf-8", "replace")
        if head.fields.get("connection", "").lower() == "close":
            self._drop()
        if head.status == _ACCEPTED:
            return None
        return CallFailed(stream, text or "refused", head.status)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
