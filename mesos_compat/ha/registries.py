"""Where the registry is kept: in ZooKeeper, in a file, or in memory.

All have two methods: ``fetch`` gives what was stored last, and makes it ours; ``store``
replaces it. A ``store`` that returns is durable. One that raises :class:`RegistryLostError`
says that another master has the registry by now; after any failure a master must not go on,
since it cannot know what the next one will find.
"""

from __future__ import annotations

import asyncio
import os
import struct
from pathlib import Path
from typing import Final, Protocol
from zlib import crc32

from google.protobuf import message as protobuf
from kazoo.exceptions import BadVersionError, KazooException, NodeExistsError, NoNodeError

from mesos_compat.ha.masters import make_path
from mesos_compat.ha.session import CONNECTION_FAILURES, ZooKeeperSession
from mesos_compat.wire import link_pb2

#: Bytes in one znode; a server takes a little less than 1 MiB in all.
_PART_BYTES: Final = 512 * 1024
#: Which format, number of the write, who wrote it, parts, length, checksum.
_HEAD: Final = struct.Struct(">4sQQIII")
_FORMAT: Final = b"reg1"


class RegistryLostError(Exception):
    """Another master has taken the registry over."""


class RegistryFailedError(Exception):
    """The registry cannot be read or written; the message says why."""


class RegistryStore(Protocol):
    """What a master keeps its registry in."""

    async def fetch(self) -> link_pb2.Registry:
        """What was stored last; empty at first. Raises :class:`RegistryFailedError`."""

    async def store(self, registry: link_pb2.Registry) -> None:
        """Replace it, durably."""


class MemoryRegistry:
    """For a master whose registry may go with it (``--registry=in_memory``)."""

    def __init__(self) -> None:
        self._data = b""

    async def fetch(self) -> link_pb2.Registry:
        """What was stored last."""
        return link_pb2.Registry.FromString(self._data)

    async def store(self, registry: link_pb2.Registry) -> None:
        """Keep it."""
        self._data = registry.SerializeToString()


class FileRegistry:
    """For a master without ZooKeeper: a file in its work directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def fetch(self) -> link_pb2.Registry:
        """What was stored last; raises :class:`RegistryFailedError` when it is damaged."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return link_pb2.Registry()
        except OSError as error:
            raise RegistryFailedError(f"cannot read {self._path}: {error.strerror}") from error
        head, body = data[: _HEAD.size], data[_HEAD.size :]
        if len(head) < _HEAD.size:
            raise RegistryFailedError(f"{self._path} is cut short")
        return _unpack(str(self._path), head, body)

    async def store(self, registry: link_pb2.Registry) -> None:
        """Replace the file as a whole."""
        await asyncio.get_running_loop().run_in_executor(None, self._write, registry)

    def _write(self, registry: link_pb2.Registry) -> None:
        body = registry.SerializeToString()
        aside = self._path.with_suffix(".tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                file.write(_pack(0, 0, 1, body) + body)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise RegistryFailedError(f"cannot write {self._path}: {error.strerror}") from error


class ZooKeeperRegistry:
    """In parts below ``registry``, whose own znode says which parts are the newest whole.

    A write creates new parts, then points to them under the version that it knows, then removes
    those before. So a crash at any moment leaves one whole registry, and of two masters that
    both believe to lead only one can write.
    """

    def __init__(self, session: ZooKeeperSession) -> None:
        self._session = session
        self._root = session.address.child("registry")
        self._version = -1
        # The newest write and who made it. Parts of different masters never have one name.
        self._number = self._writer = 0
        self._own = int.from_bytes(os.urandom(8), "big")

    async def fetch(self) -> link_pb2.Registry:
        """Read it, and keep the master before us from writing it any more."""
        session, client = self._session, self._session.client
        try:
            await make_path(session, session.address.path)
            try:
                empty = _pack(0, 0, 0, b"")
                await session.call(client.create, self._root, empty, acl=session.acl)
            except NodeExistsError:
                pass
            head, stat = await session.call(client.get, self._root)
            # From here on its version is ours.
            changed = await session.call(client.set, self._root, head, stat.version)
            self._version = changed.version
            _, self._number, self._writer, parts, _, _ = _HEAD.unpack(head)
            body = b""
            for part in range(parts):
                data, _ = await session.call(
                    client.get, self._part(self._number, self._writer, part)
                )
                body += data
            await self._remove_others()
        except BadVersionError as error:
            raise RegistryLostError("another master has begun to lead") from error
        except (NoNodeError, struct.error) as error:
            raise RegistryFailedError(f"{self._root} is damaged: {error!r}") from error
        except CONNECTION_FAILURES as error:
            raise RegistryFailedError(f"cannot read {self._root}: {error!r}") from error
        return _unpack(self._root, head, body)

    async def store(self, registry: link_pb2.Registry) -> None:
        """Replace it; raises :class:`RegistryLostError` when another master leads."""
        session, client = self._session, self._session.client
        body = registry.SerializeToString()
        parts = -(-len(body) // _PART_BYTES)
        number = self._number + 1
        try:
            for part in range(parts):
                data = body[part * _PART_BYTES : (part + 1) * _PART_BYTES]
                await self._put(self._part(number, self._own, part), data)
            head = _pack(number, self._own, parts, body)
            stat = await session.call(client.set, self._root, head, self._version)
            self._version, self._number, self._writer = stat.version, number, self._own
            await self._remove_others()
        except BadVersionError as error:
            raise RegistryLostError("another master has begun to lead") from error
        except CONNECTION_FAILURES as error:
            raise RegistryFailedError(f"cannot write {self._root}: {error!r}") from error

    def _part(self, number: int, writer: int, part: int) -> str:
        return f"{self._root}/{number:020d}-{writer:016x}.{part:06d}"

    async def _put(self, path: str, data: bytes) -> None:
        session = self._session
        try:
            await session.call(session.client.create, path, data, acl=session.acl)
        except NodeExistsError:
            # Left by a write that was not finished; nothing points to it.
            await session.call(session.client.set, path, data)

    async def _remove_others(self) -> None:
        """Remove the parts of other writes, as far as that is easily done."""
        session, client = self._session, self._session.client
        own = f"{self._number:020d}-{self._writer:016x}."
        for name in await session.call(client.get_children, self._root):
            if not name.startswith(own):
                try:
                    await session.call(client.delete, f"{self._root}/{name}")
                except NoNodeError:
                    continue
                except KazooException:
                    return


def _pack(number: int, writer: int, parts: int, body: bytes) -> bytes:
    return _HEAD.pack(_FORMAT, number, writer, parts, len(body), crc32(body))


def _unpack(where: str, head: bytes, body: bytes) -> link_pb2.Registry:
    version, _, _, _, length, checksum = _HEAD.unpack(head)
    if version != _FORMAT:
        raise RegistryFailedError(f"{where} is in a format of another version: {version!r}")
    if len(body) != length or crc32(body) != checksum:
        raise RegistryFailedError(f"{where} is damaged: its checksum is wrong")
    try:
        return link_pb2.Registry.FromString(body)
    except protobuf.DecodeError as error:
        raise RegistryFailedError(f"{where} is damaged: {error}") from error
