"""``zk://[user:password@]host1:port1,host2:port2/path``, as Mesos's programs take it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesozoic.errors import BadAddress

SCHEME: Final = "zk://"
FILE_SCHEME: Final = "file://"


@dataclass(frozen=True, slots=True)
class ZooKeeperAddress:
    """Where an ensemble is, and which znode of it is meant."""

    hosts: str
    # Absolute, without a slash at its end.
    path: str
    # ``user:password`` for the scheme digest; empty is none.
    credentials: str = ""

    @classmethod
    def parse(cls, text: str) -> ZooKeeperAddress:
        """Read an address, or a ``file://`` that holds one. Raises :class:`BadAddress`."""
        if text.startswith(FILE_SCHEME):
            try:
                text = Path(text.removeprefix(FILE_SCHEME)).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise BadAddress(f"cannot read {text}: {error.strerror}") from error
        if not text.startswith(SCHEME):
            raise BadAddress(f"'{text}' does not begin with {SCHEME}")
        servers, _, path = text.removeprefix(SCHEME).partition("/")
        credentials, at, hosts = servers.rpartition("@")
        if at and ":" not in credentials:
            raise BadAddress("before the '@' of a zk:// address stands user:password")
        if not hosts:
            raise BadAddress("a zk:// address names hosts: zk://host1:port1,host2:port2/path")
        return cls(hosts, "/" + path.strip("/"), credentials)

    def child(self, name: str) -> str:
        """The path of a znode below."""
        return f"/{name}" if self.path == "/" else f"{self.path}/{name}"

    def __str__(self) -> str:
        # Without the password: this goes into logs.
        return f"{SCHEME}{self.hosts}{self.path}"
