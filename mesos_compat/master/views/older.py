"""The master's endpoints from before the v1 API, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.master.views import maintenance, operator
from mesos_compat.master.views.view import View
from mesos_compat.wire.json_dialect import JsonValue, to_value


def _flags(view: View, _query: Mapping[str, str]) -> JsonValue:
    flags: dict[str, JsonValue] = {name: view.flags[name] for name in sorted(view.flags)}
    return {"flags": flags if view.visible.sees_flags() else {}}


def _quota(view: View, _query: Mapping[str, str]) -> JsonValue:
    return to_value(operator.quota_status(view))


def _schedule(view: View, _query: Mapping[str, str]) -> JsonValue:
    return to_value(maintenance.schedule(view))


def _status(view: View, _query: Mapping[str, str]) -> JsonValue:
    return to_value(maintenance.status(view))


ENDPOINTS: Final[Mapping[str, Callable[[View, Mapping[str, str]], JsonValue | Refusal]]] = {
    "/flags": _flags,
    "/quota": _quota,
    "/maintenance/schedule": _schedule,
    "/maintenance/status": _status,
}
