"""A pool on a real cluster: results, exceptions, losses, ends."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, as_completed
from pathlib import Path
from typing import Any, NoReturn

import pytest

from mesos_compat.testing import EmbeddedCluster
from mesozoic.pool import (
    BrokenMesosPool,
    MesosPoolExecutor,
    RemoteError,
    RemoteTraceback,
    WorkerLost,
)

WAIT_S = 60.0
SMALL = {"cpus": 0.1, "mem": 64}


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedCluster]:
    with EmbeddedCluster(agents=2) as made:
        yield made


@pytest.fixture(scope="module")
def pool(cluster: EmbeddedCluster) -> Iterator[MesosPoolExecutor]:
    with MesosPoolExecutor(cluster.url, 2, resources=SMALL) as made:
        yield made


def square(number: int) -> int:
    return number * number


def fail(text: str) -> NoReturn:
    raise LookupError(text)


def where() -> int:
    return os.getpid()


class StubbornError(Exception):
    """One that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("no way")
        self.lock = threading.Lock()


def be_stubborn() -> NoReturn:
    raise StubbornError


def test_results_come_and_workers_are_used_again(pool: MesosPoolExecutor) -> None:
    assert pool.submit(square, 7).result(WAIT_S) == 49
    pids = {pool.submit(where).result(WAIT_S) for _ in range(20)}
    assert len(pids) <= 2
    assert os.getpid() not in pids


def test_map_keeps_the_order(pool: MesosPoolExecutor) -> None:
    expected = [square(number) for number in range(300)]
    assert list(pool.map(square, range(300), timeout=WAIT_S)) == expected
    assert list(pool.map(square, range(300), chunksize=17, timeout=WAIT_S)) == expected
    assert list(pool.map(pow, [2, 3], [5, 2], timeout=WAIT_S)) == [32, 9]


def test_functions_travel_with_what_they_close_over(pool: MesosPoolExecutor) -> None:
    factor = 3
    assert pool.submit(lambda number: number * factor, 5).result(WAIT_S) == 15


def test_exception_has_the_traceback_of_where_it_was_raised(pool: MesosPoolExecutor) -> None:
    with pytest.raises(LookupError, match="nothing here") as raised:
        pool.submit(fail, "nothing here").result(WAIT_S)
    assert isinstance(raised.value.__cause__, RemoteTraceback)
    assert "in fail" in str(raised.value.__cause__)


def test_what_cannot_be_pickled_is_told(pool: MesosPoolExecutor) -> None:
    with pytest.raises(RemoteError, match="no way") as raised:
        pool.submit(be_stubborn).result(WAIT_S)
    assert raised.value.type_name.endswith("StubbornError")
    with pytest.raises(pickle.PicklingError, match="cannot be pickled"):
        pool.submit(threading.Lock).result(WAIT_S)
    # It is the call's fault alone.
    assert pool.submit(square, 3).result(WAIT_S) == 9


def test_future_can_be_awaited(pool: MesosPoolExecutor) -> None:
    async def both() -> list[int]:
        return [await pool.run(square, 4), await pool.submit(square, 5)]

    assert asyncio.run(both()) == [16, 25]


def test_call_that_waits_can_be_cancelled(pool: MesosPoolExecutor) -> None:
    blocking = [pool.submit(time.sleep, 0.5) for _ in range(2)]
    while not all(one.running() for one in blocking):
        time.sleep(0.01)
    waiting = pool.submit(square, 2)
    assert waiting.cancel()
    with pytest.raises(CancelledError):
        waiting.result(WAIT_S)
    assert not blocking[0].cancel()
    for one in as_completed(blocking, WAIT_S):
        assert one.result() is None


def test_workers_tell_where_they_are(pool: MesosPoolExecutor) -> None:
    pool.submit(print, "said by a function", flush=True).result(WAIT_S)
    outputs = [Path(one.sandbox or "", "stdout").read_text() for one in pool.workers()]
    assert any("said by a function" in text for text in outputs)
    assert all(one.agent_url.startswith("http://") for one in pool.workers())


def test_large_results_come_through_the_sandbox(cluster: EmbeddedCluster) -> None:
    with MesosPoolExecutor(cluster.url, 1, resources=SMALL, large_bytes=1000) as pool:
        data = pool.submit(lambda: b"x" * 3_000_000).result(WAIT_S)
        assert data == b"x" * 3_000_000
        (worker,) = pool.workers()
        # What has been fetched is removed.
        assert pool.submit(square, 2).result(WAIT_S) == 4
        kept = [one for one in Path(worker.sandbox or "").rglob("*") if one.stat().st_size > 1e6]
        assert kept == []


def test_call_of_a_killed_worker_is_made_again(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    def once(path: str) -> int:
        with Path(path).open("a") as file:
            file.write(f"{os.getpid()}\n")
        if len(Path(path).read_text().split()) == 1:
            time.sleep(1000)
        return os.getpid()

    with MesosPoolExecutor(cluster.url, 1, resources=SMALL) as pool:
        future = pool.submit(once, str(marks))
        while not (marks.exists() and marks.read_text().endswith("\n")):
            time.sleep(0.01)
        os.kill(int(marks.read_text()), signal.SIGKILL)
        first, second = (future.result(WAIT_S), marks.read_text().split())
        assert second[-1] == str(first)
        assert len(second) == 2


def test_call_that_loses_each_worker_fails_by_itself(cluster: EmbeddedCluster) -> None:
    with MesosPoolExecutor(cluster.url, 1, resources=SMALL, retries=1) as pool:
        poison = pool.submit(os._exit, 3)
        good = pool.submit(square, 6)
        with pytest.raises(WorkerLost, match="TASK_FAILED"):
            poison.result(WAIT_S)
        assert good.result(WAIT_S) == 36


def test_pool_whose_workers_cannot_start_is_broken(
    cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesozoic.pool.fleet._BACKOFF_MS", 10)
    with MesosPoolExecutor(
        cluster.url, 1, resources=SMALL, environment={"PYTHONHOME": "/nowhere"}
    ) as pool:
        with pytest.raises(BrokenMesosPool, match="Python"):
            pool.submit(square, 2).result(WAIT_S)
        with pytest.raises(BrokenMesosPool):
            pool.submit(square, 2)


def test_initializer_is_called_first_and_breaks_the_pool_if_it_raises(
    cluster: EmbeddedCluster,
) -> None:
    def prepare(value: str) -> None:
        os.environ["PREPARED"] = value

    with MesosPoolExecutor(
        cluster.url, 1, resources=SMALL, initializer=prepare, initargs=("yes",)
    ) as pool:
        assert pool.submit(os.getenv, "PREPARED").result(WAIT_S) == "yes"
    with (
        MesosPoolExecutor(
            cluster.url, 1, resources=SMALL, initializer=fail, initargs=("not ready",)
        ) as pool,
        pytest.raises(BrokenMesosPool, match="not ready"),
    ):
        pool.submit(square, 2).result(WAIT_S)


def test_idle_workers_are_given_back_and_come_again(cluster: EmbeddedCluster) -> None:
    with MesosPoolExecutor(cluster.url, 2, resources=SMALL, idle_seconds=0.05) as pool:
        assert pool.submit(square, 2).result(WAIT_S) == 4
        while pool.workers():
            time.sleep(0.01)
        assert pool.submit(square, 3).result(WAIT_S) == 9


def test_shutdown_waits_for_what_runs_and_cancels_what_does_not(cluster: EmbeddedCluster) -> None:
    pool = MesosPoolExecutor(cluster.url, 1, resources=SMALL)
    running = pool.submit(time.sleep, 0.3)
    while not running.running():
        time.sleep(0.01)
    waiting = pool.submit(square, 2)
    pool.shutdown(cancel_futures=True)
    assert running.done()
    assert running.result() is None
    assert waiting.cancelled()
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(square, 2)


def test_arguments_that_make_no_sense_are_refused() -> None:
    arguments: tuple[dict[str, Any], ...] = (
        {"max_workers": 0},
        {"min_workers": 9},
        {"retries": -1},
    )
    for one in arguments:
        with pytest.raises(ValueError, match=r"workers|negative"):
            MesosPoolExecutor("127.0.0.1:5050", **one)
