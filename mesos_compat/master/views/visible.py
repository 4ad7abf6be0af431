"""What the asker may see, beyond what the event stream shows.

Source: the approvers that the read handlers of Mesos's http.cpp get.
"""

from __future__ import annotations

from mesos_compat.master import action_objects
from mesos_compat.master.authorization import Authorizer
from mesos_compat.master.shown import Viewer
from mesos_compat.wire.v1 import mesos_pb2


class Visible(Viewer):
    """A :class:`~mesos_compat.master.shown.Viewer` that is asked about everything else too."""

    __slots__ = ("_containers", "_flags", "_quotas", "_schedules", "_standalone", "_statuses")

    def __init__(self, authorizer: Authorizer, principal: str | None) -> None:
        super().__init__(authorizer, principal)
        self._containers = authorizer.filter("view_containers", principal)
        self._standalone = authorizer.filter("view_standalone_containers", principal)
        self._flags = authorizer.filter("view_flags", principal)
        self._quotas = authorizer.filter("get_quotas", principal)
        self._schedules = authorizer.filter("get_maintenance_schedules", principal)
        self._statuses = authorizer.filter("get_maintenance_statuses", principal)

    def sees_flags(self) -> bool:
        """VIEW_FLAGS: all of them or none."""
        return self._flags.allows(None)

    def sees_container(
        self, executor: mesos_pb2.ExecutorInfo, info: mesos_pb2.FrameworkInfo
    ) -> bool:
        """VIEW_CONTAINER of an executor, and of what is nested in its container."""
        return self._containers.allows(action_objects.executor_user(executor, info))

    def sees_standalone_containers(self) -> bool:
        """VIEW_STANDALONE_CONTAINER: all of them or none."""
        return self._standalone.allows(None)

    def sees_quota(self, role: str) -> bool:
        """GET_QUOTA of a role."""
        return self._quotas.allows(role)

    def sees_maintenance_schedule(self) -> bool:
        """GET_MAINTENANCE_SCHEDULE: of all machines or of none."""
        return self._schedules.allows(None)

    def sees_maintenance_status(self) -> bool:
        """GET_MAINTENANCE_STATUS: of all machines or of none."""
        return self._statuses.allows(None)
