"""Masters in ZooKeeper: standing for election, and finding out who leads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from google.protobuf import message as protobuf
from kazoo.exceptions import NodeExistsError, NoNodeError

from mesos_compat.errors import DecodeError
from mesos_compat.ha.session import CONNECTION_FAILURES, ZooKeeperSession
from mesos_compat.wire.json_dialect import JsonValue, encode_value, loads, to_value
from mesos_compat.wire.v1 import mesos_pb2

#: Label of masters since 0.24, and of those before, which wrote binary MasterInfo.
JSON_LABEL: Final = "json.info"
_BINARY_LABEL: Final = "info"
_RETRY_S: Final = 0.5

_log = logging.getLogger(__name__)


def sequence_of(name: str) -> int | None:
    """The number of a candidate's znode; None for others' (``log_replicas``, ``registry``)."""
    digits = name.rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else None


def pack_master(info: mesos_pb2.MasterInfo) -> bytes:
    """What a candidate's znode holds: JSON with its keys in order, as Mesos writes it."""
    value = to_value(info)
    if info.capabilities:
        # These are the internal names, of which v1 JSON lacks some.
        names = [mesos_pb2.MasterInfo.Capability.Type.Name(one.type) for one in info.capabilities]
        value["capabilities"] = [{"type": name} for name in names]
    return encode_value(_ordered(value)).encode("ascii")


def _ordered(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_ordered(one) for one in value]
    return value


def read_master(name: str, data: bytes) -> mesos_pb2.MasterInfo:
    """The MasterInfo of a candidate of any version; raises ``DecodeError``."""
    label = name.rpartition("_")[0]
    if label == JSON_LABEL:
        return loads(data, mesos_pb2.MasterInfo)
    if label == _BINARY_LABEL:
        try:
            return mesos_pb2.MasterInfo.FromString(data)
        except protobuf.DecodeError as error:
            raise DecodeError(f"no MasterInfo: {error}") from error
    # Before there were labels it was the pid, master@ip:port.
    pid = data.decode("utf-8", "replace")
    host, colon, port = pid.rpartition("@")[2].rpartition(":")
    if not colon or not port.isdigit():
        raise DecodeError(f"no pid of a master: {pid!r}")
    info = mesos_pb2.MasterInfo(id=pid, ip=0, port=int(port), pid=pid, hostname=host)
    info.address.hostname, info.address.port = host, int(port)
    return info


class Contender:
    """Keeps a candidate's znode up, from :meth:`start` on."""

    def __init__(
        self, session: ZooKeeperSession, info: mesos_pb2.MasterInfo, on_lost: Callable[[], None]
    ) -> None:
        self._session = session
        self._data = pack_master(info)
        self._on_lost = on_lost
        self._stands = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Stand for election now and after each loss of the session."""
        self._session.listen(self._changed)

    async def stop(self) -> None:
        """Look after it no longer; the znode goes with the session."""
        if self._task is not None:
            self._task.cancel()

    def _changed(self, connected: bool) -> None:
        if connected and not self._stands:
            if self._task is not None:
                self._task.cancel()
            self._task = asyncio.create_task(self._stand())
        elif not connected and self._stands:
            self._stands = False
            self._on_lost()

    async def _stand(self) -> None:
        session, address = self._session, self._session.address
        while True:
            try:
                await make_path(session, address.path)
                created = await session.call(
                    session.client.create,
                    address.child(f"{JSON_LABEL}_"),
                    self._data,
                    acl=session.acl,
                    ephemeral=True,
                    sequence=True,
                )
            except CONNECTION_FAILURES as error:
                _log.warning("cannot stand for election at %s: %r", address, error)
                await asyncio.sleep(_RETRY_S)
                continue
            self._stands = True
            _log.info("standing for election as %s", created)
            return


async def make_path(session: ZooKeeperSession, path: str) -> None:
    """Create ``path`` and what is missing above it."""
    at = ""
    for part in path.split("/"):
        if not part:
            continue
        at += "/" + part
        try:
            await session.call(session.client.create, at, b"", acl=session.acl)
        except NodeExistsError:
            continue


class Detector:
    """Tells who leads: ``on_leader`` hears of each change, with None when nobody does."""

    def __init__(
        self,
        session: ZooKeeperSession,
        on_leader: Callable[[mesos_pb2.MasterInfo | None], None],
    ) -> None:
        self._session = session
        self._on_leader = on_leader
        self._news = asyncio.Event()
        self._told: tuple[str, mesos_pb2.MasterInfo] | None = None
        self._has_told = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._session.listen(self._changed)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no longer."""
        if self._task is not None:
            self._task.cancel()

    def _changed(self, connected: bool) -> None:
        if not connected:
            self._tell(None)
        self._news.set()

    async def _run(self) -> None:
        while True:
            self._news.clear()
            if self._session.is_connected:
                try:
                    self._tell(await self._look())
                except CONNECTION_FAILURES as error:
                    _log.warning("cannot look for masters: %r", error)
                    await asyncio.sleep(_RETRY_S)
                    continue
            await self._news.wait()

    async def _look(self) -> tuple[str, mesos_pb2.MasterInfo] | None:
        """The leading master, with a watch on who comes and goes."""
        session, address = self._session, self._session.address
        watch = session.watcher(self._news)
        while True:
            try:
                names = await session.call(session.client.get_children, address.path, watch)
            except NoNodeError:
                if await session.call(session.client.exists, address.path, watch) is None:
                    return None
                continue
            break
        candidates = [(number, name) for name in names if (number := sequence_of(name)) is not None]
        if not candidates:
            return None
        name = min(candidates)[1]
        if self._told is not None and self._told[0] == name:
            return self._told
        try:
            data, _ = await session.call(session.client.get, address.child(name))
            return name, read_master(name, data)
        except NoNodeError:
            # It has gone meanwhile, of which the watch tells.
            return self._told
        except DecodeError as error:
            _log.warning("the leading master's znode %s holds no MasterInfo: %s", name, error)
            return None

    def _tell(self, found: tuple[str, mesos_pb2.MasterInfo] | None) -> None:
        if found == self._told and self._has_told:
            return
        self._told, self._has_told = found, True
        self._on_leader(found[1] if found is not None else None)
