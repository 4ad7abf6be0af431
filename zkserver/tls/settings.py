"""What the keys say; no library is needed for it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Store:
    """A key store or trust store; ``location`` is empty where there is none."""

    location: str = ""
    password: str = field(default="", repr=False)
    #: The file that has the password, in place of it.
    password_path: str = ""
    #: JKS, PEM or PKCS12; empty: the ending of the name tells.
    kind: str = ""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """One end of connections: the client port's, or that of the links between servers."""

    #: What stands in front of the keys' names, for errors: ``ssl.`` or ``ssl.quorum.``.
    prefix: str = "ssl."
    key_store: Store = Store()
    trust_store: Store = Store()
    #: Names as Java has them: TLSv1.2, TLSv1.3. Empty: these two.
    protocols: tuple[str, ...] = ()
    #: Names of suites as Java has them. Empty: those of OpenSSL.
    ciphers: tuple[str, ...] = ()
    #: need, want or none: whether a client has to show a certificate.
    client_auth: str = "need"
