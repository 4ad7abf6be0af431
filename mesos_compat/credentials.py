"""Who is who: files of credentials, HTTP authentication, executors' tokens.

Pure: contents of files and headers come in as text, answers go out. Source: section 7 of the
flags' documentation of Mesos (``--credentials``, ``--http_credentials``, ``--credential``,
``--jwt_secret_key``), ``BasicAuthenticator`` and ``JWTAuthenticator``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from mesos_compat.errors import DecodeError, FlagError
from mesos_compat.wire.json_dialect import encode_value, loads, parse
from mesos_compat.wire.v1 import mesos_pb2

M = TypeVar("M", bound=Message)

_ALGORITHM: Final = "HS256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of principals."""

    # Never shown.
    secrets: Mapping[str, str] = field(repr=False)

    def check_basic(self, authorization: str | None) -> str | None:
        """The principal of an ``Authorization: Basic ...`` header; None when it is not right.

        Takes as long for a wrong secret as for a right one. The answer to None is a 401 with
        :func:`basic_challenge`.
        """
        pair = _basic_pair(authorization)
        if pair is None:
            return None
        principal, secret = pair
        known = self.secrets.get(principal)
        matches = hmac.compare_digest(_digest(secret), _digest(known or ""))
        return principal if matches and known is not None else None


def _digest(secret: str) -> bytes:
    # Digests have one length, so that nothing can be learned of the secret's.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _basic_pair(authorization: str | None) -> tuple[str, str] | None:
    scheme, _, encoded = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    principal, colon, secret = decoded.partition(":")
    return (principal, secret) if colon else None


def basic_header(credential: mesos_pb2.Credential) -> str:
    """What a client sends as ``Authorization``."""
    pair = f"{credential.principal}:{credential.secret}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def basic_challenge(realm: str) -> str:
    """The ``WWW-Authenticate`` header of a 401."""
    return f'Basic realm="{realm}"'


def parse_credentials(text: str, flag: str = "credentials") -> Credentials:
    """Read ``{"credentials": [{"principal": ..., "secret": ...}]}``.

    Of a principal that comes twice the last counts. Raises
    :class:`~mesos_compat.errors.FlagError` that names ``--flag``, but never a secret.
    """
    read = _read(text, mesos_pb2.Credentials, flag)
    secrets: dict[str, str] = {}
    for credential in read.credentials:
        _check_credential(credential, flag)
        secrets[credential.principal] = credential.secret
    return Credentials(secrets)


def parse_credential(text: str, flag: str = "credential") -> mesos_pb2.Credential:
    """Read ``{"principal": ..., "secret": ...}``; raises ``FlagError``."""
    credential = _read(text, mesos_pb2.Credential, flag)
    _check_credential(credential, flag)
    return credential


def _check_credential(credential: mesos_pb2.Credential, flag: str) -> None:
    principal = credential.principal
    if not principal:
        raise FlagError(f"--{flag}: a credential has no principal")
    if ":" in principal:
        raise FlagError(
            f"--{flag}: principal '{principal}' has a colon, which ends it in HTTP authentication"
        )
    if not credential.secret:
        raise FlagError(f"--{flag}: principal '{principal}' has no secret")


def _read(text: str, cls: type[M], flag: str) -> M:
    if not text.lstrip().startswith("{"):
        raise FlagError(
            f"--{flag}: a JSON object is expected. The older text format, with lines of a"
            " principal and a secret, is no longer read: write"
            ' {"credentials": [{"principal": "p", "secret": "s"}]} for --credentials and'
            ' --http_credentials, or {"principal": "p", "secret": "s"} for --credential'
        )
    try:
        return loads(text, cls)
    except DecodeError as error:
        raise FlagError(f"--{flag}: {_without_contents(error)}") from None


def _without_contents(error: DecodeError) -> str:
    # Mesos's texts quote what comes after the place that is wrong.
    return str(error).partition(" near:")[0]


def make_token(key: bytes, claims: Mapping[str, str]) -> str:
    """A token that says ``claims``, which are ``fid``, ``eid`` and ``cid`` for an executor."""
    header = _encode({"alg": _ALGORITHM, "typ": "JWT"})
    signed = f"{header}.{_encode(claims)}"
    return f"{signed}.{_base64url(_sign(key, signed))}"


def read_token(key: bytes, token: str, now_s: int) -> dict[str, str] | str:
    """The claims of a token that was made with ``key``, or why it is not valid.

    ``now_s`` are seconds since 1970, for tokens that expire. The text follows ``Invalid JWT: ``
    in the answer, see :func:`bearer_challenge`. Claims that are no strings come as their JSON.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return f"Expected 3 components in token, got {len(parts)}"
    header, payload, signature = parts
    fault = _header_fault(header)
    if fault is not None:
        return fault
    claims = _decode(payload)
    if isinstance(claims, str):
        return f"Failed to decode token payload: {claims}"
    given = _from_base64url(signature)
    if given is None:
        return "Failed to base64url-decode token signature"
    # Before anything is believed, and in constant time.
    if not hmac.compare_digest(_sign(key, f"{header}.{payload}"), given):
        return "Token signature does not match"
    fault = _expiry_fault(claims, now_s)
    if fault is not None:
        return fault
    if not claims:
        return "JWT claims missing"
    return {
        name: value if isinstance(value, str) else encode_value(value)
        for name, value in claims.items()
    }


def _header_fault(encoded: str) -> str | None:
    header = _decode(encoded)
    if isinstance(header, str):
        return f"Failed to decode token header: {header}"
    if not isinstance(header.get("typ", ""), str):
        return "Token 'typ' is not a string"
    if "alg" not in header:
        return "Failed to locate 'alg' in token JSON header"
    algorithm = header["alg"]
    if not isinstance(algorithm, str):
        return "Token 'alg' field is not a string"
    if algorithm not in ("none", "HS256", "RS256"):
        return f"Unsupported token algorithm: {algorithm}"
    if "crit" in header:
        return "Token 'crit' field is unsupported"
    # Else who has no key could say that there is none.
    if algorithm != _ALGORITHM:
        return f'Token \'alg\' value "{algorithm}" does not match, expected "{_ALGORITHM}"'
    return None


def _expiry_fault(claims: Mapping[str, Any], now_s: int) -> str | None:
    if "exp" not in claims:
        return None
    expiry = claims["exp"]
    if isinstance(expiry, bool) or not isinstance(expiry, int | float):
        return "JSON payload 'exp' field is not a number"
    if expiry < now_s:
        return f"Token has expired: exp({int(expiry)}) < now({now_s})"
    return None


def _sign(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def _encode(value: Mapping[str, str]) -> str:
    return _base64url(json.dumps(dict(value), separators=(",", ":")).encode("ascii"))


def _decode(encoded: str) -> dict[str, Any] | str:
    data = _from_base64url(encoded)
    if data is None:
        return "Failed to base64url-decode"
    try:
        value: Any = parse(data)
    except DecodeError as error:
        return f"Failed to parse into JSON: {error}"
    return value if isinstance(value, dict) else "Unexpected JSON type parsed"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _from_base64url(text: str) -> bytes | None:
    stripped = text.rstrip("=")
    try:
        return base64.b64decode(
            stripped + "=" * (-len(stripped) % 4), altchars=b"-_", validate=True
        )
    except (binascii.Error, ValueError):
        return None


def bearer_token(authorization: str | None) -> str | None:
    """The token of an ``Authorization: Bearer ...`` header, or None when there is none."""
    parts = (authorization or "").split(" ")
    return parts[1] if len(parts) == 2 and parts[0] == "Bearer" else None


def bearer_challenge(realm: str, authorization: str | None, fault: str | None = None) -> str:
    """The ``WWW-Authenticate`` header of a 401.

    ``fault`` is what :func:`read_token` said, if there was a token. Without a header nothing is
    said of errors (RFC 6750, 3.1).
    """
    challenge = f'Bearer realm="{realm}"'
    if authorization is None:
        return challenge
    scheme, *rest = authorization.split(" ")
    if len(rest) != 1:
        why = "Malformed 'Authorization' header"
    elif scheme != "Bearer":
        why = f"Scheme '{scheme}' unsupported"
    else:
        why = fault if fault == "JWT claims missing" else f"Invalid JWT: {fault}"
    described = why.replace("\\", "\\\\").replace('"', '\\"')
    return f'{challenge}, error="invalid_token", error_description="{described}"'
