"""The multiset of resources: what merges, what does not, parts and marks."""

from __future__ import annotations

import pytest

from mesos_compat.errors import InvariantBroken
from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.formats import Format
from mesos_compat.resources.quantities import Limits, Quantities
from mesos_compat.resources.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.resources.messages import (
    Info,
    Source,
    disk_of,
    dynamic,
    items,
    ranges,
    reserved,
    scalar,
    static,
    volume,
)

FRESH = "ports:[31000-32000];cpus:4;mem:4096;disk:10240"


def revocable(resource: mesos_pb2.Resource) -> mesos_pb2.Resource:
    resource.revocable.SetInParent()
    return resource


def of_provider(resource: mesos_pb2.Resource, provider: str) -> mesos_pb2.Resource:
    resource.provider_id.value = provider
    return resource


def labelled(resource: mesos_pb2.Resource, *pairs: tuple[str, str | None]) -> mesos_pb2.Resource:
    reservation = resource.reservations.add(type=Info.DYNAMIC, role="r")
    reservation.labels.SetInParent()
    for key, value in pairs:
        reservation.labels.labels.add(key=key, value=value)
    return resource


def with_empty_info(resource: mesos_pb2.Resource) -> mesos_pb2.Resource:
    resource.disk.SetInParent()
    return resource


def test_equal_kinds_are_added_and_others_kept_apart() -> None:
    resources = Resources(
        [
            scalar("cpus", 1),
            scalar("cpus", 0.5),
            reserved(scalar("cpus", 2), static("r")),
            reserved(scalar("cpus", 4), dynamic("r", "p")),
            reserved(scalar("cpus", 8), dynamic("r")),
            revocable(scalar("cpus", 16)),
            of_provider(scalar("cpus", 32), "rp"),
            ranges("cpus", (1, 2)),
        ]
    )
    assert str(resources) == (
        "cpus:1.5; cpus(reservations: [(STATIC,r)]):2; cpus(reservations: [(DYNAMIC,r,p)]):4;"
        " cpus(reservations: [(DYNAMIC,r)]):8; cpus{REV}:16; cpus:32; cpus:[1-2]"
    )
    assert len(resources) == 7
    assert resources.amount("cpus") == 63500


def test_thousands_of_small_sums_stay_exact() -> None:
    total = Resources()
    for _ in range(1000):
        total += Resources([scalar("cpus", 0.1)])
    assert total == Resources([scalar("cpus", 100)])
    assert str(total - Resources([scalar("cpus", 99.999)])) == "cpus:0.001"


def test_ranges_and_sets_are_united() -> None:
    resources = Resources([ranges("ports", (1, 5)), ranges("ports", (6, 9)), items("z", "b", "a")])
    resources += Resources([items("z", "c", "a")])
    assert str(resources) == "ports:[1-9]; z:{b, a, c}"
    assert resources.ranges("ports").size == 9
    assert resources.items("z").names == ("b", "a", "c")
    assert not resources.ranges("z")
    assert not resources.items("ports")


def test_what_is_empty_or_not_well_formed_is_left_out() -> None:
    assert not Resources([scalar("gpus", 0), ranges("ports"), items("z"), volume(0, "v")])
    assert not Resources([scalar("cpus", -1), scalar("", 1), ranges("ports", (2, 1))])
    assert str(Resources()) == "{}"


def test_both_formats_of_messages_are_understood() -> None:
    older = [scalar("cpus", 1), scalar("cpus", 2), scalar("cpus", 3)]
    older[0].role = "*"
    older[1].role = "r"
    older[2].role = "r"
    older[2].reservation.principal = "p"
    newer = [
        scalar("cpus", 1),
        reserved(scalar("cpus", 2), static("r")),
        reserved(scalar("cpus", 3), dynamic("r", "p")),
    ]
    assert Resources(older) == Resources(newer)
    assert Resources(older).messages() == newer


def test_persistent_volumes_are_never_merged() -> None:
    resources = Resources([volume(4, "v"), volume(4, "v"), volume(8, "v"), volume(4, "w")])
    assert len(resources) == 4
    assert resources.amount("disk") == 20000
    assert [message.scalar.value for message in resources] == [4, 4, 8, 4]
    assert len(resources - Resources([volume(4, "v")])) == 3
    assert not resources.contains(Resources([volume(6, "v")]))
    assert resources.contains(Resources([volume(4, "v"), volume(4, "v")]))
    assert not resources.contains(Resources([volume(8, "v"), volume(8, "v")]))


def test_a_volume_is_the_same_wherever_and_by_whomever_it_is_used() -> None:
    mounted = volume(4, "v")
    mounted.disk.volume.container_path = "elsewhere"
    mounted.disk.persistence.principal = "p"
    assert Resources([mounted]) == Resources([volume(4, "v")])
    (shown,) = Resources([mounted])
    assert shown.disk.volume.container_path == "elsewhere"


def test_uses_of_a_shared_volume_are_counted() -> None:
    one = Resources([volume(4, "v", shared=True)])
    three = one + one + one
    assert str(three) == "disk(reservations: [(DYNAMIC,r)])[v:data]<SHARED>:4<3>"
    assert three.amount("disk") == 4000
    assert len(three.messages()) == 1
    assert three - one == one + one
    assert three.contains(one + one)
    assert not one.contains(one + one)
    assert not one - three
    assert one != Resources([volume(4, "v")])


@pytest.mark.parametrize(
    ("disk", "divisible"),
    [
        (disk_of(8, Source.PATH, "/a"), True),
        (disk_of(8, Source.PATH), True),
        (with_empty_info(scalar("disk", 8)), True),
        (disk_of(8, Source.RAW), True),
        (disk_of(8, Source.RAW, id_="x"), False),
        (disk_of(8, Source.MOUNT, "/a"), False),
        (disk_of(8, Source.BLOCK), False),
        (volume(8, "v"), False),
    ],
)
def test_only_some_disks_can_be_divided(disk: mesos_pb2.Resource, divisible: bool) -> None:
    smaller = mesos_pb2.Resource()
    smaller.CopyFrom(disk)
    smaller.scalar.value = 3
    whole, part = Resources([disk]), Resources([smaller])
    assert whole.contains(part) is divisible
    assert len(whole + part) == (1 if divisible else 2)
    assert (whole - part).amount("disk") == (5000 if divisible else 8000)
    assert not whole - whole
    assert whole.shrink_to(Quantities.parse("disk:5")).amount("disk") == (5000 if divisible else 0)
    assert whole.shrink_to(Quantities.parse("disk:8")) == whole


def test_disks_of_different_sources_do_not_mix() -> None:
    disks = [
        disk_of(1, Source.PATH, "/a"),
        disk_of(1, Source.PATH, "/b"),
        disk_of(1, Source.PATH),
        disk_of(1, Source.RAW),
        scalar("disk", 1),
        with_empty_info(scalar("disk", 1)),
    ]
    for extra in ("vendor", "profile"):
        disks.append(disk_of(1, Source.RAW))
        setattr(disks[-1].disk.source, extra, "x")
    disks.append(disk_of(1, Source.RAW))
    disks[-1].disk.source.metadata.labels.add(key="k", value="v")
    assert len(Resources(disks)) == len(disks)


def test_labels_of_a_reservation_count_but_not_their_order() -> None:
    ordered = labelled(scalar("cpus", 1), ("b", None), ("a", "1"))
    turned = labelled(scalar("cpus", 1), ("a", "1"), ("b", None))
    other = labelled(scalar("cpus", 1), ("a", "1"), ("b", ""))
    assert Resources([ordered]) == Resources([turned])
    assert len(Resources([ordered, turned, other, labelled(scalar("cpus", 1))])) == 3
    assert Resources([ordered]).messages() == [ordered]


def test_subtracting_ignores_what_is_not_there() -> None:
    resources = Resources.parse(FRESH)
    assert resources - Resources([scalar("gpus", 1)]) == resources
    assert str(resources - Resources([scalar("cpus", 9)])) == (
        "ports:[31000-32000]; disk:10240; mem:4096"
    )
    assert str(resources - Resources([ranges("ports", (1, 31999))])) == (
        "ports:[32000-32000]; cpus:4; mem:4096; disk:10240"
    )


def test_what_is_used_up_leaves_its_place_to_the_last() -> None:
    resources = Resources.parse(FRESH)
    assert str(resources - Resources.parse("ports:[31000-32000]")) == (
        "disk:10240; cpus:4; mem:4096"
    )
    assert str(resources - Resources.parse("disk:10240")) == (
        "ports:[31000-32000]; cpus:4; mem:4096"
    )


def test_values_never_change() -> None:
    resources = Resources.parse(FRESH)
    before = str(resources)
    for message in resources:
        message.Clear()
    assert resources + Resources.parse("gpus:1") != resources - Resources.parse("cpus:1")
    assert resources.quantities() == Resources.parse(FRESH).quantities()
    assert str(resources) == before
    with pytest.raises(TypeError):
        hash(resources)


def test_equality_does_not_look_at_order() -> None:
    assert Resources.parse("cpus:1;mem:2") == Resources.parse("mem:2;cpus:1")
    assert Resources.parse("cpus:1") != Resources.parse("cpus:2")
    assert Resources.parse("cpus:1").__eq__("cpus:1") is False
    assert repr(Resources.parse("cpus:1")) == "Resources('cpus:1')"


def test_parts_by_reservation() -> None:
    resources = Resources(
        [
            scalar("cpus", 1),
            reserved(scalar("cpus", 2), static("r")),
            reserved(scalar("cpus", 4), static("r"), dynamic("r/s")),
            reserved(scalar("cpus", 8), dynamic("rs")),
        ]
    )
    assert resources.reserved().amount("cpus") == 14000
    assert resources.reserved("r").amount("cpus") == 2000
    assert resources.unreserved().amount("cpus") == 1000
    assert resources.reserved_to_subtree("r").amount("cpus") == 6000
    assert resources.allocatable_to("r").amount("cpus") == 3000
    assert resources.allocatable_to("r/s/t").amount("cpus") == 7000
    assert not resources.is_allocatable_to("r")
    assert resources.allocatable_to("r").is_allocatable_to("r/x")
    assert {role: part.amount("cpus") for role, part in resources.reservations().items()} == {
        "r": 2000,
        "r/s": 4000,
        "rs": 8000,
    }


def test_parts_by_what_they_are() -> None:
    resources = Resources(
        [
            scalar("cpus", 1),
            revocable(scalar("cpus", 2)),
            ranges("ports", (1, 1)),
            items("z", "a"),
            volume(4, "v"),
            volume(8, "w", shared=True),
        ]
    )
    assert resources.revocable().amount("cpus") == 2000
    assert resources.nonrevocable().amount("cpus") == 1000
    assert resources.shared().amount("disk") == 8000
    assert resources.nonshared().amount("disk") == 4000
    assert resources.persistent_volumes().amount("disk") == 12000
    assert resources.scalars().names() == ["cpus", "disk"]
    assert resources.nonscalars().names() == ["ports", "z"]
    assert str(resources.named("ports")) == "ports:[1-1]"
    assert resources.filter(lambda one: one.scalar.value == 4).amount("disk") == 4000
    assert resources.select(lambda kind: kind.is_dynamically_reserved).names() == ["disk"]
    assert not resources.select(lambda kind: kind.is_refined)
    assert not Resources()


def test_quantities_are_found_in_whatever_kinds_there_are() -> None:
    resources = Resources(
        [scalar("cpus", 1), revocable(scalar("cpus", 1)), ranges("ports", (1, 3))]
    )
    assert resources.contains_quantities(Quantities.parse("cpus:2;ports:3"))
    assert not resources.contains_quantities(Quantities.parse("cpus:2;ports:4"))


def test_allocation_is_a_mark_that_keeps_parts_apart() -> None:
    fresh = Resources.parse("cpus:1;mem:2")
    both = fresh.allocate("r/s") + fresh.allocate("q")
    assert len(both) == 4
    assert both.allocations() == {"r/s": fresh.allocate("r/s"), "q": fresh.allocate("q")}
    assert both.allocated_to_subtree("r") == fresh.allocate("r/s")
    assert both.unallocate() == fresh + fresh
    assert both.allocate("q") == fresh.allocate("q") + fresh.allocate("q")
    assert not fresh.contains(fresh.allocate("q"))
    assert fresh.allocations() == {}
    assert fresh.allocate("q").allocate("q") == fresh.allocate("q")


def test_reservations_are_pushed_and_popped() -> None:
    fresh = Resources.parse("cpus:1;ports:[1-2]")
    once = fresh.push_reservation(static("r"))
    twice = once.push_reservation(dynamic("r/s", "p"))
    assert str(twice.named("cpus")) == "cpus(reservations: [(STATIC,r), (DYNAMIC,r/s,p)]):1"
    assert twice.pop_reservation() == once
    assert once.pop_reservation() == fresh
    assert (twice + fresh).to_unreserved() == fresh + fresh
    with pytest.raises(InvariantBroken):
        fresh.pop_reservation()
    with pytest.raises(InvariantBroken):
        twice.push_reservation(dynamic("q"))


def test_shrinking_takes_the_first_and_leaves_out_what_is_not_named() -> None:
    resources = Resources([scalar("cpus", 1), reserved(scalar("cpus", 4), static("r"))])
    resources += Resources.parse("mem:32;ports:[1-2]")
    assert str(resources.shrink_to(Quantities.parse("cpus:3"))) == (
        "cpus:1; cpus(reservations: [(STATIC,r)]):2"
    )
    assert not resources.shrink_to(Quantities())


def test_shrinking_to_limits_keeps_what_is_not_limited() -> None:
    resources = Resources.parse("cpus:4;mem:32;ports:[1-2]")
    assert resources.shrink_to(Limits()) == resources
    assert str(resources.shrink_to(Limits.parse("cpus:1.5;mem:0"))) == "cpus:1.5; ports:[1-2]"


def test_of_equal_disks_as_many_are_kept_as_fit() -> None:
    mounts = Resources([disk_of(4, Source.MOUNT)] * 3)
    assert mounts.amount("disk") == 12000
    assert mounts.shrink_to(Quantities.parse("disk:9")).amount("disk") == 8000
    shared = Resources([volume(4, "v", shared=True)] * 3)
    assert shared.shrink_to(Quantities.parse("disk:4")) == shared
    assert not shared.shrink_to(Quantities.parse("disk:3"))
    ports = Resources.parse("ports:[1-4]")
    assert not ports.shrink_to(Quantities.parse("ports:3"))


def test_messages_come_in_the_wanted_format() -> None:
    resources = Resources([reserved(scalar("cpus", 1), dynamic("r", "p"))])
    (older,) = resources.messages(Format.PRE)
    assert (older.role, older.reservation.principal) == ("r", "p")
    assert not older.reservations
    (shown,) = resources.messages(Format.ENDPOINT)
    assert (shown.role, shown.reservations[0].role) == ("r", "r")
    assert resources.messages() == list(resources)
    refined = Resources([reserved(scalar("cpus", 1), static("r"), dynamic("r/s"))])
    with pytest.raises(ResourceError, match="refined reservations"):
        refined.messages(Format.PRE)


def test_kinds_tell_what_they_add_to_quantities() -> None:
    resources = Resources.parse("cpus:1.5;ports:[1-3]") + Resources(
        [volume(4, "v"), volume(4, "v"), volume(8, "w", shared=True), volume(8, "w", shared=True)]
    )
    assert [kind.thousandths(amount) for kind, amount in resources.kinds()] == [
        1500,
        3000,
        8000,
        8000,
    ]
    assert [kind.copies(amount) for kind, amount in resources.kinds()] == [1, 1, 2, 1]
