"""The other side of a Mesos master under measurement: pretended agents, and real subscriptions.

``python -m conformance.bench.mesos_load`` is started by :mod:`conformance.bench.mesos` as a
process of its own. It reads commands from its standard input, a line of JSON each, and answers
each with a line.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
import time
from typing import Any, Final

from conformance.mesos.rawscheduler import (
    CallRefusedError,
    Json,
    RawScheduler,
    amount,
    command_task,
)
from mesos_compat.testing import FakeAgents

_CPUS: Final = 0.1
_MEM: Final = 32.0
_SUBSCRIBE_AT_ONCE: Final = 20


class Framework:
    """Wants so many tasks running, and declines the rest for long."""

    def __init__(self, number: int, find: Any) -> None:
        self.wanted = 0
        self.launched = 0
        self.running: set[str] = set()
        self.offers = 0
        #: Declines everything for no time, to be offered it again at once.
        self.only_declines = False
        self.raw = RawScheduler(find, self.on_event, name=f"bench{number}")

    async def on_event(self, event: Json) -> None:
        """What the master says."""
        try:
            if event["type"] == "OFFERS":
                await self._offered(event["offers"]["offers"])
            elif event["type"] == "UPDATE":
                status = event["update"]["status"]
                if status["state"] == "TASK_RUNNING":
                    self.running.add(status["task_id"]["value"])
                await self.raw.acknowledge(status)
        except (OSError, CallRefusedError):
            return

    async def _offered(self, offers: list[Json]) -> None:
        self.offers += len(offers)
        unused = []
        for offer in offers:
            room = min(int(amount(offer, "cpus") / _CPUS), int(amount(offer, "mem") / _MEM), 20)
            count = min(room, self.wanted - self.launched)
            if count <= 0 or self.only_declines:
                unused.append(offer)
                continue
            tasks = []
            for _ in range(count):
                tasks.append(command_task(f"t{self.launched}", "true", _CPUS, _MEM))
                self.launched += 1
            await self.raw.launch(offer, tasks, refuse_seconds=3600.0)
        if unused:
            seconds = 0.0 if self.only_declines else 3600.0
            await self.raw.decline(*unused, refuse_seconds=seconds)


class Load:
    """All agents and frameworks."""

    def __init__(self) -> None:
        self.masters: list[str] = []
        self.agents: FakeAgents | None = None
        self.frameworks: list[Framework] = []

    async def find(self) -> str:
        """One of the masters; a wrong one says who leads."""
        return random.choice(self.masters)

    async def do(self, command: Json) -> Json:
        """Carry out a command; the answer."""
        match command["do"]:
            case "masters":
                self.masters = command["masters"]
                return {}
            case "agents":
                return await self._add_agents(command["count"])
            case "frameworks":
                return await self._add_frameworks(command["count"])
            case "launch":
                return await self._launch(command["tasks"])
            case "decline":
                return await self._decline(command["seconds"])
            case "counts":
                return self._counts()
            case _:
                raise ValueError(command)

    def _url(self) -> str:
        return f"http://{random.choice(self.masters)}"

    async def _add_agents(self, count: int) -> Json:
        began = time.monotonic()
        self.agents = FakeAgents(self._url, count)
        await self.agents.__aenter__()
        return {"seconds": time.monotonic() - began}

    async def _add_frameworks(self, count: int) -> Json:
        began = time.monotonic()
        made = [Framework(number, self.find) for number in range(count)]
        for start in range(0, count, _SUBSCRIBE_AT_ONCE):
            some = made[start : start + _SUBSCRIBE_AT_ONCE]
            await asyncio.gather(*(one.raw.__aenter__() for one in some))
        self.frameworks += made
        return {"seconds": time.monotonic() - began}

    async def _launch(self, tasks: int) -> Json:
        """Have so many more tasks running, over all frameworks."""
        each = tasks // len(self.frameworks)
        goal = sum(len(one.running) for one in self.frameworks) + each * len(self.frameworks)
        began = time.monotonic()
        for one in self.frameworks:
            one.wanted += each
            await one.raw.call("REVIVE", revive={})
        while sum(len(one.running) for one in self.frameworks) < goal:
            if time.monotonic() - began > 600:
                return {"seconds": time.monotonic() - began, **self._counts()}
            await asyncio.sleep(0.01)
        return {"seconds": time.monotonic() - began, **self._counts()}

    async def _decline(self, seconds: float) -> Json:
        """Do nothing but decline, for so long."""
        before = sum(one.offers for one in self.frameworks)
        for one in self.frameworks:
            one.only_declines = True
            await one.raw.call("REVIVE", revive={})
        await asyncio.sleep(seconds)
        offers = sum(one.offers for one in self.frameworks) - before
        for one in self.frameworks:
            one.only_declines = False
        return {"offers": offers, "seconds": seconds}

    def _counts(self) -> Json:
        return {
            "running": sum(len(one.running) for one in self.frameworks),
            "offers": sum(one.offers for one in self.frameworks),
            "subscribed": sum(one.raw.is_subscribed.is_set() for one in self.frameworks),
            "subscriptions": sum(one.raw.subscriptions for one in self.frameworks),
        }


async def main() -> None:
    """Until the standard input ends."""
    # A thousand agents that lose their master are no news here.
    logging.getLogger("mesos_compat").setLevel(logging.ERROR)
    load = Load()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        answer = await load.do(json.loads(line))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
