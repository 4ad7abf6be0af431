"""``GET /explain``: why each framework was or was not offered each agent.

``?framework_id=``, ``?role=`` and ``?agent_id=`` narrow it down, ``?limit=`` bounds the answer.
Not an endpoint of Mesos, whose users had to read logs for this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mesos_compat.allocator import Allocator, Explanation, Verdict
from mesos_compat.http.answers import Answer, said, told, values
from mesos_compat.http.leading import Leadership
from mesos_compat.http.requests import Request
from mesos_compat.http.stepping import mono_ms
from mesos_compat.master.views.view import View
from mesos_compat.resources.objects import to_object
from mesos_compat.wire.json_dialect import JsonValue

_LIMIT: Final = 1000
_KNOWN: Final = ("framework_id", "role", "agent_id", "limit")


class ExplainApi:
    """Answers from the allocator's own books; nothing changes by it."""

    def __init__(
        self,
        allocator: Allocator,
        leadership: Leadership,
        view: Callable[[str | None], View],
    ) -> None:
        self._allocator = allocator
        self._leadership = leadership
        self._view = view

    async def handle(self, request: Request) -> Answer:
        """One question."""
        if request.rest:
            return said(404)
        elsewhere = self._leadership.elsewhere(request)
        if elsewhere is not None:
            return elsewhere
        query = {name: text for name, text in request.query.items() if name != "jsonp"}
        for name in query:
            if name not in _KNOWN:
                return told(400, f"Unknown parameter '{name}'; known are {', '.join(_KNOWN)}")
        limit = query.pop("limit", str(_LIMIT))
        if not limit.isascii() or not limit.isdigit():
            return told(400, f"Expecting 'limit' to be a whole number, not '{limit}'")
        now_ms = mono_ms()
        found = self._allocator.explain(
            query.get("framework_id"), query.get("role"), query.get("agent_id"), now_ms=now_ms
        )
        seen = _seen(found, self._view(request.who))
        return values(_explanation(seen, int(limit), now_ms))


def _seen(found: Explanation, view: View) -> Explanation:
    """What is about frameworks and roles that the asker may see."""
    visible, known = view.visible, view.state.frameworks
    frameworks = {name for name, one in known.items() if visible.sees_framework(one.info)}

    def sees(role: str, framework_id: str) -> bool:
        return framework_id in frameworks and visible.sees_role(role)

    return replace(
        found,
        order=tuple(one for one in found.order if sees(*one)),
        verdicts=tuple(
            replace(one, holders=tuple(name for name in one.holders if name in frameworks))
            for one in found.verdicts
            if sees(one.role, one.framework_id)
        ),
    )


def _explanation(found: Explanation, limit: int, now_ms: int) -> JsonValue:
    order: list[JsonValue] = [
        {"role": role, "framework_id": framework_id} for role, framework_id in found.order[:limit]
    ]
    verdicts: list[JsonValue] = [_verdict(one, now_ms) for one in found.verdicts[:limit]]
    return {
        "allocator": found.policy,
        "order": order,
        "verdicts": verdicts,
        "verdicts_total": len(found.verdicts),
    }


def _verdict(one: Verdict, now_ms: int) -> JsonValue:
    shown: dict[str, JsonValue] = {
        "agent_id": one.agent_id,
        "framework_id": one.framework_id,
        "role": one.role,
        "reason": one.reason.name,
        "message": one.reason.value,
        "resources": dict(to_object(one.resources)),
    }
    if one.until_ms is not None:
        shown["seconds_left"] = max(0, one.until_ms - now_ms) / 1000
    if one.holders:
        holders: list[JsonValue] = list(one.holders)
        shown["holders"] = holders
    return shown
