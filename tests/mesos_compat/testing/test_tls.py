"""A whole cluster on TLS: links, executors, frameworks and operators."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from mesos_compat.cli.execute import execute
from mesos_compat.flags import execute as execute_table
from mesos_compat.flags.loading import load
from mesos_compat.testing import Cluster
from tests.mesos_compat.testing.operating import FAST

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl"),
]


@pytest.fixture(scope="module")
def certificate() -> Iterator[dict[str, str]]:
    """For everybody, who is its own authority; only root may read the key."""
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    line += " -subj /CN=localhost -keyout key -out cert"
    line += " -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    with tempfile.TemporaryDirectory(prefix="tls-") as name:
        where = Path(name)
        where.chmod(0o755)
        subprocess.run(line.split(), cwd=where, check=True, capture_output=True)
        (where / "key").chmod(0o600)
        yield {
            "LIBPROCESS_SSL_ENABLED": "true",
            "LIBPROCESS_SSL_KEY_FILE": str(where / "key"),
            "LIBPROCESS_SSL_CERT_FILE": str(where / "cert"),
            "LIBPROCESS_SSL_CA_FILE": str(where / "cert"),
            "LIBPROCESS_SSL_VERIFY_SERVER_CERT": "true",
            "LIBPROCESS_SSL_HOSTNAME_VALIDATION_SCHEME": "openssl",
        }


async def run(cluster: Cluster, *arguments: str) -> int:
    """``mesos-execute`` with these flags; its exit status."""
    place = cluster.url.rpartition("/")[2]
    return await execute(load(execute_table.FLAGS, [f"--master={place}", *arguments], {}))


RESOURCES = """[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]"""
COMMAND = ("--name=one", "--resources=cpus:0.1;mem:32", "--command=echo over TLS")


async def test_a_command_task_runs_over_tls(
    certificate: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in certificate.items():
        monkeypatch.setenv(name, value)
    required = {**certificate, "LIBPROCESS_SSL_REQUIRE_CLIENT_CERT": "true"}
    async with Cluster(master_flags=FAST, environment=required) as cluster:
        assert await run(cluster, *COMMAND) == 0
        assert "Received status update TASK_FINISHED for task 'one'" in capsys.readouterr().out
        (stdout,) = cluster.directory.glob("agent*/slaves/**/runs/latest/stdout")
        assert stdout.read_text() == "over TLS\n"


async def test_task_groups_run_over_tls(
    certificate: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in certificate.items():
        monkeypatch.setenv(name, value)
    group = f"""{{"tasks": [{{"name": "t", "task_id": {{"value": "t"}}, "agent_id": {{"value": ""}},
        "resources": {RESOURCES}, "command": {{"value": "true"}}}}]}}"""
    async with Cluster(master_flags=FAST, environment=certificate) as cluster:
        assert await run(cluster, f"--task_group={group}") == 0
    assert "Received status update TASK_FINISHED for task 't'" in capsys.readouterr().out


async def test_ports_with_tls_serve_nobody_without(certificate: dict[str, str]) -> None:
    trusting = ssl.create_default_context(cafile=certificate["LIBPROCESS_SSL_CA_FILE"])
    async with (
        Cluster(master_flags=FAST, environment=certificate) as cluster,
        aiohttp.ClientSession() as session,
    ):
        await cluster.wait_for_agents(1)
        for port in (cluster.masters[0].port, cluster.agents[0].port):
            async with session.get(f"https://127.0.0.1:{port}/state", ssl=trusting) as answer:
                assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"https://127.0.0.1:{port}/state")
            with pytest.raises((aiohttp.ClientError, asyncio.TimeoutError)):
                await session.get(f"http://127.0.0.1:{port}/state")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may switch users")
async def test_executors_of_users_who_may_not_read_the_key_need_none(
    certificate: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in certificate.items():
        monkeypatch.setenv(name, value)
    task = f"""{{"name": "t", "task_id": {{"value": "t"}}, "agent_id": {{"value": ""}},
        "resources": {RESOURCES}, "command": {{"value": "id -un", "user": "nobody"}}}}"""
    async with Cluster(master_flags=FAST, environment=certificate) as cluster:
        cluster.directory.chmod(0o755)
        assert await run(cluster, f"--task={task}") == 0
        (stdout,) = cluster.directory.glob("agent*/slaves/**/runs/latest/stdout")
        assert stdout.read_text() == "nobody\n"
    assert "Received status update TASK_FINISHED for task 't'" in capsys.readouterr().out
