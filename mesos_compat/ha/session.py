"""A ZooKeeper session as the event loop sees it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.retry import KazooRetry
from kazoo.security import ACL, CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE

from mesos_compat.ha.address import ZooKeeperAddress

P = ParamSpec("P")
R = TypeVar("R")

#: What a call may raise because of the connection, or of the session's end.
CONNECTION_FAILURES: Final = (KazooException, KazooTimeoutError, OSError)

_log = logging.getLogger(__name__)


class _Complaints(logging.Handler):
    """Takes what kazoo warns of; errors are told as they are."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            _log.error("%s", record.getMessage(), exc_info=record.exc_info)
        else:
            self._heard(record.getMessage())


def _logger(heard: Callable[[str], None]) -> logging.Logger:
    """A logger of one client's own, which prints nothing itself."""
    logger = logging.Logger("kazoo", logging.WARNING)
    logger.addHandler(_Complaints(heard))
    return logger


class ZooKeeperSession:
    """One session, kept up for as long as it is wanted.

    ``on_state`` hears, on the loop's thread, whether the session is there; it is lost when
    ZooKeeper says so, and when nothing was heard of ZooKeeper for ``timeout_s`` seconds, since
    by then others may have been told that it is over.
    """

    def __init__(self, address: ZooKeeperAddress, timeout_s: float) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self.is_connected = False
        self._begun = asyncio.Event()
        self._listeners: list[Callable[[bool], None]] = []
        self._loop = asyncio.get_running_loop()
        self._given_up: asyncio.TimerHandle | None = None
        # Whether there is a connection now, and whether it was said that there is none.
        self._has_connection = False
        self._is_failure_said = False
        # One thread, so that calls happen in the order in which they were made.
        self._calls = ThreadPoolExecutor(1, "zookeeper")
        forever = KazooRetry(max_tries=-1, delay=0.1, backoff=2, max_delay=2)
        auth = [("digest", address.credentials)] if address.credentials else None
        self.client = KazooClient(
            address.hosts,
            timeout=timeout_s,
            connection_retry=forever,
            auth_data=auth,
            logger=_logger(self._complained),
        )
        self.client.add_listener(self._heard)

    @property
    def acl(self) -> list[ACL]:
        """Who may do what with our znodes: everybody everything, unless there is a password."""
        if not self.address.credentials:
            return list(OPEN_ACL_UNSAFE)
        return [*CREATOR_ALL_ACL, *READ_ACL_UNSAFE]

    def start(self) -> None:
        """Begin to connect, and go on until :meth:`stop`."""
        self.client.start_async()

    async def stop(self) -> None:
        """End the session; our ephemeral znodes go with it."""
        self._listeners.clear()
        # That kazoo gives up now is what is wanted.
        self._is_failure_said = True
        if self._given_up is not None:
            self._given_up.cancel()
        await self._loop.run_in_executor(None, self._end)
        self._calls.shutdown(wait=False, cancel_futures=True)

    def _end(self) -> None:
        self.client.stop()
        self.client.close()

    def listen(self, on_state: Callable[[bool], None]) -> None:
        """From now on tell ``on_state`` when the session is there, or is lost."""
        self._listeners.append(on_state)
        if self.is_connected:
            on_state(True)

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a method of the client, once it has been connected; raises what it raises."""
        # A client that was only just started refuses what one that is away for now would keep.
        await self._begun.wait()

        def run() -> R:
            return function(*args, **kwargs)

        return await self._loop.run_in_executor(self._calls, run)

    def watcher(self, event: asyncio.Event) -> Callable[[Any], None]:
        """A watch that sets ``event``."""

        def fired(_: Any) -> None:
            self._loop.call_soon_threadsafe(event.set)

        return fired

    # kazoo's thread.

    def _complained(self, text: str) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._say_failure, text)

    def _heard(self, state: str) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed, state)

    # The loop's.

    def _say_failure(self, text: str) -> None:
        """kazoo tries again and again, and says so each time; once is enough."""
        if not self._has_connection and not self._is_failure_said:
            self._is_failure_said = True
            why = text.removeprefix("Connection dropped: ")
            _log.warning("cannot reach ZooKeeper %s: %s; trying again", self.address, why)

    def _changed(self, state: str) -> None:
        if self._given_up is not None:
            self._given_up.cancel()
            self._given_up = None
        self._has_connection = state == KazooState.CONNECTED
        if state == KazooState.CONNECTED:
            if self._is_failure_said:
                self._is_failure_said = False
                _log.info("connected to ZooKeeper %s", self.address)
            self._tell(connected=True)
        elif state == KazooState.LOST:
            self._tell(connected=False)
        else:
            self._is_failure_said = True
            _log.warning("connection to ZooKeeper %s lost, trying again", self.address)
            self._given_up = self._loop.call_later(self.timeout_s, self._give_up)

    def _give_up(self) -> None:
        self._given_up = None
        _log.warning("no connection to ZooKeeper %s for %g s", self.address, self.timeout_s)
        self._tell(connected=False)

    def _tell(self, *, connected: bool) -> None:
        if connected == self.is_connected:
            return
        self.is_connected = connected
        self._begun.set()
        for listener in tuple(self._listeners):
            listener(connected)
