"""TLS of a client by libprocess's variables ``LIBPROCESS_SSL_...``, as Mesos's programs have it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

from mesozoic.errors import BadEnvironment

_PREFIX: Final = "LIBPROCESS_SSL_"
_TRUE: Final = ("1", "true")


def context_of(environment: Mapping[str, str]) -> ssl.SSLContext | None:
    """A context as the variables say; None where they do not enable TLS.

    As in libprocess a server's certificate is verified only if ``VERIFY_CERT`` or
    ``VERIFY_SERVER_CERT`` is true, and its host name only with ``HOSTNAME_VALIDATION_SCHEME``
    ``openssl``. Raises :class:`~mesozoic.errors.BadEnvironment` when a file cannot be loaded.
    """

    def text(name: str) -> str | None:
        return environment.get(_PREFIX + name) or None

    def is_true(name: str) -> bool:
        return (text(name) or "").lower() in _TRUE

    if not is_true("ENABLED"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    certificate, key = text("CERT_FILE"), text("KEY_FILE")
    authorities, directory = text("CA_FILE"), text("CA_DIR")
    try:
        if not (is_true("VERIFY_CERT") or is_true("VERIFY_SERVER_CERT")):
            context.verify_mode = ssl.CERT_NONE
        elif authorities is None and directory is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(authorities, directory)
        if certificate is not None and key is not None:
            context.load_cert_chain(certificate, key)
        ciphers = text("CIPHERS")
        if ciphers is not None:
            context.set_ciphers(ciphers)
    except (OSError, ssl.SSLError) as error:
        raise BadEnvironment(f"TLS by {_PREFIX}* does not work: {error}") from error
    if context.verify_mode is not ssl.CERT_NONE:
        context.check_hostname = text("HOSTNAME_VALIDATION_SCHEME") == "openssl"
    return context
