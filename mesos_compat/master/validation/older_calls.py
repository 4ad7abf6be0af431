"""The bodies of the older endpoints as calls of the operator API, or why they are none.

Forms (``slaveId=...&resources=[...]``) for /reserve, /unreserve, /create-volumes,
/destroy-volumes and /teardown, JSON for the others. Each function returns a whole call or the
answer. Source: the handlers of the master's http.cpp, and libprocess's ``query::decode``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from mesos_compat.errors import DecodeError
from mesos_compat.master.validation.refusal import Refusal, bad_request
from mesos_compat.wire.json_dialect import JsonSyntaxError, from_value, parse
from mesos_compat.wire.v1 import maintenance_pb2, master_pb2, mesos_pb2, quota_pb2

_Call = master_pb2.Call
M = TypeVar("M", bound=Message)

_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})|%.{0,2}", re.DOTALL)
# "/master/quota/ROLE"; the role may hold slashes.
_QUOTA_PATH_TOKENS: Final = 3


def reserve(body: bytes) -> master_pb2.Call | Refusal:
    """POST /reserve."""
    try:
        form = _read_form(body)
        call = _Call(type=_Call.RESERVE_RESOURCES)
        call.reserve_resources.agent_id.value = _required(form, "slaveId")
        resources = _read_resources(form, "resources", "Error parsing")
        call.reserve_resources.resources.extend(resources)
        if "source" in form:
            source = _read_resources(form, "source", "Error parsing")
            call.reserve_resources.source.extend(source)
    except DecodeError as error:
        return bad_request(str(error))
    return call


def unreserve(body: bytes) -> master_pb2.Call | Refusal:
    """POST /unreserve."""
    try:
        form = _read_form(body)
        call = _Call(type=_Call.UNRESERVE_RESOURCES)
        call.unreserve_resources.agent_id.value = _required(form, "slaveId")
        resources = _read_resources(form, "resources", "Error in parsing")
        call.unreserve_resources.resources.extend(resources)
    except DecodeError as error:
        return bad_request(str(error))
    return call


def create_volumes(body: bytes) -> master_pb2.Call | Refusal:
    """POST /create-volumes."""
    try:
        form = _read_form(body)
        call = _Call(type=_Call.CREATE_VOLUMES)
        call.create_volumes.agent_id.value = _required(form, "slaveId")
        call.create_volumes.volumes.extend(_read_resources(form, "volumes", "Error in parsing"))
    except DecodeError as error:
        return bad_request(str(error))
    return call


def destroy_volumes(body: bytes) -> master_pb2.Call | Refusal:
    """POST /destroy-volumes."""
    try:
        form = _read_form(body)
        call = _Call(type=_Call.DESTROY_VOLUMES)
        call.destroy_volumes.agent_id.value = _required(form, "slaveId")
        call.destroy_volumes.volumes.extend(_read_resources(form, "volumes", "Error in parsing"))
    except DecodeError as error:
        return bad_request(str(error))
    return call


def teardown(body: bytes) -> master_pb2.Call | Refusal:
    """POST /teardown."""
    try:
        framework_id = _required(_read_form(body), "frameworkId")
    except DecodeError as error:
        return bad_request(str(error))
    call = _Call(type=_Call.TEARDOWN)
    call.teardown.framework_id.value = framework_id
    return call


def update_weights(body: bytes) -> master_pb2.Call | Refusal:
    """PUT /weights."""
    call = _Call(type=_Call.UPDATE_WEIGHTS)
    call.update_weights.SetInParent()
    try:
        call.update_weights.weight_infos.extend(_read_array(body, mesos_pb2.WeightInfo))
    except JsonSyntaxError as error:
        return bad_request(f"Failed to parse update weights request JSON '{_shown(body)}': {error}")
    except DecodeError as error:
        return bad_request(
            f"Failed to convert weights JSON array to protobuf '{_shown(body)}': {error}"
        )
    return call


def set_quota(body: bytes) -> master_pb2.Call | Refusal:
    """POST /quota."""
    call = _Call(type=_Call.SET_QUOTA)
    try:
        request = _read_object(body, quota_pb2.QuotaRequest)
    except JsonSyntaxError as error:
        return bad_request(f"Failed to parse set quota request JSON '{_shown(body)}': {error}")
    except DecodeError as error:
        return bad_request(f"Failed to validate set quota request JSON '{_shown(body)}': {error}")
    call.set_quota.quota_request.CopyFrom(request)
    return call


def remove_quota(path: str) -> master_pb2.Call | Refusal:
    """DELETE of ``path``, which begins with ``/master/quota``."""
    tokens = path.lstrip("/").split("/", _QUOTA_PATH_TOKENS - 1)
    if len(tokens) < _QUOTA_PATH_TOKENS or not tokens[-1]:
        found = len([token for token in tokens if token])
        return bad_request(
            f"Failed to parse remove quota request for path '{path}':"
            f" expected {_QUOTA_PATH_TOKENS} tokens, found {found} tokens"
        )
    call = _Call(type=_Call.REMOVE_QUOTA)
    call.remove_quota.role = tokens[-1]
    return call


def update_maintenance_schedule(body: bytes) -> master_pb2.Call | Refusal:
    """POST /maintenance/schedule."""
    call = _Call(type=_Call.UPDATE_MAINTENANCE_SCHEDULE)
    try:
        schedule = _read_object(body, maintenance_pb2.Schedule)
    except DecodeError as error:
        return bad_request(str(error))
    call.update_maintenance_schedule.schedule.CopyFrom(schedule)
    return call


def start_maintenance(body: bytes) -> master_pb2.Call | Refusal:
    """POST /machine/down."""
    call = _Call(type=_Call.START_MAINTENANCE)
    call.start_maintenance.SetInParent()
    try:
        call.start_maintenance.machines.extend(_read_array(body, mesos_pb2.MachineID))
    except DecodeError as error:
        return bad_request(str(error))
    return call


def stop_maintenance(body: bytes) -> master_pb2.Call | Refusal:
    """POST /machine/up."""
    call = _Call(type=_Call.STOP_MAINTENANCE)
    call.stop_maintenance.SetInParent()
    try:
        call.stop_maintenance.machines.extend(_read_array(body, mesos_pb2.MachineID))
    except DecodeError as error:
        return bad_request(str(error))
    return call


def _read_form(body: bytes) -> dict[str, str]:
    """Names and values of a form; of a name that comes twice the last counts."""
    form: dict[str, str] = {}
    for token in re.split(rb"[;&]", body):
        if token:
            name, _, value = token.partition(b"=")
            form[_unescape(name)] = _unescape(value)
    return form


def _unescape(text: bytes) -> str:
    def character(match: re.Match[bytes]) -> bytes:
        if match[1] is None:
            raise DecodeError(
                "Unable to decode query string: Malformed % escape in"
                f" '{_shown(text)}': '{_shown(match[0])}'"
            )
        return bytes([int(match[1], 16)])

    return _shown(_ESCAPE.sub(character, text.replace(b"+", b" ")))


def _required(form: Mapping[str, str], name: str) -> str:
    if name not in form:
        raise DecodeError(f"Missing '{name}' query parameter in the request body")
    return form[name]


def _read_resources(form: Mapping[str, str], name: str, wrong: str) -> list[mesos_pb2.Resource]:
    text = _required(form, name)
    try:
        return _read_array(text, mesos_pb2.Resource)
    except DecodeError as error:
        raise DecodeError(
            f"{wrong} '{name}' query parameter in the request body: {error}"
        ) from error


def _read_array(text: bytes | str, cls: type[M]) -> list[M]:
    values: Any = parse(text)
    if not isinstance(values, list):
        raise JsonSyntaxError("Unexpected JSON type parsed")
    return [from_value(value, cls) for value in values]


def _read_object(text: bytes, cls: type[M]) -> M:
    value = parse(text)
    if not isinstance(value, dict):
        raise JsonSyntaxError("Unexpected JSON type parsed")
    return from_value(value, cls)


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace")
