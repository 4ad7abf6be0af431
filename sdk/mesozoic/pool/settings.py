"""How a pool is set up."""

from __future__ import annotations

import ssl as tls
from collections.abc import Mapping
from dataclasses import dataclass

from mesos_compat.resources import Quantities
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio.detect import Masters
from mesozoic.aio.framework_ids import FrameworkIdStore


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """See :class:`~mesozoic.pool.MesosPoolExecutor`, whose arguments these are."""

    master: Masters
    name: str
    role: str
    user: str | None
    min_workers: int
    max_workers: int
    # Of each worker.
    resources: Quantities
    python: str
    environment: Mapping[str, str]
    # How often a call may begin anew.
    retries: int
    idle_ms: int
    # Results above this many bytes stay in the sandbox until they are fetched.
    large_bytes: int
    # A call without arguments, pickled.
    initializer: bytes | None
    # Where workers connect; port 0 is any.
    host: str
    port: int
    credential: mesos_pb2.Credential | None
    ssl: tls.SSLContext | None
    framework_ids: FrameworkIdStore | None
    failover_seconds: float
