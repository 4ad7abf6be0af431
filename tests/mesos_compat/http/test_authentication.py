"""Realms find out who asks."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any, cast

from mesos_compat.credentials import Credentials, make_token
from mesos_compat.http.answers import Answer
from mesos_compat.http.authentication import Authenticator, RealmRules
from mesos_compat.http.requests import Principal, Request

BASIC = RealmRules(Credentials({"p": "s"}))
TOKENS = RealmRules(token_key=b"key")


def asked(header: str | None = None) -> Request:
    headers: dict[str, Any] = {} if header is None else {"Authorization": header}
    return Request(cast("Any", SimpleNamespace(headers=headers)))


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def challenge(answer: Principal | Answer | None) -> str:
    assert isinstance(answer, Answer)
    assert answer.status == 401
    return answer.headers["WWW-Authenticate"]


def test_realms_without_rules_ask_nobody() -> None:
    assert Authenticator({"r": RealmRules()})(asked(), "r") is None
    assert Authenticator({})(asked(), "r") is None


def test_right_secret_gives_the_principal() -> None:
    found = Authenticator({"r": BASIC})(asked(basic("p:s")), "r")
    assert found == Principal("p", {})


def test_wrong_and_missing_secrets_are_challenged() -> None:
    authenticate = Authenticator({"r": BASIC})
    for header in (None, basic("p:x"), basic("q:s"), "Basic !", "Bearer x"):
        assert challenge(authenticate(asked(header), "r")) == 'Basic realm="r"'


def test_tokens_give_claims_and_no_name() -> None:
    claims = {"fid": "f", "eid": "e", "cid": "c"}
    token = make_token(b"key", claims)
    found = Authenticator({"r": TOKENS})(asked(f"Bearer {token}"), "r")
    assert isinstance(found, Principal)
    assert found.value is None
    assert {name: found.claims[name] for name in claims} == claims


def test_tokens_of_another_key_are_refused() -> None:
    token = make_token(b"other", {"fid": "f"})
    said = challenge(Authenticator({"r": TOKENS})(asked(f"Bearer {token}"), "r"))
    assert said.startswith('Bearer realm="r", error="invalid_token"')


def test_realm_with_both_takes_either() -> None:
    both = RealmRules(Credentials({"p": "s"}), b"key")
    authenticate = Authenticator({"r": both})
    assert isinstance(authenticate(asked(basic("p:s")), "r"), Principal)
    token = make_token(b"key", {"fid": "f"})
    assert isinstance(authenticate(asked(f"Bearer {token}"), "r"), Principal)
    assert challenge(authenticate(asked(), "r")) == 'Basic realm="r", Bearer realm="r"'
