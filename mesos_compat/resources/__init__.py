"""Resources: what agents have, offers hold, tasks use and operations change.

Owns the arithmetic (:class:`Resources`, :class:`Quantities`), Mesos's two formats of
reservations, the texts that clients see, what makes resources valid, and role names. May
import :mod:`mesos_compat.wire` and nothing else of this program; nothing here knows of
agents, frameworks or time.

::

    messages --validation--> messages --Resources()--> + - contains select apply
       ^      (a text or None)                                   |
       +---------------- messages(Format), str, objects <--------+

A resource is a kind and an amount. The amount is whole thousandths, ranges of numbers, or a
set of names; the kind is everything else: name, whom it is allocated to, the stack of
reservations, the disk, whether it is revocable or shared. ``Resources`` is a dictionary from
kinds to amounts, in the order in which clients see them.

Invariants: amounts are positive; equal kinds are one entry; values never change once made;
no arithmetic uses doubles, which exist only in messages.
"""

from mesos_compat.resources.convert import Conversion
from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.formats import Format
from mesos_compat.resources.kinds import Kind, Reservation
from mesos_compat.resources.quantities import Limits, Quantities
from mesos_compat.resources.resources import Resources

__all__ = [
    "Conversion",
    "Format",
    "Kind",
    "Limits",
    "Quantities",
    "Reservation",
    "ResourceError",
    "Resources",
]
