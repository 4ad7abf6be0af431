"""Keeps services up, or ends them: the scheduler that is killed, and its standby.

``python kept_services.py keep|end MASTER ZK COUNT DIRECTORY``: each service touches a file of its
own twice a second.
"""

from __future__ import annotations

import asyncio
import sys

from mesozoic.framework import Backoff, Framework, Restart, Service

RESTART_S = 0.5


def framework_of(master: str, zk: str) -> Framework:
    """The same for who keeps and who ends."""
    return Framework("kept", master, zk=zk, session_seconds=4.0)


def service(number: int, directory: str) -> Service:
    """One of them; restarts do not become slower, so it is known when it has to be back."""
    return Service(
        f"service-{number}",
        f"while touch {directory}/service-{number}; do sleep 0.5; done",
        resources={"cpus": 0.05, "mem": 16},
        restart=Restart("always", backoff=Backoff(RESTART_S, RESTART_S)),
    )


async def end(master: str, zk: str) -> None:
    """Stop all that is declared; the framework then has nothing left, and ends."""
    async with framework_of(master, zk) as framework:
        for name in framework.names():
            await framework.stop(name)


def main(what: str, master: str, zk: str, count: str, directory: str) -> None:
    """Keep or end."""
    if what == "end":
        asyncio.run(end(master, zk))
        return
    framework = framework_of(master, zk)
    for number in range(int(count)):
        framework.add(service(number, directory))
    framework.run_blocking()


if __name__ == "__main__":
    main(*sys.argv[1:])
