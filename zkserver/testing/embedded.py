"""The embedded server: the loop in a thread of its own, and doors into that thread.

The loop's thread owns the core, so whatever a test wants to know or to do is a function
that the loop runs between two turns (``Loop.call``); the caller waits for its result. If
the thread dies first, those who wait get the error that it died of, and so does whoever
comes next: a broken server cannot pass for a slow one.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from zkserver.config import Config, load_config
from zkserver.server.app import Server
from zkserver.server.loop import monotonic_ms

if TYPE_CHECKING:
    from zkserver.server.ensemble_shell import EnsembleShell

_Result = TypeVar("_Result")

#: What an embedded server is told unless the caller says otherwise. Short ticks let a
#: session of 200 ms expire after 300 ms; the maximum is high, so that a client with an
#: ordinary timeout gets it and does not expire because the machine is busy.
DEFAULT_SETTINGS: Final[Mapping[str, str]] = {
    "clientPort": "0",
    "clientPortAddress": "127.0.0.1",
    "tickTime": "100",
    "maxSessionTimeout": "60000",
    "maxClientCnxns": "0",
    "4lw.commands.whitelist": "*",
}
_PREFIX: Final = "zookeeper."


class _KilledError(BaseException):
    """What a server dies of that a test has killed."""


class _Running:
    """A server in its thread, from one start to one stop."""

    def __init__(self, config: Config) -> None:
        self.server = Server(config, own_process=False)
        self.failure: BaseException | None = None
        self._lock = threading.Lock()
        self._ended = False
        # What callers wait for; a dict, because it keeps the order.
        self._waiting: dict[Future[Any], None] = {}
        # A test that forgets to stop its server shall not keep the interpreter alive.
        self._thread = threading.Thread(
            target=self._run, name=f"zkserver-{self.server.port}", daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        try:
            self.server.run()
        except BaseException as failure:  # noqa: BLE001 - raised again in the caller's thread
            self.failure = failure
        with self._lock:
            self._ended = True
            waiting, self._waiting = self._waiting, {}
        for future in waiting:
            future.set_exception(self._reason())

    def _reason(self) -> BaseException:
        return self.failure or RuntimeError("the embedded server was stopped meanwhile")

    def start_call(self, future: Future[_Result], step: Callable[[], bool]) -> None:
        """Run ``step`` in the loop's thread until it returns true, at most once a turn.

        ``step`` sets the result of ``future``; its exceptions end up there as well.
        """

        def turn() -> None:
            try:
                if not step():
                    self.server.loop.call(turn)
                    return
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller
                future.set_exception(error)
            with self._lock:
                self._waiting.pop(future, None)

        with self._lock:
            if self._ended:
                raise self._reason()
            self._waiting[future] = None
            # Inside the lock, so that the end of the thread either is seen here or sees this.
            self.server.loop.call(turn)

    def join(self) -> None:
        """Wait for the end of a thread that is about to die."""
        self._thread.join()

    def stop(self) -> None:
        """Let the loop end; raises what it died of, if it did."""
        if self._thread.is_alive():
            self.server.loop.stop()
            self._thread.join()
        if self.failure is not None:
            raise self.failure


class EmbeddedServer:
    """A ZooKeeper server for tests, in this process; a context manager.

    Without ``data_dir`` it keeps its data in a temporary directory, which is deleted when
    it stops, and does not flush them; in a directory that is given it does. ``settings``
    are keys of zoo.cfg and go before :data:`DEFAULT_SETTINGS` (``forceSync`` too).
    """

    def __init__(
        self, data_dir: str | Path | None = None, *, settings: Mapping[str, str] | None = None
    ) -> None:
        given = {key.removeprefix(_PREFIX): value for key, value in (settings or {}).items()}
        if "dataDir" in given:
            raise ValueError("dataDir among the settings: give data_dir instead")
        self.data_dir = None if data_dir is None else Path(data_dir)
        self._settings = {
            **DEFAULT_SETTINGS,
            "forceSync": "no" if data_dir is None else "yes",
            **given,
        }
        self._temporary: Path | None = None
        self._config: Config | None = None
        self._running: _Running | None = None

    # Life.

    def start(self) -> Self:
        """Start serving; when it returns, clients can connect.

        Raises ``ConfigError`` for settings that cannot be, ``StartError`` when the port or
        the directory cannot be used, and the errors of recovery (``CorruptLog``,
        ``DirectoryLocked``, ...); ``RuntimeError`` when the server runs already.
        """
        if self._config is not None:
            raise RuntimeError("the embedded server runs already; stop() it first")
        if self.data_dir is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="zkserver-"))
        try:
            where = {"dataDir": str(self._temporary or self.data_dir)}
            self._launch(load_config(None, {**self._settings, **where}).config)
        except BaseException:
            self._forget()
            raise
        return self

    def _launch(self, config: Config) -> None:
        self._config = config
        self._running = _Running(config)

    def stop(self) -> None:
        """Stop serving, as SIGTERM does, and delete a temporary directory.

        Sessions are not closed: in a directory that was given they wait for the next start.
        Does nothing when the server is not running. Raises what the server died of.
        """
        running, self._running = self._running, None
        try:
            if running is not None:
                running.stop()
        finally:
            self._forget()

    def _forget(self) -> None:
        self._config = self._running = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def restart(self) -> None:
        """Stop and start on the same port with the same data; sessions survive."""
        with self.outage():
            pass

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Within the ``with`` nobody listens on the port; then the server is back as it was.

        Raises as :meth:`stop` and :meth:`start` do.
        """
        running, config = self._alive(), self._config
        port = self.port
        self._running = None
        running.stop()
        try:
            yield
        finally:
            # A server that was stopped meanwhile stays so.
            if config is not None and self._config is config:
                settings = {**self._settings, "clientPort": str(port), "dataDir": config.data_dir}
                self._launch(load_config(None, settings).config)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()

    # What a test asks.

    @property
    def port(self) -> int:
        """The client port. Raises ``RuntimeError`` when the server is not running."""
        return self._alive().server.port

    @property
    def secure_port(self) -> int:
        """The port for TLS, -1 without ``secureClientPort``. Raises as :attr:`port` does."""
        return self._alive().server.secure_port

    @property
    def address(self) -> str:
        """``host:port``, as every client takes it. Raises as :attr:`port` does."""
        server = self._alive().server
        host = server.config.client_address or "127.0.0.1"
        return f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}"

    @property
    def session_ids(self) -> list[int]:
        """The sessions that exist now, as signed 64-bit numbers."""
        core = self._alive().server.core
        return self._call(lambda: sorted(core.sessions))

    # What a test does to it.

    def expire(self, session_id: int) -> bool:
        """Expire a session as if its time were over; returns whether it existed.

        When it returns the session is gone, with its ephemerals, and watches have fired.
        kazoo has the id in ``client.client_id[0]``.
        """
        running = self._alive()
        core = running.server.core
        if not self._call(lambda: core.expire_session(session_id, monotonic_ms())):
            return False
        gone: Future[None] = Future()

        def is_gone() -> bool:
            # The closeSession entry may still be on its way to the disk.
            if session_id in core.sessions:
                return False
            gone.set_result(None)
            return True

        running.start_call(gone, is_gone)
        gone.result()
        return True

    def drop_connections(self, session_id: int | None = None) -> int:
        """Cut the connection of a session, or all of them; returns how many were cut.

        The sessions live on until they expire: clients reconnect with their id.
        """
        loop = self._alive().server.loop

        def drop() -> int:
            chosen = [
                client
                for client in loop.sockets.values()
                if session_id is None or client.conn.session_id == session_id
            ]
            for client in chosen:
                loop.drop(client)
            return len(chosen)

        return self._call(drop)

    @property
    def state(self) -> str:
        """standalone, leader, follower or observer; looking while there is no leader."""
        server = self._alive().server
        return self._call(lambda: server.state if server.is_in_step else "looking")

    @property
    def log_start(self) -> int:
        """The position from which on the sequence is kept in memory for other servers."""
        core = self._alive().server.core
        return self._call(lambda: core.node.log.start)

    def crash(self) -> None:
        """End at once, as a killed process does: nothing is finished, nobody is told."""
        running, self._running = self._alive(), None

        def die() -> None:
            raise _KilledError

        running.server.loop.call(die)
        running.join()
        self._forget()

    def hang(self, until: threading.Event) -> None:
        """Let the loop do nothing at all until the event is set, as SIGSTOP does."""

        def wait() -> None:
            until.wait()

        self._alive().server.loop.call(wait)

    def slow_disk(self, delay_ms: float) -> None:
        """Let every flush take that much longer."""
        committer = self._alive().server.committer

        def slow() -> None:
            committer.delay_s = delay_ms / 1000

        self._call(slow)

    def with_links(self, function: Callable[[EnsembleShell], None]) -> None:
        """Run ``function`` on the links to the other servers, in the loop's thread."""
        peers = self._alive().server.peers
        if peers is None:
            raise RuntimeError("this server is alone")
        self._call(lambda: function(peers))

    def _call(self, function: Callable[[], _Result]) -> _Result:
        """The result of ``function``, run in the loop's thread."""
        future: Future[_Result] = Future()

        def once() -> bool:
            future.set_result(function())
            return True

        self._alive().start_call(future, once)
        return future.result()

    def _alive(self) -> _Running:
        if self._running is None:
            raise RuntimeError("the embedded server is not running; start() it first")
        if self._running.failure is not None:
            raise self._running.failure
        return self._running
