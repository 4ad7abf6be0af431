"""TLS by libprocess's variables, ``LIBPROCESS_SSL_...`` (its ``SSL`` documentation).

``LIBPROCESS_SSL_SUPPORT_DOWNGRADE``, which lets one port serve both with and without TLS, is
refused, because a port here is one or the other.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

from mesos_compat.errors import FlagError

_PREFIX: Final = "LIBPROCESS_SSL_"
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
_VERSIONS: Final = (
    ("ENABLE_TLS_V1_0", ssl.TLSVersion.TLSv1, False),
    ("ENABLE_TLS_V1_1", ssl.TLSVersion.TLSv1_1, False),
    ("ENABLE_TLS_V1_2", ssl.TLSVersion.TLSv1_2, True),
    ("ENABLE_TLS_V1_3", ssl.TLSVersion.TLSv1_3, True),
)


class TlsSettings:
    """What the variables say; raises :class:`FlagError` for what they cannot mean."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.is_enabled = self._truth("ENABLED")
        if self.is_enabled and self._truth("SUPPORT_DOWNGRADE"):
            raise FlagError(f"{_PREFIX}SUPPORT_DOWNGRADE: a port serves with TLS or without")

    def _text(self, *names: str) -> str | None:
        for name in names:
            given = self._environment.get(_PREFIX + name)
            if given:
                return given
        return None

    def _truth(self, *names: str, default: bool = False) -> bool:
        given = self._text(*names)
        if given is None:
            return default
        if given.lower() not in _TRUTHS:
            raise FlagError(f"{_PREFIX}{names[0]}: '{given}' is not true or false")
        return _TRUTHS[given.lower()]

    def server(self) -> ssl.SSLContext | None:
        """For ports; None without TLS."""
        if not self.is_enabled:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load_own(context)
        self._limit(context)
        if self._truth("REQUIRE_CLIENT_CERT", "REQUIRE_CERT"):
            context.verify_mode = ssl.CERT_REQUIRED
            self._load_authorities(context)
        return context

    def variables(self) -> dict[str, str]:
        """For a program that is started by this one and calls it; empty without TLS."""
        if not self.is_enabled:
            return {}
        return {name: text for name, text in self._environment.items() if name.startswith(_PREFIX)}

    def client(self, *, needs_own: bool = True) -> ssl.SSLContext | None:
        """For calls to others; None without TLS.

        Who need not show a certificate of its own goes without one that it may not read: an
        executor runs as its task's user.
        """
        if not self.is_enabled:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        self._limit(context)
        if self._truth("VERIFY_SERVER_CERT", "VERIFY_CERT"):
            self._load_authorities(context)
            context.check_hostname = self._text("HOSTNAME_VALIDATION_SCHEME") == "openssl"
        else:
            context.verify_mode = ssl.CERT_NONE
        try:
            self._load_own(context)
        except FlagError:
            if needs_own:
                raise
        return context

    def _load_own(self, context: ssl.SSLContext) -> None:
        key, certificate = self._text("KEY_FILE"), self._text("CERT_FILE")
        if key is None or certificate is None:
            raise FlagError(f"TLS needs {_PREFIX}KEY_FILE and {_PREFIX}CERT_FILE")
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise FlagError(f"cannot load {certificate} and {key}: {error}") from error

    def _load_authorities(self, context: ssl.SSLContext) -> None:
        file, directory = self._text("CA_FILE"), self._text("CA_DIR")
        try:
            if file is None and directory is None:
                context.load_default_certs()
            else:
                context.load_verify_locations(file, directory)
        except (OSError, ssl.SSLError) as error:
            raise FlagError(f"cannot load {file or directory}: {error}") from error

    def _limit(self, context: ssl.SSLContext) -> None:
        """The versions and ciphers that may be used."""
        allowed = [
            version for name, version, default in _VERSIONS if self._truth(name, default=default)
        ]
        if not allowed:
            raise FlagError("no version of TLS is enabled")
        context.minimum_version, context.maximum_version = min(allowed), max(allowed)
        ciphers = self._text("CIPHERS")
        if ciphers is not None:
            try:
                context.set_ciphers(ciphers)
            except ssl.SSLError as error:
                raise FlagError(f"{_PREFIX}CIPHERS: none of '{ciphers}' is known") from error
