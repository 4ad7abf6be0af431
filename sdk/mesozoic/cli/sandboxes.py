"""Files of tasks, through their agents: ``logs``, ``ls``, ``cat``."""

from __future__ import annotations

import asyncio
import stat
import sys
import time
from collections.abc import AsyncIterator
from typing import Final

import click

from mesozoic.aio import OperatorClient
from mesozoic.cli.addresses import Addresses
from mesozoic.cli.failures import Failure
from mesozoic.cli.found_tasks import TERMINAL, FoundTask, find
from mesozoic.cli.options import json_option, pass_addresses
from mesozoic.cli.printing import object_of, print_json, print_line_of_json, print_rows
from mesozoic.errors import CallRefused

_PIECE_BYTES: Final = 256 * 1024
_POLL_S: Final = 0.25
#: How much is looked at for the last lines.
_TAIL_BYTES: Final = 1024 * 1024
_NOT_FOUND: Final = 404


class SandboxFile:
    """A file in a task's sandbox, or whatever else the agent shows."""

    def __init__(self, found: FoundTask, name: str) -> None:
        self.found = found
        self.name = name
        self.path = f"{found.sandbox}/{name}" if name else found.sandbox

    async def size(self) -> int:
        """Bytes; raises :class:`Failure`."""
        return (await self._read(0, 0)).size

    async def _read(self, offset: int, length: int) -> _Piece:
        try:
            answer = await self.found.agent.read_file(self.path, offset, length)
        except CallRefused as error:
            if error.status == _NOT_FOUND:
                raise self._missing() from error
            raise
        return _Piece(answer.size, answer.data)

    def _missing(self) -> Failure:
        task_id = self.found.task.task_id.value
        return Failure(
            f"the sandbox of '{task_id}' has no {self.name or 'files'} (any more)",
            f"'mesozoic ls {task_id}' lists what there is.",
        )

    async def pieces(self, offset: int, size: int) -> AsyncIterator[bytes]:
        """What is between two offsets."""
        while offset < size:
            piece = (await self._read(offset, min(_PIECE_BYTES, size - offset))).data
            if not piece:
                return
            offset += len(piece)
            yield piece

    async def begin_of_last(self, lines: int) -> int:
        """Where the last ``lines`` begin."""
        size = await self.size()
        begin = max(0, size - _TAIL_BYTES)
        data = b"".join([piece async for piece in self.pieces(begin, size)])
        position = len(data) - data.endswith(b"\n")
        for _ in range(lines):
            position = data.rfind(b"\n", 0, position)
            if position < 0:
                return begin
        return begin + position + 1


class _Piece:
    __slots__ = ("data", "size")

    def __init__(self, size: int, data: bytes) -> None:
        self.size = size
        self.data = data


async def follow(operator: OperatorClient, file: SandboxFile, offset: int) -> AsyncIterator[bytes]:
    """What comes behind ``offset``, until the task has ended."""
    wanted = file.found.task.task_id.value
    while True:
        # Asked first: what was written before the end is read once more behind it.
        ended = (await find(operator, wanted)).task.state in TERMINAL
        began = time.monotonic()
        async for piece in file.pieces(offset, await file.size()):
            offset += len(piece)
            yield piece
        if ended:
            return
        await asyncio.sleep(max(0.0, _POLL_S - (time.monotonic() - began)))


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@click.command()
@click.argument("task")
@click.option("--follow", "-f", "follows", is_flag=True, help="Go on until the task has ended.")
@click.option("--stderr", "-e", "is_stderr", is_flag=True, help="stderr instead of stdout.")
@click.option("--lines", "-n", type=click.IntRange(0), help="Only so many of the last lines.")
@json_option
@pass_addresses
def logs(
    addresses: Addresses,
    task: str,
    follows: bool,
    is_stderr: bool,
    lines: int | None,
    as_json: bool,
) -> None:
    """Print what TASK has written."""
    name = "stderr" if is_stderr else "stdout"

    def show(data: bytes) -> None:
        if as_json:
            print_line_of_json({"file": name, "data": data.decode("utf-8", "replace")})
        else:
            _write(data)

    async def asked(operator: OperatorClient) -> None:
        file = SandboxFile(await find(operator, task), name)
        offset = 0 if lines is None else await file.begin_of_last(lines)
        if follows:
            async for piece in follow(operator, file, offset):
                show(piece)
        else:
            async for piece in file.pieces(offset, await file.size()):
                show(piece)

    addresses.ask(asked)


@click.command()
@click.argument("task")
@click.argument("path", default="")
@json_option
@pass_addresses
def ls(addresses: Addresses, task: str, path: str, as_json: bool) -> None:
    """List the sandbox of TASK, or a directory in it."""

    async def asked(operator: OperatorClient) -> None:
        found = await find(operator, task)
        directory = SandboxFile(found, path.strip("/"))
        try:
            files = await found.agent.list_files(directory.path)
        except CallRefused as error:
            if error.status != _NOT_FOUND:
                raise
            raise Failure(
                f"the sandbox of '{found.task.task_id.value}' has no {path or 'files'} (any more)"
            ) from error
        if as_json:
            print_json([object_of(one) for one in files])
            return
        rows = [
            {
                "mode": stat.filemode(one.mode),
                "user": one.uid,
                "size": one.size,
                "changed": _told(one.mtime.nanoseconds),
                "name": one.path.rpartition("/")[2],
            }
            for one in files
        ]
        columns = {
            "mode": "MODE",
            "user": "USER",
            "size": "SIZE",
            "changed": "CHANGED",
            "name": "NAME",
        }
        print_rows(rows, columns, "no files")

    addresses.ask(asked)


def _told(nanoseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(nanoseconds / 1e9))


@click.command()
@click.argument("task")
@click.argument("path")
@json_option
@pass_addresses
def cat(addresses: Addresses, task: str, path: str, as_json: bool) -> None:
    """Print a file of the sandbox of TASK."""

    async def asked(operator: OperatorClient) -> None:
        file = SandboxFile(await find(operator, task), path.strip("/"))
        data = []
        async for piece in file.pieces(0, await file.size()):
            if as_json:
                data.append(piece)
            else:
                _write(piece)
        if as_json:
            print_json({"path": file.path, "data": b"".join(data).decode("utf-8", "replace")})

    addresses.ask(asked)
