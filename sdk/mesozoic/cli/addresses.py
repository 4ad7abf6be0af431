"""Which cluster a command is about.

What is given outranks what the environment says, and that the newest ``mesozoic up`` of this
user that still runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import OperatorClient
from mesozoic.cli.failures import Failure, told
from mesozoic.cli.local import records

_ADVICE: Final = "Start a cluster with 'mesozoic up', or give {option} (or {variable})."

T = TypeVar("T")


@dataclass(slots=True)
class Addresses:
    """What the options before the command, and the environment, have said."""

    master: str | None = None
    zk: str | None = None
    principal: str | None = None
    secret_file: Path | None = None

    def master_address(self) -> str:
        """Where the masters are; raises :class:`Failure`."""
        if self.master:
            return self.master
        return self._record("master", "--master", "MESOZOIC_MASTER").master

    def zk_hosts(self) -> str:
        """ZooKeeper's connect string; raises :class:`Failure`."""
        if self.zk:
            return self.zk.removeprefix("zk://")
        return self._record("ZooKeeper server", "--zk", "MESOZOIC_ZK").zk

    def _record(self, what: str, option: str, variable: str) -> records.Record:
        record = records.newest()
        if record is None:
            raise Failure(f"no {what} is known", _ADVICE.format(option=option, variable=variable))
        return record

    def credential(self) -> mesos_pb2.Credential | None:
        """Who asks; raises :class:`Failure`."""
        if not self.principal:
            return None
        secret = ""
        if self.secret_file is not None:
            try:
                secret = self.secret_file.read_text().strip()
            except OSError as error:
                raise Failure(f"cannot read the secret: {error}") from error
        return mesos_pb2.Credential(principal=self.principal, secret=secret)

    def operator(self) -> OperatorClient:
        """A client of the leading master; raises :class:`Failure`."""
        with told():
            return OperatorClient(self.master_address(), credential=self.credential())

    def ask(self, question: Callable[[OperatorClient], Awaitable[T]]) -> T:
        """What the leading master answers; raises :class:`Failure`."""

        async def asked() -> T:
            async with self.operator() as operator:
                return await question(operator)

        return run(asked())


def run(what: Coroutine[Any, Any, T]) -> T:
    """Run to its end; raises :class:`Failure` for what the SDK raises."""
    with told():
        return asyncio.run(what)
