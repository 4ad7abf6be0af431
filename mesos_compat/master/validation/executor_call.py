"""Whether a call to the executor API is whole. Source: ``validateExecutorCall``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mesos_compat.master.validation.calls import validate_present, validate_whole
from mesos_compat.master.validation.check import validate_check_status
from mesos_compat.master.validation.identifiers import validate_uuid
from mesos_compat.wire.json_dialect import encode_value
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

_Call = executor_pb2.Call

_MEMBERS: Final = {
    _Call.SUBSCRIBE: "subscribe",
    _Call.UPDATE: "update",
    _Call.MESSAGE: "message",
}


def validate(call: executor_pb2.Call) -> str | None:
    """What follows ``Failed to validate Executor::Call: `` in the answer, or None."""
    fault = (
        validate_whole(call)
        or validate_present(call, "executor_id")
        or validate_present(call, "framework_id")
    )
    member = _MEMBERS.get(call.type)
    if fault is None and member is not None:
        fault = validate_present(call, member)
    if fault is None and call.type == _Call.UPDATE:
        fault = _update_fault(call, call.update.status)
    return fault


def _update_fault(call: executor_pb2.Call, status: mesos_pb2.TaskStatus) -> str | None:
    fault = validate_present(status, "uuid") or validate_uuid(status.uuid)
    if fault is not None:
        return fault
    executor_id = call.executor_id.value
    if status.HasField("executor_id") and status.executor_id.value != executor_id:
        return (
            f"ExecutorID in Call: {executor_id} does not match"
            f" ExecutorID in TaskStatus: {status.executor_id.value}"
        )
    sender = f"executor {executor_id} of framework {call.framework_id.value}"
    if status.source != mesos_pb2.TaskStatus.SOURCE_EXECUTOR:
        return f"Received Call from {sender} with invalid source, expecting 'SOURCE_EXECUTOR'"
    if status.state == mesos_pb2.TASK_STAGING:
        return f"Received TASK_STAGING from {sender} which is not allowed"
    if status.HasField("check_status"):
        return validate_check_status(status.check_status)
    return None


def validate_claims(
    claims: Mapping[str, str], framework_id: str, executor_id: str, container_id: str
) -> str | None:
    """Whether a token is that of the very executor that a call names; the whole answer, a 403.

    ``container_id`` is that of the executor as it runs now.
    """
    subject = encode_value({"claims": dict(sorted(claims.items()))})
    for name, wanted, what in (
        ("fid", framework_id, f"framework ID {framework_id}, which is set in the call"),
        ("eid", executor_id, f"executor ID {executor_id}, which is set in the call"),
        ("cid", container_id, "correct active ContainerID"),
    ):
        if claims.get(name) != wanted:
            article = "a" if name == "cid" else "an"
            return (
                f"Authenticated principal '{subject}' does not contain {article} '{name}' claim"
                f" with the {what}"
            )
    return None
