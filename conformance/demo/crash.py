"""The crash: SIGKILL under load, a restart on the same directory, and a look at what is left."""

from __future__ import annotations

import threading

from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionClosedError, ConnectionLoss, SessionExpiredError
from kazoo.interfaces import IAsyncResult

from conformance.demo.stage import PATIENCE_S, ROOT, Stage, connect, disconnect, expect, tree_of

_LOAD = "/demo-load"
#: The server is killed as soon as this many writes were acknowledged.
_KILL_AFTER = 1000
#: Writes on their way at a time. kazoo wakes its connection with one byte for each, and
#: blocks the caller while the server is away when a few hundred of them are waiting.
_WINDOW = 100
_LOST = (ConnectionLoss, ConnectionClosedError, SessionExpiredError)


class Load:
    """A client that creates znodes without waiting and notes which ones were acknowledged."""

    def __init__(self, client: KazooClient) -> None:
        self.client = client
        self.acknowledged: list[str] = []
        self.enough = threading.Event()
        self._results: list[IAsyncResult] = []
        self._room = threading.Semaphore(_WINDOW)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write, name="load", daemon=True)

    def begin(self) -> None:
        """Write in a thread of its own until :meth:`end`."""
        self.client.ensure_path(_LOAD)
        self._thread.start()

    def _write(self) -> None:
        while not self._stopping.is_set():
            if self._room.acquire(timeout=PATIENCE_S):
                number = len(self._results)
                result = self.client.create_async(f"{_LOAD}/{number:06d}", b"x" * 100)
                self._results.append(result)
                result.rawlink(self._answered)

    def _answered(self, result: IAsyncResult) -> None:
        self._room.release()
        if result.successful():
            self.acknowledged.append(result.get())
            if len(self.acknowledged) >= _KILL_AFTER:
                self.enough.set()

    def end(self) -> None:
        """Write no more."""
        self._stopping.set()
        self._room.release()
        self._thread.join(PATIENCE_S)
        expect(not self._thread.is_alive(), "the load ends when it is told to", self._thread)

    def wait_answers(self) -> None:
        """Wait until each write was acknowledged or failed with its connection."""
        for result in self._results:
            try:
                result.get(timeout=PATIENCE_S)
            except _LOST:
                # Nobody promised that it is there, nor that it is not.
                pass


def crash(stage: Stage) -> str:
    """Kill under load, start again, and compare."""
    stage.before = tree_of(stage.client)
    session_id = stage.client.client_id[0]
    pid = stage.server.pid
    writer = connect(stage.server)
    try:
        load = Load(writer)
        load.begin()
        expect(load.enough.wait(PATIENCE_S), "writes are acknowledged", len(load.acknowledged))
        stage.server.kill()
        acknowledged = len(load.acknowledged)
        load.end()
        stage.server.start()
        expect(stage.server.pid != pid, "it is another process now", pid)
        load.wait_answers()
    finally:
        disconnect(writer)
    left = set(stage.client.retry(stage.client.get_children, _LOAD))
    missing = [path for path in load.acknowledged if path.rpartition("/")[2] not in left]
    expect(not missing, "every acknowledged write is there", missing[:5])
    expect(stage.client.client_id[0] == session_id, "the session is the same", session_id)
    return (
        f"killed process {pid} in the middle of writes, {acknowledged} acknowledged; back in "
        f"{stage.server.started_in_s * 1000:.0f} ms with all of them"
    )


def everything_is_there(stage: Stage) -> str:
    """Every znode as it was: data, versions, zxids, times, owner."""
    after = tree_of(stage.client)
    expect(len(after) > 5, "there is something to compare", sorted(after))
    changed = {path for path in stage.before | after if stage.before.get(path) != after.get(path)}
    expect(not changed, "all znodes are as they were", sorted(changed))
    return f"{len(after)} znodes with the same data, versions, zxids and owners"


def session_survived(stage: Stage) -> str:
    """The session from before the crash still owns its ephemeral, and can end it."""
    path, session_id = f"{ROOT}/workers/mine", stage.client.client_id[0]
    owner = stage.client.exists(path).ephemeralOwner
    expect(owner == session_id, "the ephemeral belongs to our session", owner)
    other = connect(stage.server)
    try:
        disconnect(stage.client)
        left = other.exists(path)
        expect(left is None, "closing the session takes its ephemeral away", left)
    finally:
        disconnect(other)
    return f"session {session_id:#x} went on and kept {path} until we closed it"
