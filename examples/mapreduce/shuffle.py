"""Files in sandboxes: written by workers, fetched over HTTP from their agents.

An output is a directory in its worker's sandbox with a file for each reader: ``0``, ``1``, ... An
agent serves the sandboxes of its executors at ``/files/download?path=...`` for as long as it keeps
them, which is long after their ends.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=3)


class FetchFailed(Exception):  # noqa: N818 - named as its users would say it
    """Outputs could not be fetched; ``urls`` are theirs."""

    def __init__(self, urls: list[str]) -> None:
        super().__init__(f"not to be had: {', '.join(urls)}")
        self.urls = urls


def write(directory: Path, files: Sequence[Any]) -> None:
    """Write an output, all of it or nothing: it is there as soon as it has its name."""
    unfinished = directory.with_name(f".{directory.name}")
    unfinished.mkdir()
    for number, content in enumerate(files):
        (unfinished / str(number)).write_bytes(pickle.dumps(content))
    unfinished.rename(directory)


def url_of(agent_endpoint: str, directory: Path) -> str:
    """What the URLs of an output's files begin with."""
    return f"http://{agent_endpoint}/files/download?path={quote(str(directory))}"


async def fetch(urls: Sequence[str], number: int) -> list[Any]:
    """File ``number`` of each of these outputs; raises :class:`FetchFailed`, naming all failed."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        answers = await asyncio.gather(*(_fetch_one(session, f"{u}/{number}") for u in urls))
    failed = [url for url, answer in zip(urls, answers, strict=True) if answer is None]
    if failed:
        raise FetchFailed(failed)
    # What a worker of the same job has written.
    return [pickle.loads(answer) for answer in answers if answer is not None]


async def _fetch_one(session: aiohttp.ClientSession, url: str) -> bytes | None:
    try:
        async with session.get(url) as answer:
            return await answer.read() if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError):
        return None
