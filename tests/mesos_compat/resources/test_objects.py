"""Resources in the older endpoints' answers."""

from __future__ import annotations

from mesos_compat.resources import objects
from mesos_compat.resources.quantities import Limits, Quantities
from mesos_compat.resources.resources import Resources
from mesos_compat.wire import json_dialect
from tests.mesos_compat.resources.messages import items, reserved, scalar, static


def test_four_scalars_are_always_there_in_the_order_of_recorded_answers() -> None:
    fresh = Resources.parse("ports:[31000-32000];cpus:4;mem:4096;disk:10240")
    assert json_dialect.encode_value(objects.to_object(fresh)) == (
        '{"disk":10240.0,"mem":4096.0,"gpus":0.0,"cpus":4.0,"ports":"[31000-32000]"}'
    )
    assert json_dialect.encode_value(objects.to_object(Resources())) == (
        '{"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":0.0}'
    )


def test_kinds_of_one_name_are_added_up_exactly() -> None:
    messages = [scalar("cpus", 0.1), reserved(scalar("cpus", 0.2), static("r"))]
    assert objects.to_object(messages)["cpus"] == 0.3


def test_revocable_resources_are_named_so() -> None:
    cpus = scalar("cpus", 2)
    cpus.revocable.SetInParent()
    shown = objects.to_object([scalar("cpus", 1), cpus, items("zones", "a", "b")])
    assert shown == {
        "disk": 0.0,
        "mem": 0.0,
        "gpus": 0.0,
        "cpus": 1.0,
        "cpus_revocable": 2.0,
        "zones": "{a, b}",
    }


def test_reservations_are_shown_by_role() -> None:
    resources = Resources.parse("cpus(r1):1;cpus:3")
    assert objects.reserved_to_objects(resources) == {
        "r1": {"disk": 0.0, "mem": 0.0, "gpus": 0.0, "cpus": 1.0}
    }


def test_quantities_are_shown_as_numbers() -> None:
    quantities = Quantities.parse("cpus:0.5;mem:64") + Quantities([("ports", 2000)])
    assert json_dialect.encode_value(objects.quantities_to_object(quantities)) == (
        '{"cpus":0.5,"mem":64.0,"ports":2.0}'
    )
    assert objects.quantities_to_object(Limits.parse("mem:0")) == {"mem": 0.0}
