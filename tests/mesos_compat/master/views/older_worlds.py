"""Masters in the states in which one was when its older endpoints' answers were recorded."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from mesos_compat.master.state import Framework, MasterState, Offer
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.master.views.older import ENDPOINTS
from mesos_compat.master.views.view import View
from mesos_compat.resources import Resources
from mesos_compat.wire import json_dialect
from mesos_compat.wire.json_dialect import JsonValue
from mesos_compat.wire.v1 import mesos_pb2, quota_pb2
from tests.mesos_compat.master.views.worlds import (
    recorded_body,
    recorded_response,
    recorded_state,
    view,
)

# In the order in which the recorded master had them, which is that of its history.
OFFERED = "ports:[31002-32000];cpus:3.5;disk:10240;mem:4032"


def told(seen: View, path: str, **query: str) -> Any:
    """The answer as plain values."""
    found = ENDPOINTS[path](seen, query)
    assert not isinstance(found, Refusal), found
    return found


def text(value: JsonValue) -> str:
    """The answer as it is sent, comparable with one that was :func:`recorded`."""
    return json.dumps(json.loads(json_dialect.encode_value(value)))


def recorded(section: str, case: str) -> str:
    """A recorded answer, its members in their order.

    Doubles of 17 digits may have two shortest texts, of which Mesos takes either; so both sides
    are printed anew.
    """
    return json.dumps(json.loads(recorded_body(section, case)))


def one_line(expected: str) -> str:
    """Expected JSON, printed as :func:`text` does."""
    return json.dumps(json.loads(expected))


def nanoseconds(seconds: float) -> int:
    """What a time was that was shown as ``seconds``."""
    return int(Decimal(repr(seconds)) * 1_000_000_000)


def hiding(action: str, kind: str, allowed: str | None = None) -> str:
    """ACLs by which ``action`` is allowed with one object only, or with none."""
    anybody = {"type": "ANY"}
    entries: list[dict[str, Any]] = [{"principals": anybody, kind: {"type": "NONE"}}]
    if allowed is not None:
        entries.insert(0, {"principals": anybody, kind: {"values": [allowed]}})
    return json.dumps({action: entries})


def busy_state() -> MasterState:
    """Two agents, a framework with an offer, with a task that runs and two that are over."""
    state = recorded_state()
    _replace_offers(state)
    answer = recorded_response("operator", "get_master").get_master
    registry = json.loads(recorded_body("endpoints", "get-registrar1_registry"))
    state.info = json_dialect.from_value(registry["master"]["info"], mesos_pb2.MasterInfo)
    state.started_ns = nanoseconds(answer.start_time)
    state.elected_ns = nanoseconds(answer.elected_time)
    state.weights = {"r1": 3.0}
    for role, cpus in (("q2", 0.0), ("*", 2.0), ("q1", 0.0)):
        state.quotas[role] = quota_pb2.QuotaConfig(role=role)
        if cpus:
            state.quotas[role].guarantees["cpus"].value = cpus
    return state


def _replace_offers(state: MasterState) -> None:
    """Some time after the GET_STATE that the rest is taken from, the framework had one offer."""
    (framework,) = state.frameworks.values()
    agent_id = next(iter(framework.agent_ids))
    held = [state.offers, framework.offers, *(one.offers for one in state.agents.values())]
    for offers in held:
        offers.clear()
    resources = Resources.parse(OFFERED).allocate("*")
    message = mesos_pb2.Offer(
        id=mesos_pb2.OfferID(value=f"{framework.framework_id.removesuffix('-0000')}-O5"),
        framework_id=framework.info.id,
        agent_id=mesos_pb2.AgentID(value=agent_id),
        hostname="agent0",
        resources=resources,
    )
    offer = Offer(message.id.value, framework.framework_id, agent_id, "*", resources, message)
    for offers in (state.offers, framework.offers, state.agents[agent_id].offers):
        offers[offer.offer_id] = offer


def busy_view(acls: str | None = None, **changes: Any) -> View:
    """What is seen of :func:`busy_state` when nothing else is said."""
    changes.setdefault("flags", json.loads(recorded_body("endpoints", "get-state"))["flags"])
    changes.setdefault(
        "version", recorded_response("operator", "get_version").get_version.version_info
    )
    return view(changes.pop("state", None) or busy_state(), acls=acls, **changes)


def framework_of(shown: dict[str, Any]) -> Framework:
    """A framework that an older endpoint has shown, without what it uses and is offered."""
    info = mesos_pb2.FrameworkInfo(
        id=mesos_pb2.FrameworkID(value=shown["id"]),
        name=shown["name"],
        user=shown["user"],
        failover_timeout=shown["failover_timeout"],
        checkpoint=shown["checkpoint"],
        roles=shown["roles"],
    )
    for name in shown["capabilities"]:
        info.capabilities.add(type=name)
    registered = nanoseconds(shown["registered_time"])
    framework = Framework(
        shown["id"],
        info,
        registered_ns=registered,
        reregistered_ns=nanoseconds(shown.get("reregistered_time", 0.0)) or registered,
        unregistered_ns=nanoseconds(shown["unregistered_time"]),
    )
    framework.completed_tasks.extend(task_of(one) for one in shown["completed_tasks"])
    return framework


def task_of(shown: dict[str, Any]) -> mesos_pb2.Task:
    """A task that an older endpoint has shown, of which nothing but scalars is used."""
    made = mesos_pb2.Task(name=shown["name"], state=shown["state"])
    made.task_id.value = shown["id"]
    made.framework_id.value = shown["framework_id"]
    made.agent_id.value = shown["slave_id"]
    if shown["executor_id"]:
        made.executor_id.value = shown["executor_id"]
    parts = ";".join(f"{name}:{amount}" for name, amount in shown["resources"].items() if amount)
    made.resources.extend(Resources.parse(parts).allocate(shown["role"]))
    for status in shown["statuses"]:
        message = status | {"task_id": {"value": shown["id"]}, "message": "Not shown"}
        if "labels" in status:
            message["labels"] = {"labels": status["labels"]}
        made.statuses.append(json_dialect.from_value(message, mesos_pb2.TaskStatus))
    return made
