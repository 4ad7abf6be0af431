"""Clients that write all the time, and know which of their writes were answered."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import (
    ConnectionLoss,
    KazooException,
    OperationTimeoutError,
    SessionExpiredError,
)
from kazoo.handlers.threading import KazooTimeoutError

ROOT = "/reconfig"
#: What a client is told when its server is gone: the write may have happened or not.
_REPORTED = (ConnectionLoss, SessionExpiredError, OperationTimeoutError, KazooTimeoutError)
_PAUSE_S = 0.002
_CONNECT_S_MAX = 30.0
#: Creations for each change of the counter.
_CREATES = 3


@dataclass(slots=True)
class Writer:
    """One kazoo client on a thread: it creates znodes and counts up another one.

    Each of its writes is sent once; kazoo does not repeat them.
    """

    name: str
    hosts: str
    #: Further ones of kazoo's client.
    options: dict[str, Any] = field(default_factory=dict)
    #: How the writes ended, by the names of the errors.
    outcomes: Counter[str] = field(default_factory=Counter)
    #: Paths whose creation was answered.
    created: list[str] = field(default_factory=list)
    #: The highest number whose setting was answered.
    counted: int = -1
    #: The longest time between two answers, seconds.
    gap_s: float = 0.0
    _client: KazooClient | None = None
    _thread: threading.Thread | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def path(self) -> str:
        """The znode whose data count."""
        return f"{ROOT}/{self.name}"

    @property
    def failures(self) -> dict[str, int]:
        """Answers that no write should get."""
        good = {"answered", *(error.__name__ for error in _REPORTED)}
        return {name: count for name, count in self.outcomes.items() if name not in good}

    def start(self) -> None:
        """Connect, make the znodes, and write on a thread from there on."""
        client = self._client = KazooClient(self.hosts, timeout=10.0, **self.options)
        client.start(_CONNECT_S_MAX)
        client.create(self.path, b"0", makepath=True)
        self._thread = threading.Thread(target=self._write, name=self.name)
        self._thread.start()

    def use(self, hosts: str) -> None:
        """Other servers from here on; a client of one that is not among them moves."""
        if self._client is not None:
            self._client.set_hosts(hosts)

    def stop(self) -> None:
        """Let the last write end, and close the session."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._client is not None:
            with contextlib.suppress(*_REPORTED):
                self._client.stop()
            self._client.close()

    def _write(self) -> None:
        client = self._client
        assert client is not None
        number, answered_at = 0, time.monotonic()
        while not self._ended.is_set():
            number += 1
            path = f"{self.path}/{number:08}"
            try:
                if number % (_CREATES + 1):
                    client.create(path, b"x")
                    self.created.append(path)
                else:
                    client.set(self.path, b"%d" % number)
                    self.counted = number
            except KazooException as error:
                self.outcomes[type(error).__name__] += 1
                self._ended.wait(0.05)
                continue
            except KazooTimeoutError as error:
                self.outcomes[type(error).__name__] += 1
                continue
            self.outcomes["answered"] += 1
            now = time.monotonic()
            self.gap_s, answered_at = max(self.gap_s, now - answered_at), now
            self._ended.wait(_PAUSE_S)


def missing_writes(writers: list[Writer], client: KazooClient) -> list[str]:
    """What was answered before now and is not there, in words; the writers may go on."""
    missing = []
    for writer in writers:
        created, least = list(writer.created), writer.counted
        client.sync(writer.path)
        there = set(client.get_children(writer.path))
        lost = [path for path in created if path.rpartition("/")[2] not in there]
        if lost:
            missing.append(f"{writer.name}: {len(lost)} znodes, the first is {lost[0]}")
        counted = int(client.get(writer.path)[0])
        if counted < least:
            missing.append(f"{writer.name}: it counted up to {least}, now {counted}")
    return missing
