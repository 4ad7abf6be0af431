"""A load that leaves one of everything behind, and some hundred random writes."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from conformance.migration.session import (
    CONTAINER,
    EPHEMERAL,
    OPEN,
    SEQUENTIAL,
    Acl,
    RefusedError,
    Session,
)

_OWNER: Final = b"user:pass"
#: Longer than any journey.
_TTL_MS: Final = 10 * 3600 * 1000
_ACLS: Final[tuple[Acl, ...]] = (
    OPEN,
    ((1, b"world", b"anyone"),),
    ((31, b"ip", b"127.0.0.1"), (1, b"world", b"anyone")),
    ((31, b"digest", b"user:smGaoVKd/cQkjm7b88GyorAUz20="), (4, b"ip", b"10.0.0.1")),
)
_NAMES: Final = 40
_DATA_BYTES_MAX: Final = 3_000
_LARGE_BYTES: Final = 300_000
_RANDOM_WRITES: Final = 600


@dataclass(frozen=True, slots=True)
class Left:
    """A session that was left alive, and what its ephemerals are."""

    id: int
    password: bytes
    ephemerals: tuple[str, ...]


def run_load(
    port: int, root: str, seed: int, *, has_containers: bool = True, has_ttl: bool = True
) -> Left:
    """Write below ``root`` with ephemerals of a session that is left alive."""
    with Session(port) as session:
        session.authenticate("digest", _OWNER)
        session.create(root)
        _one_of_everything(session, root)
        if has_containers:
            session.create(f"{root}/container", b"c", flags=CONTAINER)
            session.create(f"{root}/container/child", b"")
        if has_ttl:
            session.create_ttl(f"{root}/ttl", b"t", _TTL_MS)
            session.create_ttl(f"{root}/ttl-short", b"", 1_000_000)
        _RandomWrites(session, root, seed).run()
    # It ends with its session, and takes what it had created with it.
    with Session(port) as session:
        session.create(f"{root}/gone", b"", flags=EPHEMERAL)
    left = Session(port)
    paths = [
        left.create(f"{root}/ephemeral", b"mine", flags=EPHEMERAL),
        left.create(f"{root}/e-", b"", flags=EPHEMERAL | SEQUENTIAL),
    ]
    left.drop()
    return Left(left.id, left.password, tuple(paths))


def _one_of_everything(session: Session, root: str) -> None:
    session.create(f"{root}/null", None)
    session.create(f"{root}/empty", b"")
    session.create(f"{root}/large", bytes(range(256)) * (_LARGE_BYTES // 256))
    session.create(f"{root}/größe 漢字", "é".encode())
    session.create(f"{root}/deep")
    for number, acl in enumerate(_ACLS):
        session.create(f"{root}/acl-{number}", b"", acl)
        session.create(f"{root}/acl-{number}-later", b"")
        session.set_acl(f"{root}/acl-{number}-later", acl)
    path = f"{root}/deep"
    for number in range(20):
        path += f"/{number}"
        session.create(path, b"%d" % number)
    session.multi([(f"{root}/multi-{n}", b"m") for n in range(5)], deletes=[f"{root}/multi-0"])
    # Of a multi that is refused nothing happens, but it uses a zxid.
    with contextlib.suppress(RefusedError):
        session.multi([(f"{root}/never", b"")], deletes=[f"{root}/not-there"])
    _quota(session, root)


def _quota(session: Session, root: str) -> None:
    """A soft quota, as setquota of zkCli makes it, on znodes that come and go."""
    session.create(f"{root}/limited", b"123")
    path = "/zookeeper/quota"
    for name in f"{root}/limited".strip("/").split("/"):
        path += f"/{name}"
        session.create(path, b"")
    session.create(f"{path}/zookeeper_limits", b"count=1000,bytes=-1")
    session.create(f"{path}/zookeeper_stats", b"count=0,bytes=0")
    for number in range(10):
        session.create(f"{root}/limited/{number}", b"x" * number)
    session.delete(f"{root}/limited/3")
    session.set(f"{root}/limited/4", b"longer than before")


class _RandomWrites:
    """Creations, changes, deletions and sequences among few names, so that they collide."""

    def __init__(self, session: Session, root: str, seed: int) -> None:
        self._session = session
        self._root = f"{root}/random"
        self._random = random.Random(seed)

    def run(self) -> None:
        """All of them; what the server refuses is part of the load."""
        self._session.create(self._root)
        kinds: list[Callable[[], object]] = [
            *([self._create] * 5), *([self._set] * 3), *([self._delete] * 3),
            self._set_acl, self._sequential, self._multi,
        ]  # fmt: skip
        for _ in range(_RANDOM_WRITES):
            with contextlib.suppress(RefusedError):
                self._random.choice(kinds)()

    def _path(self) -> str:
        path = f"{self._root}/{self._random.randrange(_NAMES)}"
        return path if self._random.random() < 0.7 else f"{path}/{self._random.randrange(3)}"

    def _data(self) -> bytes | None:
        size = self._random.choice((-1, 0, 1, 100, _DATA_BYTES_MAX))
        return None if size < 0 else self._random.randbytes(size)

    def _create(self) -> None:
        self._session.create(self._path(), self._data(), self._random.choice(_ACLS))

    def _set(self) -> None:
        self._session.set(self._path(), self._data())

    def _delete(self) -> None:
        self._session.delete(self._path())

    def _set_acl(self) -> None:
        self._session.set_acl(self._path(), self._random.choice(_ACLS))

    def _sequential(self) -> None:
        self._session.create(f"{self._root}/s-", self._data(), flags=SEQUENTIAL)

    def _multi(self) -> None:
        path = self._path()
        self._session.multi([(path, b"1"), (f"{path}/m", b"2")], deletes=[self._path()])
