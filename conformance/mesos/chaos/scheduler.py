"""The scheduler that is killed: ``python -m conformance.mesos.chaos.scheduler``.

It keeps so many tasks going until it has launched all of them, and ends when each has a terminal
status. A task whose launch it wrote down, and of which nobody knows anything when it asks, was
never launched: that is a terminal status too.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Final

import click
from kazoo.client import KazooClient

from conformance.mesos.chaos.journal import TERMINAL, Journal, Known, read
from conformance.mesos.rawscheduler import (
    CallRefusedError,
    Json,
    RawScheduler,
    amount,
    command_task,
)

_CPUS: Final = 0.05
_MEM: Final = 16.0
_RECONCILE_S: Final = 2.0
_SETTLED_S: Final = 5.0
#: States of a task that nobody knows (any more): it does not run, and never will.
_UNKNOWN: Final = ("TASK_UNKNOWN", "TASK_GONE")


class Finder:
    """Asks ZooKeeper for the leading master, as detectors do."""

    def __init__(self, hosts: str) -> None:
        self._client = KazooClient(hosts, timeout=4.0)
        self._client.start()

    def look(self) -> str:
        """``host:port``; raises OSError when nobody leads."""
        names = [one for one in self._client.get_children("/mesos") if one.startswith("json.info_")]
        if not names:
            raise ConnectionError("no master leads")
        data, _ = self._client.get(f"/mesos/{min(names)}")
        address = json.loads(data)["address"]
        return f"{address['ip']}:{address['port']}"

    async def find(self) -> str:
        """As :meth:`look`, whatever ZooKeeper says instead counts as nobody."""
        try:
            return await asyncio.to_thread(self.look)
        except Exception as error:
            raise ConnectionError(str(error)) from error


class Scheduler:
    """Launches ``count`` tasks, of which ``at_once`` run at a time."""

    def __init__(
        self, known: Known, journal: Journal, count: int, at_once: int, command: str, prefix: str
    ) -> None:
        self.known = known
        self._journal = journal
        self._count = count
        self._at_once = at_once
        self._command = command
        self._prefix = prefix
        #: When tasks were launched; a master may not know yet of those of a moment ago.
        self._launched_s: dict[str, float] = {}
        self.raw: RawScheduler
        self.done = asyncio.Event()

    async def on_event(self, event: Json) -> None:
        """What the master says."""
        match event["type"]:
            case "SUBSCRIBED":
                framework_id = event["subscribed"]["framework_id"]["value"]
                self._journal.write(what="subscribed", framework_id=framework_id, time=time.time())
                self.known.framework_id = framework_id
                self._look_whether_done()
            case "OFFERS":
                for offer in event["offers"]["offers"]:
                    await self._offered(offer)
            case "UPDATE":
                await self._updated(event["update"]["status"])

    async def _offered(self, offer: Json) -> None:
        room = min(int(amount(offer, "cpus") / _CPUS), int(amount(offer, "mem") / _MEM))
        wanted = min(
            self._at_once - len(self.known.open), self._count - len(self.known.states), room
        )
        try:
            if wanted <= 0:
                await self.raw.decline(offer, refuse_seconds=0.5)
                return
            tasks = []
            for _ in range(wanted):
                task_id = f"{self._prefix}-{len(self.known.states)}"
                self._journal.write(what="launch", task=task_id, agent=offer["agent_id"]["value"])
                self.known.states[task_id] = ""
                self.known.agents[task_id] = offer["agent_id"]["value"]
                self._launched_s[task_id] = time.monotonic()
                command = self._command.replace("TASK", task_id)
                tasks.append(command_task(task_id, command, _CPUS, _MEM))
            await self.raw.launch(offer, tasks)
        except (OSError, CallRefusedError):
            # What was written down is asked for later on.
            return

    async def _updated(self, status: Json) -> None:
        task, state = status["task_id"]["value"], status["state"]
        if state in _UNKNOWN and self.known.states.get(task) in TERMINAL:
            return
        if state == "TASK_UNKNOWN":
            state = "TASK_GONE"
        if self.known.states.get(task) != state:
            self._journal.write(what="status", task=task, state=state)
            self.known.states[task] = state
        try:
            await self.raw.acknowledge(status)
        except (OSError, CallRefusedError):
            pass
        self._look_whether_done()

    def _look_whether_done(self) -> None:
        if len(self.known.states) >= self._count and not self.known.open:
            self.done.set()

    async def reconcile(self) -> None:
        """Ask now and then how the open tasks are."""
        while True:
            await asyncio.sleep(_RECONCILE_S)
            tasks = [
                {"task_id": {"value": task}, "agent_id": {"value": self.known.agents[task]}}
                for task in self.known.open
                if time.monotonic() - self._launched_s.get(task, 0.0) > _SETTLED_S
            ]
            if tasks and self.raw.is_subscribed.is_set():
                try:
                    await self.raw.call("RECONCILE", reconcile={"tasks": tasks})
                except (OSError, CallRefusedError):
                    continue


async def run(
    zookeeper: str, journal: Path, count: int, at_once: int, command: str, prefix: str
) -> None:
    """Until all tasks have terminal states."""
    known = read(journal)
    scheduler = Scheduler(known, Journal(journal), count, at_once, command, prefix)
    raw = RawScheduler(Finder(zookeeper).find, scheduler.on_event, name="chaos")
    raw.framework_id = known.framework_id
    scheduler.raw = raw
    async with raw:
        asking = asyncio.create_task(scheduler.reconcile())
        await scheduler.done.wait()
        asking.cancel()


@click.command()
@click.option("--zookeeper", required=True)
@click.option("--journal", required=True, type=click.Path(path_type=Path))
@click.option("--count", required=True, type=int)
@click.option("--at-once", required=True, type=int)
@click.option("--command", required=True, help="TASK stands for the id.")
@click.option("--prefix", required=True)
def main(
    zookeeper: str, journal: Path, count: int, at_once: int, command: str, prefix: str
) -> None:
    """Run tasks on a cluster and write down what becomes of them."""
    asyncio.run(run(zookeeper, journal, count, at_once, command, prefix))


if __name__ == "__main__":
    main()
