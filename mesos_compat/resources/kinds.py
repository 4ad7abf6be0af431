"""What a resource is, apart from how much of it there is.

Two resources of one kind can be added and subtracted. A :class:`Kind` is a plain tuple, so
that dictionaries of kinds are fast. Some resources cannot be divided (persistent volumes,
MOUNT and BLOCK disks, RAW disks with an id): their size is part of their kind, and what is
counted is how often they are there. For shared persistent volumes that is the count of uses.

Source: ``addable``, ``subtractable`` and the equality of ``Resource`` in Mesos.
"""

from __future__ import annotations

from typing import NamedTuple

from mesos_compat.errors import invariant
from mesos_compat.resources import roles
from mesos_compat.resources.values import (
    SCALE,
    Amount,
    Items,
    Ranges,
    to_double,
    to_thousandths,
)
from mesos_compat.wire.v1 import mesos_pb2

_Source = mesos_pb2.Resource.DiskInfo.Source
_DYNAMIC = mesos_pb2.Resource.ReservationInfo.DYNAMIC
_STATIC = mesos_pb2.Resource.ReservationInfo.STATIC
_SCALAR = mesos_pb2.Value.SCALAR


class LabelPairs:
    """Labels: kept in the order in which they came, compared without looking at it."""

    __slots__ = ("_sorted", "pairs")

    def __init__(self, labels: mesos_pb2.Labels) -> None:
        self.pairs = tuple(
            (label.key, label.value if label.HasField("value") else None) for label in labels.labels
        )
        self._sorted = tuple(
            sorted((key, value is not None, value or "") for key, value in self.pairs)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelPairs) and self._sorted == other._sorted

    def __hash__(self) -> int:
        return hash(self._sorted)

    def write(self, labels: mesos_pb2.Labels) -> None:
        """Put the pairs into ``labels``, which is set even when there are none."""
        labels.SetInParent()
        for key, value in self.pairs:
            labels.labels.add(key=key, value=value)


class Reservation(NamedTuple):
    """One entry of a stack of reservations, ``Resource.ReservationInfo`` in mesos.proto."""

    type: mesos_pb2.Resource.ReservationInfo.Type
    role: str
    principal: str | None = None
    labels: LabelPairs | None = None

    @classmethod
    def of(cls, info: mesos_pb2.Resource.ReservationInfo) -> Reservation:
        """The entry that ``info``, of the newer format, describes."""
        return cls(
            info.type,
            info.role,
            info.principal if info.HasField("principal") else None,
            LabelPairs(info.labels) if info.HasField("labels") else None,
        )

    def write(self, info: mesos_pb2.Resource.ReservationInfo) -> None:
        """Put this entry into ``info``, which is empty."""
        info.type = self.type
        info.role = self.role
        if self.principal is not None:
            info.principal = self.principal
        if self.labels is not None:
            self.labels.write(info.labels)


class Disk:
    """A disk: compared by its source and persistence id, since a volume only says how it is used.

    The message is kept whole, for those to whom the resource is shown.
    """

    __slots__ = ("_key", "info")

    def __init__(self, info: mesos_pb2.Resource.DiskInfo) -> None:
        self.info = info
        source = info.source
        self._key = (
            info.persistence.id if info.HasField("persistence") else None,
            (
                source.type,
                source.path.root if source.path.HasField("root") else None,
                source.mount.root if source.mount.HasField("root") else None,
                source.vendor if source.HasField("vendor") else None,
                source.id if source.HasField("id") else None,
                LabelPairs(source.metadata) if source.HasField("metadata") else None,
                source.profile if source.HasField("profile") else None,
            )
            if info.HasField("source")
            else None,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Disk) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def persistence_id(self) -> str | None:
        """The id of the persistent volume that this is, if it is one."""
        return self._key[0]

    @property
    def is_divisible(self) -> bool:
        """Whether a part of it is a disk of the same kind."""
        if self.persistence_id is not None:
            return False
        if not self.info.HasField("source"):
            return True
        source = self.info.source
        if source.type == _Source.RAW:
            return not source.HasField("id")
        return source.type == _Source.PATH


class Kind(NamedTuple):
    """What a resource is: everything but the amount, in the newer format of reservations."""

    name: str
    type: mesos_pb2.Value.Type  # SCALAR, RANGES or SET
    allocated_to: str | None  # the role of allocation_info
    reservations: tuple[Reservation, ...]
    disk: Disk | None
    revocable: bool
    shared: bool
    provider_id: str | None
    size: Amount | None  # of what cannot be divided; then the amount is a count

    @property
    def is_scalar(self) -> bool:
        """Whether its amount is a number."""
        return self.type == _SCALAR

    @property
    def is_reserved(self) -> bool:
        """Whether a role has reserved it."""
        return bool(self.reservations)

    @property
    def reservation_role(self) -> str | None:
        """The role that it is reserved for: the last one's, when refined."""
        return self.reservations[-1].role if self.reservations else None

    @property
    def is_dynamically_reserved(self) -> bool:
        """Whether the last reservation was made by a framework or operator."""
        return bool(self.reservations) and self.reservations[-1].type == _DYNAMIC

    @property
    def is_refined(self) -> bool:
        """Whether there is a reservation within a reservation."""
        return len(self.reservations) > 1

    @property
    def is_persistent_volume(self) -> bool:
        """Whether it is a persistent volume."""
        return self.disk is not None and self.disk.persistence_id is not None

    def is_allocatable_to(self, role: str) -> bool:
        """Whether ``role`` may have it: it is unreserved, or reserved to it or a role above."""
        return not self.reservations or roles.is_in_subtree(role, self.reservations[-1].role)

    def copies(self, amount: Amount) -> int:
        """How many messages show an entry of this kind; a shared volume is shown once."""
        if self.size is None or self.shared or not isinstance(amount, int):
            return 1
        return amount

    def thousandths(self, amount: Amount) -> int:
        """What an entry adds to quantities; members of ranges and sets are one each."""
        one = amount if self.size is None else self.size
        return self.copies(amount) * (one if isinstance(one, int) else one.size * SCALE)

    def allocated(self, role: str | None) -> Kind:
        """The same, allocated to ``role`` or to nobody."""
        if role == self.allocated_to:
            return self
        return Kind._make((*self[:2], role, *self[3:]))

    def reserved(self, reservations: tuple[Reservation, ...]) -> Kind:
        """The same with another stack of reservations."""
        return Kind._make((*self[:3], reservations, *self[4:]))

    def message(self, amount: Amount) -> mesos_pb2.Resource:
        """A message of the newer format for ``amount`` of this; a count is not shown."""
        if self.size is not None:
            amount = self.size
        resource = mesos_pb2.Resource(name=self.name, type=self.type)
        if isinstance(amount, int):
            resource.scalar.value = to_double(amount)
        elif isinstance(amount, Ranges):
            resource.ranges.SetInParent()
            for begin, end in amount.pairs:
                resource.ranges.range.add(begin=begin, end=end)
        else:
            resource.set.SetInParent()
            resource.set.item.extend(amount.names)
        if self.allocated_to is not None:
            resource.allocation_info.role = self.allocated_to
        for reservation in self.reservations:
            reservation.write(resource.reservations.add())
        if self.disk is not None:
            resource.disk.CopyFrom(self.disk.info)
        if self.revocable:
            resource.revocable.SetInParent()
        if self.shared:
            resource.shared.SetInParent()
        if self.provider_id is not None:
            resource.provider_id.value = self.provider_id
        return resource


def entry_of(resource: mesos_pb2.Resource) -> tuple[Kind, Amount]:
    """Kind and amount of a well-formed message in either format."""
    amount = amount_of(resource)
    disk: Disk | None = None
    size: Amount | None = None
    if resource.HasField("disk"):
        info = mesos_pb2.Resource.DiskInfo()
        info.CopyFrom(resource.disk)
        disk = Disk(info)
        if not disk.is_divisible and amount:
            size, amount = amount, 1
    kind = Kind(
        resource.name,
        resource.type,
        resource.allocation_info.role if resource.allocation_info.HasField("role") else None,
        _reservations_of(resource),
        disk,
        resource.HasField("revocable"),
        resource.HasField("shared"),
        resource.provider_id.value if resource.HasField("provider_id") else None,
        size,
    )
    return kind, amount


def amount_of(resource: mesos_pb2.Resource) -> Amount:
    """How much there is of a well-formed resource."""
    if resource.type == mesos_pb2.Value.SCALAR:
        return to_thousandths(resource.scalar.value)
    if resource.type == mesos_pb2.Value.RANGES:
        return Ranges.of((one.begin, one.end) for one in resource.ranges.range)
    invariant(
        resource.type == mesos_pb2.Value.SET,
        "resources are scalars, ranges or sets",
        type=resource.type,
    )
    return Items.of(resource.set.item)


def _reservations_of(resource: mesos_pb2.Resource) -> tuple[Reservation, ...]:
    if resource.reservations:
        return tuple(Reservation.of(info) for info in resource.reservations)
    if resource.role == roles.ANY_ROLE:
        return ()
    if not resource.HasField("reservation"):
        return (Reservation(_STATIC, resource.role),)
    made = Reservation.of(resource.reservation)
    return (made._replace(type=_DYNAMIC, role=resource.role),)
