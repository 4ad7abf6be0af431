"""Who asks: HTTP Basic, and executors' tokens, by realm."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from mesos_compat.credentials import (
    Credentials,
    basic_challenge,
    bearer_challenge,
    bearer_token,
    read_token,
)
from mesos_compat.http.answers import Answer, unauthorized
from mesos_compat.http.requests import Principal, Request


@dataclass(frozen=True, slots=True)
class RealmRules:
    """How a realm finds out who asks; without either nobody is asked."""

    credentials: Credentials | None = None
    #: The key by which tokens are signed.
    token_key: bytes | None = None


class Authenticator:
    """Authenticates requests; realms that are not listed let everybody in."""

    def __init__(self, realms: Mapping[str, RealmRules]) -> None:
        self._realms = dict(realms)

    def __call__(self, request: Request, realm: str) -> Principal | Answer | None:
        """The principal, 401, or None where nobody is asked."""
        rules = self._realms.get(realm)
        if rules is None or (rules.credentials is None and rules.token_key is None):
            return None
        header = request.header("Authorization")
        challenges: list[str] = []
        if rules.credentials is not None:
            principal = rules.credentials.check_basic(header)
            if principal is not None:
                return Principal(principal, {})
            challenges.append(basic_challenge(realm))
        if rules.token_key is not None:
            token = bearer_token(header)
            fault: str | None = None
            if token is not None:
                claims = read_token(rules.token_key, token, int(time.time()))
                if not isinstance(claims, str):
                    return Principal(claims.get("sub"), claims)
                fault = claims
            challenges.append(bearer_challenge(realm, header, fault))
        return unauthorized(challenges)
