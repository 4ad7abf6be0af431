"""Resources as the older endpoints show them: one plain object with numbers and texts.

``{"disk": 10240.0, "mem": 4096.0, "gpus": 0.0, "cpus": 4.0, "ports": "[31000-32000]"}``: four
scalars are always there and come first, in the order that Mesos's answers have; a revocable
resource's name ends in ``_revocable``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mesos_compat.resources import values
from mesos_compat.resources.quantities import Limits, Quantities
from mesos_compat.resources.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2

ResourcesObject = dict[str, float | str]

_ALWAYS: Final = ("disk", "mem", "gpus", "cpus")


def to_object(resources: Resources | Iterable[mesos_pb2.Resource]) -> ResourcesObject:
    """The object for ``resources``, of whatever kinds."""
    if not isinstance(resources, Resources):
        resources = Resources(resources)
    scalars = dict.fromkeys(_ALWAYS, 0)
    others: ResourcesObject = {}
    for part, suffix in ((resources.nonrevocable(), ""), (resources.revocable(), "_revocable")):
        for name, is_scalar in {(kind.name, kind.is_scalar): None for kind, _ in part.kinds()}:
            if is_scalar:
                scalars[name + suffix] = part.amount(name)
            else:
                others[name + suffix] = str(part.ranges(name) or part.items(name))
    shown: ResourcesObject = {name: values.to_double(scalars[name]) for name in scalars}
    return shown | others


def reserved_to_objects(resources: Resources) -> dict[str, ResourcesObject]:
    """An object for each role that has reservations."""
    return {role: to_object(part) for role, part in resources.reservations().items()}


def quantities_to_object(quantities: Quantities | Limits) -> dict[str, float]:
    """Amounts by name: ``{"cpus": 0.5, "ports": 2.0}``."""
    return {name: values.to_double(amount) for name, amount in quantities.items()}
