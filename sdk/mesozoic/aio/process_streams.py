"""An agent's calls with streams: what a process in a container reads and writes."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Final

import aiohttp

from mesos_compat.wire.media import ContentType, encode
from mesos_compat.wire.recordio import encode as record
from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.agent_pb2 import Call, ProcessIO
from mesozoic.aio.transport import EventStream, Transport
from mesozoic.errors import CallLost, CallRefused

_RECORDIO: Final = ContentType.RECORDIO.value
_CONNECT_S: Final = 10.0


class ProcessStreams:
    """What :class:`~mesozoic.aio.AgentClient` inherits besides its plain calls."""

    _transport: Transport
    _url: str

    async def launch_nested_container_session(
        self,
        container_id: mesos_pb2.ContainerID,
        command: mesos_pb2.CommandInfo | None = None,
        container: mesos_pb2.ContainerInfo | None = None,
    ) -> EventStream[ProcessIO]:
        """LAUNCH_NESTED_CONTAINER_SESSION: run a command beside a task, and hear what it writes.

        Iterate over the stream; the command is killed when the stream is closed.
        """
        member = Call.LaunchNestedContainerSession(
            container_id=container_id, command=command, container=container
        )
        return await self._listen(
            Call(type=Call.LAUNCH_NESTED_CONTAINER_SESSION, launch_nested_container_session=member)
        )

    async def attach_container_output(
        self, container_id: mesos_pb2.ContainerID
    ) -> EventStream[ProcessIO]:
        """ATTACH_CONTAINER_OUTPUT: what a container writes from now on, until it ends."""
        member = Call.AttachContainerOutput(container_id=container_id)
        return await self._listen(
            Call(type=Call.ATTACH_CONTAINER_OUTPUT, attach_container_output=member)
        )

    async def _listen(self, call: Call) -> EventStream[ProcessIO]:
        headers = {"Accept": _RECORDIO, "Message-Accept": self._transport.content_type.value}
        return await self._transport.subscribe(self._url, call, ProcessIO, headers=headers)

    async def attach_container_input(
        self, container_id: mesos_pb2.ContainerID, records: AsyncIterable[ProcessIO]
    ) -> None:
        """ATTACH_CONTAINER_INPUT: write to a container what ``records`` hold, as they come.

        :func:`stdin` and :func:`window_size` make records. Returns when all were written.
        """
        kind = self._transport.content_type
        headers = {"Content-Type": _RECORDIO, "Message-Content-Type": kind.value}
        body = _input(container_id, records, kind)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
        # A body that is being made can be sent once: agents redirect nobody.
        response, at = await self._transport.request(
            self._url, body, headers, timeout, follows=False
        )
        try:
            async with response:
                text = await response.text()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise CallLost(f"{at}: {error}") from error
        if response.status != 200:
            raise CallRefused(response.status, text)


def stdin(data: bytes) -> ProcessIO:
    """Bytes for a process to read; none are the end of its input."""
    part = ProcessIO.Data(type=ProcessIO.Data.STDIN, data=data)
    return ProcessIO(type=ProcessIO.DATA, data=part)


def window_size(rows: int, columns: int) -> ProcessIO:
    """The size of the terminal from now on, for a process that has one."""
    size = mesos_pb2.TTYInfo.WindowSize(rows=rows, columns=columns)
    control = ProcessIO.Control(
        type=ProcessIO.Control.TTY_INFO, tty_info=mesos_pb2.TTYInfo(window_size=size)
    )
    return ProcessIO(type=ProcessIO.CONTROL, control=control)


async def _input(
    container_id: mesos_pb2.ContainerID, records: AsyncIterable[ProcessIO], kind: ContentType
) -> AsyncIterator[bytes]:
    """The body of ATTACH_CONTAINER_INPUT: first which container, then what it reads."""
    member = Call.AttachContainerInput
    first = member(type=member.CONTAINER_ID, container_id=container_id)
    yield _packed(first, kind)
    async for one in records:
        yield _packed(member(type=member.PROCESS_IO, process_io=one), kind)


def _packed(member: Call.AttachContainerInput, kind: ContentType) -> bytes:
    call = Call(type=Call.ATTACH_CONTAINER_INPUT, attach_container_input=member)
    return record(encode(call, kind))
