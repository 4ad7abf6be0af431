"""An agent is killed, and the next one finds its containers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mesos_compat.containers.process import ProcessRef
from mesos_compat.containers.spec import UnknownContainerError
from tests.mesos_compat.containers.bench import Bench, Start, skip_without_cgroups

pytestmark = pytest.mark.asyncio
REPOSITORY = Path(__file__).resolve().parents[3]


class Agents:
    """Agents that are programs of their own, one after the other."""

    def __init__(self, bench: Bench, isolation: tuple[str, ...] = ()) -> None:
        self._config = bench.root / "config"
        changes = {"launcher": None} if isolation else {}
        settings = bench.settings(isolation=isolation, **changes)
        names = ("work_dir", "runtime_dir", "isolation", "launcher", "cgroups_root")
        self._settings = {name: getattr(settings, name) for name in names}

    async def start(
        self,
        what: str,
        containers: list[dict[str, object]] | None = None,
        known: list[list[str]] | None = None,
    ) -> asyncio.subprocess.Process:
        config = {"settings": self._settings, "containers": containers or [], "known": known or []}
        self._config.write_text(json.dumps(config))
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.mesos_compat.containers.agent_program",
            what,
            str(self._config),
            stdout=asyncio.subprocess.PIPE,
            cwd=REPOSITORY,
        )

    async def launch_and_die(self, containers: list[dict[str, object]]) -> list[ProcessRef]:
        """An agent launches and is killed; the commands it leaves running."""
        agent = await self.start("launch", containers)
        assert agent.stdout is not None
        commands = [ProcessRef.of(int(await agent.stdout.readline())) for _ in containers]
        agent.kill()
        await agent.wait()
        return [command for command in commands if command is not None]


def container(bench: Bench, command: str, *names: str, **more: object) -> dict[str, object]:
    sandbox = str(bench.root / "work" / "/containers/".join(names))
    return {"id": names, "command": command, "sandbox": sandbox, **more}


Isolations = Callable[[], None]
ISOLATIONS = pytest.mark.parametrize(
    ("isolation", "skip"),
    [((), lambda: None), (("cgroups/mem", "cgroups/pids"), skip_without_cgroups)],
)


@ISOLATIONS
async def test_a_running_container_is_watched_by_the_next_agent(
    bench: Bench, isolation: tuple[str, ...], skip: Isolations
) -> None:
    skip()
    agents = Agents(bench, isolation)
    go = bench.fifo()
    (command,) = await agents.launch_and_die([container(bench, f"cat {go}; exit 3", "c")])
    assert command.lives()
    second = await agents.start("recover", known=[["c"]])
    assert second.stdout is not None
    assert await second.stdout.readline() == b"found c True\n"
    await asyncio.to_thread(go.write_text, "")
    assert await second.stdout.readline() == b"ended c 768\n"
    assert await second.wait() == 0
    assert list((bench.root / "run" / "containers").iterdir()) == []


async def test_an_exit_that_no_agent_saw_is_told_to_the_next_one(bench: Bench) -> None:
    agents = Agents(bench)
    go = bench.fifo()
    (command,) = await agents.launch_and_die([container(bench, f"cat {go}; kill -TERM $$", "c")])
    supervisor = ProcessRef.of(int((bench.root / "run/containers/c/pid").read_text().split()[0]))
    assert supervisor is not None
    await asyncio.to_thread(go.write_text, "")
    await gone(supervisor)
    assert not command.lives()
    second = await agents.start("recover", known=[["c"]])
    assert second.stdout is not None
    assert await second.stdout.read() == b"found c False\nended c 15\n"
    await second.wait()


async def gone(process: ProcessRef) -> None:
    """Wait for a process that is not our child."""
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(fd, ended.set)
    await ended.wait()
    asyncio.get_running_loop().remove_reader(fd)
    os.close(fd)


async def test_nested_containers_are_found_and_debug_containers_are_not_kept(
    bench: Bench,
) -> None:
    agents = Agents(bench)
    go = bench.fifo()
    commands = await agents.launch_and_die(
        [
            container(bench, f"cat {go}", "c"),
            container(bench, "sleep 1000", "c", "nested"),
            container(bench, "sleep 1000", "c", "session", kind="debug"),
        ]
    )
    second = await agents.start("recover", known=[["c"]])
    assert second.stdout is not None
    found = [await second.stdout.readline() for _ in range(2)]
    assert found == [b"found c True\n", b"found c nested True\n"]
    assert [command.lives() for command in commands] == [True, True, False]
    await asyncio.to_thread(go.write_text, "")
    assert await second.stdout.read() == b"ended c 0\nended c nested 9\n"
    await second.wait()


@ISOLATIONS
async def test_a_container_that_nobody_knows_is_destroyed(
    bench: Bench, isolation: tuple[str, ...], skip: Isolations
) -> None:
    skip()
    agents = Agents(bench, isolation)
    (command,) = await agents.launch_and_die([container(bench, "sleep 1000 & sleep 1000", "c")])
    second = await agents.start("recover", known=[])
    assert second.stdout is not None
    assert await second.stdout.read() == b""
    await second.wait()
    assert not command.lives()
    assert list((bench.root / "run" / "containers").iterdir()) == []


async def test_a_known_container_that_left_no_trace_ended_unseen(start: Start) -> None:
    containerizer = await start()
    (found,) = await containerizer.recover([("lost",)])
    assert (found.pid, found.running) == (None, False)
    assert (await containerizer.wait(("lost",))).status is None
    with pytest.raises(UnknownContainerError):
        await containerizer.wait(("lost",))


async def test_a_process_that_only_has_the_same_id_is_not_taken_for_the_container(
    bench: Bench, start: Start
) -> None:
    first = await start()
    spec = bench.spec("sleep 1000")
    await first.launch(spec)
    await first.close()
    runtime = bench.root / "run" / "containers" / spec.container_id[0]
    pid, ticks = (int(word) for word in (runtime / "pid").read_text().split())
    (runtime / "pid").write_text(f"{pid} {ticks + 1}")
    second = await start()
    (found,) = await second.recover([spec.container_id])
    assert not found.running
    os.kill(pid, signal.SIGKILL)
    assert (await second.wait(spec.container_id)).status is None
