"""ATTACH_CONTAINER_OUTPUT and ATTACH_CONTAINER_INPUT: to read and write a container's streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from mesos_compat.agent_shell.driver import AgentDriver
from mesos_compat.agent_shell.permissions import AgentPermissions
from mesos_compat.containers.io import AttachError, Input
from mesos_compat.containers.spec import (
    ContainerId,
    UnknownContainerError,
    container_id_of,
    container_id_text,
)
from mesos_compat.errors import DecodeError
from mesos_compat.http.answers import Answer, said, told
from mesos_compat.http.conversations import StreamForm
from mesos_compat.http.requests import Request
from mesos_compat.http.streams import RecordStream
from mesos_compat.master.validation import agent_call
from mesos_compat.wire.media import ContentType, decode
from mesos_compat.wire.recordio import Decoder
from mesos_compat.wire.v1 import agent_pb2

_Call = agent_pb2.Call
_RECORD_BYTES_MAX: Final = 16 * 1024 * 1024


async def attach_output(
    driver: AgentDriver, container_id: ContainerId, form: StreamForm
) -> Answer | RecordStream:
    """What the container writes, until it has ended or the reader has gone."""
    try:
        outputs = await driver.containerizer.attach_output(container_id)
    except UnknownContainerError:
        return told(404, f"Container {container_id_text(container_id)} cannot be found")
    except AttachError as error:
        return told(500, str(error))
    route = driver.new_route()
    pump: asyncio.Task[None] | None = None

    def gone() -> None:
        if pump is not None:
            pump.cancel()

    stream = driver.conversations.open_unasked(route, form, gone)

    async def run() -> None:
        await driver.forward(route, outputs)
        driver.conversations.close(route)

    pump = asyncio.create_task(run())
    return stream


async def attach_input(
    driver: AgentDriver, request: Request, form: StreamForm, permissions: AgentPermissions
) -> Answer:
    """Write to a container what the request's records hold, as they come."""
    calls = _calls(request, form.content_type)
    try:
        first = await anext(calls, None)
        if first is None:
            return told(400, "Received EOF while reading request body")
        if not _is_container_id(first):
            return told(
                400, "Expecting 'attach_container_input.type' to be CONTAINER_ID in the first call"
            )
        container_id = container_id_of(first.attach_container_input.container_id)
        if not permissions.may_attach("attach_containers_input", request.principal, container_id):
            return said(403)
        try:
            target = await driver.containerizer.attach_input(container_id)
        except UnknownContainerError:
            return said(404)
        except AttachError as error:
            return told(500, str(error))
        try:
            async for call in calls:
                fault = await _write(target, call.attach_container_input)
                if fault is not None:
                    return told(400, fault)
        finally:
            target.close()
    except DecodeError as error:
        return told(400, str(error))
    return Answer(200)


def _is_container_id(call: agent_pb2.Call) -> bool:
    return call.attach_container_input.type == _Call.AttachContainerInput.CONTAINER_ID


async def _calls(request: Request, content_type: ContentType) -> AsyncIterator[agent_pb2.Call]:
    """The calls in a request's body; raises DecodeError."""
    decoder = Decoder(_RECORD_BYTES_MAX)
    async for data in request.pieces():
        for record in decoder.feed(data):
            call = decode(record, content_type, _Call)
            fault = agent_call.validate(call)
            if fault is not None:
                raise DecodeError(f"Failed to validate agent::Call: {fault}")
            if call.type != _Call.ATTACH_CONTAINER_INPUT:
                raise DecodeError("Expecting 'ATTACH_CONTAINER_INPUT' calls only in this stream")
            yield call


async def _write(target: Input, call: agent_pb2.Call.AttachContainerInput) -> str | None:
    if call.type != _Call.AttachContainerInput.PROCESS_IO:
        return "Expecting 'attach_container_input.type' to be PROCESS_IO"
    record = call.process_io
    if record.type == agent_pb2.ProcessIO.DATA:
        if record.data.type != agent_pb2.ProcessIO.Data.STDIN:
            return "Expecting 'process_io.data.type' to be STDIN"
        await target.write(record.data.data)
        return None
    if record.type != agent_pb2.ProcessIO.CONTROL:
        return "Expecting 'process_io.type' to be DATA or CONTROL"
    control = record.control
    if control.type == agent_pb2.ProcessIO.Control.TTY_INFO:
        size = control.tty_info.window_size
        await target.resize(size.rows, size.columns)
    # A HEARTBEAT only keeps the connection up.
    return None
