"""A certificate's subject as Java writes it: the id of the x509 scheme.

Source: ``X500Principal.getName()`` (RFC 2253), which ``X509AuthenticationProvider`` compares.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

#: What RFC 2253 has names for; Java writes others by number, and their values packed.
_NAMES: Final = {
    NameOID.COMMON_NAME: "CN",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STREET_ADDRESS: "STREET",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.USER_ID: "UID",
}
_ESCAPED: Final = frozenset(',+"\\<>;')
_UTF8, _PRINTABLE, _IA5 = 12, 19, 22


def subject_of(certificate: bytes) -> str:
    """The subject of a certificate in DER; raises ``ValueError`` for what is none."""
    subject = x509.load_der_x509_certificate(certificate).subject
    return ",".join(
        "+".join(_attribute(attribute) for attribute in part) for part in reversed(subject.rdns)
    )


def _attribute(attribute: x509.NameAttribute[str | bytes]) -> str:
    value = attribute.value
    name = _NAMES.get(attribute.oid)
    if name is not None and isinstance(value, str):
        return f"{name}={_escaped(value)}"
    raw = value if isinstance(value, bytes) else value.encode()
    tag = attribute._type.value
    return f"{attribute.oid.dotted_string}=#{(bytes([tag, len(raw)]) + raw).hex()}"


def _escaped(value: str) -> str:
    last = len(value) - 1
    return "".join(
        f"\\{char}"
        if char in _ESCAPED or (char == " " and at in (0, last)) or (char == "#" and at == 0)
        else char
        for at, char in enumerate(value)
    )
