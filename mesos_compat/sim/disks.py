"""What of an agent's host outlives the agent's process: files below its work directory."""

from __future__ import annotations

import random
from collections import deque

from mesos_compat.agent.actions import Checkpoint
from mesos_compat.agent.checkpoint import AppendFile, Record, RemoveFile, WriteFile, WriteLink


class SimDisk:
    """Files and links; checkpoints are written in their order."""

    def __init__(self, dice: random.Random) -> None:
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        #: What the process has asked for and is not durable.
        self.waiting: deque[Checkpoint] = deque()
        self._dice = dice

    def write_next(self) -> Checkpoint:
        """The oldest checkpoint becomes durable."""
        checkpoint = self.waiting.popleft()
        for record in checkpoint.records:
            self._write(record)
        return checkpoint

    def _write(self, record: Record) -> None:
        if isinstance(record, WriteFile):
            self.files[record.path] = record.data
        elif isinstance(record, AppendFile):
            self.files[record.path] = self.files.get(record.path, b"") + record.data
        elif isinstance(record, WriteLink):
            self.links[record.path] = record.target
        else:
            assert isinstance(record, RemoveFile)
            self.files.pop(record.path, None)
            self.links.pop(record.path, None)

    def crash(self) -> None:
        """The process is gone: some of what it asked for was still done, perhaps not whole."""
        dice = self._dice
        records = [record for one in self.waiting for record in one.records]
        self.waiting.clear()
        done = dice.randint(0, len(records)) if records else 0
        for record in records[:done]:
            self._write(record)
        if done < len(records):
            torn = records[done]
            if isinstance(torn, AppendFile):
                part = torn.data[: dice.randrange(len(torn.data))]
                self._write(AppendFile(torn.path, part))

    def wipe(self) -> None:
        """Another disk, with nothing on it."""
        self.files.clear()
        self.links.clear()
        self.waiting.clear()
