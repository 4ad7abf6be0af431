"""The executor: what an author submits calls to."""

from __future__ import annotations

import atexit
import functools
import itertools
import ssl as tls
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from types import MappingProxyType
from typing import Any, Final, ParamSpec, TypeVar

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio.detect import Masters
from mesozoic.aio.framework_ids import FrameworkIdStore
from mesozoic.pool import outcomes
from mesozoic.pool.engine import Engine, finish_all
from mesozoic.pool.fleet import WorkerInfo
from mesozoic.pool.futures import MesosFuture
from mesozoic.pool.placing import quantities_of
from mesozoic.pool.reachable import host_of_masters, host_towards
from mesozoic.pool.settings import PoolSettings

_MS: Final = 1_000
_RESOURCES: Final[Mapping[str, float]] = MappingProxyType({"cpus": 1, "mem": 512})
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_LOCALHOST: Final = "127.0.0.1"

P = ParamSpec("P")
T = TypeVar("T")

#: Pools that may still have something to do when the interpreter ends.
_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _finish_at_exit() -> None:
    finish_all(_engines)


# What concurrent.futures itself uses: it comes before threads are waited for, and before asyncio
# can start none any more. Without it, at the end of everything is better than never.
vars(threading).get("_register_atexit", atexit.register)(_finish_at_exit)


class MesosPoolExecutor(Executor):
    """A :class:`concurrent.futures.Executor` whose workers are tasks of a Mesos cluster.

    ``master``, ``credential``, ``ssl`` and ``framework_ids`` are as for
    :class:`~mesozoic.aio.SchedulerDriver`. At most ``max_workers`` tasks run, each with
    ``resources`` (memory and disk in megabytes); they are launched when there is work, and
    given back after ``idle_seconds`` without, down to ``min_workers``.

    A worker is started as ``python -m mesozoic.pool.worker`` with ``environment`` added to what
    the agent gives; so this package has to be installed there, for the same version of Python.
    Modules whose functions are called have to be there as well, but not the program itself
    (``__main__``), whose functions travel as they are; so do those of modules that were given
    to ``cloudpickle.register_pickle_by_value``.

    ``initializer(*initargs)`` is called first in each worker; should it raise, the pool is
    broken. A call whose worker is lost while it runs is made again, at most ``retries`` times:
    functions whose effects must not be doubled want 0. Results above ``large_bytes`` stay in the
    worker's sandbox until they are fetched through the agent.

    Workers connect to ``host:port``; by default the address of this host from which it reaches
    the master, and any port. Should this process end without :meth:`shutdown`, workers end at
    once, and the framework after ``failover_seconds``.

    Raises ``ValueError`` (:class:`~mesozoic.errors.BadAddress` among them) for arguments that
    make no sense, and ``OSError`` where the port cannot be had. A master that is not there yet
    is waited for, by the calls.
    """

    def __init__(
        self,
        master: Masters,
        max_workers: int = 8,
        *,
        min_workers: int = 0,
        resources: Mapping[str, float] = _RESOURCES,
        python: str = sys.executable,
        environment: Mapping[str, str] = _NOTHING,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        retries: int = 3,
        idle_seconds: float = 60.0,
        large_bytes: int = 4 * 1024 * 1024,
        name: str = "mesozoic-pool",
        role: str = "*",
        user: str | None = None,
        host: str | None = None,
        port: int = 0,
        credential: mesos_pb2.Credential | None = None,
        ssl: tls.SSLContext | None = None,
        framework_ids: FrameworkIdStore | None = None,
        failover_seconds: float = 60.0,
    ) -> None:
        """See the class."""
        if not 0 <= min_workers <= max_workers or max_workers < 1:
            raise ValueError("0 <= min_workers <= max_workers, and at least one worker at most")
        if retries < 0 or idle_seconds < 0 or large_bytes < 0:
            raise ValueError("retries, idle_seconds and large_bytes are not negative")
        called = None if initializer is None else outcomes.call_bytes(initializer, *initargs)
        settings = PoolSettings(
            master=master,
            name=name,
            role=role,
            user=user,
            min_workers=min_workers,
            max_workers=max_workers,
            resources=quantities_of(resources),
            python=python,
            environment=dict(environment),
            retries=retries,
            idle_ms=round(idle_seconds * _MS),
            large_bytes=large_bytes,
            initializer=called,
            host=host or host_towards(host_of_masters(master), _LOCALHOST),
            port=port,
            credential=credential,
            ssl=ssl,
            framework_ids=framework_ids,
            failover_seconds=failover_seconds,
        )
        self._engine = Engine(settings)
        self._engine.start()
        _engines.add(self._engine)
        # A pool that nobody has any more ends as soon as its calls are done.
        weakref.finalize(self, self._engine.finish).atexit = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> MesosFuture[T]:
        """Have a worker call ``fn(*args, **kwargs)``.

        The future holds what it returns or raises; the traceback of where it was raised is the
        exception's ``__cause__``. Raises ``RuntimeError`` after :meth:`shutdown`, and
        :class:`~mesozoic.pool.BrokenMesosPool`.
        """
        return self._engine.submit(lambda: outcomes.call_bytes(fn, *args, **kwargs))

    async def run(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As :meth:`submit`, and wait for the result on the caller's event loop."""
        return await self.submit(fn, *args, **kwargs)

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[T]:
        """What ``fn`` gives for each set of arguments, in their order.

        All calls are submitted at once, ``chunksize`` of them as one. ``timeout`` is in seconds
        from now; ``TimeoutError`` is raised by the iterator, and what is left is cancelled when
        the iterator is dropped. ``fn`` is pickled once, so a worker calls one and the same
        object each time.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1")
        shared = outcomes.Shared(fn)
        if chunksize == 1:
            return super().map(shared, *iterables, timeout=timeout)
        arguments = zip(*iterables, strict=False)
        chunks = iter(lambda: tuple(itertools.islice(arguments, chunksize)), ())
        run = functools.partial(outcomes.run_chunk, shared)
        return itertools.chain.from_iterable(super().map(run, chunks, timeout=timeout))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; end the workers and the framework when those there are are done.

        With ``cancel_futures`` those that were not sent to a worker yet are cancelled. May be
        called again; without ``wait`` it returns at once.
        """
        self._engine.finish(cancel_futures=cancel_futures)
        if wait:
            self._engine.join()

    def workers(self) -> list[WorkerInfo]:
        """The workers that have not ended: task, agent, container and sandbox.

        What functions print is in the sandbox, in ``stdout`` and ``stderr``.
        """
        return self._engine.workers()

    @property
    def framework_id(self) -> str | None:
        """The id of the pool's framework; None before a master has taken it."""
        return self._engine.framework_id
