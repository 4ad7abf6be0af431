"""Settings as contexts of Python's ``ssl``, and their renewal when the files change."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

from zkserver.errors import StartError
from zkserver.tls.settings import Store, TlsSettings
from zkserver.tls.stores import read_key_store, read_trust_store

_VERSIONS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_DEFAULT_PROTOCOLS: Final = ("TLSv1.2", "TLSv1.3")
_CLIENT_AUTH: Final = {
    "need": ssl.CERT_REQUIRED,
    "want": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}


class Contexts:
    """The context of one end, made anew when a store's file has changed.

    A store that cannot be read then, perhaps since it is being written, leaves the old context in
    force; :meth:`renew` tells of it.
    """

    def __init__(
        self, settings: TlsSettings, *, is_server: bool, verifies_hosts: bool = True
    ) -> None:
        """Raises ``StartError`` naming the key and the reason."""
        self._settings = settings
        self._is_server = is_server
        self._verifies_hosts = verifies_hosts
        self._seen = self._stamps()
        self.current = self._made()

    def _made(self) -> ssl.SSLContext:
        return make_context(
            self._settings, is_server=self._is_server, verifies_hosts=self._verifies_hosts
        )

    def renew(self) -> str | None:
        """Look whether the files have changed; what was done about it, for the log."""
        stamps = self._stamps()
        if stamps == self._seen:
            return None
        self._seen = stamps
        try:
            self.current = self._made()
        except StartError as error:
            return f"the certificates have changed and cannot be used: {error}"
        return "the certificates have changed and are in use now"

    def _stamps(self) -> tuple[object, ...]:
        return tuple(
            _stamp(path)
            for store in (self._settings.key_store, self._settings.trust_store)
            for path in (store.location, store.password_path)
        )


def make_context(
    settings: TlsSettings, *, is_server: bool, verifies_hosts: bool = True
) -> ssl.SSLContext:
    """A context for that side of connections; raises ``StartError``.

    ``verifies_hosts`` is for the side that calls: the certificate has to be of whom it called.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = verifies_hosts and not is_server
    _set_protocols(context, settings)
    _set_ciphers(context, settings)
    if settings.key_store.location:
        _load_own(context, settings.key_store, f"{settings.prefix}keyStore")
    if settings.trust_store.location:
        trusted = read_trust_store(settings.trust_store, f"{settings.prefix}trustStore")
        context.load_verify_locations(cadata=trusted.decode("ascii"))
    context.verify_mode = _CLIENT_AUTH[settings.client_auth] if is_server else ssl.CERT_REQUIRED
    return context


def _set_protocols(context: ssl.SSLContext, settings: TlsSettings) -> None:
    names = settings.protocols or _DEFAULT_PROTOCOLS
    unknown = [name for name in names if name not in _VERSIONS]
    if unknown:
        raise StartError(
            f"{settings.prefix}enabledProtocols={','.join(names)}: {unknown[0]} is none of"
            f" {', '.join(_VERSIONS)}"
        )
    versions = sorted(_VERSIONS[name] for name in names)
    context.minimum_version, context.maximum_version = versions[0], versions[-1]


def _set_ciphers(context: ssl.SSLContext, settings: TlsSettings) -> None:
    # Those of TLS 1.3 are all in force always.
    wanted = [name for name in settings.ciphers if "_WITH_" in name]
    if not wanted:
        return
    known = {}
    for cipher in ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).get_ciphers():
        known[_java_name(cipher["name"])] = cipher["name"]
    found = [known[name] for name in wanted if name in known]
    if not found:
        raise StartError(
            f"{settings.prefix}ciphersuites={','.join(settings.ciphers)}: none of them is"
            f" available; these are: {', '.join(sorted(one for one in known if '_WITH_' in one))}"
        )
    context.set_ciphers(":".join(found))


def _java_name(openssl_name: str) -> str:
    """ECDHE-RSA-AES128-GCM-SHA256 as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256."""
    if openssl_name.startswith("TLS_"):
        return openssl_name
    exchange, _, cipher = openssl_name.partition("-AES")
    if not cipher:
        exchange, _, cipher = openssl_name.partition("-CHACHA20")
        return f"TLS_{exchange.replace('-', '_')}_WITH_CHACHA20_POLY1305_SHA256"
    bits, _, rest = cipher.partition("-")
    if rest.startswith("SHA"):
        rest = f"CBC_{rest}"
    return f"TLS_{exchange.replace('-', '_')}_WITH_AES_{bits}_{rest.replace('-', '_')}"


def _load_own(context: ssl.SSLContext, store: Store, key: str) -> None:
    pair = read_key_store(store, key)
    # load_cert_chain takes names of files only; this one is in memory, and nobody else's.
    descriptor = os.memfd_create("key-store")
    try:
        os.write(descriptor, pair.key + pair.certificates)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except ssl.SSLError as error:
        raise StartError(f"{key}.location={store.location}: {error.reason or error}") from None
    finally:
        os.close(descriptor)


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
