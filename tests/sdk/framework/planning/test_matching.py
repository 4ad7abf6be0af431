"""What fits into offers, and what of them is taken."""

from __future__ import annotations

import pytest

from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework.planning.matching import Room, thousandths
from tests.sdk.framework.scripted import Stage, offer, service


def reserved(text: str, role: str) -> list[mesos_pb2.Resource]:
    return list(Resources.parse(text, role).allocate(role))


def test_lacks_say_how_much_is_missing() -> None:
    spec = service(resources={"cpus": 0.5, "mem": 64, "gpus": 1, "ports": 3}).spec()
    room = Room([offer("o", resources="cpus:0.2;mem:64;ports:[1-2]")])
    assert room.lacks(spec) == [
        "cpus: 0.5 wanted, 0.2 offered",
        "gpus: 1 wanted, 0 offered",
        "ports: 3 wanted, 2 offered",
    ]


def test_what_others_of_the_framework_have_taken_is_told() -> None:
    room = Room([offer("o", resources="cpus:2;ports:[1-2]")])
    spec = service(resources={"cpus": 1.5, "ports": 2}).spec()
    room.take(spec)
    assert room.lacks(spec) == [
        "cpus: 1.5 wanted, 0.5 left of the 2 offered",
        "ports: 2 wanted, 0 left of the 2 offered",
    ]


def test_what_is_reserved_is_used_first() -> None:
    given = offer("o", resources="cpus:1;ports:[10-11]")
    given.resources.extend(reserved("cpus:0.5;ports:[5-5]", "web"))
    room = Room([given])
    taken, ports = room.take(service(resources={"cpus": 0.7, "ports": 2}).spec())
    assert ports == (5, 10)
    amounts = [(one.scalar.value, bool(one.reservations)) for one in taken if one.name == "cpus"]
    assert amounts == [(0.5, True), (0.2, False)]
    assert room.left.amount("cpus") == 800
    assert str(room.left.ranges("ports")) == "[11-11]"


def test_what_can_be_taken_away_or_is_a_volume_is_not_used() -> None:
    given = offer("o", resources="cpus:1")
    revocable = given.resources.add(name="cpus", type=mesos_pb2.Value.SCALAR)
    revocable.scalar.value = 8
    revocable.revocable.SetInParent()
    volume = given.resources.add(name="disk", type=mesos_pb2.Value.SCALAR)
    volume.scalar.value = 8
    volume.disk.source.type = mesos_pb2.Resource.DiskInfo.Source.MOUNT
    room = Room([given])
    assert room.left.amount("cpus") == 1000
    assert room.left.amount("disk") == 0


def test_two_instances_never_get_the_same_port() -> None:
    stage = Stage(service(count=6, resources={"cpus": 0.1, "ports": 2}))
    stage.offers(offer("o1"))
    assert len(stage.launched()) == 5
    ports = [port for one in stage.core.instances("s") for port in one.ports]
    assert sorted(ports) == list(range(31000, 31010))


def test_offers_of_one_agent_are_used_together() -> None:
    stage = Stage(service(resources={"cpus": 5}))
    stage.offers(offer("o1"), offer("o2"))
    assert len(stage.launched()) == 1


@pytest.mark.parametrize("amount", [0, -1, 0.0001, float("nan")])
def test_amounts_are_positive_thousandths(amount: float) -> None:
    with pytest.raises(ValueError, match=r"thousandths|cannot convert"):
        thousandths(amount)


def test_amounts_are_exact() -> None:
    assert [thousandths(one) for one in (0.1, 0.3, 1, 1024)] == [100, 300, 1000, 1024000]
