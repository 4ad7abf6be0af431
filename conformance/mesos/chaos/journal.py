"""What a scheduler has written down: one JSON object to a line, synced before anybody is told."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

TERMINAL: Final = (
    "TASK_FINISHED",
    "TASK_FAILED",
    "TASK_KILLED",
    "TASK_ERROR",
    "TASK_LOST",
    "TASK_DROPPED",
    "TASK_GONE",
    "TASK_GONE_BY_OPERATOR",
)


@dataclass(slots=True)
class Known:
    """What a journal comes to."""

    framework_id: str = ""
    #: Tasks that may have been launched -> their last states; empty before the first.
    states: dict[str, str] = field(default_factory=dict)
    agents: dict[str, str] = field(default_factory=dict)
    #: When each subscription was made, on the clock of the wall.
    subscribed: list[float] = field(default_factory=list)
    #: The states of each task in the order in which they came.
    history: dict[str, list[str]] = field(default_factory=dict)

    @property
    def open(self) -> list[str]:
        """Tasks without a terminal state."""
        return [task for task, state in self.states.items() if state not in TERMINAL]


class Journal:
    """Appends to a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def write(self, **record: Any) -> None:
        """Write a record; it is on the disk afterwards."""
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()
        os.fdatasync(self._file.fileno())


def read(path: Path) -> Known:
    """What was written down; a last line that was cut off does not count."""
    known = Known()
    if not path.exists():
        return known
    for line in path.read_bytes().split(b"\n")[:-1]:
        record = json.loads(line)
        match record["what"]:
            case "subscribed":
                known.framework_id = record["framework_id"]
                known.subscribed.append(record["time"])
            case "launch":
                known.states[record["task"]] = ""
                known.agents[record["task"]] = record["agent"]
            case "status":
                task, state = record["task"], record["state"]
                known.states[task] = state
                known.history.setdefault(task, []).append(state)
    return known
