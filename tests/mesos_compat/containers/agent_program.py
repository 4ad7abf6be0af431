"""A small agent for tests: launches containers, or recovers them, as its arguments say.

``launch CONFIG`` launches the containers of a file and then waits to be killed; ``recover
CONFIG`` finds them again and prints, a line each, what it has found and how they ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from mesos_compat.containers.containerizer import Containerizer
from mesos_compat.containers.spec import ContainerizerSettings, ContainerKind, ContainerSpec
from mesos_compat.wire.v1 import mesos_pb2


async def launch(containerizer: Containerizer, config: dict[str, list[dict[str, object]]]) -> None:
    for one in config["containers"]:
        spec = ContainerSpec(
            container_id=tuple(one["id"]),  # type: ignore[arg-type]
            command=mesos_pb2.CommandInfo(value=str(one["command"])),
            sandbox=str(one["sandbox"]),
            kind=ContainerKind(one.get("kind", "default")),
        )
        launched = await containerizer.launch(spec)
        print(launched.pid, flush=True)
    await asyncio.Event().wait()


async def main() -> None:
    what, path = sys.argv[1:]
    config = json.loads(Path(path).read_text())
    settings = config["settings"]
    settings["isolation"] = tuple(settings["isolation"])
    containerizer = Containerizer(ContainerizerSettings(**settings))
    await containerizer.start()
    if what == "launch":
        await launch(containerizer, config)
    found = await containerizer.recover([tuple(one) for one in config["known"]])
    for one in found:
        print("found", *one.container_id, one.running, flush=True)
    ends = await asyncio.gather(*(containerizer.wait(one.container_id) for one in found))
    for one, end in zip(found, ends, strict=True):
        print("ended", *one.container_id, end.status, flush=True)
    await containerizer.close()


asyncio.run(main())
