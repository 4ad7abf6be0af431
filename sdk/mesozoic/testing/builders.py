"""Messages of a master, made of a few words."""

from __future__ import annotations

import itertools
import time
import uuid
from typing import Any, Final

from mesos_compat.resources import Resources, attributes
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.core.calls import AgentId, TaskId, agent_id, task_id

_numbers: Final = itertools.count(1)


def make_offer(
    resources: str,
    *,
    agent: str = "agent-1",
    role: str = "*",
    attributes_text: str = "",
    offer_id: str | None = None,
) -> mesos_pb2.Offer:
    """An offer of ``cpus:2;mem:512`` of an agent, whose host is called like it.

    Raises ``ResourceError`` for resources or attributes (``rack:r1;ssd:yes``) that are none.
    """
    offer = mesos_pb2.Offer(hostname=agent, resources=Resources.parse(resources).allocate(role))
    offer.id.value = offer_id or f"offer-{next(_numbers)}"
    offer.agent_id.value = agent
    offer.allocation_info.role = role
    offer.attributes.extend(attributes.parse(attributes_text))
    return offer


def make_status(
    task: TaskId, state: str, *, agent: AgentId | None = None, **members: Any
) -> mesos_pb2.TaskStatus:
    """A status as an agent tells it, with a uuid, unless ``members`` has ``uuid=b""``.

    ``state`` and ``reason`` are given by their names. Raises ``ValueError`` for others.
    """
    named = {"uuid": uuid.uuid4().bytes, "timestamp": time.time(), **members}
    status = mesos_pb2.TaskStatus(state=state, **named)
    status.task_id.CopyFrom(task_id(task))
    if agent is not None:
        status.agent_id.CopyFrom(agent_id(agent))
    if not status.HasField("source"):
        status.source = mesos_pb2.TaskStatus.SOURCE_EXECUTOR
    if not status.uuid:
        status.ClearField("uuid")
    return status
