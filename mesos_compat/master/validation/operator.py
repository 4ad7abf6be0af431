"""What operators ask of agents, frameworks and weights.

Source: ``WeightsHandler`` and the handlers of the master's http.cpp. Quota, maintenance and
operations on resources have modules of their own.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from mesos_compat.master.validation.maintenance import machine_key, machine_text
from mesos_compat.master.validation.refusal import Refusal, bad_request, conflict
from mesos_compat.resources import roles as role_names
from mesos_compat.wire.v1 import maintenance_pb2, mesos_pb2

_Capability = mesos_pb2.AgentInfo.Capability

# Answers to operations on resources, and to TEARDOWN, that name something unknown.
NO_AGENT: Final = bad_request("No agent found with specified ID")
NO_FRAMEWORK: Final = bad_request("No framework found with specified ID")


@dataclass(frozen=True, slots=True)
class RegisteredFacts:
    """What is to be known of a registered agent."""

    machine_id: mesos_pb2.MachineID
    capabilities: Container[int]


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """How an agent stands with the master."""

    id: str
    # None for an agent that is not registered now.
    registered: RegisteredFacts | None = None
    # Registered, unreachable, or admitted before a failover and not yet back.
    is_known: bool = False
    is_gone: bool = False
    # Changes under way, that the registry has not stored yet.
    is_being_marked_gone: bool = False
    is_being_removed: bool = False
    is_being_marked_unreachable: bool = False
    # Operators have deactivated or drained it.
    is_deactivated: bool = False
    # It is draining, and not drained yet.
    is_draining: bool = False


def validate_weights(
    weights: Iterable[mesos_pb2.WeightInfo], roles: Container[str] | None = None
) -> Refusal | None:
    """Why UPDATE_WEIGHTS, or a PUT to ``/weights``, is refused; ``roles`` are ``--roles``.

    The names count without spaces around them, see :func:`role_of`.
    """
    prefix = "Failed to validate update weights request JSON"
    for weight in weights:
        role = role_of(weight)
        fault = role_names.validate(role)
        if fault is not None:
            return bad_request(f"{prefix}: Invalid role '{role}': {fault}")
        if roles is not None and role not in roles:
            return bad_request(f"{prefix}: Unknown role '{role}'")
        # What is no number is no weight either.
        if not weight.weight > 0:
            return bad_request(
                f"{prefix} for role '{role}': Invalid weight '{weight.weight:g}':"
                " Weights must be positive"
            )
    return None


def role_of(weight: mesos_pb2.WeightInfo) -> str:
    """The role that a weight is for."""
    return weight.role.strip(" \t\n\r")


def validate_drain(
    agent: AgentFacts, schedule: maintenance_pb2.Schedule | None = None
) -> Refusal | None:
    """Why DRAIN_AGENT is refused, or None; ``schedule`` is the maintenance schedule."""
    if agent.registered is not None:
        key = machine_key(agent.registered.machine_id)
        for window in schedule.windows if schedule is not None else ():
            if any(machine_key(machine_id) == key for machine_id in window.machine_ids):
                return bad_request(
                    f"Agent {agent.id} is part of a maintenance schedule under Machine"
                    f" {machine_text(agent.registered.machine_id)}"
                )
        if _Capability.AGENT_DRAINING not in agent.registered.capabilities:
            return bad_request(f"Agent {agent.id} is not capable of draining")
    if not agent.is_known:
        return bad_request("Unknown agent")
    if agent.is_being_marked_gone:
        return conflict("Agent is currently being marked gone")
    return None


def validate_deactivate(agent: AgentFacts) -> Refusal | None:
    """Why DEACTIVATE_AGENT is refused, or None."""
    return None if agent.is_known else bad_request("Unknown agent")


def validate_reactivate(agent: AgentFacts) -> Refusal | None:
    """Why REACTIVATE_AGENT is refused, or None."""
    if not agent.is_deactivated:
        return bad_request("Agent is not deactivated")
    return bad_request("Agent is still in the DRAINING state") if agent.is_draining else None


def validate_mark_gone(agent: AgentFacts) -> Refusal | None:
    """Why MARK_AGENT_GONE is refused, or None; what is gone already may be marked again."""
    if agent.is_gone:
        return None
    for holds, what in (
        (agent.is_being_marked_gone, "already being transitioned to gone"),
        (agent.is_being_removed, "being transitioned to removed"),
        (agent.is_being_marked_unreachable, "being transitioned to unreachable"),
    ):
        if holds:
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"Agent '{agent.id}' is {what}")
    if not agent.is_known:
        return Refusal(HTTPStatus.NOT_FOUND, f"Agent '{agent.id}' not found")
    return None
