"""What the containerizer keeps of one container."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from mesos_compat.containers.bounds import Bounds
from mesos_compat.containers.process import ProcessRef
from mesos_compat.containers.records import Record
from mesos_compat.containers.spec import ContainerSpec, LimitationKind, Termination
from mesos_compat.containers.usage import DiskUse
from mesos_compat.wire.v1 import mesos_pb2


@dataclass(slots=True)
class Container:
    """One container, from the call of `launch` to its removal."""

    record: Record
    runtime: Path
    bounds: Bounds
    # Set once it has ended and nothing of it is left.
    ended: asyncio.Future[Termination]
    # What prepares it, until its supervisor is started; may be cancelled.
    preparing: asyncio.Task[None] | None = None
    # Set once the launch has come to an end, one way or the other.
    launched: asyncio.Event = field(default_factory=asyncio.Event)
    supervisor: ProcessRef | None = None
    # The supervisor's child: the command, or the init of its namespace.
    child: ProcessRef | None = None
    command: ProcessRef | None = None
    watch: asyncio.Task[None] | None = None
    # Whether somebody wants it to end.
    is_destroyed: bool = False
    limitation: LimitationKind | None = None
    message: str = ""
    limited: tuple[mesos_pb2.Resource, ...] = ()
    # What its files took when that was last measured.
    disk: list[DiskUse] = field(default_factory=list)

    @property
    def spec(self) -> ContainerSpec:
        """What it was launched with, or last updated to."""
        return self.record.spec
