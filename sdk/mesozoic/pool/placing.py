"""Workers' shares of what is offered: pure, and used by the bridges as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from mesos_compat.resources import Kind, Quantities, Resources
from mesos_compat.resources.values import SCALE, Amount
from mesos_compat.wire.v1 import mesos_pb2

#: The offers of roles, and what keeps workers over restarts of agents and masters.
_Capability = mesos_pb2.FrameworkInfo.Capability
_CAPABILITIES: Final = (
    _Capability.MULTI_ROLE,
    _Capability.RESERVATION_REFINEMENT,
    _Capability.PARTITION_AWARE,
)
_NS: Final = 1_000_000_000


def quantities_of(resources: Mapping[str, float]) -> Quantities:
    """``{"cpus": 0.5, "mem": 256}`` (megabytes), exactly. Raises ``ValueError``."""
    amounts = []
    for name, amount in resources.items():
        thousandths = round(amount * SCALE)
        if thousandths < 0 or abs(thousandths - amount * SCALE) > 1e-6:
            raise ValueError(f"{name}: {amount} is no positive multiple of 0.001")
        amounts.append((name, thousandths))
    made = Quantities(amounts)
    if not made:
        raise ValueError("a task needs resources of some kind")
    return made


class Room:
    """What is left of an offer while workers are placed into it.

    Usable are scalars that nobody can take away and that are no volume; those which are
    reserved for the framework are used first.
    """

    def __init__(self, offer: mesos_pb2.Offer) -> None:
        self._left = Resources(offer.resources).select(_is_usable)

    def take(self, wanted: Quantities) -> list[mesos_pb2.Resource] | None:
        """Take so much out; None, and nothing is changed, if there is less."""
        if not self._left.contains_quantities(wanted):
            return None
        taken: list[tuple[Kind, Amount]] = []
        for name, amount in wanted.items():
            left = amount
            entries = [entry for entry in self._left.kinds() if entry[0].name == name]
            for kind, have in sorted(entries, key=lambda entry: not entry[0].is_reserved):
                if isinstance(have, int) and left:
                    part = min(have, left)
                    left -= part
                    taken.append((kind, part))
        resources = Resources.of_kinds(taken)
        self._left -= resources
        return list(resources)


def _is_usable(kind: Kind) -> bool:
    is_lasting = not kind.revocable and not kind.shared
    return kind.is_scalar and is_lasting and kind.disk is None and kind.provider_id is None


def framework_info(
    name: str, roles: Iterable[str], *, user: str | None, failover_seconds: float
) -> mesos_pb2.FrameworkInfo:
    """A framework whose tasks outlive restarts of agents, and its own absence for some time."""
    info = mesos_pb2.FrameworkInfo(
        name=name,
        roles=roles,
        checkpoint=True,
        failover_timeout=failover_seconds,
        capabilities=[_Capability(type=kind) for kind in _CAPABILITIES],
    )
    if user is not None:
        info.user = user
    return info


def python_task(
    task_id: str,
    name: str,
    resources: Iterable[mesos_pb2.Resource],
    arguments: Iterable[str],
    environment: Mapping[str, str],
    *,
    grace_seconds: float,
) -> mesos_pb2.TaskInfo:
    """A task that runs a program without a shell; the agent is that of the offer."""
    task = mesos_pb2.TaskInfo(name=name, resources=resources)
    task.task_id.value = task_id
    command = task.command
    command.shell = False
    command.arguments.extend(arguments)
    command.value = command.arguments[0]
    for variable, value in environment.items():
        command.environment.variables.add(name=variable, value=value)
    task.kill_policy.grace_period.nanoseconds = round(grace_seconds * _NS)
    return task


def agent_url(offer: mesos_pb2.Offer) -> str:
    """Where the agent of an offer serves HTTP; empty if the offer does not say."""
    if not offer.HasField("url"):
        return ""
    address = offer.url.address
    host = address.ip or address.hostname
    bracketed = f"[{host}]" if ":" in host else host
    return f"{offer.url.scheme}://{bracketed}:{address.port}"
