"""A master that answers what a test has told it to, and shows what it was asked."""

from __future__ import annotations

import contextlib
import queue
import ssl
import threading
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from mesos_compat.wire.v1 import scheduler_pb2

Call = scheduler_pb2.Call
Event = scheduler_pb2.Event

WAIT_S: Final = 20.0
FRAMEWORK_ID: Final = "framework-1"


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it came."""

    call: scheduler_pb2.Call
    # Names in lower case.
    headers: dict[str, str]

    @property
    def kind(self) -> str:
        """``SUBSCRIBE``, ``ACCEPT``, ..."""
        return Call.Type.Name(self.call.type)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer; without ``status`` the connection is closed instead."""

    status: int | None
    text: str = ""
    location: str = ""


@dataclass(slots=True)
class _Stream:
    """What is still to be written to one stream; None ends it."""

    records: queue.Queue[bytes | None] = field(default_factory=queue.Queue)


class ScriptedMaster:
    """Listens on a free port; every SUBSCRIBE is taken unless something else was said before."""

    def __init__(self, *, heartbeat_s: float = 15.0, tls: ssl.SSLContext | None = None) -> None:
        self.name = "master-1"
        self._heartbeat_s = heartbeat_s
        # Answers that were ordered, oldest first: to SUBSCRIBE and to all other calls.
        self.to_subscribe: deque[Said] = deque()
        self.to_calls: deque[Said] = deque()
        self._asked: queue.Queue[Asked] = queue.Queue()
        self._streams: queue.Queue[_Stream] = queue.Queue()
        self._count = 0
        master = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                master._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def address(self) -> str:
        """``host:port``"""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        while not self._streams.empty():
            self._streams.get().records.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        call = Call.FromString(body)
        self._asked.put(Asked(call, {name.lower(): text for name, text in request.headers.items()}))
        is_subscribe = call.type == Call.SUBSCRIBE
        ordered = self.to_subscribe if is_subscribe else self.to_calls
        if ordered:
            self._say(request, ordered.popleft())
        elif is_subscribe:
            self._stream(request)
        else:
            self._say(request, Said(HTTPStatus.ACCEPTED))

    def _say(self, request: BaseHTTPRequestHandler, said: Said) -> None:
        if said.status is None:
            request.close_connection = True
            return
        request.send_response(said.status)
        if said.location:
            request.send_header("Location", said.location)
        request.send_header("Content-Length", str(len(said.text)))
        request.end_headers()
        request.wfile.write(said.text.encode())

    def _stream(self, request: BaseHTTPRequestHandler) -> None:
        self._count += 1
        request.send_response(HTTPStatus.OK)
        request.send_header("Transfer-Encoding", "chunked")
        request.send_header("Content-Type", "application/x-protobuf")
        request.send_header("Mesos-Stream-Id", f"stream-{self._count}")
        request.end_headers()
        stream = _Stream()
        stream.records.put(self._subscribed().SerializeToString())
        self._streams.put(stream)
        with contextlib.suppress(OSError):
            while (record := stream.records.get()) is not None:
                data = b"%d\n%s" % (len(record), record)
                request.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                request.wfile.flush()
        request.close_connection = True

    def _subscribed(self) -> scheduler_pb2.Event:
        event = Event(type=Event.SUBSCRIBED)
        event.subscribed.framework_id.value = FRAMEWORK_ID
        event.subscribed.heartbeat_interval_seconds = self._heartbeat_s
        event.subscribed.master_info.id = self.name
        event.subscribed.master_info.ip = 0
        event.subscribed.master_info.port = 1
        return event

    def asked(self, kind: str) -> Asked:
        """The next call, which has to be of this kind."""
        found = self._asked.get(timeout=WAIT_S)
        assert found.kind == kind, found.call
        return found

    def next_stream(self) -> Stream:
        """The stream of the next subscription, for sending."""
        return Stream(self._streams.get(timeout=WAIT_S))


class Stream:
    """One subscription, from the master's side."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def send(self, event: scheduler_pb2.Event) -> None:
        """Send an event."""
        self._stream.records.put(event.SerializeToString())

    def break_off(self) -> None:
        """End the connection within the response, as a master does that is killed."""
        self._stream.records.put(None)
