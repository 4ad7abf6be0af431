"""What those who ask over HTTP may do, by the ACLs of the program.

Who has shown a token that names no principal has no rules in ACLs, and may do nothing that they
are asked about; what executors may do with their own containers the agent's core knows. Source:
``LocalAuthorizer::getApprover``.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.http.requests import Principal
from mesos_compat.master.authorization import Acls, Authorizer

_NOTHING: Final = Authorizer(Acls(permissive=False))


class Permissions:
    """``authorizer`` has the rules; without any everybody may do everything."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def of(self, asker: Principal | None) -> Authorizer:
        """The rules for one who asks, to be asked in the name of the principal, if there is one."""
        is_nameless = asker is not None and asker.value is None and bool(asker.claims)
        if is_nameless and self._authorizer.has_acls:
            return _NOTHING
        return self._authorizer

    def allow(self, action: str, asker: Principal | None, **objects: str | None) -> bool:
        """Whether ``asker`` may do ``action``; see :meth:`Authorizer.allows`."""
        principal = asker.value if asker is not None else None
        return self.of(asker).allows(action, principal, **objects)
