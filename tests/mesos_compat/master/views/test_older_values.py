"""Values that several of the older endpoints have."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.master.views.older_values import amounts, amounts_of, by_name, labels
from mesos_compat.resources import Resources
from mesos_compat.resources.objects import to_object
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.views.older_worlds import text
from tests.mesos_compat.resources.messages import items, ranges, scalar


@st.composite
def messages(draw: st.DrawFn) -> list[mesos_pb2.Resource]:
    """Resources of few names, revocable or not, allocated to anybody."""
    found = []
    for kind in draw(st.lists(st.sampled_from("snr"), max_size=6)):
        if kind == "s":
            name = draw(st.sampled_from(["cpus", "mem", "things"]))
            one = scalar(name, draw(st.integers(1, 5000)) / 1000)
        elif kind == "n":
            one = items("zones", *draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True)))
        else:
            begin = draw(st.integers(0, 20))
            one = ranges("ports", (begin, begin + draw(st.integers(0, 5))))
        if draw(st.booleans()):
            one.revocable.SetInParent()
        if draw(st.booleans()):
            one.allocation_info.role = draw(st.sampled_from(["r1", "r2"]))
        found.append(one)
    return found


@given(messages())
def test_amounts_are_those_of_resources_however_they_are_added_up(
    given_messages: list[mesos_pb2.Resource],
) -> None:
    total = Resources(given_messages)
    expected = in_order(to_object(total))
    assert in_order(amounts([total])) == expected
    assert in_order(amounts([Resources([one]) for one in given_messages])) == expected
    assert in_order(amounts_of(given_messages)) == expected


def in_order(shown: Mapping[str, object]) -> dict[str, object]:
    """With the names of sets sorted: they come as the resources do, which are added up anyhow."""
    return {
        name: sorted(value[1:-1].split(", "))
        if isinstance(value, str) and value.startswith("{")
        else value
        for name, value in shown.items()
    }


def test_four_scalars_come_first_then_others_then_ranges_and_sets() -> None:
    given_messages = [
        items("z", "a"),
        ranges("ports", (1, 2)),
        scalar("things", 1),
        scalar("cpus", 2),
    ]
    expected = (
        '{"disk": 0.0, "mem": 0.0, "gpus": 0.0, "cpus": 2.0, "things": 1.0,'
        ' "ports": "[1-2]", "z": "{a}"}'
    )
    assert text(amounts_of(given_messages)) == expected
    assert text(amounts([Resources(given_messages)])) == expected


def shared_volume(size: float) -> mesos_pb2.Resource:
    volume = scalar("disk", size)
    volume.disk.persistence.id = "v"
    volume.disk.volume.container_path = "p"
    volume.disk.volume.mode = mesos_pb2.Volume.RW
    volume.shared.SetInParent()
    return volume


def test_a_shared_volume_counts_once_however_many_use_it() -> None:
    used = [Resources([shared_volume(64), scalar("disk", 1)]), Resources([shared_volume(64)])]
    assert amounts(used)["disk"] == 65.0


def test_members_are_sorted_everywhere() -> None:
    value = {"b": [{"d": 1, "c": {"f": 2, "e": 3}}], "a": None}
    assert text(by_name(value)) == '{"a": null, "b": [{"c": {"e": 3, "f": 2}, "d": 1}]}'  # type: ignore[arg-type]


def test_a_label_without_a_value_has_none() -> None:
    given_labels = mesos_pb2.Labels()
    given_labels.labels.add(key="k", value="")
    given_labels.labels.add(key="only")
    assert labels(given_labels) == [{"key": "k", "value": ""}, {"key": "only"}]
