"""Starts the programs of this package that run in processes of their own.

Such a program gets one marshalled value on its standard input, answers on its standard output,
and may be handed a file as descriptor 3. It is started by posix_spawn, which does not copy the
agent however large that is, and without ``site``, so that it is up within 20 ms.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import marshal
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, cast

# Where the packages that this one belongs to are found.
_PACKAGES = str(Path(__file__).resolve().parents[2])
# Descriptors are moved up here first, so that none is in the way of the numbers 0 to 3.
_FD_MIN = 10
HANDED_FD = 3
_ANSWER_BYTES_MAX = 64 << 10

# What can be told: what marshal knows, so no subclass of a tuple.
Tellable: TypeAlias = (
    "Mapping[str, Tellable] | Sequence[Tellable] | bytes | str | int | bool | None"
)


def program(module: str) -> list[str]:
    """The command line that runs ``main`` of a module of this package."""
    code = f"import sys; sys.path.append({_PACKAGES!r}); from {module} import main; main()"
    return [sys.executable, "-I", "-S", "-c", code]


def _high(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FD_MIN)


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    high = _high(ends[0]), _high(ends[1])
    for fd in ends:
        os.close(fd)
    return high


def _spawn(module: str, log: str, handed: int | None) -> tuple[int, int, int]:
    """Start a program; its id, where to tell it, where to hear it. Raises OSError."""
    told, telling = _pipe()
    answer, answering = _pipe()
    log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    errors = _high(log_fd)
    os.close(log_fd)
    theirs = [told, answering, errors]
    actions = [
        (os.POSIX_SPAWN_DUP2, told, 0),
        (os.POSIX_SPAWN_DUP2, answering, 1),
        (os.POSIX_SPAWN_DUP2, errors, 2),
    ]
    if handed is not None:
        theirs.append(_high(handed))
        actions.append((os.POSIX_SPAWN_DUP2, theirs[-1], HANDED_FD))
    command = program(module)
    try:
        # What the agent ignores or blocks is not to be ignored or blocked by every task.
        pid = os.posix_spawn(
            command[0],
            command,
            {},
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP},
        )
    except OSError:
        os.close(telling)
        os.close(answer)
        raise
    finally:
        for fd in theirs:
            os.close(fd)
    return pid, telling, answer


async def run_program(
    module: str, told: Tellable, *, log: str = os.devnull, handed: int | None = None
) -> tuple[int, bytes]:
    """Start a program, tell it ``told``, and return its id and its whole answer.

    The answer ends when the program closes its standard output or ends. Whoever calls has to
    wait for the process. Raises OSError when it cannot be started.
    """
    pid, telling, answer = _spawn(module, log, handed)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_ANSWER_BYTES_MAX)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(answer, "rb", 0)
    )
    try:
        # A container's specification may be larger than a pipe holds, so not on the loop.
        await asyncio.to_thread(_tell, telling, marshal.dumps(cast("bytes", told)))
        return pid, await reader.read(_ANSWER_BYTES_MAX)
    except BaseException:
        # Nobody would ever wait for it.
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        transport.close()


async def run_to_end(module: str, told: Tellable, *, handed: int | None = None) -> bytes:
    """Run a program to its end; its answer. Cancelling kills it. Raises OSError."""
    pid, answer = await run_program(module, told, handed=handed)
    # Its answer is over when it ends, so that this does not take long.
    os.waitpid(pid, 0)
    return answer


def _tell(fd: int, content: bytes) -> None:
    try:
        with os.fdopen(fd, "wb") as pipe:
            pipe.write(content)
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
