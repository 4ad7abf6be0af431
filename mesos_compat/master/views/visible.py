"""What the asker may see, beyond what the event stream shows.

Source: the approvers that the read handlers of Mesos's http.cpp get.
"""

from __future__ import annotations

from mesos_compat.master.authorization import Authorizer
from mesos_compat.master.shown import Viewer


class Visible(Viewer):
    """A :class:`~mesos_compat.master.shown.Viewer` that is asked about everything else too."""

    __slots__ = ("_flags", "_quotas", "_schedules", "_statuses")

    def __init__(self, authorizer: Authorizer, principal: str | None) -> None:
        super().__init__(authorizer, principal)
        self._flags = authorizer.filter("view_flags", principal)
        self._quotas = authorizer.filter("get_quotas", principal)
        self._schedules = authorizer.filter("get_maintenance_schedules", principal)
        self._statuses = authorizer.filter("get_maintenance_statuses", principal)

    def sees_flags(self) -> bool:
        """VIEW_FLAGS: all of them or none."""
        return self._flags.allows(None)

    def sees_quota(self, role: str) -> bool:
        """GET_QUOTA of a role."""
        return self._quotas.allows(role)

    def sees_maintenance_schedule(self) -> bool:
        """GET_MAINTENANCE_SCHEDULE: of all machines or of none."""
        return self._schedules.allows(None)

    def sees_maintenance_status(self) -> bool:
        """GET_MAINTENANCE_STATUS: of all machines or of none."""
        return self._statuses.allows(None)
