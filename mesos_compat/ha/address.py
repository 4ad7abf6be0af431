"""``zk://user:password@host1:port1,host2:port2/path`` (Mesos's ``zookeeper::URL``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesos_compat.errors import FlagError

_SCHEME: Final = "zk://"
_FILE: Final = "file://"


@dataclass(frozen=True, slots=True)
class ZooKeeperAddress:
    """Where an ensemble is, and which path of it is ours."""

    hosts: str
    path: str
    #: ``user:password`` of the scheme digest; empty for none.
    credentials: str = ""

    @classmethod
    def parse(cls, text: str) -> ZooKeeperAddress:
        """Read a ``zk://`` address, or a ``file://`` that holds one; raises ``FlagError``."""
        if text.startswith(_FILE):
            try:
                text = Path(text.removeprefix(_FILE)).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise FlagError(f"cannot read {text}: {error.strerror}") from error
        if not text.startswith(_SCHEME):
            raise FlagError(f"Expecting 'zk://' at the beginning of the URL '{text}'")
        servers, slash, path = text.removeprefix(_SCHEME).partition("/")
        credentials, at, hosts = servers.rpartition("@")
        if at and ":" not in credentials:
            raise FlagError("Expecting 'user:password' before the '@' of the zk:// URL")
        if not hosts:
            raise FlagError("Expecting servers in the zk:// URL: zk://host1:port1,host2:port2/path")
        path = "/" + path.strip("/") if slash else "/"
        return cls(hosts, path, credentials)

    def child(self, name: str) -> str:
        """The path of a znode below ours."""
        return f"/{name}" if self.path == "/" else f"{self.path}/{name}"

    def __str__(self) -> str:
        # Without what must not be in a log.
        return f"{_SCHEME}{self.hosts}{self.path}"
