"""Weights, and agents that operators drain, deactivate, reactivate and mark gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesos_compat.master.validation import older_calls, operator
from mesos_compat.master.validation.operator import AgentFacts, RegisteredFacts
from mesos_compat.wire.v1 import maintenance_pb2, master_pb2, mesos_pb2
from tests.mesos_compat.master.validation import recorded
from tests.mesos_compat.master.validation.launching import ALL_CAPABILITIES

Call = master_pb2.Call

MACHINE = mesos_pb2.MachineID(hostname="host", ip="1.2.3.4")
REGISTERED = AgentFacts("A", RegisteredFacts(MACHINE, ALL_CAPABILITIES), is_known=True)
UNREACHABLE = AgentFacts("A", is_known=True)
UNKNOWN = AgentFacts("nope")


@pytest.mark.parametrize(
    "case", ["update_weights-zero", "update_weights-negative", "update_weights-bad-role"]
)
def test_recorded_weights_are_refused_with_the_recorded_answer(case: str) -> None:
    weights = recorded.request("operator", case, Call).update_weights.weight_infos
    assert operator.validate_weights(weights) == recorded.answer("operator", case)


@pytest.mark.parametrize("case", ["update_weights", "update_weights-empty", "weights-put"])
def test_recorded_weights_that_were_accepted_are(case: str) -> None:
    body = recorded.body("operator", case)
    call = (
        older_calls.update_weights(body)
        if body.startswith(b"[")
        else recorded.request("operator", case, Call)
    )
    assert isinstance(call, Call)
    assert operator.validate_weights(call.update_weights.weight_infos) is None


def test_weights_are_for_known_roles_and_are_numbers() -> None:
    weights = [mesos_pb2.WeightInfo(role=" a ", weight=float("nan"))]
    assert operator.validate_weights(weights, ("b",)) == (
        400,
        "Failed to validate update weights request JSON: Unknown role 'a'",
    )
    assert operator.validate_weights(weights) == (
        400,
        "Failed to validate update weights request JSON for role 'a': Invalid weight 'nan':"
        " Weights must be positive",
    )
    weights[0].weight = 0.5
    assert operator.validate_weights(weights, ("a",)) is None
    assert operator.role_of(weights[0]) == "a"


def schedule(*machines: mesos_pb2.MachineID) -> maintenance_pb2.Schedule:
    made = maintenance_pb2.Schedule()
    made.windows.add(machine_ids=machines)
    return made


def test_agents_are_drained_that_are_known_and_capable() -> None:
    assert operator.validate_drain(REGISTERED) is None
    assert operator.validate_drain(UNREACHABLE) is None
    assert operator.validate_drain(UNKNOWN) == (400, "Unknown agent")
    older = replace(REGISTERED, registered=RegisteredFacts(MACHINE, ()))
    assert operator.validate_drain(older) == (400, "Agent A is not capable of draining")


def test_agents_of_scheduled_machines_are_not_drained() -> None:
    other = mesos_pb2.MachineID(hostname="other", ip="1.2.3.4")
    assert operator.validate_drain(REGISTERED, schedule(other)) is None
    shouted = mesos_pb2.MachineID(hostname="HOST", ip="1.2.3.4")
    assert operator.validate_drain(REGISTERED, schedule(other, shouted)) == (
        400,
        "Agent A is part of a maintenance schedule under Machine host (1.2.3.4)",
    )


def test_agents_that_are_being_marked_gone_are_not_drained() -> None:
    going = replace(UNREACHABLE, is_being_marked_gone=True)
    assert operator.validate_drain(going) == (409, "Agent is currently being marked gone")


def test_known_agents_are_deactivated_again_and_again() -> None:
    assert operator.validate_deactivate(replace(REGISTERED, is_deactivated=True)) is None
    assert operator.validate_deactivate(UNKNOWN) == (400, "Unknown agent")


def test_agents_are_reactivated_when_they_have_drained() -> None:
    assert operator.validate_reactivate(REGISTERED) == (400, "Agent is not deactivated")
    draining = replace(REGISTERED, is_deactivated=True, is_draining=True)
    assert operator.validate_reactivate(draining) == (
        400,
        "Agent is still in the DRAINING state",
    )
    assert operator.validate_reactivate(replace(draining, is_draining=False)) is None


@pytest.mark.parametrize(
    ("agent", "refusal"),
    [
        (REGISTERED, None),
        (UNREACHABLE, None),
        (AgentFacts("A", is_gone=True), None),
        (UNKNOWN, (404, "Agent 'nope' not found")),
        (
            replace(REGISTERED, is_being_marked_gone=True),
            (503, "Agent 'A' is already being transitioned to gone"),
        ),
        (
            replace(REGISTERED, is_being_removed=True),
            (503, "Agent 'A' is being transitioned to removed"),
        ),
        (
            replace(REGISTERED, is_being_marked_unreachable=True),
            (503, "Agent 'A' is being transitioned to unreachable"),
        ),
    ],
)
def test_agents_are_marked_gone_once_at_a_time(
    agent: AgentFacts, refusal: tuple[int, str] | None
) -> None:
    assert operator.validate_mark_gone(agent) == refusal
