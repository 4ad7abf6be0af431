"""``RLimitInfo`` as setrlimit wants it (the posix/rlimits isolator)."""

from __future__ import annotations

import resource
import sys

from mesos_compat.containers.spec import LaunchError
from mesos_compat.wire.v1 import mesos_pb2

_RLimit = mesos_pb2.RLimitInfo.RLimit

# RLIMIT_LOCKS has no name in Python and no effect in Linux since 2.4.24; but it can be set.
_LOCKS = 10
_NUMBERS = {
    _RLimit.RLMT_AS: resource.RLIMIT_AS,
    _RLimit.RLMT_CORE: resource.RLIMIT_CORE,
    _RLimit.RLMT_CPU: resource.RLIMIT_CPU,
    _RLimit.RLMT_DATA: resource.RLIMIT_DATA,
    _RLimit.RLMT_FSIZE: resource.RLIMIT_FSIZE,
    _RLimit.RLMT_LOCKS: _LOCKS,
    _RLimit.RLMT_MEMLOCK: resource.RLIMIT_MEMLOCK,
    _RLimit.RLMT_MSGQUEUE: resource.RLIMIT_MSGQUEUE,
    _RLimit.RLMT_NICE: resource.RLIMIT_NICE,
    _RLimit.RLMT_NOFILE: resource.RLIMIT_NOFILE,
    _RLimit.RLMT_NPROC: resource.RLIMIT_NPROC,
    _RLimit.RLMT_RSS: resource.RLIMIT_RSS,
    _RLimit.RLMT_RTPRIO: resource.RLIMIT_RTPRIO,
    _RLimit.RLMT_RTTIME: resource.RLIMIT_RTTIME,
    _RLimit.RLMT_SIGPENDING: resource.RLIMIT_SIGPENDING,
    _RLimit.RLMT_STACK: resource.RLIMIT_STACK,
}


def rlimits_of(container: mesos_pb2.ContainerInfo | None) -> list[tuple[int, int, int]]:
    """The limits as (number, soft, hard); without both values a limit is unlimited.

    Raises LaunchError for limits that are none.
    """
    found = []
    for limit in container.rlimit_info.rlimits if container is not None else ():
        if limit.type not in _NUMBERS:
            raise LaunchError("Invalid rlimits: Unknown type of rlimit")
        if limit.HasField("soft") != limit.HasField("hard"):
            raise LaunchError(
                f"Invalid rlimits: {_RLimit.Type.Name(limit.type)} must set either both or none "
                "of its soft and hard limit"
            )
        soft = hard = resource.RLIM_INFINITY
        if limit.HasField("soft"):
            if limit.soft > limit.hard:
                raise LaunchError(
                    f"Invalid rlimits: {_RLimit.Type.Name(limit.type)} has a soft limit above "
                    "its hard limit"
                )
            soft, hard = min(limit.soft, sys.maxsize), min(limit.hard, sys.maxsize)
        found.append((_NUMBERS[limit.type], soft, hard))
    return found
