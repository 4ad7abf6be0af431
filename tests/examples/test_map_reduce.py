"""The map-reduce engine on real clusters, whose workers and agents are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mapreduce import Job, JobFailed, run_job
from mesos_compat.testing import Cluster, EmbeddedCluster

TEXTS = [f"a b{number} c{number % 3} a" for number in range(12)]
EXPECTED = Counter(word for text in TEXTS for word in text.split())


def words(text: str) -> Iterator[tuple[str, int]]:
    for word in text.split():
        yield word, 1


@pytest.mark.asyncio
async def test_words_are_counted_and_the_framework_is_gone() -> None:
    said: list[str] = []
    async with Cluster(agents=2) as cluster:
        assert await run_job(Job(TEXTS, words, sum, 3), cluster.url, said.append) == EXPECTED
        assert cluster.leader is not None
        assert not cluster.leader.core.state.frameworks
    assert said == ["all maps are done, on 2 agents"]


@pytest.mark.asyncio
async def test_worker_that_is_killed_loses_what_it_ran_and_not_what_it_had_written(
    tmp_path: Path,
) -> None:
    def deadly(text: str) -> Iterator[tuple[str, int]]:
        once = tmp_path / "once"
        if "b7" in text and not once.exists():
            # Those that came to this worker together have been told of by now.
            time.sleep(0.5)
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield from words(text)

    said: list[str] = []
    async with Cluster(agents=2) as cluster:
        assert await run_job(Job(TEXTS, deadly, sum), cluster.url, said.append) == EXPECTED
    assert [line for line in said if line.endswith("has died")]
    assert [line.split(" is lost")[0] for line in said if " is lost" in line] == ["map-7.1"]
    assert not [line for line in said if "could not fetch" in line]


def test_outputs_of_a_lost_agent_are_made_again() -> None:
    said: list[str] = []
    with EmbeddedCluster(agents=3) as cluster:

        def say(line: str) -> None:
            said.append(line)
            if line.startswith("all maps") and len(cluster.agents) == 3:
                cluster.lose_agent(1)

        job = Job(TEXTS, words, sum, 2)
        assert asyncio.run(run_job(job, cluster.url, say)) == EXPECTED
    assert [line for line in said if "could not fetch" in line]
    assert said.count("all maps are done, on 3 agents") == 2


@pytest.mark.asyncio
async def test_function_that_raises_fails_the_job_and_says_where() -> None:
    def broken(text: str) -> Iterator[tuple[str, int]]:
        raise ValueError(f"cannot read {text!r}")

    async with Cluster() as cluster:
        with pytest.raises(JobFailed, match="ValueError: cannot read 'a b0 c0 a'"):
            await run_job(Job(TEXTS[:1], broken, sum), cluster.url, print)
        assert cluster.leader is not None
        assert not cluster.leader.core.state.frameworks
