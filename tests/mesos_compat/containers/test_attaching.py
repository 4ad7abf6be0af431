"""Attaching to containers: their terminals, their input, and slow readers."""

from __future__ import annotations

import asyncio
import signal
from contextlib import aclosing
from pathlib import Path

import pytest

from mesos_compat.containers.containerizer import Containerizer
from mesos_compat.containers.io import AttachError
from mesos_compat.containers.spec import ContainerId, ContainerKind
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.containers.bench import Bench, Start, needs_root

pytestmark = pytest.mark.asyncio


def with_terminal(rows: int = 0, columns: int = 0) -> mesos_pb2.ContainerInfo:
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    container.tty_info.SetInParent()
    if rows:
        container.tty_info.window_size.rows = rows
        container.tty_info.window_size.columns = columns
    return container


async def whole_output(containerizer: Containerizer, container_id: ContainerId) -> bytes:
    return b"".join(
        [output.data async for output in await containerizer.attach_output(container_id)]
    )


async def test_a_terminal_has_the_size_it_was_given_and_can_be_resized(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    command = "stty size; trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done"
    parent = bench.spec("sleep 1000")
    session = bench.spec(
        command, parent=parent, container=with_terminal(30, 100), kind=ContainerKind.DEBUG
    )
    await containerizer.launch(parent)
    await containerizer.launch(session)
    typed = await containerizer.attach_input(session.container_id)
    seen = b""
    async for output in await containerizer.attach_output(session.container_id):
        assert output.stream == "stdout"
        seen += output.data
        if b"ready" in seen:
            await typed.resize(40, 120)
    assert seen == b"30 100\r\nready\r\n40 120\r\n"
    typed.close()


async def test_the_end_of_the_input_of_a_terminal_is_what_a_user_would_type(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    spec = bench.spec("stty -echo; tty > /dev/null && cat", container=with_terminal())
    await containerizer.launch(spec)
    typed = await containerizer.attach_input(spec.container_id)
    await typed.write(b"a line\n")
    await typed.end()
    assert (await containerizer.wait(spec.container_id)).status == 0
    assert b"a line\r\n" in Path(spec.sandbox, "stdout").read_bytes()
    typed.close()


async def test_terminal_goes_on_behind_the_end_of_somebodys_input(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    spec = bench.spec("stty -echo; cat; echo ended; cat", container=with_terminal())
    await containerizer.launch(spec)
    for line in (b"first\n", b"second\n"):
        typed = await containerizer.attach_input(spec.container_id)
        await typed.write(line)
        await typed.end()
        typed.close()
    assert (await containerizer.wait(spec.container_id)).status == 0
    said = Path(spec.sandbox, "stdout").read_bytes()
    assert said.endswith(b"first\r\nended\r\nsecond\r\n")


async def test_control_c_interrupts_the_command_of_a_terminal(bench: Bench, start: Start) -> None:
    containerizer = await start()
    spec = bench.spec("echo up; exec sleep 1000", container=with_terminal())
    await containerizer.launch(spec)
    typed = await containerizer.attach_input(spec.container_id)
    await typed.write(b"\x03")
    assert (await containerizer.wait(spec.container_id)).status == signal.SIGINT
    typed.close()


@needs_root
async def test_a_terminal_belongs_to_the_user(bench: Bench, start: Start) -> None:
    containerizer = await start()
    command = 'stat -c %U "$(tty)"; stat -c %U stdout'
    spec = bench.spec(command, container=with_terminal(), user="nobody")
    await containerizer.launch(spec)
    await containerizer.wait(spec.container_id)
    assert Path(spec.sandbox, "stdout").read_text().split() == ["nobody"] * 2


async def test_other_containers_cannot_be_attached_to(bench: Bench, start: Start) -> None:
    containerizer = await start()
    spec = bench.spec("sleep 1000")
    await containerizer.launch(spec)
    with pytest.raises(AttachError, match="I/O switchboard server was disabled"):
        await containerizer.attach_input(spec.container_id)
    with pytest.raises(AttachError, match="I/O switchboard server was disabled"):
        await whole_output(containerizer, spec.container_id)


async def session_of(bench: Bench, containerizer: Containerizer, command: str) -> ContainerId:
    parent = bench.spec("sleep 1000")
    session = bench.spec(command, parent=parent, kind=ContainerKind.DEBUG)
    await containerizer.launch(parent)
    await containerizer.launch(session)
    return session.container_id


async def test_the_output_of_a_session_waits_for_its_first_reader(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    done = bench.fifo()
    session = await session_of(bench, containerizer, f"echo early; echo > {done}")
    await asyncio.to_thread(done.read_text)
    assert await whole_output(containerizer, session) == b"early\n"
    assert (await containerizer.wait(session)).status == 0


async def test_a_slow_reader_holds_the_command_up_and_misses_nothing(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    session = await session_of(bench, containerizer, "head -c 20000000 /dev/zero")
    count = 0
    async with aclosing(await containerizer.attach_output(session)) as outputs:
        count += len((await anext(outputs)).data)
        # Much more than everything in between can hold, so it cannot be done.
        assert containerizer.signal(session, 0)
        async for output in outputs:
            count += len(output.data)
    assert count == 20_000_000
    assert (await containerizer.wait(session)).status == 0


async def test_several_readers_see_the_same(bench: Bench, start: Start) -> None:
    containerizer = await start()
    session = await session_of(bench, containerizer, "cat")
    typed = await containerizer.attach_input(session)

    async def first_line() -> bytes:
        async with aclosing(await containerizer.attach_output(session)) as outputs:
            return (await anext(outputs)).data

    async def type_until_seen() -> None:
        while not all(reader.done() for reader in readers):
            await typed.write(b"again\n")
            await asyncio.wait(readers, timeout=0.01)

    readers = [asyncio.create_task(first_line()) for _ in range(2)]
    await type_until_seen()
    assert all(reader.result().startswith(b"again\n") for reader in readers)
    await typed.end()
    assert (await containerizer.wait(session)).status == 0
    typed.close()


async def test_much_input_arrives_whole(bench: Bench, start: Start) -> None:
    containerizer = await start()
    session = await session_of(bench, containerizer, "wc -c")
    typed = await containerizer.attach_input(session)
    reading = asyncio.create_task(whole_output(containerizer, session))
    await typed.write(b"x" * 3_000_000)
    await typed.end()
    assert await reading == b"3000000\n"
    typed.close()


async def test_a_session_that_nobody_came_to_is_destroyed_at_once(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    session = await session_of(bench, containerizer, "echo unseen; sleep 1000")
    termination = await containerizer.destroy(session)
    assert termination is not None
    assert termination.status == signal.SIGKILL


async def test_writing_to_a_container_that_has_ended_does_no_harm(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    session = await session_of(bench, containerizer, "exec true")
    typed = await containerizer.attach_input(session)
    await whole_output(containerizer, session)
    await containerizer.wait(session)
    for _ in range(3):
        await typed.write(b"x" * 100_000)
    typed.close()
