"""The keys of TLS: read where there are any, so that other servers start without it.

Those of the client ports begin with ``ssl.``, those of the links between servers with
``ssl.quorum.``. Source: ``X509Util`` and ``QuorumPeerConfig`` of Apache ZooKeeper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from zkserver.config_keys import host, names, nonempty, true_or_false, whole

if TYPE_CHECKING:
    from zkserver.config import Reader
    from zkserver.tls.settings import TlsSettings

#: Keys of a single value, with the field that has it.
_PLAIN: Final[dict[str, tuple[str, Callable[[str], object]]]] = {
    "secureClientPort": ("secure_client_port", whole(0, 65535)),
    "secureClientPortAddress": ("secure_client_address", host),
    "client.portUnification": ("port_unification", true_or_false),
    "client.certReload": ("cert_reload", true_or_false),
    "X509AuthenticationProvider.superUser": ("x509_super_user", nonempty),
    "sslQuorum": ("ssl_quorum", true_or_false),
    "portUnification": ("quorum_port_unification", true_or_false),
    "sslQuorumReloadCertFiles": ("quorum_cert_reload", true_or_false),
}
_QUORUM: Final = "ssl.quorum."
_CLIENT: Final = "ssl."
_STORES: Final = {
    "location": "location",
    "password": "password",
    "passwordPath": "password_path",
    "type": "kind",
}
_CLIENT_AUTH: Final = ("need", "want", "none")
_NO_NAMES: Final = "host names in the certificates of those who call are not checked"
#: Keys of one end, behind its prefix, that have no effect, and why.
_VAIN: Final = {
    "clientHostnameVerification": _NO_NAMES,
    "allowReverseDnsLookup": _NO_NAMES,
    "handshakeDetectionTimeoutMillis": "other time-outs bound the handshake as well",
    "sslProvider": "TLS is OpenSSL's here",
    "tcnative.ocsp.stapling": "TLS is OpenSSL's here",
}
#: Keys of one end that must not be true, since that would promise what is not done.
_REFUSED_WHEN_TRUE: Final = {
    "crl": "revocation lists are not available in this version",
    "ocsp": "OCSP is not available in this version",
}


@dataclass(slots=True)
class _End:
    """What the keys of one prefix say."""

    prefix: str
    keys: list[str] = field(default_factory=list)
    stores: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"keyStore": {}, "trustStore": {}}
    )
    values: dict[str, object] = field(default_factory=dict)
    verifies_hosts: bool = True

    def read(self, key: str, value: str, reader: Reader) -> None:
        """Take a key; raises ``ValueError`` with what is wrong with its value."""
        self.keys.append(key)
        name = key.removeprefix(self.prefix)
        which, _, what = name.partition(".")
        if which in self.stores:
            if what not in _STORES:
                raise ValueError(f"is none of {', '.join(_STORES)} of a store")
            self.stores[which][_STORES[what]] = value
        elif name == "protocol":
            self.values.setdefault("protocols", (value,))
        elif name == "enabledProtocols":
            self.values["protocols"] = names(value)
        elif name == "ciphersuites":
            self.values["ciphers"] = names(value)
        elif name == "clientAuth":
            if value.lower() not in _CLIENT_AUTH:
                raise ValueError(f"must be one of {', '.join(_CLIENT_AUTH)}")
            self.values["client_auth"] = value.lower()
        elif name == "hostnameVerification":
            self.verifies_hosts = true_or_false(value)
        elif name == "authProvider" and value != "x509":
            raise ValueError("only x509 is available; a Java class cannot be loaded")
        elif name == "context.supplier.class":
            raise ValueError("a Java class cannot be loaded by this server")
        elif name in _REFUSED_WHEN_TRUE:
            if true_or_false(value):
                raise ValueError(_REFUSED_WHEN_TRUE[name])
        elif name != "authProvider":
            reason = _VAIN.get(name, "not a setting of ZooKeeper that this server knows")
            reader.ignore(key, reason)

    def settings(self) -> TlsSettings:
        """All of it."""
        from zkserver.tls.settings import Store, TlsSettings

        # Each value was made by the parser of its key.
        return TlsSettings(
            prefix=self.prefix,
            key_store=Store(**self.stores["keyStore"]),
            trust_store=Store(**self.stores["trustStore"]),
            **self.values,  # type: ignore[arg-type]
        )

    def check(self, wish: str, reader: Reader) -> None:
        """What ``wish``, a key with its value, needs beside it."""
        if "location" not in self.stores["keyStore"]:
            reader.problems.append(f"{wish}: needs {self.prefix}keyStore.location")
        needs_trust = self.prefix == _QUORUM or self.values.get("client_auth", "need") != "none"
        if needs_trust and "location" not in self.stores["trustStore"]:
            rest = "" if self.prefix == _QUORUM else "; ssl.clientAuth=none asks for none"
            reader.problems.append(
                f"{wish}: needs {self.prefix}trustStore.location, with which the certificates of"
                f" the other side are checked{rest}"
            )


def is_of_tls(key: str) -> bool:
    """Whether a key is read here."""
    return key in _PLAIN or key.startswith(_CLIENT)


def take_tls(settings: dict[str, str], reader: Reader) -> None:
    """Take the keys out of ``settings`` and put what they say into the reader's fields."""
    own = {key: settings.pop(key) for key in tuple(settings) if is_of_tls(key)}
    fields = reader.fields
    client, quorum = _End(_CLIENT), _End(_QUORUM)
    for key, value in own.items():
        try:
            if key in _PLAIN:
                name, parse = _PLAIN[key]
                fields[name] = parse(value)
            elif key.startswith(_QUORUM):
                quorum.read(key, value, reader)
            else:
                client.read(key, value, reader)
        except ValueError as error:
            reader.problems.append(f"{key}={value}: {error}")
    _settle_clients(own, client, reader)
    _settle_servers(own, quorum, reader)


def _settle_clients(own: dict[str, str], end: _End, reader: Reader) -> None:
    if "secure_client_port" in reader.fields:
        wish = f"secureClientPort={own['secureClientPort']}"
    elif reader.fields.get("port_unification"):
        wish = "client.portUnification=true"
    else:
        vain = {"client.certReload", "X509AuthenticationProvider.superUser"} & own.keys()
        for key in (*end.keys, *sorted(vain)):
            reader.ignore(key, "there is neither secureClientPort nor client.portUnification=true")
        return
    end.check(wish, reader)
    reader.fields["client_tls"] = end.settings()


def _settle_servers(own: dict[str, str], end: _End, reader: Reader) -> None:
    takes_both = reader.fields.get("quorum_port_unification")
    if not (reader.fields.get("ssl_quorum") or (takes_both and end.keys)):
        if takes_both:
            reader.problems.append("portUnification=true: needs ssl.quorum.keyStore.location")
        vain = {"sslQuorumReloadCertFiles"} & own.keys()
        for key in (*end.keys, *vain):
            reader.ignore(key, "there is neither sslQuorum=true nor portUnification=true")
        return
    end.check(
        "sslQuorum=true" if reader.fields.get("ssl_quorum") else "portUnification=true", reader
    )
    reader.fields["quorum_tls"] = end.settings()
    reader.fields["quorum_verifies_hosts"] = end.verifies_hosts
