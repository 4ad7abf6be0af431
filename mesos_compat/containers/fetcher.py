"""Fetches what a command needs into its sandbox before it starts (CommandInfo.uris).

http and https are downloaded by the agent, files of the host are read with the rights of the
task's user, and everything is put into the sandbox by :mod:`~mesos_compat.containers.unpack`,
as that user.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mesos_compat.containers import spawning, unpack
from mesos_compat.containers.fetcher_cache import FetcherCache
from mesos_compat.containers.spec import (
    ContainerId,
    ContainerizerSettings,
    LaunchError,
    container_id_text,
)
from mesos_compat.containers.users import Identity
from mesos_compat.wire.v1 import mesos_pb2

if TYPE_CHECKING:
    import aiohttp

_DOWNLOADED = ("http://", "https://")
_FILE = "file://"
_READ_BYTES = 256 << 10


class _FetchError(Exception):
    """One URI cannot be had; the message says why."""


def output_name(uri: mesos_pb2.CommandInfo.URI) -> str:
    """What a fetched file is called in the sandbox. Raises _FetchError when it may not be so.

    The last part of the URI, with its query, as in Mesos; or what the framework says.
    """
    value = uri.value.strip()
    if not value or any(character in value for character in "\\'\0"):
        raise _FetchError(f"Invalid URI '{uri.value}'")
    if uri.HasField("output_file") and uri.output_file:
        name = uri.output_file
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or "\0" in name or not parts[-1]:
            raise _FetchError(f"The output file '{name}' is not a path in the sandbox")
        return name
    _, separator, rest = value.partition("://")
    if separator:
        if "/" not in rest or not rest.rpartition("/")[2]:
            raise _FetchError(f"Malformed URI (missing path): {value}")
        return rest.rpartition("/")[2]
    name = value.rstrip("/").rpartition("/")[2]
    if name in ("", ".", ".."):
        raise _FetchError(f"Malformed URI (missing path): {value}")
    return name


class Fetcher:
    """Fetches for all containers of one agent."""

    def __init__(self, settings: ContainerizerSettings) -> None:
        self._frameworks_home = settings.frameworks_home
        self._stall_timeout_s = settings.fetcher_stall_timeout_ms / 1000
        self.cache = FetcherCache(
            settings.fetcher_cache_dir, settings.work_dir, settings.fetcher_cache_bytes_max
        )
        self._opened = False
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Give up connections and the cache."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        self.cache.close()
        self._opened = False

    async def fetch(
        self,
        container_id: ContainerId,
        uris: list[mesos_pb2.CommandInfo.URI],
        sandbox: str,
        owner: Identity | None,
        tell: Callable[[str], None],
    ) -> None:
        """Fetch all, one after the other; ``tell`` gets a line for each.

        Raises LaunchError with ``Failed to fetch all URIs for container ...``.
        """
        for uri in uris:
            try:
                self._open_cache()
                name = output_name(uri)
                tell(f"Fetching URI '{uri.value}' to '{name}'")
                await self._fetch(uri, name, sandbox, owner)
            except (_FetchError, OSError) as error:
                why = str(error) or type(error).__name__
                tell(f"Failed to fetch '{uri.value}': {why}")
                raise LaunchError(
                    "Failed to fetch all URIs for container "
                    f"'{container_id_text(container_id)}': Failed to fetch '{uri.value}': {why}"
                ) from error

    def _open_cache(self) -> None:
        if not self._opened:
            self.cache.open()
            self._opened = True

    async def _fetch(
        self, uri: mesos_pb2.CommandInfo.URI, name: str, sandbox: str, owner: Identity | None
    ) -> None:
        order = _order(owner)._replace(
            directory=sandbox,
            name=name,
            executable=uri.executable,
            extract=uri.extract,
            keep=not uri.cache,
        )
        value = uri.value.strip()
        if not value.startswith(_DOWNLOADED) and not uri.cache:
            await _run(order._replace(source=self._local_path(value)), None)
            return
        async with self._fetched(value, uri.cache, owner) as path:
            # Opened by the agent, whose the cache is, and handed over.
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                await _run(order, fd)
            finally:
                os.close(fd)

    @asynccontextmanager
    async def _fetched(self, uri: str, cached: bool, owner: Identity | None) -> AsyncIterator[Path]:
        async def get(path: Path) -> None:
            if uri.startswith(_DOWNLOADED):
                await self._download(uri, path)
            else:
                await self._copy(uri, path, owner)

        if cached:
            user = "" if owner is None else owner.name
            async with self.cache.cached(user, uri, get) as path:
                yield path
        else:
            async with self.cache.temporary(get) as path:
                yield path

    async def _copy(self, uri: str, path: Path, owner: Identity | None) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            await _run(_order(owner)._replace(source=self._local_path(uri)), fd)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)

    def _local_path(self, uri: str) -> str:
        if uri.startswith(_FILE):
            # file:///path, or file://host/path of which only this host makes sense.
            rest = uri[len(_FILE) :]
            path = rest if rest.startswith("/") else "/" + rest.partition("/")[2]
            if not rest.startswith(("/", "localhost/")):
                raise _FetchError(f"The file URI '{uri}' names another host")
            return path
        if "://" in uri:
            scheme = uri.partition("://")[0]
            raise _FetchError(f"The scheme '{scheme}' is not supported")
        if uri.startswith("/"):
            return uri
        if self._frameworks_home is None:
            raise _FetchError(
                "A relative path was passed for the resource but the Mesos framework home was "
                "not specified. Please either provide this config option or avoid using a "
                "relative path"
            )
        return str(Path(self._frameworks_home, uri))

    async def _download(self, uri: str, path: Path) -> None:
        # Only agents whose tasks download anything pay for the import.
        import aiohttp

        if self._session is None:
            self._session = self._new_session()
        try:
            async with self._session.get(uri) as response:
                if response.status != 200:
                    raise _FetchError(
                        f"Error downloading resource, received HTTP return code {response.status}"
                    )
                with path.open("xb") as target:
                    async for chunk in response.content.iter_chunked(_READ_BYTES):
                        await asyncio.to_thread(target.write, chunk)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, TimeoutError):
                raise _FetchError(f"The download has stalled: {error}") from error
            if isinstance(error, aiohttp.ClientError | ValueError):
                raise _FetchError(f"Error downloading resource: {error}") from error
            raise

    def _new_session(self) -> aiohttp.ClientSession:
        import aiohttp

        stall = self._stall_timeout_s
        # The bytes as they are: a server's own compression belongs to the file.
        return aiohttp.ClientSession(
            auto_decompress=False,
            trust_env=True,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=stall, sock_read=stall),
            headers={"Accept-Encoding": "identity"},
        )


def _order(owner: Identity | None) -> unpack.Order:
    uid, gid, groups = (-1, -1, []) if owner is None else (owner.uid, owner.gid, [*owner.groups])
    return unpack.Order(uid, gid, groups, "", "", "", False, False, True)


async def _run(order: unpack.Order, handed: int | None) -> None:
    """Have a process carry the order out. Raises _FetchError with what failed."""
    answer = await spawning.run_to_end(unpack.MODULE, tuple(order), handed=handed)
    if answer != unpack.DONE:
        raise _FetchError(os.fsdecode(answer) or "the fetcher has died")
