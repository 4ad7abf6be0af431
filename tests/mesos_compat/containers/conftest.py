"""Containerizers on directories of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from mesos_compat.containers.containerizer import Containerizer
from tests.mesos_compat.containers.bench import Bench, Start


@pytest.fixture
def bench() -> Iterator[Bench]:
    root = Path(tempfile.mkdtemp(prefix="containers-"))
    root.chmod(0o755)
    made = Bench(root)
    yield made
    made.remove_cgroups()
    shutil.rmtree(root)


@pytest_asyncio.fixture
async def start(bench: Bench) -> AsyncIterator[Start]:
    """Starts containerizers; at the end nothing of theirs may be left."""
    started: list[Containerizer] = []

    async def begin(**changes: object) -> Containerizer:
        containerizer = Containerizer(bench.settings(**changes))
        await containerizer.start()
        started.append(containerizer)
        return containerizer

    yield begin
    for containerizer in started:
        for container_id in containerizer.containers():
            if len(container_id) == 1:
                await containerizer.destroy(container_id)
        await containerizer.close()
