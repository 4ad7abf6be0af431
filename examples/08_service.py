"""A service that stays up: two instances on different agents; one is killed and comes back.

Run it with ``python examples/08_service.py``; ``MESOS=host:port`` uses a cluster that runs, which
then needs two agents on this machine.
"""

import asyncio
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from mesos_compat.testing import EmbeddedCluster
from mesozoic.framework import Backoff, Framework, Restart, Service, unique

PAGES = Service(
    "pages",
    "echo $$ > $PID_FILE.$(basename $PWD); exec python3 -m http.server $PORT0 2>&1",
    count=2,
    resources={"cpus": 0.1, "mem": 64, "ports": 1},
    constraints=[unique("hostname")],
    restart=Restart("always", backoff=Backoff(initial_seconds=0.1)),
)


async def run(master: str, pid_file: Path) -> None:
    """Start the service, kill one of its processes, and wait until it is back."""
    PAGES.environment = {"PID_FILE": str(pid_file)}
    async with Framework("pages", master) as framework:
        framework.add(PAGES)
        first = await framework.wait_running("pages")
        for one in first:
            print(f"{one.task_id} serves at {one.hostname}:{one.ports[0]}")
        print(framework.explain("pages"))

        victim = pid_file.with_name(f"{pid_file.name}.{first[0].container_id}")
        os.kill(int(victim.read_text()), signal.SIGKILL)
        print(f"{first[0].task_id} is killed")
        while framework.instances("pages")[0].task_id == first[0].task_id:
            await asyncio.sleep(0.05)
        again = await framework.wait_running("pages")
        print(f"{again[0].task_id} has taken its place, {again[1].task_id} went on")
        if again[1] != first[1]:
            raise SystemExit("the other instance was not to be touched")


def main() -> None:
    """Run it all."""
    with ExitStack() as stack:
        master = os.environ.get("MESOS") or stack.enter_context(EmbeddedCluster(agents=2)).url
        directory = stack.enter_context(TemporaryDirectory())
        asyncio.run(run(master, Path(directory, "pid")))


if __name__ == "__main__":
    main()
