"""What both programs do from their start to their end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from mesos_compat.cli.version import VERSION
from mesos_compat.errors import FlagError
from mesos_compat.flags.loading import Flag, Flags, load, usage

_log = logging.getLogger(__name__)

#: Messages hold no cycles; Python's own thresholds would walk through all tasks all the time.
_GC_THRESHOLDS: Final = (50_000, 20, 50)
_STOPPED_BY: Final = (signal.SIGTERM, signal.SIGINT)


class Program(Protocol):
    """A master or an agent."""

    async def start(self) -> None:
        """Begin to serve; raises FlagError and OSError."""

    async def stop(self) -> None:
        """End, and give back what is held."""

    async def wait_ended(self) -> str | None:
        """Until it must end by itself; why, or None when that is regular."""


def note_ignored(flags: Flags) -> None:
    """Say which flags do nothing here."""
    for name in flags.ignored:
        _log.warning("--%s is accepted without effect", name)


async def run(program: Program, on_signal: Mapping[int, Callable[[], None]] | None = None) -> int:
    """Run until a signal or the program says that it is over; returns the exit status."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[int] = loop.create_future()

    def signalled(number: int) -> None:
        if not told.done():
            told.set_result(number)

    for number in _STOPPED_BY:
        loop.add_signal_handler(number, signalled, number)
    for other, react in (on_signal or {}).items():
        loop.add_signal_handler(other, react)
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        await program.start()
        # What is there now stays to the end, and need not be looked at again and again.
        gc.freeze()
        ended = asyncio.ensure_future(program.wait_ended())
        waiting: list[asyncio.Future[Any]] = [told, ended]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            why = ended.result()
            if why is not None:
                _log.critical("%s", why)
            return 1 if why is not None else 0
        ended.cancel()
        _log.info("ending because of signal %s", signal.Signals(told.result()).name)
        return 0
    finally:
        await program.stop()


def main(name: str, table: Sequence[Flag], begin: Callable[[Flags], Awaitable[int]]) -> None:
    """A console script: read the flags, run, exit."""
    try:
        flags = load(table, sys.argv[1:], os.environ)
        if flags.is_set("help"):
            print(usage(name, table), end="")
            return
        if flags.is_set("version"):
            print(f"mesos {VERSION}")
            return
        sys.exit(asyncio.run(_as_coroutine(begin(flags))))
    except FlagError as error:
        sys.exit(f"{name}: {error}")
    except OSError as error:
        # A file is named by the error; what cannot be listened at, by asyncio's own text.
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{name}: {where}{error.strerror or error}")


async def _as_coroutine(work: Awaitable[int]) -> int:
    return await work
