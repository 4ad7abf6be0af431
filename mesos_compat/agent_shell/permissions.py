"""What those who ask the agent may do: the ACLs, with what the core knows of containers."""

from __future__ import annotations

from collections.abc import Callable

from mesos_compat.agent.permissions import user_of
from mesos_compat.agent.state import AgentState
from mesos_compat.containers.spec import ContainerId
from mesos_compat.http.permissions import Permissions
from mesos_compat.http.requests import Principal
from mesos_compat.master.authorization import Authorizer, allows_claims


class AgentPermissions(Permissions):
    """``state`` gives what the core knows."""

    def __init__(self, authorizer: Authorizer, state: Callable[[], AgentState]) -> None:
        super().__init__(authorizer)
        self._state = state

    def may_attach(self, action: str, asker: Principal | None, container_id: ContainerId) -> bool:
        """Whether the streams of a container may be used.

        ``action`` is ``attach_containers_input`` or ``attach_containers_output``. An executor may
        read what its own containers write.
        """
        if asker is not None and asker.value is None and asker.claims:
            return allows_claims(action, asker.claims, container_id[0])
        return self.allow(action, asker, users=user_of(self._state(), container_id))
