"""Containers as the agent sees them, with real processes."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from pathlib import Path

import psutil
import pytest

from mesos_compat.containers.process import ProcessRef
from mesos_compat.containers.spec import (
    ContainerKind,
    LaunchError,
    UnknownContainerError,
    UpdateError,
)
from mesos_compat.errors import FlagError
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.containers.bench import Bench, Start, needs_root, resources

pytestmark = pytest.mark.asyncio


async def read(path: Path) -> str:
    """What somebody writes to a pipe."""
    return await asyncio.to_thread(path.read_text)


async def test_a_command_writes_to_its_sandbox_and_its_exit_status_is_told(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    spec = bench.spec("echo out; echo err >&2; pwd; exit 3")
    launched = await containerizer.launch(spec)
    assert launched.container_id == spec.container_id
    termination = await containerizer.wait(spec.container_id)
    assert termination.status == 3 << 8
    assert termination.limitation is None
    assert Path(spec.sandbox, "stdout").read_text() == f"out\n{spec.sandbox}\n"
    assert Path(spec.sandbox, "stderr").read_text() == "err\n"


async def test_a_container_is_forgotten_when_its_end_has_been_told(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    spec = bench.spec("true")
    await containerizer.launch(spec)
    await containerizer.wait(spec.container_id)
    assert containerizer.containers() == []
    assert list((bench.root / "run" / "containers").iterdir()) == []
    with pytest.raises(UnknownContainerError):
        await containerizer.wait(spec.container_id)


async def test_the_latest_link_names_the_last_run(bench: Bench, start: Start) -> None:
    containerizer = await start()
    for _ in range(2):
        spec = bench.spec("true")
        await containerizer.launch(spec)
        await containerizer.wait(spec.container_id)
        assert (Path(spec.sandbox).parent / "latest").readlink() == Path(spec.sandbox)


async def test_a_program_is_executed_with_its_own_arguments(bench: Bench, start: Start) -> None:
    containerizer = await start()
    command = mesos_pb2.CommandInfo(
        shell=False, value="printf", arguments=["printf", "%s|", "a b", "$HOME"]
    )
    spec = bench.spec(command)
    await containerizer.launch(spec)
    await containerizer.wait(spec.container_id)
    assert Path(spec.sandbox, "stdout").read_text() == "a b|$HOME|"


async def test_a_program_that_does_not_exist_exits_with_one_and_says_so(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    spec = bench.spec(mesos_pb2.CommandInfo(shell=False, value="no-such-program"))
    await containerizer.launch(spec)
    assert (await containerizer.wait(spec.container_id)).status == 1 << 8
    said = Path(spec.sandbox, "stderr").read_text()
    assert said == "Failed to execute 'no-such-program': No such file or directory\n"


async def test_the_environment_is_what_is_given_and_the_commands_own_wins(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    command = mesos_pb2.CommandInfo(value="env")
    command.environment.variables.add(name="B", value="command")
    spec = bench.spec(command, environment={"A": "agent", "B": "agent"})
    await containerizer.launch(spec)
    await containerizer.wait(spec.container_id)
    lines = Path(spec.sandbox, "stdout").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    # The rest is the shell's own.
    assert found.keys() <= {"A", "B", "PATH", "PWD", "SHLVL", "_", "OLDPWD"}
    assert (found["A"], found["B"]) == ("agent", "command")
    assert found["PATH"].startswith("/usr/local/sbin:")


async def test_signals_a_command_expects_to_work_are_not_ignored(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    spec = bench.spec("grep -E '^Sig(Blk|Ign)' /proc/self/status")
    await containerizer.launch(spec)
    await containerizer.wait(spec.container_id)
    masks = [line.split()[1] for line in Path(spec.sandbox, "stdout").read_text().splitlines()]
    # The C library keeps two for itself.
    ours = sum(1 << (number - 1) for number in signal.valid_signals())
    assert [int(mask, 16) & ours for mask in masks] == [0, 0]


async def test_a_command_has_no_descriptors_but_the_standard_ones(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    # The fourth is of the directory that ls is reading.
    spec = bench.spec(mesos_pb2.CommandInfo(shell=False, value="ls", arguments=["ls", "/dev/fd/"]))
    await containerizer.launch(spec)
    await containerizer.wait(spec.container_id)
    assert Path(spec.sandbox, "stdout").read_text().split() == ["0", "1", "2", "3"]


async def test_a_signal_reaches_the_command_and_no_more_when_it_has_ended(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    ready = bench.fifo()
    spec = bench.spec(f"trap 'exit 7' TERM; echo up > {ready}; while true; do sleep 0.01; done")
    launched = await containerizer.launch(spec)
    assert await read(ready) == "up\n"
    assert containerizer.status(spec.container_id).executor_pid == launched.pid
    assert containerizer.signal(spec.container_id, signal.SIGTERM)
    assert (await containerizer.wait(spec.container_id)).status == 7 << 8


async def test_destroying_kills_what_has_left_the_commands_session(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    ready = bench.fifo()
    # A daemon: another session, its parent gone.
    spec = bench.spec(
        f"setsid sh -c '(trap \"\" TERM HUP; echo $$ > {ready}; sleep 1000) &'; sleep 1000"
    )
    launched = await containerizer.launch(spec)
    daemon = ProcessRef.of(int(await read(ready)))
    command = ProcessRef.of(launched.pid)
    assert command is not None
    termination = await containerizer.destroy(spec.container_id)
    assert termination is not None
    assert termination.status == signal.SIGKILL
    assert not command.lives()
    assert daemon is None or not daemon.lives()
    assert processes_in(spec.sandbox) == []


def processes_in(directory: str) -> list[int]:
    """The processes that work in a directory."""
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                where = (one / "cwd").readlink()
            except OSError:
                continue
            if where == Path(directory):
                found.append(int(one.name))
    return found


async def test_what_a_command_leaves_behind_ends_with_it(bench: Bench, start: Start) -> None:
    containerizer = await start()
    spec = bench.spec("setsid sleep 1000 & (sleep 1000 &) ; exit 0")
    await containerizer.launch(spec)
    assert (await containerizer.wait(spec.container_id)).status == 0
    assert processes_in(spec.sandbox) == []


async def test_what_was_left_ends_although_its_supervisor_was_killed(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    ready = bench.fifo()
    spec = bench.spec(f"echo up > {ready}; exec sleep 1000")
    launched = await containerizer.launch(spec)
    await read(ready)
    status = Path(f"/proc/{launched.pid}/status").read_text()
    supervisor = int(status.partition("PPid:")[2].split()[0])
    os.kill(supervisor, signal.SIGKILL)
    # Nobody has seen how it ended.
    assert (await containerizer.wait(spec.container_id)).status is None
    assert processes_in(spec.sandbox) == []


async def test_limits_on_processes_are_set(bench: Bench, start: Start) -> None:
    containerizer = await start()
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    limits = container.rlimit_info.rlimits
    limits.add(type=mesos_pb2.RLimitInfo.RLimit.RLMT_NOFILE, soft=100, hard=123)
    spec = bench.spec("ulimit -Sn; ulimit -Hn", container=container)
    await containerizer.launch(spec)
    await containerizer.wait(spec.container_id)
    assert Path(spec.sandbox, "stdout").read_text() == "100\n123\n"
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] != 100


@needs_root
async def test_a_command_runs_as_its_user_who_owns_the_sandbox(bench: Bench, start: Start) -> None:
    containerizer = await start()
    spec = bench.spec("id -un; id -Gn; touch made; cat /etc/shadow", user="nobody")
    await containerizer.launch(spec)
    assert (await containerizer.wait(spec.container_id)).status == 1 << 8
    assert Path(spec.sandbox, "stdout").read_text() == "nobody\nnogroup\n"
    owned = [Path(spec.sandbox), *Path(spec.sandbox).iterdir()]
    assert {path.owner() for path in owned} == {"nobody"}


@needs_root
@pytest.mark.parametrize("user", ["no-such-user", ""])
async def test_root_does_not_run_the_commands_of_a_user_it_does_not_know(
    bench: Bench, start: Start, user: str
) -> None:
    containerizer = await start()
    spec = bench.spec("touch made", user=user)
    with pytest.raises(LaunchError, match=f"'{user}'"):
        await containerizer.launch(spec)
    assert not Path(spec.sandbox, "made").exists()


async def test_without_switching_users_the_agents_user_is_used(bench: Bench, start: Start) -> None:
    containerizer = await start(switch_user=False)
    spec = bench.spec("id -u", user="no-such-user")
    await containerizer.launch(spec)
    await containerizer.wait(spec.container_id)
    assert Path(spec.sandbox, "stdout").read_text() == f"{os.geteuid()}\n"


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.DOCKER), "None of the enabled"),
        (
            mesos_pb2.ContainerInfo(
                type=mesos_pb2.ContainerInfo.MESOS,
                mesos=mesos_pb2.ContainerInfo.MesosInfo(
                    image=mesos_pb2.Image(type=mesos_pb2.Image.DOCKER)
                ),
            ),
            "images are not supported",
        ),
    ],
)
async def test_what_is_not_supported_is_refused_and_leaves_nothing(
    bench: Bench, start: Start, container: mesos_pb2.ContainerInfo, message: str
) -> None:
    containerizer = await start()
    with pytest.raises(LaunchError, match=message):
        await containerizer.launch(bench.spec("true", container=container))
    assert containerizer.containers() == []


async def test_a_sandbox_that_cannot_be_entered_fails_the_launch(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    spec = bench.spec("true", sandbox=str(bench.root / "file" / "sandbox"))
    (bench.root / "file").write_text("")
    with pytest.raises(LaunchError):
        await containerizer.launch(spec)
    assert containerizer.containers() == []


async def test_a_container_id_is_used_once(bench: Bench, start: Start) -> None:
    containerizer = await start()
    spec = bench.spec("sleep 1000")
    await containerizer.launch(spec)
    with pytest.raises(LaunchError, match="already started"):
        await containerizer.launch(spec)


async def test_a_nested_container_has_a_sandbox_in_its_parents(bench: Bench, start: Start) -> None:
    containerizer = await start()
    parent = bench.spec("sleep 1000")
    await containerizer.launch(parent)
    nested = bench.spec("pwd; exit 4", parent=parent)
    await containerizer.launch(nested)
    assert (await containerizer.wait(nested.container_id)).status == 4 << 8
    assert Path(nested.sandbox, "stdout").read_text() == f"{nested.sandbox}\n"
    # Its end can be asked for again, until it is removed.
    assert (await containerizer.wait(nested.container_id)).status == 4 << 8
    await containerizer.remove(nested.container_id)
    assert not Path(nested.sandbox).exists()
    with pytest.raises(UnknownContainerError):
        await containerizer.wait(nested.container_id)


async def test_a_running_nested_container_is_not_removed(bench: Bench, start: Start) -> None:
    containerizer = await start()
    parent = bench.spec("sleep 1000")
    await containerizer.launch(parent)
    nested = bench.spec("sleep 1000", parent=parent)
    await containerizer.launch(nested)
    with pytest.raises(UpdateError, match="not terminated"):
        await containerizer.remove(nested.container_id)


async def test_nested_containers_end_with_their_parent(bench: Bench, start: Start) -> None:
    containerizer = await start()
    go = bench.fifo()
    parent = bench.spec(f"cat {go}; exit 5")
    await containerizer.launch(parent)
    nested = bench.spec("sleep 1000", parent=parent)
    inner = bench.spec("sleep 1000", parent=nested)
    await containerizer.launch(nested)
    await containerizer.launch(inner)
    ends = asyncio.gather(
        *(containerizer.wait(spec.container_id) for spec in (parent, nested, inner))
    )
    await asyncio.to_thread(go.write_text, "")
    assert [termination.status for termination in await ends] == [5 << 8, 9, 9]


async def test_nothing_is_nested_in_a_container_that_is_not_there(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    parent = bench.spec("true")
    with pytest.raises(LaunchError, match="Parent container c1 does not exist"):
        await containerizer.launch(bench.spec("true", parent=parent))


async def test_a_debug_container_is_a_guest_in_its_parents_sandbox(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    parent = bench.spec("sleep 1000", environment={"OF_PARENT": "yes"})
    await containerizer.launch(parent)
    session = bench.spec(
        "pwd; echo $OF_PARENT; cat; echo bye >&2", parent=parent, kind=ContainerKind.DEBUG
    )
    await containerizer.launch(session)
    typed = await containerizer.attach_input(session.container_id)
    await typed.write(b"typed\n")
    await typed.write(b"")
    seen = {"stdout": b"", "stderr": b""}
    async for output in await containerizer.attach_output(session.container_id):
        seen[output.stream] += output.data
    assert seen["stdout"].decode() == f"{parent.sandbox}\nyes\ntyped\n"
    assert seen["stderr"] == b"bye\n"
    assert (await containerizer.wait(session.container_id)).status == 0
    # It is in the files as well.
    assert Path(session.sandbox, "stdout").read_bytes() == seen["stdout"]
    typed.close()


async def test_statistics_have_the_fields_of_a_real_agents(bench: Bench, start: Start) -> None:
    containerizer = await start()
    ready = bench.fifo()
    hold = f"x=$(head -c 3000000 /dev/zero | tr '\\0' x); echo up > {ready}; sleep 1000"
    spec = bench.spec(hold, resources=resources(cpus=0.2, mem=64))
    await containerizer.launch(spec)
    await read(ready)
    statistics = containerizer.statistics(spec.container_id)
    # As in the recorded GET /monitor/statistics of an agent with posix isolation.
    assert {field.name for field, _ in statistics.ListFields()} == {
        "cpus_soft_limit",
        "cpus_system_time_secs",
        "cpus_user_time_secs",
        "mem_limit_bytes",
        "mem_rss_bytes",
        "mem_soft_limit_bytes",
        "timestamp",
    }
    assert statistics.cpus_soft_limit == 0.2
    assert statistics.mem_limit_bytes == 64 << 20
    assert statistics.mem_rss_bytes > 3000000


async def test_a_container_that_takes_too_much_of_the_disk_is_destroyed(
    bench: Bench, start: Start
) -> None:
    containerizer = await start(
        isolation=("disk/du",),
        enforce_container_disk_quota=True,
        container_disk_watch_interval_ms=1,
    )
    spec = bench.spec("head -c 3000000 /dev/zero > big; sleep 1000", resources=resources(disk=2))
    await containerizer.launch(spec)
    termination = await containerizer.wait(spec.container_id)
    assert termination.limitation == "disk"
    assert termination.status == signal.SIGKILL
    assert termination.message.endswith("exceeds quota (2MB)")
    assert termination.limited[0].name == "disk"


async def test_destroying_while_uris_are_fetched_ends_the_launch(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    arrived: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(
        lambda _, writer: arrived.set_result(writer), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    command = mesos_pb2.CommandInfo(value="true")
    command.uris.add(value=f"http://127.0.0.1:{port}/never")
    spec = bench.spec(command)
    launching = asyncio.create_task(containerizer.launch(spec))
    writer = await arrived
    assert await containerizer.destroy(spec.container_id) is None
    with pytest.raises(LaunchError, match="destroyed during fetching"):
        await launching
    writer.close()
    server.close()
    assert containerizer.containers() == []


async def test_many_containers_at_once_leave_no_process_and_no_descriptor(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()

    async def run(number: int) -> int | None:
        spec = bench.spec(f"exit {number}")
        await containerizer.launch(spec)
        return (await containerizer.wait(spec.container_id)).status

    await run(0)
    before = sorted(one.name for one in Path("/proc/self/fd").iterdir())
    children = psutil.Process().children()
    assert await asyncio.gather(*(run(number) for number in range(12))) == [
        number << 8 for number in range(12)
    ]
    # One name is of the directory that is being listed.
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)
    # Those that were not waited for are among them; servers of other tests may be, too.
    assert set(psutil.Process().children()) <= set(children)


async def test_two_agents_do_not_share_a_runtime_directory(start: Start) -> None:
    first = await start()
    with pytest.raises(FlagError, match="Another agent uses the runtime directory"):
        await start()
    await first.close()
    await start()


async def test_a_path_with_a_zero_byte_fails_the_launch(bench: Bench, start: Start) -> None:
    containerizer = await start()
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    container.volumes.add(
        mode=mesos_pb2.Volume.RW, container_path="a\0b", host_path=str(bench.root)
    )
    with pytest.raises(LaunchError):
        await containerizer.launch(bench.spec("true", container=container))
    assert containerizer.containers() == []
