"""The cluster as ``distributed`` wants it, and its workers."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl as tls
import sys
from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import dask.config
from dask.utils import parse_timedelta
from distributed import Scheduler
from distributed.core import Status
from distributed.deploy.spec import ProcessInterface, SpecCluster

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio.detect import Masters
from mesozoic.bridges.dask.tasks import KeptTasks
from mesozoic.pool.placing import framework_info, quantities_of
from mesozoic.pool.reachable import host_of_masters, host_towards

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
#: A worker without a scheduler for so long ends itself.
_DEATH_S: Final = 60
_FAILOVER_S: Final = 60.0
_MIB: Final = 1 << 20


class MesosWorker(ProcessInterface):
    """One worker of the cluster: a task that is kept running. Made by :class:`MesosCluster`."""

    def __init__(
        self,
        scheduler: str,
        name: Hashable,
        *,
        tasks: KeptTasks,
        command: Sequence[str],
        nthreads: int,
        memory_limit: int,
    ) -> None:
        """``scheduler`` is the address to connect to, ``command`` what comes before it."""
        super().__init__(scheduler=scheduler, name=name)
        self.name = name
        self._tasks = tasks
        self._arguments = (
            *command,
            scheduler,
            *("--name", str(name)),
            *("--nthreads", str(nthreads)),
            *("--memory-limit", str(memory_limit)),
        )

    async def start(self) -> None:
        """Have a task launched as soon as there is room for it."""
        self._tasks.keep(self.name, self._arguments)
        await super().start()

    async def close(self) -> None:
        """End the task, and wait for that."""
        await self._tasks.release(self.name)
        await super().close()


class MesosCluster(SpecCluster):
    """A Dask cluster on Mesos; ``scale``, ``adapt`` and ``close`` as for any other.

    ``master``, ``credential`` and ``ssl`` are as for :class:`~mesozoic.aio.SchedulerDriver`.
    Each worker has ``cpus`` processors, ``mem`` and ``disk`` megabytes, ``gpus``, and as many
    threads as whole processors unless ``nthreads`` says otherwise. It is started as ``python -m
    distributed.cli.dask_worker`` with ``environment`` and ``worker_arguments`` added. The
    scheduler listens on ``host``, by default the address from which this host reaches the
    master; ``scheduler_options`` are for ``distributed.Scheduler``, ``others`` for
    ``SpecCluster``: ``asynchronous``, ``name`` and so on.

    Raises ``ValueError`` for arguments that make no sense. A master that is not there yet is
    waited for, as are offers: workers come when there is room for them.
    """

    def __init__(
        self,
        master: Masters,
        n_workers: int = 0,
        *,
        cpus: float = 1.0,
        mem: float = 1024.0,
        disk: float = 0.0,
        gpus: int = 0,
        nthreads: int | None = None,
        python: str = sys.executable,
        environment: Mapping[str, str] = _NOTHING,
        worker_arguments: Sequence[str] = (),
        host: str | None = None,
        scheduler_options: Mapping[str, Any] = _NOTHING,
        framework_name: str = "mesozoic-dask",
        role: str = "*",
        user: str | None = None,
        credential: mesos_pb2.Credential | None = None,
        ssl: tls.SSLContext | None = None,
        **others: Any,
    ) -> None:
        """See the class."""
        wanted = {"cpus": cpus, "mem": mem, "disk": disk, "gpus": gpus}
        self._resources = quantities_of({name: much for name, much in wanted.items() if much})
        self._master = master
        self._framework = framework_info(
            framework_name, [role], user=user, failover_seconds=_FAILOVER_S
        )
        self._environment = dict(environment)
        self._access = (credential, ssl)
        self._tasks: KeptTasks | None = None
        command = (
            *(python, "-m", "distributed.cli.dask_worker", "--no-nanny", "--no-dashboard"),
            *("--death-timeout", str(_DEATH_S)),
            *worker_arguments,
        )
        self._worker_options = {
            "command": command,
            "nthreads": nthreads or max(1, math.floor(cpus)),
            "memory_limit": round(mem * _MIB),
        }
        worker = {"cls": self._new_worker, "options": self._worker_options}
        # As of a LocalCluster: what its scheduler says while workers come and go is for few.
        others.setdefault("silence_logs", logging.WARNING)
        listen = host or host_towards(host_of_masters(master), "127.0.0.1")
        scheduler = {
            "cls": Scheduler,
            "options": {"host": listen, "port": 0, "dashboard": False, **scheduler_options},
        }
        super().__init__(
            workers=dict.fromkeys(range(n_workers), worker),
            scheduler=scheduler,
            worker=worker,
            **others,
        )

    def _new_worker(self, scheduler: str, **options: Any) -> MesosWorker:
        if self._tasks is None:
            raise RuntimeError("the cluster has not been started")
        return MesosWorker(scheduler, tasks=self._tasks, **options)

    async def _start(self) -> None:
        if self._tasks is None:
            credential, ssl = self._access
            self._tasks = KeptTasks(
                self._master,
                self._framework,
                self._resources,
                self._environment,
                self._is_wanted,
                credential=credential,
                ssl=ssl,
            )
            self._tasks.open()
        await super()._start()

    async def _close(self) -> None:
        await super()._close()
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            await tasks.close()

    def _is_wanted(self, name: Hashable) -> bool:
        """A worker that is scaled away ends before it is closed: it is not to come again."""
        return self.status in (Status.starting, Status.running) and name in self.worker_spec

    def _update_worker_status(self, op: str, msg: Any) -> None:
        """Workers that were away for too long are given up by the class above; we want others."""
        super()._update_worker_status(op, msg)
        if op == "remove":
            timeout = dask.config.get("distributed.deploy.lost-worker-timeout")
            asyncio.get_running_loop().call_later(parse_timedelta(timeout) + 1, self._replace_lost)

    def _replace_lost(self) -> None:
        if self.status is Status.running and set(self.worker_spec) - set(self.workers):
            self._correct_state()
