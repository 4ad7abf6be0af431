"""Key stores and trust stores of every kind, as PEM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import Certificate

from zkserver.errors import StartError
from zkserver.tls.settings import Store

_KINDS: Final = ("JKS", "PEM", "PKCS12")
#: What everything in DER begins with; JKS does not.
_SEQUENCE: Final = b"0"
_ENDINGS: Final = {".jks": "JKS", ".pem": "PEM", ".p12": "PKCS12", ".pfx": "PKCS12"}


class StoreError(StartError):
    """A store cannot be used; the text names the key and the reason."""


class KeyPair(NamedTuple):
    """A certificate with its chain and its private key, as PEM without a password."""

    certificates: bytes
    key: bytes


def read_key_store(store: Store, key: str) -> KeyPair:
    """The server's own certificate; ``key`` is what the settings call the store.

    Raises :class:`StoreError`.
    """
    kind, data, password = _open(store, key)
    try:
        if kind == "PKCS12":
            found, certificate, others = pkcs12.load_key_and_certificates(data, password)
            if found is None or certificate is None:
                raise ValueError("it holds no private key with its certificate")
            chain: Sequence[Certificate] = [certificate, *others]
            return KeyPair(_pem(chain), _pem_of_key(found))
        if kind == "JKS":
            raise ValueError(_NO_JKS)
        return KeyPair(
            _pem(x509.load_pem_x509_certificates(data)),
            _pem_of_key(load_pem_private_key(data, password or None)),
        )
    except (ValueError, TypeError) as error:
        raise StoreError(f"{key}.location={store.location}: {_reason(error)}") from None


def read_trust_store(store: Store, key: str) -> bytes:
    """The certificates that are trusted, as PEM; raises :class:`StoreError`."""
    kind, data, password = _open(store, key)
    try:
        if kind == "PKCS12":
            _, certificate, others = pkcs12.load_key_and_certificates(data, password)
            found = [one for one in (certificate, *others) if one is not None]
            if not found:
                bundle = pkcs12.load_pkcs12(data, password)
                found = [one.certificate for one in bundle.additional_certs]
        elif kind == "JKS":
            raise ValueError(_NO_JKS)
        else:
            found = x509.load_pem_x509_certificates(data)
        if not found:
            raise ValueError("it holds no certificate")
    except (ValueError, TypeError) as error:
        raise StoreError(f"{key}.location={store.location}: {_reason(error)}") from None
    return _pem(found)


_NO_JKS: Final = (
    "no library reads JKS stores here; convert it: keytool -importkeystore -srckeystore STORE"
    " -destkeystore STORE.p12 -deststoretype PKCS12"
)


def _open(store: Store, key: str) -> tuple[str, bytes, bytes]:
    path = Path(store.location)
    kind = store.kind.upper() or _ENDINGS.get(path.suffix.lower(), "")
    if kind not in _KINDS:
        raise StoreError(
            f"{key}.location={store.location}: the ending tells no kind of store; name it .pem,"
            f" .p12 or .jks, or set {key}.type to one of {', '.join(_KINDS)}"
        )
    password = store.password
    try:
        if store.password_path:
            password = Path(store.password_path).read_text(encoding="utf-8").rstrip("\r\n")
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{key}: cannot read {error.filename}: {error.strerror}") from None
    if kind == "JKS" and data[:1] == _SEQUENCE:
        # Since Java 9 keytool writes PKCS12, whatever the file is called.
        kind = "PKCS12"
    return kind, data, password.encode()


def _pem(certificates: Sequence[Certificate]) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def _pem_of_key(key: object) -> bytes:
    packed: bytes = key.private_bytes(  # type: ignore[attr-defined]
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    return packed


def _reason(error: Exception) -> str:
    text = str(error)
    if "password" in text.lower() or "decrypt" in text.lower():
        return f"the password does not open it ({text})"
    return text
