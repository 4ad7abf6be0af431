"""The program that enters a container's mount namespace, or tries which namespaces there may be.

Told what to do, and answers, as :mod:`~mesos_compat.containers.spawning` says: ``("probe",)``
is answered with a line for mount and one for process id namespaces, empty or why not;
``("mount", process, mounts)`` with ``ok``, or what failed.
"""

from __future__ import annotations

import marshal
import os

from mesos_compat.containers import entering, syscalls
from mesos_compat.containers.entering import Mount


def _probe() -> str:
    answers = []
    for flags in (syscalls.CLONE_NEWNS, syscalls.CLONE_NEWPID):
        try:
            syscalls.unshare(flags)
            if flags == syscalls.CLONE_NEWNS:
                # Some sandboxes let one have a namespace in which nothing can be mounted.
                syscalls.mount(b"none", b"/", None, syscalls.MS_REC | syscalls.MS_SLAVE)
        except OSError as error:
            answers.append(str(error))
        else:
            answers.append("")
    return "\n".join(answers)


def main() -> None:
    """Run as the process that enters or tries namespaces."""
    with os.fdopen(0, "rb") as source:
        told = marshal.loads(source.read())  # noqa: S302 - from the agent, our parent
    if told[0] == "probe":
        os.write(1, _probe().encode())
        return
    _, process, mounts = told
    try:
        entering.enter_namespace(process, "mnt", syscalls.CLONE_NEWNS)
        for mount in mounts:
            entering.bind(Mount(*mount))
    except OSError as error:
        os.write(1, os.fsencode(str(error)))
    else:
        os.write(1, b"ok")
