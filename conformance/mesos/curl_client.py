"""A scheduler made of curl commands, as the documentation of the v1 API writes them down.

One curl holds the subscription, and each call is a curl of its own. The job is written once,
in the documents of the JSON encoding, and done twice: as they are, and as protobuf messages.
"""

from __future__ import annotations

import getpass
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from google.protobuf import json_format

from conformance.clients.compare import ClientUnavailable
from conformance.mesos.cluster import Cluster, Member, wait_until
from conformance.mesos.jobs import Client, check, main
from mesos_compat.wire.v1 import scheduler_pb2

_SCHEDULER = "/api/v1/scheduler"
_STREAM_ID = "mesos-stream-id"
#: No curl outlives this; a stream is never needed for as long.
_CURL_S_MAX = 90
_TASK_CPUS = 0.5
_AGENT_CPUS = 4.0
_AGENT_RESOURCES = f"cpus:{_AGENT_CPUS};mem:1024;disk:1024"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How calls and events are written."""

    media_type: str
    encode: Callable[[Document], bytes]
    decode: Callable[[bytes], Document]


def _encode_message(call: Document) -> bytes:
    return json_format.ParseDict(call, scheduler_pb2.Call()).SerializeToString()


def _decode_message(record: bytes) -> Document:
    event = scheduler_pb2.Event.FromString(record)
    return json_format.MessageToDict(event, preserving_proto_field_name=True)


JSON = Encoding("application/json", lambda call: json.dumps(call).encode(), json.loads)
PROTOBUF = Encoding("application/x-protobuf", _encode_message, _decode_message)


def _curl(*arguments: str, body: bytes | None = None) -> bytes:
    """What one curl prints; raises ``RuntimeError`` when it fails."""
    sent = () if body is None else ("--data-binary", "@-")
    command = ("curl", "--silent", "--show-error", "--max-time", str(_CURL_S_MAX))
    done = subprocess.run(
        (*command, *arguments, *sent), input=body, capture_output=True, check=False
    )
    check(done.returncode == 0, f"curl {' '.join(arguments)} succeeds", done.stderr.decode())
    return done.stdout


class Subscription:
    """A curl that holds the stream of events; a context manager that ends it."""

    def __init__(self, url: str, encoding: Encoding, framework: Document, directory: Path) -> None:
        self._url = url
        self._encoding = encoding
        self._headers = directory / "headers"
        self._headers.unlink(missing_ok=True)
        call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": framework}}
        if "id" in framework:
            call["framework_id"] = framework["id"]
        body = directory / "subscribe"
        body.write_bytes(encoding.encode(call))
        command = (
            *("curl", "--silent", "--no-buffer", "--max-time", str(_CURL_S_MAX)),
            *("--dump-header", str(self._headers), "--data-binary", f"@{body}"),
            *_content(encoding),
            *("--header", f"Accept: {encoding.media_type}", url),
        )
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        # Offers come when the master likes, so those that came before they were asked for are kept.
        self._offers: list[Document] = []
        self.framework_id: Document = self.wait_event("SUBSCRIBED")["framework_id"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the curl, as a scheduler that dies would."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def stream_id(self) -> str:
        """What the answer's head says that calls must bring along."""
        for line in self._headers.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.lower() == _STREAM_ID:
                return value.strip()
        raise RuntimeError("the answer to SUBSCRIBE has no stream id")

    def events(self) -> Iterator[Document]:
        """Each event as it comes, until the stream ends."""
        source = self._process.stdout
        while source is not None and (line := source.readline()):
            record = source.read(int(line))
            check(len(record) == int(line), "a record is as long as it says", line, record)
            event = self._encoding.decode(record)
            self._keep_offers(event)
            yield event

    def _keep_offers(self, event: Document) -> None:
        if event["type"] == "OFFERS":
            offers = event["offers"]["offers"]
            check(len(offers) == 1, "one agent, one offer", offers)
            self._offers += offers
        if event["type"] == "RESCIND":
            gone = event["rescind"]["offer_id"]
            self._offers = [offer for offer in self._offers if offer["id"] != gone]

    def wait_event(self, kind: str) -> Document:
        """The body of the next event of this kind; raises ``RuntimeError`` without one."""
        seen = []
        for event in self.events():
            if event["type"] == kind:
                return dict(event.get(kind.lower(), {}))
            seen.append(event)
        raise RuntimeError(f"the stream ended without {kind}; it brought {seen}")

    def wait_offer(self) -> Document:
        """The oldest offer that was not asked for yet; raises ``RuntimeError`` without one."""
        if not self._offers:
            self.wait_event("OFFERS")
        return self._offers.pop(0)

    def wait_update(self, task: str, state: str, *, acknowledge: bool = True) -> Document:
        """The next update, which must be this one; it is acknowledged if it asks for that."""
        status = self.wait_event("UPDATE")["status"]
        found = (status["task_id"]["value"], status["state"])
        check(found == (task, state), f"{task} is {state}", status)
        if acknowledge and "uuid" in status:
            keys = ("agent_id", "task_id", "uuid")
            self.call("ACKNOWLEDGE", {key: status[key] for key in keys})
        return dict(status)

    def wait_closed(self) -> None:
        """Until the master closes the stream; offers may still come before."""
        for event in self.events():
            check(event["type"] in ("HEARTBEAT", "OFFERS"), "nothing more is told", event)
        check(self._process.wait() == 0, "the stream was ended as HTTP asks for")

    def call(self, kind: str, body: Mapping[str, Any] | None = None) -> None:
        """Make a call; it must be accepted."""
        call: Document = {"type": kind, "framework_id": self.framework_id}
        if body is not None:
            call[kind.lower()] = dict(body)
        status = _curl(
            *("--output", "-", "--write-out", "%{http_code}"),
            *_content(self._encoding),
            *("--header", f"Mesos-Stream-Id: {self.stream_id}", self._url),
            body=self._encoding.encode(call),
        )
        check(status == b"202", f"{kind} is accepted", status)


def _content(encoding: Encoding) -> tuple[str, str]:
    return ("--header", f"Content-Type: {encoding.media_type}")


def _scalar(name: str, value: float) -> Document:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": "*"}


def _launch(offer: Document, name: str, command: str) -> Document:
    resources = [_scalar("cpus", _TASK_CPUS), _scalar("mem", 32)]
    task = {
        "name": name,
        "task_id": {"value": name},
        "agent_id": offer["agent_id"],
        "command": {"shell": True, "value": command},
        "resources": resources,
    }
    return {
        "offer_ids": [offer["id"]],
        "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}],
        "filters": {"refuse_seconds": 0},
    }


def run(say: Callable[[str], None]) -> None:
    """Both jobs; raises ``RuntimeError`` when one cannot be done."""
    with Cluster(masters=2, agent_resources=_AGENT_RESOURCES) as cluster:
        _ask_plainly(cluster, say)
        for encoding in (JSON, PROTOBUF):
            _schedule(cluster, encoding, say)


def _ask_plainly(cluster: Cluster, say: Callable[[str], None]) -> None:
    leader = cluster.leader()
    follower = next(master for master in cluster.masters if master is not leader)
    version = json.loads(_curl(leader.url("/version")))["version"]
    redirected = ("--output", "-", "--write-out", "%{http_code} %{redirect_url}")
    answer = _curl(*redirected, *_content(JSON), follower.url(_SCHEDULER), body=b"{}").decode()
    check(
        answer == f"307 {leader.url('/master' + _SCHEDULER)}",
        "calls are sent on to the leader",
        answer,
    )
    answer = _curl("--location", follower.url("/state?x=1")).decode()
    check(json.loads(answer)["version"] == version, "and so are other requests", answer)
    say(f"a follower sends requests on to the leader, of version {version}")


def _schedule(cluster: Cluster, encoding: Encoding, say: Callable[[str], None]) -> None:
    leader, agent = cluster.leader(), cluster.agents[0]
    framework: Document = {
        "user": getpass.getuser(),
        "name": f"curl {encoding.media_type}",
        "failover_timeout": 60.0,
    }
    place = cluster.directory
    with Subscription(leader.url(_SCHEDULER), encoding, framework, place) as stream:
        framework["id"] = stream.framework_id
        _finish_a_task(stream, agent)
        _keep_offers_away(stream)
        stream.call("ACCEPT", _launch(stream.wait_offer(), "long", "exec sleep 1000"))
        stream.wait_update("long", "TASK_STARTING")
        stream.wait_update("long", "TASK_RUNNING", acknowledge=False)
    with Subscription(leader.url(_SCHEDULER), encoding, framework, place) as stream:
        check(stream.framework_id == framework["id"], "the framework's id stays its own")
        stream.call("RECONCILE", {"tasks": []})
        status = stream.wait_update("long", "TASK_RUNNING")
        check(status["reason"] == "REASON_RECONCILIATION", "it is known as running", status)
        stream.call("KILL", {"task_id": {"value": "long"}})
        # What was not acknowledged before comes again, and only then what followed.
        stream.wait_update("long", "TASK_RUNNING")
        stream.wait_update("long", "TASK_KILLED")
        stream.call("TEARDOWN")
        stream.wait_closed()
    name = str(framework["name"])
    tasks = cluster.wait_framework(name, completed=True)["completed_tasks"]
    states = {task["id"]: task["state"] for task in tasks}
    wanted = {"short": "TASK_FINISHED", "long": "TASK_KILLED"}
    check(states == wanted, "the tasks' ends are on record", states)
    say(f"{encoding.media_type}: subscribed twice, two tasks, nine kinds of calls")


def _finish_a_task(stream: Subscription, agent: Member) -> None:
    stream.call("ACCEPT", _launch(stream.wait_offer(), "short", "echo said by a task; pwd"))
    for state in ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"):
        stream.wait_update("short", state)
    runs = f"/frameworks/{stream.framework_id['value']}/executors/short/runs/latest"
    read = f"/files/read?path={runs}/stdout&offset=0"

    def has_said() -> bool:
        text = str(json.loads(_curl(agent.url(read)))["data"])
        return "said by a task\n" in text

    wait_until("the task's output can be read from its agent", has_said, agent.log_tail)


def _keep_offers_away(stream: Subscription) -> None:
    """Decline all that the agent has, in as many offers as it comes in; then ask for it again."""
    cpus = 0.0
    while cpus < _AGENT_CPUS:
        offer = stream.wait_offer()
        cpus += sum(one["scalar"]["value"] for one in offer["resources"] if one["name"] == "cpus")
        stream.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 3600}})
    stream.call("SUPPRESS")
    stream.call("REVIVE")


def prepare() -> None:
    """Whether curl is here."""
    if shutil.which("curl") is None:
        raise ClientUnavailable("curl not found: apt-get install curl")


CLIENT = Client("curl", prepare, run)

if __name__ == "__main__":
    main(CLIENT)
