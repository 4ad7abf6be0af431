"""Short ways to write resource messages, and strategies that make them."""

from __future__ import annotations

from hypothesis import strategies as st

from mesos_compat.resources.kinds import Kind, Reservation
from mesos_compat.resources.resources import Resources
from mesos_compat.resources.values import Amount, Items, Ranges
from mesos_compat.wire.v1 import mesos_pb2

Info = mesos_pb2.Resource.ReservationInfo
Source = mesos_pb2.Resource.DiskInfo.Source


def scalar(name: str, value: float) -> mesos_pb2.Resource:
    """An unreserved scalar."""
    return mesos_pb2.Resource(
        name=name, type=mesos_pb2.Value.SCALAR, scalar=mesos_pb2.Value.Scalar(value=value)
    )


def ranges(name: str, *pairs: tuple[int, int]) -> mesos_pb2.Resource:
    """Unreserved ranges."""
    resource = mesos_pb2.Resource(name=name, type=mesos_pb2.Value.RANGES)
    resource.ranges.SetInParent()
    for begin, end in pairs:
        resource.ranges.range.add(begin=begin, end=end)
    return resource


def items(name: str, *names: str) -> mesos_pb2.Resource:
    """An unreserved set."""
    resource = mesos_pb2.Resource(name=name, type=mesos_pb2.Value.SET)
    resource.set.SetInParent()
    resource.set.item.extend(names)
    return resource


def dynamic(role: str, principal: str | None = None) -> Info:
    """One dynamic reservation of the newer format."""
    return Info(type=Info.DYNAMIC, role=role, principal=principal)


def static(role: str) -> Info:
    """One static reservation of the newer format."""
    return Info(type=Info.STATIC, role=role)


def reserved(resource: mesos_pb2.Resource, *stack: Info) -> mesos_pb2.Resource:
    """``resource`` with that stack of reservations, in the newer format."""
    resource.reservations.extend(stack)
    return resource


def volume(
    size: float, persistence_id: str, role: str = "r", *, shared: bool = False
) -> mesos_pb2.Resource:
    """A persistent volume of ``size`` MB."""
    resource = reserved(scalar("disk", size), dynamic(role))
    resource.disk.persistence.id = persistence_id
    resource.disk.volume.container_path = "data"
    resource.disk.volume.mode = mesos_pb2.Volume.RW
    if shared:
        resource.shared.SetInParent()
    return resource


def disk_of(
    size: float, kind: Source.Type, root: str | None = None, id_: str | None = None
) -> mesos_pb2.Resource:
    """A disk with a source."""
    resource = scalar("disk", size)
    resource.disk.source.type = kind
    if root is not None and kind == Source.MOUNT:
        resource.disk.source.mount.root = root
    elif root is not None:
        resource.disk.source.path.root = root
    if id_ is not None:
        resource.disk.source.id = id_
    return resource


ROLES = ("r", "r/s", "r/s/t", "q")

thousandths = st.integers(1, 5000)
number_ranges = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), min_size=1).map(
    lambda pairs: Ranges.of((begin, begin + more) for begin, more in pairs)
)
item_sets = st.lists(st.sampled_from("abcdef"), min_size=1).map(Items.of)

_stacks = st.sampled_from(
    [
        (),
        (Reservation(Info.STATIC, "r"),),
        (Reservation(Info.DYNAMIC, "r", "p"),),
        (Reservation(Info.DYNAMIC, "q"),),
        (Reservation(Info.STATIC, "r"), Reservation(Info.DYNAMIC, "r/s", "p")),
    ]
)
_roles = st.none() | st.sampled_from(ROLES)


@st.composite
def entries(draw: st.DrawFn, divisible: bool = False) -> tuple[Kind, Amount]:
    """A kind and an amount; with ``divisible`` none that is whole or not there."""
    name = draw(st.sampled_from(["cpus", "mem", "disk", "ports", "zones"]))
    type_ = mesos_pb2.Value.SCALAR
    amount: Amount = draw(thousandths)
    if name == "ports":
        type_, amount = mesos_pb2.Value.RANGES, draw(number_ranges)
    elif name == "zones":
        type_, amount = mesos_pb2.Value.SET, draw(item_sets)
    kind = Kind(
        name, type_, draw(_roles), draw(_stacks), None, draw(st.booleans()), False, None, None
    )
    if name == "disk" and not divisible and draw(st.booleans()):
        whole = volume(1, draw(st.sampled_from(["v1", "v2"])), shared=draw(st.booleans()))
        (found, _amount) = next(iter(Resources([whole]).kinds()))
        return found._replace(size=amount), draw(st.integers(1, 3)) if found.shared else 1
    return kind, amount


def many(*, divisible: bool = False) -> st.SearchStrategy[Resources]:
    """Resources of up to six kinds."""
    return st.lists(entries(divisible=divisible), max_size=6).map(Resources.of_kinds)
