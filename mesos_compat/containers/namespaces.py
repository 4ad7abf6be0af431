"""Which namespaces this agent may make, and mounting in that of a running container.

Both are done by a process of its own (:mod:`~mesos_compat.containers.mounting`), since a
namespace once entered cannot be left.
"""

from __future__ import annotations

import marshal
import os
import subprocess
from typing import NamedTuple

from mesos_compat.containers import spawning
from mesos_compat.containers.entering import Mount
from mesos_compat.containers.spec import LaunchError

_MODULE = "mesos_compat.containers.mounting"
_PROBE_TIMEOUT_S = 10


class Permitted(NamedTuple):
    """Why a namespace of each kind cannot be made; empty when it can."""

    mount: str
    pid: str


def find_permitted() -> Permitted:
    """Try it, in a process of its own."""
    done = subprocess.run(
        spawning.program(_MODULE),
        input=marshal.dumps(("probe",)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=_PROBE_TIMEOUT_S,
        check=False,
    )
    answers = done.stdout.decode(errors="replace").split("\n")
    if done.returncode != 0 or len(answers) < 2:
        return Permitted("the probe failed", "the probe failed")
    return Permitted(answers[0], answers[1])


async def mount_in(process: int, mounts: list[Mount]) -> None:
    """Make bind mounts in the mount namespace of a running process. Raises LaunchError."""
    told = ("mount", process, [tuple(mount) for mount in mounts])
    answer = await spawning.run_to_end(_MODULE, told)
    if answer != b"ok":
        raise LaunchError(f"Failed to mount volumes: {os.fsdecode(answer)}")
