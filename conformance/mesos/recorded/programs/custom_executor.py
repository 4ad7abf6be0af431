"""An executor on the v1 API that does what the recording's own one did.

A task whose data is ``finish`` ends at once, one whose data is ``exit`` ends the executor with
status 9 as soon as every task runs and all that was said is acknowledged, and any other runs
until it is killed. Each event is told on standard error and kept in the sandbox, below
``events``; messages come back with ``echo:`` before them.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_HOST = os.environ["MESOS_AGENT_ENDPOINT"]
_IDS: Json = {
    "framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
    "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]},
}
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
#: Tasks that end the executor, and how many of them it waits for.
_EXITING = 2


def say(text: str) -> None:
    """A line on standard error."""
    print(f"I oracle-executor {text}", file=sys.stderr, flush=True)


def post(call: Json) -> tuple[int, bytes]:
    """Make a call on a connection of its own."""
    connection = http.client.HTTPConnection(_HOST)
    connection.request("POST", "/api/v1/executor", json.dumps({**_IDS, **call}), _HEADERS)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def update(task_id: str, state: str, **more: Any) -> None:
    """Say how a task is."""
    status = {
        "task_id": {"value": task_id},
        "state": state,
        "source": "SOURCE_EXECUTOR",
        "executor_id": _IDS["executor_id"],
        "timestamp": time.time(),
        "uuid": base64.b64encode(uuid.uuid4().bytes).decode(),
        **more,
    }
    post({"type": "UPDATE", "update": {"status": status}})


class Executor:
    """What happens with each event."""

    def __init__(self) -> None:
        self._number = 0
        self._exiting = 0
        self._acknowledged = 0

    def take(self, event: Json) -> None:
        """Keep an event, and do what it asks for."""
        kind = event["type"]
        if kind == "HEARTBEAT":
            return
        self._number += 1
        events = Path("events")
        events.mkdir(exist_ok=True)
        name = f"{self._number:02d}-{kind.lower()}.json"
        (events / name).write_text(json.dumps(event))
        say(f"event {kind}")
        handler = getattr(self, kind.lower(), None)
        if handler is not None:
            handler(event)

    def launch(self, event: Json) -> None:
        """Say that a task runs, and perhaps that it is done."""
        task = event["launch"]["task"]
        task_id = task["task_id"]["value"]
        update(
            task_id,
            "TASK_RUNNING",
            data=base64.b64encode(b"status-data").decode(),
            healthy=True,
            labels={"labels": [{"key": "lk", "value": "lv"}]},
        )
        wanted = base64.b64decode(task.get("data", ""))
        if wanted == b"finish":
            update(task_id, "TASK_FINISHED", message="done")
        self._exiting += wanted == b"exit"

    def acknowledged(self, event: Json) -> None:
        """End when all is said, if that is what the tasks are for."""
        del event
        self._acknowledged += 1
        if self._exiting == self._acknowledged == _EXITING:
            os._exit(9)

    def message(self, event: Json) -> None:
        """Answer a framework."""
        data = base64.b64encode(b"echo:" + base64.b64decode(event["message"]["data"])).decode()
        status, body = post({"type": "MESSAGE", "message": {"data": data}})
        say(f"MESSAGE answered {status} {body!r}")

    def kill(self, event: Json) -> None:
        """Say that a task is killed."""
        task_id = event["kill"]["task_id"]["value"]
        update(task_id, "TASK_KILLED", message="killed by request")

    def shutdown(self, event: Json) -> None:
        """End."""
        del event
        sys.exit(0)


def main() -> None:
    """Subscribe, and take events until the agent ends the stream."""
    connection = http.client.HTTPConnection(_HOST)
    call = {**_IDS, "type": "SUBSCRIBE", "subscribe": {}}
    connection.request("POST", "/api/v1/executor", json.dumps(call), _HEADERS)
    stream = connection.getresponse()
    executor = Executor()
    while line := stream.readline():
        executor.take(json.loads(stream.read(int(line))))


if __name__ == "__main__":
    main()
