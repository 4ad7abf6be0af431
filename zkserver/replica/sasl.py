"""SASL DIGEST-MD5, the server's side: a challenge, and what the client makes of it.

Source: RFC 2831, with the realm, the digest-uri and the form of the challenge that Apache's
servers have (``ZooKeeperSaslServer``, ``SaslServerCallbackHandler``).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

_REALM: Final = b"zk-sasl-md5"
_DIGEST_URI: Final = b"zookeeper/zk-sasl-md5"
#: The first time that a nonce is used, which is the only one.
_FIRST: Final = b"00000001"
#: Random bytes in a nonce.
NONCE_BYTES: Final = 30
_TOKEN_BYTES_MAX: Final = 4096


class SaslError(Exception):
    """The client does not prove who it is; the text says why, for the log."""


class DigestMd5:
    """One exchange. ``users`` are the passwords by name, ``nonce`` random bytes."""

    __slots__ = ("_nonce", "_users")

    def __init__(self, users: Mapping[str, str], nonce: bytes) -> None:
        # Few connections need it.
        import base64

        self._users = users
        self._nonce = base64.b64encode(nonce)

    def challenge(self) -> bytes:
        """What the client has to answer."""
        return b'realm="%b",nonce="%b",charset=utf-8,algorithm=md5-sess' % (_REALM, self._nonce)

    def respond(self, token: bytes) -> tuple[str, bytes]:
        """The name that the client has proved, and the proof that we know its password too.

        Raises :class:`SaslError`.
        """
        given = _directives(token)
        name = _text(given.get(b"username", b""))
        password = self._users.get(name)
        if password is None:
            raise SaslError(f"there is no user {name!r}")
        for directive, expected in (
            (b"realm", _REALM),
            (b"nonce", self._nonce),
            (b"nc", _FIRST),
            (b"qop", b"auth"),
            (b"digest-uri", _DIGEST_URI),
        ):
            found = given.get(directive, expected if directive == b"qop" else b"")
            if found.lower() != expected.lower():
                raise SaslError(f"{directive.decode()} is {found!r}, not {expected!r}")
        response = given.get(b"response", b"")
        # Clients disagree about what is hashed of characters beyond ASCII.
        for encoding in ("latin-1", "utf-8"):
            try:
                who = name.encode(encoding), password.encode(encoding)
            except UnicodeEncodeError:
                continue
            secret = self._secret(*who, given)
            if hmac.compare_digest(response, self._proof(secret, given, b"AUTHENTICATE:")):
                return name, b"rspauth=" + self._proof(secret, given, b":")
        raise SaslError(f"the password of {name!r} is another one")

    def _secret(self, name: bytes, password: bytes, given: Mapping[bytes, bytes]) -> bytes:
        """HEX(H(A1)) of section 2.1.2.1."""
        first = _md5(b":".join((name, _REALM, password)))
        parts = [first, self._nonce, given.get(b"cnonce", b"")]
        if b"authzid" in given:
            parts.append(given[b"authzid"])
        return _md5(b":".join(parts)).hex().encode()

    def _proof(self, secret: bytes, given: Mapping[bytes, bytes], begin: bytes) -> bytes:
        digest_uri = given[b"digest-uri"]
        last = _md5(begin + digest_uri).hex().encode()
        parts = (secret, self._nonce, _FIRST, given.get(b"cnonce", b""), b"auth", last)
        return _md5(b":".join(parts)).hex().encode()


def _md5(data: bytes) -> bytes:
    import hashlib

    return hashlib.md5(data, usedforsecurity=False).digest()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _directives(token: bytes) -> dict[bytes, bytes]:
    """``name=value, name="quoted value"`` as a dictionary; raises :class:`SaslError`."""
    if len(token) > _TOKEN_BYTES_MAX:
        raise SaslError(f"a response of {len(token)} bytes")
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(token):
        equals = token.find(b"=", at)
        if equals < 0:
            raise SaslError(f"no directive: {token[at : at + 40]!r}")
        name = token[at:equals].strip(b" \t,").lower()
        at = equals + 1
        if token[at : at + 1] == b'"':
            value, at = _quoted(token, at + 1)
        else:
            end = token.find(b",", at)
            end = len(token) if end < 0 else end
            value, at = token[at:end].strip(), end
        if name in found:
            raise SaslError(f"{name!r} is there twice")
        found[name] = value
        at += len(token[at:]) - len(token[at:].lstrip(b" \t,"))
    return found


def _quoted(token: bytes, at: int) -> tuple[bytes, int]:
    value = bytearray()
    while at < len(token):
        char = token[at]
        if char == 0x22:
            return bytes(value), at + 1
        if char == 0x5C:
            at += 1
        value += token[at : at + 1]
        at += 1
    raise SaslError("a quoted value does not end")
