"""Who answers: the leading master itself; the others say where it is."""

from __future__ import annotations

from collections.abc import Callable

from mesos_compat.http.answers import Answer, redirected, said, told
from mesos_compat.http.requests import Request
from mesos_compat.wire.v1 import mesos_pb2


class Leadership:
    """What this master knows of who leads."""

    def __init__(self, own: mesos_pb2.MasterInfo, is_recovered: Callable[[], bool]) -> None:
        """``is_recovered`` tells whether the core has what the last leader stored."""
        self.own = own
        self.leader: mesos_pb2.MasterInfo | None = None
        self._is_recovered = is_recovered

    @property
    def leads(self) -> bool:
        """Whether it is us."""
        return self.leader is not None and self.leader.id == self.own.id

    @property
    def _is_our_past(self) -> bool:
        """Whether who leads was where we are now: it has ended, and its session has not yet."""
        leader, own = self.leader, self.own
        return (
            leader is not None
            and leader.id != own.id
            and bool(own.address.ip)
            and (leader.address.ip, leader.address.port) == (own.address.ip, own.address.port)
        )

    def _place(self) -> str:
        leader = self.leader or self.own
        host = leader.hostname or leader.address.hostname or leader.address.ip
        port = leader.port or leader.address.port
        return f"//{host}:{port}"

    def elsewhere(self, request: Request) -> Answer | None:
        """Where to ask instead, if we do not lead; it is asked in the process's own name."""
        if self.leads:
            return None
        if self.leader is None or self._is_our_past:
            return told(503, "No leader elected")
        target = request.target
        if target.split("?", 1)[0].rstrip("/") != "/master" and not target.startswith("/master/"):
            target = "/master" + target
        return redirected(self._place() + target)

    def unready(self) -> Answer | None:
        """What a leader answers as long as it does not know its registry."""
        if self._is_recovered():
            return None
        return told(503, "Master has not finished recovery")

    async def redirect(self, request: Request) -> Answer:
        """``/redirect``: where the leader is."""
        if request.rest:
            return said(404)
        if self.leader is None:
            return told(503, "No leader elected")
        return redirected(self._place())
