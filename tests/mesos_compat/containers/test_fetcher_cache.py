"""The fetcher's cache: bounded, shared, and never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mesos_compat.containers.fetcher_cache import FetcherCache

pytestmark = pytest.mark.asyncio


class Source:
    """Fetches files of a given size, and counts."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.count = 0

    async def __call__(self, path: Path) -> None:
        self.count += 1
        path.write_bytes(b"x" * self.size)


@pytest_asyncio.fixture
async def cache(tmp_path: Path) -> AsyncIterator[FetcherCache]:
    made = FetcherCache(str(tmp_path), "agent", bytes_max=100)
    made.open()
    yield made
    made.close()


async def use(cache: FetcherCache, uri: str, source: Source, user: str = "") -> None:
    async with cache.cached(user, uri, source) as path:
        assert path.stat().st_size == source.size


async def test_the_least_recently_used_file_makes_room(cache: FetcherCache) -> None:
    source = Source(40)
    for uri in ("a", "b", "a", "c"):
        await use(cache, uri, source)
    assert source.count == 3
    assert cache.bytes_used == 80
    await use(cache, "a", source)
    assert source.count == 3
    await use(cache, "b", source)
    assert source.count == 4


async def test_a_file_that_is_being_read_does_not_make_room(cache: FetcherCache) -> None:
    source = Source(60)
    async with cache.cached("", "a", source) as path:
        await use(cache, "b", source)
        assert path.exists()
    assert cache.bytes_used == 60
    await use(cache, "a", source)
    assert source.count == 2


async def test_a_file_larger_than_the_cache_is_used_once(cache: FetcherCache) -> None:
    small, large = Source(10), Source(101)
    await use(cache, "small", small)
    await use(cache, "large", large)
    await use(cache, "small", small)
    assert (small.count, large.count, cache.bytes_used) == (1, 1, 10)


async def test_users_do_not_share_files(cache: FetcherCache) -> None:
    source = Source(10)
    await use(cache, "a", source, "one")
    await use(cache, "a", source, "other")
    assert source.count == 2


async def test_when_the_one_who_fetches_is_cancelled_the_next_takes_over(
    cache: FetcherCache,
) -> None:
    began = asyncio.Event()

    async def stuck(path: Path) -> None:
        path.write_bytes(b"half")
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            path.unlink()

    async def first() -> None:
        async with cache.cached("", "a", stuck):
            pass

    source = Source(10)
    fetching = asyncio.create_task(first())
    await began.wait()
    waiting = asyncio.create_task(use(cache, "a", source))
    await asyncio.sleep(0)
    fetching.cancel()
    await waiting
    assert source.count == 1
    with pytest.raises(asyncio.CancelledError):
        await fetching


async def test_those_who_wait_for_a_fetch_that_fails_fail_too(cache: FetcherCache) -> None:
    release = asyncio.Event()

    async def failing(path: Path) -> None:
        await release.wait()
        raise OSError(f"no {path.name}")

    async def go() -> None:
        async with cache.cached("", "a", failing):
            pass

    both = [asyncio.create_task(go()) for _ in range(2)]
    await asyncio.sleep(0)
    release.set()
    results = await asyncio.gather(*both, return_exceptions=True)
    assert [str(result) for result in results] == ["no 000001"] * 2


async def test_what_an_earlier_agent_left_is_removed_and_other_agents_are_left_alone(
    tmp_path: Path,
) -> None:
    first = FetcherCache(str(tmp_path), "one", 100)
    first.open()
    await use(first, "a", Source(10))
    other = FetcherCache(str(tmp_path), "two", 100)
    other.open()
    await use(other, "a", Source(10))
    again = FetcherCache(str(tmp_path), "one", 100)
    with pytest.raises(OSError, match="another agent's"):
        again.open()
    first.close()
    again.open()
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 1
    again.close()
    other.close()
