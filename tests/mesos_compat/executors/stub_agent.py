"""A small agent for executor programs: real HTTP, and no idea of its own."""

from __future__ import annotations

import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue

from mesos_compat.wire import recordio
from mesos_compat.wire.v1 import agent_pb2, executor_pb2, mesos_pb2

Event = executor_pb2.Event
Call = executor_pb2.Call

FRAMEWORK_ID = "framework-1"
EXECUTOR_ID = "executor-1"
CONTAINER_ID = "c0ffee00-0000-4000-8000-000000000001"
# Far longer than anything takes; a test that waits for so long has failed.
PATIENCE_S = 30.0

# The end of a stream.
_END = b""


class Subscription:
    """One stream to an executor."""

    def __init__(self, call: executor_pb2.Call) -> None:
        self.call = call
        self.outbox: SimpleQueue[bytes] = SimpleQueue()

    def send(self, event: executor_pb2.Event) -> None:
        self.outbox.put(recordio.encode(event.SerializeToString()))

    def close(self) -> None:
        self.outbox.put(_END)

    def subscribed(self, *capabilities: mesos_pb2.FrameworkInfo.Capability.Type) -> None:
        event = Event(type=Event.SUBSCRIBED)
        subscribed = event.subscribed
        subscribed.executor_info.executor_id.value = EXECUTOR_ID
        subscribed.framework_info.user = "nobody"
        subscribed.framework_info.name = "test"
        for capability in capabilities:
            subscribed.framework_info.capabilities.add(type=capability)
        subscribed.agent_info.hostname = "localhost"
        subscribed.container_id.value = CONTAINER_ID
        self.send(event)

    def launch(self, task: mesos_pb2.TaskInfo) -> None:
        self.send(Event(type=Event.LAUNCH, launch=Event.Launch(task=task)))

    def kill(self, task_id: str) -> None:
        kill = Event.Kill(task_id=mesos_pb2.TaskID(value=task_id))
        self.send(Event(type=Event.KILL, kill=kill))

    def acknowledge(self, status: mesos_pb2.TaskStatus) -> None:
        told = Event.Acknowledged(task_id=status.task_id, uuid=status.uuid)
        self.send(Event(type=Event.ACKNOWLEDGED, acknowledged=told))


class StubAgent:
    """Serves ``/api/v1/executor`` and ``/api/v1`` on a port of 127.0.0.1."""

    def __init__(self) -> None:
        self.subscriptions: SimpleQueue[Subscription] = SimpleQueue()
        self.statuses: SimpleQueue[mesos_pb2.TaskStatus] = SimpleQueue()
        self.headers: list[dict[str, str]] = []
        self.operator = OperatorStub()
        # What calls and subscriptions are answered; anything but this refuses them.
        self.call_status = 202
        self.subscribe_status = 200
        # Whether connections are closed behind each answer, which does not say so.
        self.drops_connections = False
        agent = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                agent.headers.append({name.lower(): v for name, v in self.headers.items()})
                if self.path == "/api/v1/executor":
                    agent._serve(self, Call.FromString(body))
                else:
                    agent.operator.serve(self, agent_pb2.Call.FromString(body))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> StubAgent:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What an agent tells an executor."""
        host, port = self._server.server_address[:2]
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "MESOS_AGENT_ENDPOINT": f"{host!s}:{port}",
            "MESOS_FRAMEWORK_ID": FRAMEWORK_ID,
            "MESOS_EXECUTOR_ID": EXECUTOR_ID,
            "MESOS_EXECUTOR_AUTHENTICATION_TOKEN": "secret.token",
            "MESOS_CHECKPOINT": "1",
            "MESOS_SUBSCRIPTION_BACKOFF_MAX": "0ns",
        }

    def subscription(self) -> Subscription:
        return self.subscriptions.get(timeout=PATIENCE_S)

    def status(self) -> mesos_pb2.TaskStatus:
        return self.statuses.get(timeout=PATIENCE_S)

    def _serve(self, handler: BaseHTTPRequestHandler, call: executor_pb2.Call) -> None:
        if call.type != Call.SUBSCRIBE:
            if call.type == Call.UPDATE:
                self.statuses.put(call.update.status)
            answer(handler, self.call_status, b"refused" if self.call_status != 202 else b"")
            handler.close_connection = self.drops_connections
            return
        if self.subscribe_status != 200:
            answer(handler, self.subscribe_status, b"refused")
            return
        subscription = Subscription(call)
        begin_stream(handler)
        self.subscriptions.put(subscription)
        while record := subscription.outbox.get():
            write_chunk(handler, record)
        end_stream(handler)


class OperatorStub:
    """Nested containers that end when the test says so."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[agent_pb2.Call] = SimpleQueue()
        # What WAIT_ calls are answered, by the text of the id.
        self._ends: dict[str, SimpleQueue[agent_pb2.Response]] = {}
        # What sessions say, and their exit statuses.
        self.session_output = b"checked\n"
        self.session_status = 0
        # Whether sessions last until somebody hangs up.
        self.session_lasts = False
        # What launches are answered.
        self.launch_status = 200
        self._lock = threading.Lock()

    def end(self, container_id: str, wait_status: int) -> None:
        """A container ends."""
        response = agent_pb2.Response(type=agent_pb2.Response.WAIT_CONTAINER)
        response.wait_container.exit_status = wait_status
        self._end_of(container_id).put(response)

    def call(self) -> agent_pb2.Call:
        return self.calls.get(timeout=PATIENCE_S)

    def _end_of(self, container_id: str) -> SimpleQueue[agent_pb2.Response]:
        with self._lock:
            return self._ends.setdefault(container_id, SimpleQueue())

    def serve(self, handler: BaseHTTPRequestHandler, call: agent_pb2.Call) -> None:
        kinds = agent_pb2.Call
        self.calls.put(call)
        if call.type == kinds.WAIT_CONTAINER:
            end = self._end_of(call.wait_container.container_id.value)
            answer(handler, 200, end.get(timeout=PATIENCE_S).SerializeToString())
        elif call.type == kinds.LAUNCH_NESTED_CONTAINER_SESSION:
            begin_stream(handler)
            output = agent_pb2.ProcessIO(type=agent_pb2.ProcessIO.DATA)
            output.data.type = agent_pb2.ProcessIO.Data.STDOUT
            output.data.data = self.session_output
            write_chunk(handler, recordio.encode(output.SerializeToString()))
            if self.session_lasts:
                handler.rfile.read(1)
                handler.close_connection = True
            else:
                end_stream(handler)
            session = call.launch_nested_container_session.container_id.value
            self.end(session, self.session_status)
        elif call.type == kinds.LAUNCH_CONTAINER and self.launch_status != 200:
            answer(handler, self.launch_status, b"refused")
        else:
            answer(handler, 200)


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"") -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def begin_stream(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/x-protobuf")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()


def write_chunk(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
    handler.wfile.flush()


def end_stream(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"0\r\n\r\n")
    handler.wfile.flush()


def new_task(task_id: str, command: str, *, shell: bool = True) -> mesos_pb2.TaskInfo:
    task = mesos_pb2.TaskInfo(name=task_id)
    task.task_id.value = task_id
    task.agent_id.value = f"{uuid.uuid4()}-S0"
    task.command.value = command
    task.command.shell = shell
    resource = task.resources.add(name="cpus", type=mesos_pb2.Value.SCALAR)
    resource.scalar.value = 0.1
    resource.allocation_info.role = "prod"
    return task
