"""``mesozoic demo``: a cluster, a ZooKeeper session, a framework, and a word count on it."""

from __future__ import annotations

import asyncio
import queue
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError

from mesozoic.cli.failures import Failure, told
from mesozoic.cli.local import records
from mesozoic.cli.local.cluster import LocalCluster
from mesozoic.cli.local.layout import Wanted
from mesozoic.cli.up import cluster_of, tell
from mesozoic.framework import Framework, Task
from mesozoic.pool import MesosPoolExecutor

_PATIENCE_S: Final = 30.0
_AGENTS: Final = 2
_TASKS: Final = 3
_WORKERS: Final = 2
_SHOWN: Final = 5


@click.command()
def demo() -> None:
    """Show in some seconds what there is. The exit code is 0 only if all of it was so."""
    began = time.monotonic()
    click.echo(f"$ mesozoic up --agents {_AGENTS}")
    with cluster_of(Wanted(agents=_AGENTS), None) as cluster:
        cluster.start()
        cluster.wait_ready(lambda _: None)
        records.write(cluster.record)
        tell(cluster, time.monotonic() - began)
        for title, scene in SCENES:
            with _scene(title):
                for line in scene(cluster):
                    click.echo(f"  {line}")
    click.echo(f"\nall of it was so; {time.monotonic() - began:.1f} s")
    click.echo("Now run 'mesozoic up' in one terminal, and 'mesozoic ps' in another.")


@contextmanager
def _scene(title: str) -> Iterator[None]:
    click.echo(f"\n{title}")
    with told():
        yield


def _expect(holds: bool, claim: str, found: object) -> None:
    if not holds:
        raise Failure(f"{claim}: not so; found {found!r}")


def session(cluster: LocalCluster) -> Iterator[str]:
    """What a ZooKeeper client sees."""
    client = KazooClient(cluster.layout.hosts, timeout=_PATIENCE_S)
    client.start(timeout=_PATIENCE_S)
    events: queue.Queue[object] = queue.Queue()
    try:
        yield f"kazoo is connected, session 0x{client.client_id[0]:x}"
        client.create("/demo", b"blue")
        client.get("/demo", watch=lambda event: events.put((event.type, event.path)))
        stat = client.set("/demo", b"green", version=0)
        _expect(client.get("/demo")[0] == b"green", "a read shows the write", client.get("/demo"))
        yield f"/demo holds 'green' now, version {stat.version}"
        event = events.get(timeout=_PATIENCE_S)
        _expect(event == ("CHANGED", "/demo"), "the watch tells of it", event)
        yield "the watch told of it: CHANGED /demo"
        try:
            client.set("/demo", b"red", version=0)
            _expect(False, "a write for an old version is refused", client.get("/demo"))
        except BadVersionError:
            yield "a write for version 0 is refused"
        client.delete("/demo")
    except queue.Empty:
        _expect(False, "the watch tells of the write", "nothing")
    finally:
        client.stop()
        client.close()


def framework(cluster: LocalCluster) -> Iterator[str]:
    """Tasks of a framework, from offers to their ends."""
    say: list[str] = []

    async def run() -> None:
        wanted = Framework("demo", cluster.layout.zk)
        wanted.add(Task("hello", "echo hello from $(hostname); sleep 0.2", count=_TASKS))
        async with wanted:
            say.append(f"framework {wanted.framework_id} is subscribed")
            await wanted.result("hello")
            for one in wanted.instances("hello"):
                say.append(f"{one.task_id} has ended as {one.state} on {one.hostname}")
                _expect(one.state == "TASK_FINISHED", "each task finishes", one)

    asyncio.run(asyncio.wait_for(run(), _PATIENCE_S))
    yield from say


def count_words(text: str) -> Counter[str]:
    """How often each word is in ``text``."""
    words = (word.strip(".,:;()'\"`").lower() for word in text.split())
    return Counter(word for word in words if word.isalpha())


def word_count(cluster: LocalCluster) -> Iterator[str]:
    """A sum over pieces that tasks have counted."""
    texts = [path.read_text() for path in sorted(Path(__file__).parents[1].rglob("*.py"))]
    with MesosPoolExecutor(cluster.layout.zk, max_workers=_WORKERS) as pool:
        counts: Counter[str] = Counter()
        for part in pool.map(count_words, texts, chunksize=8, timeout=_PATIENCE_S):
            counts.update(part)
        workers = len(pool.workers())
    expected: Counter[str] = Counter()
    for text in texts:
        expected.update(count_words(text))
    _expect(counts == expected, "the tasks count what this process counts", counts.most_common(3))
    shown = ", ".join(f"{word!r} {times}" for word, times in counts.most_common(_SHOWN))
    yield f"{workers} tasks have counted the {counts.total():,} words of this package: {shown}"


SCENES: Final[tuple[tuple[str, Callable[[LocalCluster], Iterator[str]]], ...]] = (
    ("a ZooKeeper session", session),
    ("a framework, run to its end", framework),
    ("a word count on the cluster", word_count),
)
