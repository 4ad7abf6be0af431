"""What the AdminServer asks of the server, and who may have its snapshots."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from zkserver.admin import commands, prometheus
from zkserver.apache.conversion import from_tree
from zkserver.apache.snapshots import dump_snapshot
from zkserver.replica.auth import authenticate
from zkserver.replica.state import State
from zkserver.server.status import FourLetterWords
from zkserver.tree.acl import OPEN, SUPER, Identities, allows

if TYPE_CHECKING:
    from zkserver.server.app import Server

_PIECE_BYTES: Final = 1 << 20
_POLL_S: Final = 0.02
#: Every bit of it is needed on the root.
_ALL: Final = (1, 2, 4, 8, 16)
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _UNAVAILABLE = 401, 403, 429, 503
_NICENESS: Final = 10
T = TypeVar("T")


class TakenSnapshot:
    """A snapshot in a file."""

    def __init__(self, zxid: int, size: int, file: IO[bytes] | None) -> None:
        self.zxid = zxid
        self.size = size
        self._file = file

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file's content, which is gone afterwards."""
        if self._file is None:
            return
        with self._file as file:
            file.seek(0)
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                yield piece


class AdminDesk:
    """Asks the server in its own thread."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._words: FourLetterWords = server.words
        #: When each of the commands that cost much was allowed last, monotonic seconds.
        self._allowed: dict[str, float] = {}
        self._one_by_one = asyncio.Lock()

    async def _ask(self, question: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def ask() -> None:
            try:
                found = question()
            except Exception as error:  # noqa: BLE001 - the asker's to tell, not the server's end
                loop.call_soon_threadsafe(_fail, answer, error)
            else:
                loop.call_soon_threadsafe(_settle, answer, found)

        self.server.loop.call(ask)
        return await answer

    async def command(self, name: str, arguments: dict[str, str]) -> dict[str, Any]:
        """The fields of a command's answer."""
        words = self._words

        def ask() -> dict[str, Any]:
            given = commands.answer(name, arguments, words.view())
            words.carry_out(given.effect)
            return given.fields

        return await self._ask(ask)

    async def serves(self) -> bool:
        """Whether clients are served."""
        return await self._ask(lambda: self.server.serves)

    async def figures(self) -> bytes:
        """What Prometheus reads."""
        told = await self._ask(lambda: prometheus.collector_of(self._words.view()))
        return prometheus.exposition(told, with_process=self.server.config.metrics_process_info)

    # Snapshots.

    async def refusal(
        self, command: str, authorization: str | None, address: str, certificate: bytes | None
    ) -> tuple[int, str] | None:
        """Why somebody may not have ``command``, as a status and a text; ``None``: they may.

        Whoever asks has to be allowed everything on the root.
        """
        config = self.server.config
        enabled = {
            commands.SNAPSHOT: config.admin_snapshot_enabled,
            commands.RESTORE: config.admin_restore_enabled,
            commands.HISTORY: config.admin_snapshot_enabled,
        }
        if not enabled[command]:
            key = "restore" if command == commands.RESTORE else "snapshot"
            return _UNAVAILABLE, f"{command} is switched off (admin.{key}.enabled)"
        if authorization is None:
            return _UNAUTHORIZED, "Auth info is missing for the command"
        identities = self._identities(authorization, address, certificate)
        if identities is None:
            return _UNAUTHORIZED, "Not authenticated"
        if not await self._ask(lambda: self._may(identities)):
            return _FORBIDDEN, "Not authorized"
        if command == commands.HISTORY:
            # It is told to one after another, which bounds what it costs.
            return None
        now, interval_s = time.monotonic(), config.admin_rate_limit_ms / 1000
        if now - self._allowed.get(command, -interval_s) < interval_s:
            why = f"{command} is answered once in {config.admin_rate_limit_ms} ms"
            return _TOO_MANY, f"{why} (admin.rateLimiterIntervalInMS)"
        self._allowed[command] = now
        return None

    def _identities(
        self, authorization: str, address: str, certificate: bytes | None
    ) -> Identities | None:
        scheme, _, secret = authorization.partition(" ")
        config = self.server.config
        if scheme == "ip":
            return ((b"ip", address.encode()),)
        if scheme == "x509" and certificate is not None:
            from zkserver.tls.names import subject_of

            subject = subject_of(certificate)
            found: Identities = ((b"x509", subject.encode()),)
            is_super = bool(config.x509_super_user) and subject == config.x509_super_user
            return (*found, (SUPER, b"")) if is_super else found
        if not secret:
            return None
        return authenticate(self.server.core.settings, scheme.encode(), secret.encode())

    def _may(self, identities: Identities) -> bool:
        if self.server.config.skip_acl:
            return True
        acl = self.server.core.tree.acls.get(b"/", OPEN)
        return all(allows(acl, perm, identities) for perm in _ALL)

    async def history(self, words: list[str]) -> tuple[str, bytes]:
        """What ``zkserver history`` says to these words: what was wrong with them, or JSON.

        A process of its own reads the files: the server has no time for the past.
        """
        config = self.server.config
        places = ["--data-dir", config.data_dir, "--log-dir", config.data_log_dir]
        command = [sys.executable, "-m", "zkserver", "history", *places, "--json", *words]
        async with self._one_by_one:
            process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            try:
                told, failure = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
        why = failure.decode("utf-8", "replace").strip().removeprefix("zkserver: ")
        return (why or f"exit status {process.returncode}" if process.returncode else "", told)

    async def snapshot(self, *, streaming: bool) -> TakenSnapshot:
        """Take one; raises ``OSError`` when it cannot be written.

        One for streaming is in Apache's format, so that its servers start on it as well; what
        stays in the data directory is one of our own.
        """
        return await (self._for_others() if streaming else self._for_us())

    async def _for_others(self) -> TakenSnapshot:
        file = tempfile.TemporaryFile(dir=self.server.recovered.snapshot_dir)  # noqa: SIM115
        zxid, child = await self._ask(lambda: self._fork(file.fileno()))
        status = (await asyncio.to_thread(os.waitpid, child, 0))[1]
        if status != 0:
            file.close()
            raise OSError(f"the snapshot's writer ended with status {status}; see the log")
        return TakenSnapshot(zxid, os.fstat(file.fileno()).st_size, file)

    def _fork(self, fd: int) -> tuple[int, int]:
        """Let a child write the tree as it is now, as the snapshotter does; (zxid, process id)."""
        core = self.server.core
        child = os.fork()
        if child:
            return core.zxid, child
        code = 1
        try:
            os.nice(_NICENESS)
            # The server's sockets and its lock must not outlive it in the child.
            os.closerange(3, fd)
            os.closerange(fd + 1, 1 << 20)
            state = State.of(core, copied=False)
            with open(fd, "wb", buffering=_PIECE_BYTES) as file:
                for piece in dump_snapshot(from_tree(state, state.sessions), core.zxid):
                    file.write(piece)
            code = 0
        except BaseException as failure:  # noqa: BLE001 - nothing may escape into the server's code
            os.write(2, f"zkserver: snapshot for the admin failed: {failure!r}\n".encode())
        finally:
            os._exit(code)

    async def _for_us(self) -> TakenSnapshot:
        snapshotter = self.server.snapshotter
        while not await self._ask(snapshotter.begin_now):
            await asyncio.sleep(_POLL_S)
        begun = snapshotter.last_index
        while await self._ask(lambda: snapshotter.is_writing):
            await asyncio.sleep(_POLL_S)
        zxid, index, size = await self._ask(snapshotter.newest)
        if index < begun:
            raise OSError("the snapshot could not be written; see the log")
        return TakenSnapshot(zxid, size, None)


def _settle(answer: asyncio.Future[T], found: T) -> None:
    if not answer.done():
        answer.set_result(found)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
