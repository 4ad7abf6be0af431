"""A store in ZooKeeper: a znode for each record, and standbys that wait on any machine.

Below the given path::

    election/   who waits and who leads (kazoo's lock: ephemeral, in order)
    epoch       set once by each that begins to lead; its version fences all writes
    framework   specs/<name>   instances/<task id>

Each write is a multi that begins with a check of the version of ``epoch``. When the connection
breaks within one, nobody knows whether it has happened; since only the leader writes, it can
look which znodes there are, and do the same again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    BadVersionError,
    ConnectionLoss,
    KazooException,
    NodeExistsError,
    NoNodeError,
    OperationTimeoutError,
    RolledBackError,
    RuntimeInconsistency,
    SessionExpiredError,
)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.retry import KazooRetry
from kazoo.security import CREATOR_ALL_ACL

from mesozoic.aio.zookeeper_address import ZooKeeperAddress
from mesozoic.framework.errors import Deposed, StoreFailed
from mesozoic.framework.planning.actions import Change, Put

_AGAIN_S: Final = 1.0
#: So long nothing is said of a ZooKeeper that is not there.
_CONNECT_S: Final = 15.0
_LOOK_S: Final = 0.1
_ELECTION: Final = "election"
_EPOCH: Final = "epoch"
_FOLDERS: Final = ("specs", "instances")
_PLAIN: Final = ("framework",)

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class ZooKeeperStore:
    """``zk://[user:password@]hosts/path``; with credentials the znodes are the user's alone."""

    is_durable = True

    def __init__(self, address: str, *, session_seconds: float = 10.0) -> None:
        """Raises :class:`~mesozoic.errors.BadAddress`."""
        self._address = ZooKeeperAddress.parse(address)
        self._session_s = session_seconds

    async def lead(self) -> ZooKeeperTenure:
        """Wait for leadership, for as long as ZooKeeper takes to be there."""
        before: Mapping[str, bytes] | None = None
        while True:
            tenure = ZooKeeperTenure(self._address, self._session_s, before)
            try:
                await tenure.begin()
                return tenure
            except (KazooException, KazooTimeoutError, OSError) as error:
                _log.warning("cannot lead at %s: %r; trying again", self._address, error)
                before = tenure.before if tenure.has_looked else None
                await tenure.close()
            except BaseException:
                await tenure.close()
                raise
            await asyncio.sleep(_AGAIN_S)


class ZooKeeperTenure:
    """One session of kazoo's, from contending to its end."""

    def __init__(
        self, address: ZooKeeperAddress, session_s: float, before: Mapping[str, bytes] | None
    ) -> None:
        self._address = address
        self._session_s = session_s
        self._loop = asyncio.get_running_loop()
        self._acl = CREATOR_ALL_ACL if address.credentials else None
        self._client: Any = KazooClient(
            address.hosts,
            timeout=session_s,
            connection_retry=KazooRetry(max_tries=-1, delay=0.1, backoff=2, max_delay=1),
            auth_data=[("digest", address.credentials)] if address.credentials else None,
        )
        # One may wait for the lock, or for a write, when another is to end that.
        self._threads = ThreadPoolExecutor(2, "mesozoic-store")
        self._lock: Any = None
        self._deposed = asyncio.Event()
        self._given_up: asyncio.TimerHandle | None = None
        # Keys of the znodes that there are.
        self._keys: set[str] = set()
        self._epoch_version = -1
        self.has_looked = before is not None
        self.before: Mapping[str, bytes] = before or {}
        self.contents: Mapping[str, bytes] = {}
        self.epoch = 0

    # The beginning and the end.

    async def begin(self) -> None:
        """Wait until this leads, and read everything. Raises what kazoo raises."""
        self._client.add_listener(self._heard)
        for work in (self._connect, self._wait_for_lock, self._take_over):
            # In a thread that may wait for days, and is woken by close().
            await self._while_in_session(work)

    async def _while_in_session(self, work: Callable[..., _T], *given: Any) -> _T:
        """Do it in a thread; raises ``SessionExpiredError`` as soon as the session is over."""
        if self._deposed.is_set():
            raise SessionExpiredError
        working = asyncio.ensure_future(self._in_thread(work, *given))
        over = asyncio.ensure_future(self._deposed.wait())
        try:
            await asyncio.wait({working, over}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return await working
            # It ends by itself when the client is closed, and nobody hears how.
            working.add_done_callback(lambda one: one.cancelled() or one.exception())
            raise SessionExpiredError
        finally:
            over.cancel()

    def _connect(self) -> None:
        connected = self._client.start_async()
        ends = time.monotonic() + _CONNECT_S
        while not connected.wait(_LOOK_S):
            if self._deposed.is_set() or time.monotonic() > ends:
                raise KazooTimeoutError("ZooKeeper cannot be reached")
        for name in _FOLDERS:
            self._client.ensure_path(self._address.child(name), acl=self._acl)
        with contextlib.suppress(NodeExistsError):
            self._client.create(self._address.child(_EPOCH), b"0", acl=self._acl)
        if not self.has_looked:
            self.before = self._read(_PLAIN)
            self.has_looked = True

    def _wait_for_lock(self) -> None:
        identifier = f"{socket.gethostname()}:{os.getpid()}"
        self._lock = self._client.Lock(self._address.child(_ELECTION), identifier)
        if not self._lock.acquire():
            raise SessionExpiredError

    def _take_over(self) -> None:
        path = self._address.child(_EPOCH)
        data, stat = self._client.get(path)
        self.epoch = int(data) + 1
        # From here on nobody else can write.
        done = self._client.set(path, str(self.epoch).encode(), version=stat.version)
        self._epoch_version = done.version
        keys = list(_PLAIN)
        for folder in _FOLDERS:
            names = self._client.get_children(self._address.child(folder))
            keys += [f"{folder}/{name}" for name in names]
        self.contents = self._read(keys)
        self._keys = set(self.contents)

    def _read(self, keys: Sequence[str]) -> dict[str, bytes]:
        asked = [(key, self._client.get_async(self._address.child(key))) for key in keys]
        found = {}
        for key, answer in asked:
            with contextlib.suppress(NoNodeError):
                found[key] = answer.get()[0]
        return found

    async def close(self) -> None:
        """End the session, and let others lead."""
        self._set_deposed()
        # No coroutine: one that is cancelled before its first step would never begin.
        await asyncio.shield(self._loop.run_in_executor(self._threads, self._end))
        self._threads.shutdown(wait=False)

    def _end(self) -> None:
        if self._lock is not None:
            self._lock.cancel()
        self._client.stop()
        self._client.close()

    async def _in_thread(self, work: Callable[..., _T], *given: Any) -> _T:
        return await self._loop.run_in_executor(self._threads, work, *given)

    # Whether this leads.

    async def wait_deposed(self) -> None:
        """Wait until the session is over, or nothing was heard of ZooKeeper for its time-out."""
        await self._deposed.wait()

    def _heard(self, state: str) -> None:
        """In kazoo's thread."""
        with contextlib.suppress(RuntimeError):
            # The loop may be closed.
            self._loop.call_soon_threadsafe(self._changed, state)

    def _changed(self, state: str) -> None:
        if self._given_up is not None:
            self._given_up.cancel()
            self._given_up = None
        if state == KazooState.LOST:
            self._set_deposed()
        elif state == KazooState.SUSPENDED and not self._deposed.is_set():
            self._given_up = self._loop.call_later(self._session_s, self._set_deposed)

    def _set_deposed(self) -> None:
        self._deposed.set()
        if self._given_up is not None:
            self._given_up.cancel()
            self._given_up = None

    # Writes.

    async def write(self, changes: Sequence[Change]) -> None:
        """One multi. Raises ``Deposed`` and ``StoreFailed``."""
        try:
            await self._while_in_session(self._write, changes)
        except SessionExpiredError as error:
            raise Deposed("the session with ZooKeeper is over") from error
        except Deposed:
            self._set_deposed()
            raise

    def _write(self, changes: Sequence[Change]) -> None:
        while True:
            if self._deposed.is_set():
                raise SessionExpiredError
            try:
                self._commit(changes)
            except (ConnectionLoss, OperationTimeoutError):
                with contextlib.suppress(ConnectionLoss, OperationTimeoutError):
                    self._look(changes)
                continue
            except SessionExpiredError:
                raise
            except KazooException as error:
                if self._deposed.is_set():
                    raise SessionExpiredError from error
                raise StoreFailed(f"cannot write to {self._address}: {error!r}") from error
            for change in changes:
                if isinstance(change, Put):
                    self._keys.add(change.key)
                else:
                    self._keys.discard(change.key)
            return

    def _commit(self, changes: Sequence[Change]) -> None:
        multi = self._client.transaction()
        multi.check(self._address.child(_EPOCH), self._epoch_version)
        for change in changes:
            path = self._address.child(change.key)
            if isinstance(change, Put) and change.key in self._keys:
                multi.set_data(path, change.data)
            elif isinstance(change, Put):
                multi.create(path, change.data, acl=self._acl)
            elif change.key in self._keys:
                multi.delete(path)
        results = multi.commit()
        if isinstance(results[0], BadVersionError):
            raise Deposed("another process leads")
        failures = [one for one in results if isinstance(one, Exception)]
        # What was rolled back, or not tried, says nothing about why.
        failures.sort(key=lambda one: isinstance(one, RolledBackError | RuntimeInconsistency))
        if failures:
            raise failures[0]

    def _look(self, changes: Sequence[Change]) -> None:
        """The connection broke within a multi: see which of its znodes there are now."""
        for change in changes:
            if self._client.exists(self._address.child(change.key)) is None:
                self._keys.discard(change.key)
            else:
                self._keys.add(change.key)
