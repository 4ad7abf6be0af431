"""Where a framework keeps its id, so that it comes back as itself after its process has ended.

A framework that subscribes with the id of before, within its ``failover_timeout``, finds its
tasks still running; without it it is another framework. The driver saves a new id before
anything else happens with it, and clears it when the framework is torn down or removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError, NoNodeError
from kazoo.security import CREATOR_ALL_ACL

from mesozoic.aio.zookeeper_address import ZooKeeperAddress

_CONNECT_S: Final = 15.0

T = TypeVar("T")


class FrameworkIdStore(Protocol):
    """What the driver asks of a store; whatever these raise ends the driver."""

    async def load(self) -> str | None:
        """The id of before, if there is one."""

    async def save(self, framework_id: str) -> None:
        """Keep an id; it is durable when this returns."""

    async def clear(self) -> None:
        """The framework is over: let the next start be a new one."""


class MemoryFrameworkId:
    """Keeps the id for as long as this object lives, over several drivers."""

    def __init__(self, framework_id: str | None = None) -> None:
        self._framework_id = framework_id

    async def load(self) -> str | None:
        """The id of before, if there is one."""
        return self._framework_id

    async def save(self, framework_id: str) -> None:
        """Keep an id."""
        self._framework_id = framework_id

    async def clear(self) -> None:
        """Forget it."""
        self._framework_id = None


class FileFrameworkId:
    """Keeps the id in a file, which is replaced as a whole; raises ``OSError``."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    async def load(self) -> str | None:
        """The id of before, if there is one."""
        return await asyncio.to_thread(self._load)

    async def save(self, framework_id: str) -> None:
        """Keep an id; it is on disk when this returns."""
        await asyncio.to_thread(self._save, framework_id)

    async def clear(self) -> None:
        """Remove the file."""
        await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _load(self) -> str | None:
        try:
            return self._path.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def _save(self, framework_id: str) -> None:
        written = self._path.with_name(f"{self._path.name}.new")
        with written.open("w", encoding="utf-8") as file:
            file.write(framework_id)
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._path)
        # The new name is durable only with the directory that has it.
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


class ZooKeeperFrameworkId:
    """Keeps the id in a znode: ``zk://[user:password@]hosts/path/of/the/znode``.

    With credentials the znode is the user's alone. Each operation has a session of its own,
    since there are three in the life of a driver. Raises kazoo's exceptions.
    """

    def __init__(self, address: str) -> None:
        """Raises :class:`~mesozoic.errors.BadAddress`."""
        self._address = ZooKeeperAddress.parse(address)

    async def load(self) -> str | None:
        """The id of before, if there is one."""
        return await asyncio.to_thread(self._within, self._load)

    async def save(self, framework_id: str) -> None:
        """Keep an id; a majority of the ensemble has it when this returns."""
        await asyncio.to_thread(self._within, lambda client: self._save(client, framework_id))

    async def clear(self) -> None:
        """Remove the znode."""
        await asyncio.to_thread(self._within, self._clear)

    def _within(self, work: Callable[[Any], T]) -> T:
        address = self._address
        auth = [("digest", address.credentials)] if address.credentials else None
        client = KazooClient(address.hosts, timeout=_CONNECT_S, auth_data=auth)
        client.start(timeout=_CONNECT_S)
        try:
            return work(client)
        finally:
            client.stop()
            client.close()

    def _load(self, client: Any) -> str | None:
        try:
            data: bytes = client.get(self._address.path)[0]
        except NoNodeError:
            return None
        return data.decode("utf-8").strip() or None

    def _save(self, client: Any, framework_id: str) -> None:
        data = framework_id.encode("utf-8")
        acl = CREATOR_ALL_ACL if self._address.credentials else None
        try:
            client.create(self._address.path, data, acl=acl, makepath=True)
        except NodeExistsError:
            client.set(self._address.path, data)

    def _clear(self, client: Any) -> None:
        with contextlib.suppress(NoNodeError):
            client.delete(self._address.path)
