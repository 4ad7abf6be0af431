"""One cluster for all tests of commands that look at one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.sdk.cli.running import Up, wait_until


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    cluster = Up(tmp_path_factory.mktemp("runtime"), "--agents", "2")
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="module")
def task(up: Up) -> Iterator[str]:
    """A task that runs until it is killed: its id."""
    command = "echo first; echo second; echo wrong >&2; exec sleep 1000"
    program = up.start("execute", "--name", "sleeper", command)
    try:
        wait_until(lambda: len(_running(up)) == 1, "the task runs")
        (found,) = _running(up)
        wait_until(lambda: "wrong\n" in up.run("logs", "--stderr", found), "it has written all")
        yield found
    finally:
        program.kill()
        _close(program)


def _running(up: Up) -> list[str]:
    tasks = up.json("tasks")
    return [one["id"] for one in tasks if one["state"] == "TASK_RUNNING"]


def _close(program: subprocess.Popen[str]) -> None:
    program.communicate()
