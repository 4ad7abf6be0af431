"""``mesozoic exec``: a command beside a task, in its container."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import termios
import threading
import tty
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

import click

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.agent_pb2 import ProcessIO
from mesozoic.aio import OperatorClient
from mesozoic.aio.process_streams import stdin, window_size
from mesozoic.cli.addresses import Addresses
from mesozoic.cli.found_tasks import FoundTask, find
from mesozoic.cli.options import json_option, pass_addresses
from mesozoic.cli.printing import print_json
from mesozoic.errors import CallLost, CallRefused

_READ_BYTES: Final = 64 * 1024
_ENDS_BY_SIGNAL: Final = 128


@click.command(
    "exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("task")
@click.argument("command", nargs=-1, required=True)
@click.option("--no-stdin", is_flag=True, help="The command reads nothing.")
@click.option("--no-tty", is_flag=True, help="No terminal for it, even if there is one here.")
@json_option
@pass_addresses
def exec_(
    addresses: Addresses,
    task: str,
    command: tuple[str, ...],
    no_stdin: bool,
    no_tty: bool,
    as_json: bool,
) -> None:
    """Run COMMAND in the container of TASK, with its input and output here.

    It gets a terminal when this is called from one. The exit code is the command's. With --json
    its output is collected and printed when it has ended, with the exit code.
    """
    has_tty = sys.stdin.isatty() and sys.stdout.isatty()
    has_tty = has_tty and not (no_tty or no_stdin or as_json)

    async def asked(operator: OperatorClient) -> int:
        found = await find(operator, task, alive=True)
        session = Session(found, command, has_tty=has_tty, collects=as_json)
        code = await session.run(reads=not no_stdin)
        if as_json:
            print_json({"exit_code": code, **session.collected()})
        return code

    with raw_terminal() if has_tty else _nothing():
        code = addresses.ask(asked)
    sys.exit(code)


class Session:
    """A command beside a task, from its launch to its end."""

    def __init__(
        self, found: FoundTask, command: tuple[str, ...], *, has_tty: bool, collects: bool
    ) -> None:
        self._agent = found.agent
        self._container_id = mesos_pb2.ContainerID(
            value=str(uuid.uuid4()), parent=found.container_id
        )
        self._command = mesos_pb2.CommandInfo(shell=False, value=command[0], arguments=command)
        self._container: mesos_pb2.ContainerInfo | None = None
        if has_tty:
            size = shutil.get_terminal_size()
            self._container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
            self._container.tty_info.window_size.rows = size.lines
            self._container.tty_info.window_size.columns = size.columns
        self._kept: dict[int, list[bytes]] | None = {} if collects else None

    def collected(self) -> dict[str, str]:
        """What was written to ``stdout`` and ``stderr``."""
        kept = self._kept or {}
        names = {"stdout": ProcessIO.Data.STDOUT, "stderr": ProcessIO.Data.STDERR}
        return {
            name: b"".join(kept.get(kind, [])).decode("utf-8", "replace")
            for name, kind in names.items()
        }

    async def run(self, *, reads: bool) -> int:
        """Launch it, and wait for its end; returns its exit code."""
        stream = await self._agent.launch_nested_container_session(
            self._container_id, self._command, self._container
        )
        async with stream:
            ending = asyncio.create_task(self._agent.wait_nested_container(self._container_id))
            reading = asyncio.create_task(self._send_input()) if reads else None
            try:
                async for one in stream:
                    if one.type == ProcessIO.DATA:
                        self._take(one.data)
                # The stream ends with the command, whose status has been asked for before.
                status = (await ending).exit_status
            finally:
                ending.cancel()
                if reading is not None:
                    reading.cancel()
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else _ENDS_BY_SIGNAL - code

    def _take(self, data: ProcessIO.Data) -> None:
        if self._kept is not None:
            self._kept.setdefault(data.type, []).append(data.data)
            return
        to = sys.stderr if data.type == ProcessIO.Data.STDERR else sys.stdout
        to.buffer.write(data.data)
        to.buffer.flush()

    async def _send_input(self) -> None:
        has_tty = self._container is not None
        try:
            await self._agent.attach_container_input(
                self._container_id, _input_records(has_tty=has_tty)
            )
        except (CallRefused, CallLost):
            # The command has ended, or reads nothing any more; its own end tells how it went.
            return


async def _input_records(*, has_tty: bool) -> AsyncIterator[ProcessIO]:
    """What is typed or piped here, and how large the window is."""
    loop = asyncio.get_running_loop()
    records: asyncio.Queue[ProcessIO] = asyncio.Queue()

    def read() -> None:
        while True:
            data = os.read(sys.stdin.fileno(), _READ_BYTES)
            loop.call_soon_threadsafe(records.put_nowait, stdin(data))
            if not data:
                return

    def resized() -> None:
        size = shutil.get_terminal_size()
        records.put_nowait(window_size(size.lines, size.columns))

    # A file, a pipe and a terminal are read alike by a thread, which must not keep us from ending.
    threading.Thread(target=read, daemon=True).start()
    if has_tty:
        loop.add_signal_handler(signal.SIGWINCH, resized)
    while True:
        record = await records.get()
        yield record
        if record.type == ProcessIO.DATA and not record.data.data:
            return


@contextmanager
def raw_terminal() -> Iterator[None]:
    """Hand every key on, Ctrl-C too; as it was afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def _nothing() -> Iterator[None]:
    yield
