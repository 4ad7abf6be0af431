"""Who asks for an operation, and of which agent: what all operations are checked against."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from mesos_compat.resources import Resources
from mesos_compat.resources.texts import resource_text
from mesos_compat.resources.validation import validate_single_provider
from mesos_compat.wire.v1 import mesos_pb2

_Capability = mesos_pb2.AgentInfo.Capability


@dataclass(frozen=True, slots=True)
class OperationContext:
    """Who asks for an operation, and what the agent is that it concerns."""

    # Of the agent.
    capabilities: Container[int]
    # The agent's dynamic reservations and persistent volumes, allocated to nobody.
    checkpointed: Resources
    # What each framework's tasks and executors use on the agent.
    used: Iterable[Resources] = ()
    # The scheduler's framework; None for an operator.
    framework: mesos_pb2.FrameworkInfo | None = None
    # The operator, if authenticated; a scheduler's is its framework's.
    operator: str | None = None

    @property
    def principal(self) -> str | None:
        """Who reserves and creates, as far as is known."""
        if self.framework is None:
            return self.operator
        return self.framework.principal if self.framework.HasField("principal") else None


def validate_for_agent(
    resource: mesos_pb2.Resource, what: str, made: str, context: OperationContext
) -> str | None:
    """Checks that the agent knows of hierarchical roles and refinements, if there are any."""
    role = resource.reservations[-1].role if resource.reservations else ""
    if "/" in role and _Capability.HIERARCHICAL_ROLE not in context.capabilities:
        return (
            f"{what} {resource_text(resource)} with reservation for hierarchical role '{role}'"
            f" cannot be {made} on an agent without HIERARCHICAL_ROLE capability"
        )
    if (
        len(resource.reservations) > 1
        and _Capability.RESERVATION_REFINEMENT not in context.capabilities
    ):
        return (
            f"{what} {resource_text(resource)} with reservation refinement cannot be {made} on an"
            " agent without RESERVATION_REFINEMENT capability"
        )
    return None


def validate_provider(messages: Sequence[mesos_pb2.Resource]) -> str | None:
    """Checks that there are resources, all of the agent itself or of one resource provider."""
    if not messages:
        # What Mesos says of an empty list as well.
        return "The resources have multiple resource providers: "
    return validate_single_provider(messages)
