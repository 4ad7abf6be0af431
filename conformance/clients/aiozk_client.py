"""The asyncio client ``aiozk`` and its recipes: a scripted job and its transcript.

The library asks ``srvr`` before every connection and reads the server's version there,
which decides which operations it uses. It notices a closed connection only when its
heartbeat fails; the job therefore tells it of the loss itself after cutting the link.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import importlib.util
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from conformance.clients.c.link import Link
from conformance.clients.compare import Client, ClientUnavailable, main

# How long anything is waited for before the job gives up; never waited for in full.
_PATIENCE_S = 30.0
# The recipes put a random id into the names of their nodes.
_GUID = re.compile(r"[0-9a-f]{32}")


class _Session:
    """A client of the server whose every call leaves a line in the job's transcript."""

    def __init__(self, job: _Job, client: Any) -> None:
        self.job = job
        self.client = client
        self.recipes = client.recipes

    async def do(self, what: str, call: Awaitable[Any]) -> Any:
        """Await ``call`` and print how it ended; gives its result, ``None`` if it failed."""
        from aiozk import exc

        try:
            result = await asyncio.wait_for(call, _PATIENCE_S)
        except exc.ZKError as error:
            self.job.say(f"{what} -> {type(error).__name__}")
            return None
        self.job.say(f"{what} -> ok {self._shown(result)}")
        return result

    def _shown(self, result: Any) -> str:
        if result is None:
            return ""
        if isinstance(result, tuple):
            return " ".join(self._shown(part) for part in result)
        if hasattr(result, "created_zxid"):
            return self._stat(result)
        if isinstance(result, list) and result and hasattr(result[0], "perms"):
            return ", ".join(f"{acl.perms} {acl.id.scheme}:{acl.id.id}" for acl in result)
        if isinstance(result, list):
            # The server promises no order of names.
            return f"{sorted(_GUID.sub('#', str(name)) for name in result)}"
        if hasattr(result, "checked"):
            parts = ("checked", "created", "updated", "deleted")
            return " ".join(f"{part} {sorted(getattr(result, part))}" for part in parts)
        if isinstance(result, bool | int | str | bytes):
            return repr(result)
        return type(result).__name__

    def _stat(self, stat: Any) -> str:
        owner = "none"
        if stat.ephemeral_owner:
            owner = "me" if stat.ephemeral_owner == self.client.session.session_id else "another"
        pairs = (
            ("mzxid", stat.last_modified_zxid, "czxid", stat.created_zxid),
            ("pzxid", stat.last_modified_children, "czxid", stat.created_zxid),
            ("pzxid", stat.last_modified_children, "mzxid", stat.last_modified_zxid),
        )
        order = " ".join(f"{a}{'<=>'[(x > y) - (x < y) + 1]}{b}" for a, x, b, y in pairs)
        sane = stat.created <= stat.modified
        return (
            f"version={stat.version} cversion={stat.child_version} aversion={stat.acl_version} "
            f"dataLength={stat.data_length} numChildren={stat.num_children} owner={owner} "
            f"{order} times {'sane' if sane else 'wrong'}"
        )

    async def sync(self) -> None:
        """Return when the events of all that has happened have been delivered."""
        from aiozk import protocol

        await self.client.send(protocol.SyncRequest(path="/"))
        # The library calls back from the loop, after the reply was read.
        await asyncio.sleep(0)

    async def fired(self, what: str, future: asyncio.Future[None]) -> None:
        """Print whether the watch behind ``future`` has fired by now."""
        await self.sync()
        self.job.say(f"  {what}: {'fired' if future.done() else 'no event'}")


class _Job:
    """The scripted job on the server at ``address``, also reachable through ``link``."""

    def __init__(self, address: str, link: Link) -> None:
        self.address = address
        self.link = link
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    @contextlib.asynccontextmanager
    async def session(
        self, name: str, address: str | None = None, **options: Any
    ) -> AsyncIterator[_Session]:
        """A started session, closed at the end of the block."""
        from aiozk import ZKClient

        client = ZKClient(address or self.address, **{"session_timeout": 10, **options})
        await asyncio.wait_for(client.start(), _PATIENCE_S)
        yield _Session(self, client)
        await client.close()
        self.say(f"close {name}")

    async def run(self) -> list[str]:
        for part in (self.nodes, self.access, self.transactions, self.watches, self.reconnect):
            self.say(f"== {part.__name__}")
            await part()
        recipes = (self.locks, self.barriers, self.elections, self.parties, self.values)
        for recipe in recipes:
            self.say(f"== {recipe.__name__}")
            async with self.session("first") as first, self.session("second") as second:
                await asyncio.wait_for(recipe(first, second), _PATIENCE_S)
        return self.lines

    async def nodes(self) -> None:
        async with self.session("maker") as s:
            zk = s.client
            self.say(f"features {sorted(vars(zk.features).items())}")
            await s.do("create", zk.create("/a", "root"))
            await s.do("create again", zk.create("/a"))
            await s.do("create bytes", zk.create("/a/bytes", b"\x00\xff"))
            await s.do("create null", zk.create("/a/null"))
            await s.do("create ephemeral", zk.create("/a/eph", "x", ephemeral=True))
            await s.do("create sequential", zk.create("/a/s-", sequential=True))
            await s.do("create both", zk.create("/a/e-", ephemeral=True, sequential=True))
            await s.do("create container", zk.create("/a/box", container=True))
            await s.do("create below an ephemeral", zk.create("/a/eph/x"))
            await s.do("create without parent", zk.create("/a/no/parent"))
            await s.do("create of a bad name", zk.create("/a/.."))
            await s.do(
                "create sequential container", zk.create("/a/c-", None, None, False, True, True)
            )
            await s.do("ensure_path", zk.ensure_path("/a/deep/er/still"))
            for path in ("/", "/a", "/a/bytes", "/a/null", "/a/eph", "/a/box", "/a/missing"):
                await s.do(f"exists {path}", zk.exists(path))
                await s.do(f"get {path}", zk.get(path))
                await s.do(f"children of {path}", zk.get_children(path))
            await s.do("set", zk.set("/a", "first", 0))
            await s.do("set of a stale version", zk.set("/a", "x", 0))
            await s.do("set_data", zk.set_data("/a", "second"))
            await s.do("forced set_data", zk.set_data("/a", b"third", force=True))
            await s.do("set of nothing", zk.set_data("/a/missing", b"x"))
            await s.do("get_data", zk.get_data("/a"))
            await s.do("delete of a parent", zk.delete("/a", force=True))
            await s.do("deleteall", zk.deleteall("/a/deep"))
            await s.do("delete", zk.delete("/a/null"))
            await s.do("delete of nothing", zk.delete("/a/null"))
            await s.do("delete of a system node", zk.delete("/zookeeper"))
        async with self.session("jailed", chroot="/a/jail") as s:
            await s.do("create in a chroot", s.client.create("/x", "in jail"))
            await s.do("children in a chroot", s.client.get_children("/"))
        async with self.session("reader") as s:
            await s.do("children", s.client.get_children("/a"))
            await s.do("get", s.client.get("/a"))
            await s.do("get in jail", s.client.get("/a/jail/x"))

    async def access(self) -> None:
        from aiozk import ACL, protocol

        login = protocol.AuthRequest(type=0, scheme="digest", auth="ann:secret")
        reader = ACL.make("world", "anyone", read=True)
        async with self.session("ann") as s, self.session("stranger") as other:
            zk, stranger = s.client, other.client
            mine = [protocol.AUTHED_UNRESTRICTED]
            await s.do("create for me, unknown", zk.create("/x", acl=mine))
            await s.do("auth", zk.send(login))
            await s.do("create for me", zk.create("/x", "hidden", acl=mine))
            await s.do("create for readers", zk.create("/x/r", "shown", acl=[reader, reader]))
            await s.do("acl", zk.get_acl("/x"))
            await s.do("acl", zk.get_acl("/x/r"))
            await s.do("acl of nothing", zk.get_acl("/x/missing"))
            await s.do("set_acl without permission", zk.set_acl("/x/r", mine))
            await s.do("set_acl", zk.set_acl("/x", [*mine, reader]))
            await s.do("set_acl of no scheme", zk.set_acl("/x", [ACL.make("nosuch", "x")]))
            await s.do("get", zk.get("/x"))
            await s.do("stranger: get", stranger.get("/x"))
            await s.do("stranger: acl", stranger.get_acl("/x"))
            await s.do("stranger: set", stranger.set_data("/x", "x"))
            await s.do("stranger: create", stranger.create("/x/y"))
            await s.do("stranger: delete", stranger.delete("/x/r"))
            await s.do("stranger: set_acl", stranger.set_acl("/x", [reader]))
            await s.do("get a child", zk.get("/x/r"))

    async def transactions(self) -> None:
        async with self.session("transactor") as s:
            begin: Callable[[], Any] = s.client.begin_transaction
            made = begin()
            made.create("/t", "t")
            made.create("/t/s-", sequential=True)
            made.create("/t/eph", ephemeral=True)
            made.create("/t/box", container=True)
            made.set_data("/t", "set", 0)
            made.check_version("/t", 1)
            await s.do("of all kinds", made.commit())
            mixed = begin()
            mixed.delete("/t/box")
            mixed.create("/t/box")
            await s.do("with a delete", mixed.commit())
            stale = begin()
            stale.create("/t/lost")
            stale.check_version("/t", 9)
            stale.delete("/t/box")
            await s.do("with a stale version", stale.commit())
            missing = begin()
            missing.set_data("/t/missing", "x")
            await s.do("with a missing node", missing.commit())
            await s.do("children", s.client.get_children("/t"))
            await s.do("get", s.client.get("/t"))

    async def watches(self) -> None:
        from aiozk import WatchEvent as Event

        async with self.session("watcher") as s, self.session("worker") as o:
            zk, other = s.client, o.client
            await s.do("create", zk.create("/w", "x"))
            data = zk.wait_for_events([Event.DATA_CHANGED, Event.DELETED], "/w")
            kids = zk.wait_for_events([Event.CHILDREN_CHANGED], "/w")
            born = zk.wait_for_events([Event.CREATED], "/w/new")
            await s.do("get", zk.get("/w", watch=True))
            await s.do("children", zk.get_children("/w", watch=True))
            await s.do("exists", zk.exists("/w/new", watch=True))
            await s.fired("data", data)
            await other.set_data("/w", "y")
            await s.fired("data", data)
            await s.fired("children", kids)
            await other.create("/w/new")
            await s.fired("children", kids)
            await s.fired("existence", born)
            gone = zk.wait_for_events([Event.DELETED], "/w/new")
            again = zk.wait_for_events([Event.DATA_CHANGED], "/w")
            await s.do("exists", zk.exists("/w/new", watch=True))
            await other.set_data("/w", "unwatched", force=True)
            await other.delete("/w/new")
            await s.fired("deletion", gone)
            await s.fired("data without a watch", again)

    async def reconnect(self) -> None:
        from aiozk import WatchEvent as Event
        from aiozk.states import States

        async with (
            self.session("worker") as o,
            self.session("watcher", self.link.address) as s,
        ):
            zk, other = s.client, o.client
            for path in ("/r", "/r/set", "/r/same", "/r/gone"):
                await zk.create(path, "x")
            await zk.create("/r/eph", ephemeral=True)
            waits = {
                "set": zk.wait_for_events([Event.DATA_CHANGED], "/r/set"),
                "same": zk.wait_for_events([Event.DATA_CHANGED], "/r/same"),
                "new": zk.wait_for_events([Event.CREATED], "/r/new"),
                "never": zk.wait_for_events([Event.CREATED], "/r/never"),
                "children": zk.wait_for_events([Event.CHILDREN_CHANGED], "/r"),
                "gone": zk.wait_for_events([Event.DATA_CHANGED, Event.DELETED], "/r/gone"),
            }
            await zk.get("/r/set", watch=True)
            await zk.get("/r/same", watch=True)
            await zk.get("/r/gone", watch=True)
            await zk.get_children("/r", watch=True)
            await zk.exists("/r/new", watch=True)
            await zk.exists("/r/never", watch=True)
            session_id = zk.session.session_id
            self.link.cut()
            zk.session.state.transition_to(States.SUSPENDED)
            await other.set_data("/r/set", "y")
            await other.create("/r/new")
            await other.delete("/r/gone")
            await o.do("the ephemeral, to another", other.get("/r/eph"))
            self.link.mend()
            await asyncio.wait_for(zk.session.state.wait_for(States.CONNECTED), _PATIENCE_S)
            self.say(f"same session: {zk.session.session_id == session_id}")
            for name, future in waits.items():
                await s.fired(name, future)
            await other.set_data("/r/same", "z")
            await other.create("/r/never")
            for name in ("same", "never"):
                await s.fired(name, waits[name])
            await s.do("the ephemeral", zk.get("/r/eph"))

    async def locks(self, first: _Session, second: _Session) -> None:
        one, two = first.recipes.Lock("/lock"), second.recipes.Lock("/lock")
        await first.do("first acquires", one.acquire())
        await second.do("second is too late", two.acquire(timeout=0.05))
        queued = await self.queued(second, "/lock", two.acquire())
        self.say(f"second has it: {two.locked()}")
        await first.do("queue", first.client.get_children("/lock"))
        await first.do("first releases", one.release())
        await second.do("second acquires", queued)
        await second.do("second releases", two.release())
        async with one:
            self.say(f"first has it: {one.locked()}")
        await first.do("queue", first.client.get_children("/lock"))
        shared, exclusive = (
            first.recipes.SharedLock("/shared"),
            second.recipes.SharedLock("/shared"),
        )
        async with shared.reader_lock:
            await second.do("reader beside a reader", exclusive.reader_lock.acquire())
            await second.do("reader leaves", exclusive.reader_lock.release())
            queued = await self.queued(second, "/shared", exclusive.writer_lock.acquire())
            self.say(f"writer beside a reader: {exclusive.writer_lock.locked()}")
        await second.do("writer alone", queued)
        await first.do("reader beside a writer", shared.reader_lock.acquire(timeout=0.05))
        await second.do("writer leaves", exclusive.writer_lock.release())
        await self.leases(first, second)

    async def leases(self, first: _Session, second: _Session) -> None:
        brief = datetime.timedelta(milliseconds=50)
        await first.client.ensure_path("/lease")
        await second.client.create("/lease/held", ephemeral=True)
        await first.do("lease while held", first.recipes.Lease("/lease").obtain(brief))
        await second.client.delete("/lease/held")
        for s in (first, second):
            await s.do("lease", s.recipes.Lease("/lease").obtain(brief))
            # It ends by itself, by a timer of the library.
            await self.emptied(second, "/lease")

    async def emptied(self, s: _Session, path: str) -> None:
        """Return when the node ``path`` has no children."""
        from aiozk import WatchEvent

        while True:
            changed = s.client.wait_for_events([WatchEvent.CHILDREN_CHANGED], path)
            if not await s.client.get_children(path, watch=True):
                return
            await changed

    async def queued(self, s: _Session, path: str, call: Awaitable[Any]) -> asyncio.Task[Any]:
        """Start ``call`` and return it once it has put its node below ``path``."""
        from aiozk import WatchEvent

        arrived = s.client.wait_for_events([WatchEvent.CHILDREN_CHANGED], path)
        await s.client.get_children(path, watch=True)
        task = asyncio.ensure_future(call)
        await asyncio.wait_for(arrived, _PATIENCE_S)
        await s.sync()
        assert isinstance(task, asyncio.Task)
        return task

    async def barriers(self, first: _Session, second: _Session) -> None:
        barrier, waiting = first.recipes.Barrier("/barrier"), second.recipes.Barrier("/barrier")
        await first.do("create", barrier.create())
        await second.do("wait in vain", waiting.wait(timeout=0.05))
        waiter = asyncio.create_task(waiting.wait())
        await second.sync()
        self.say(f"still waiting: {not waiter.done()}")
        await first.do("lift", barrier.lift())
        await second.do("wait", waiter)
        one = first.recipes.DoubleBarrier("/double", min_participants=2)
        two = second.recipes.DoubleBarrier("/double", min_participants=2)
        await first.client.ensure_path("/double")
        entering = await self.queued(first, "/double", one.enter())
        self.say(f"first waits: {not entering.done()}")
        await second.do("second enters", two.enter())
        await first.do("first enters", entering)
        leaving = asyncio.create_task(one.leave())
        await second.do("second leaves", two.leave())
        await first.do("first leaves", leaving)
        await first.do("left behind", first.client.get_children("/double"))

    async def elections(self, first: _Session, second: _Session) -> None:
        one, two = first.recipes.LeaderElection("/elect"), second.recipes.LeaderElection("/elect")
        await first.do("first volunteers", one.volunteer())
        await first.do("first leads", one.wait_for_leadership())
        await second.do("second volunteers", two.volunteer())
        await second.do("second leads not", two.wait_for_leadership(timeout=0.05))
        self.say(f"leaders: {one.has_leadership} {two.has_leadership}")
        await first.do("candidates", first.client.get_children("/elect"))
        await first.do("first resigns", one.resign())
        await second.do("second leads", two.wait_for_leadership())
        self.say(f"leaders: {one.has_leadership} {two.has_leadership}")
        await second.do("second resigns", two.resign())

    async def parties(self, first: _Session, second: _Session) -> None:
        one, two = first.recipes.Party("/party", "ann"), second.recipes.Party("/party", "bob")
        await first.do("ann joins", one.join())
        await first.sync()
        self.say(f"members: {one.members}")
        joined = asyncio.create_task(one.wait_for_change())
        await second.do("bob joins", two.join())
        await first.do("ann sees it", joined)
        while len(one.members) < 2:
            await one.wait_for_change()
        self.say(f"members: {sorted(one.members)} {sorted(two.members)}")
        await second.do("bob leaves", two.leave())
        while len(one.members) > 1:
            await one.wait_for_change()
        self.say(f"members: {one.members}")
        await first.do("ann leaves", one.leave())

    async def values(self, first: _Session, second: _Session) -> None:
        one, two = first.recipes.Counter("/count", default=5), second.recipes.Counter("/count")
        await first.do("start", one.start())
        await second.do("start", two.start())
        await asyncio.gather(*(counter.incr() for counter in (one, two)))
        await first.do("incr", one.incr(by=10))
        await second.do("decr", two.decr())
        await first.do("value", one.get_value())
        await first.do("node", first.client.get("/count"))
        await first.client.create("/cache", "root")
        await first.client.create("/cache/one", "1")
        cache = second.recipes.TreeCache("/cache")
        await second.do("cache", cache.start())
        self.say(f"cached {cache.as_dict()}")
        seen: asyncio.Queue[Any] = asyncio.Queue()
        watcher = second.recipes.DataWatcher()
        watcher.add_callback("/cache/one", seen.put_nowait)
        self.say(f"watched {await seen.get()!r}")
        await first.client.set_data("/cache/one", "changed")
        self.say(f"watched {await seen.get()!r}")
        watcher.remove_callback("/cache/one", seen.put_nowait)
        await first.client.create("/cache/two", "2")
        while "two" not in cache.as_dict() or cache.as_dict()["one"] != b"changed":
            await second.sync()
        self.say(f"cached {sorted(cache.as_dict())}")
        await second.do("cache stops", cache.stop())


def run(address: str) -> list[str]:
    """The transcript of the job on the server at ``address`` (``host:port``).

    Raises :class:`ClientUnavailable` when the library is not installed.
    """
    if importlib.util.find_spec("aiozk") is None:
        raise ClientUnavailable("aiozk not found: pip install aiozk")
    # The library logs every error that the server answers; the transcript has them.
    logging.getLogger("aiozk").setLevel(logging.CRITICAL)
    with Link(address) as link:
        return asyncio.run(_Job(address, link).run())


CLIENT = Client("aiozk_client", run)

if __name__ == "__main__":
    main(CLIENT)
