"""What Apache Mesos 1.11.0 sent and was sent, from ``tests/mesos_compat/golden``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from google.protobuf.message import Message

from mesos_compat.wire.json_dialect import JsonValue
from mesos_compat.wire.v1 import agent_pb2, executor_pb2, master_pb2, scheduler_pb2

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


class Http(NamedTuple):
    """One raw request or response."""

    first_line: str
    headers: dict[str, str]
    body: bytes


def http(path: Path) -> Http:
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    first_line, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Http(first_line, headers, body)


def exchanges() -> dict[str, tuple[Http, Http]]:
    """Requests and their responses, by "section/case"."""
    return {
        name_of(path.with_suffix("")): (http(path.with_suffix(".req")), http(path))
        for path in sorted(GOLDEN.rglob("*.res"))
        if path.with_suffix(".req").exists()
    }


def events() -> list[Path]:
    return sorted(GOLDEN.rglob("*.event.json"))


def name_of(path: Path) -> str:
    return path.relative_to(GOLDEN).as_posix()


def event_class(path: Path) -> type[Message]:
    """Whose stream a recorded event is of: an operator's, or else a scheduler's."""
    is_operators = path.parent.name == "operator-events" or path.name.startswith("operator-")
    return master_pb2.Event if is_operators else scheduler_pb2.Event


def is_agents(request: Http) -> bool:
    """Whether the agents, on 5051 and 5052, were asked, and not the master."""
    return request.headers["Host"].endswith(("5051", "5052"))


def response_class(request: Http) -> type[Message]:
    return agent_pb2.Response if is_agents(request) else master_pb2.Response


def call_class(request: Http) -> type[Message]:
    path = request.first_line.split()[1]
    if path.endswith("/scheduler"):
        return scheduler_pb2.Call
    if path.endswith("/executor"):
        return executor_pb2.Call
    return agent_pb2.Call if is_agents(request) else master_pb2.Call


def as_ours(value: JsonValue) -> JsonValue:
    """A recorded value without what Mesos itself does differently from its v1 ``.proto`` files.

    An agent's ``checkpoint`` is a field of the older API; maps come in the order of their
    hashes; and a capability that was newer than the v1 API has no type.
    """
    if isinstance(value, list):
        return [as_ours(element) for element in value]
    if not isinstance(value, dict):
        return value
    ours = {name: as_ours(member) for name, member in value.items()}
    for name in ("guarantees", "limits"):
        entries = ours.get(name)
        if isinstance(entries, dict):
            ours[name] = dict(sorted(entries.items()))
    agent = ours.get("agent_info")
    if isinstance(agent, dict):
        agent.pop("checkpoint", None)
    return ours
