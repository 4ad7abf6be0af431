"""What is wrong with a store is said by its key; and names are written as Java writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.tls.places import PASSWORD, Place
from zkserver.errors import StartError
from zkserver.tls.authority import Authority
from zkserver.tls.contexts import make_context
from zkserver.tls.names import subject_of
from zkserver.tls.settings import Store, TlsSettings


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def problem(key: Store, trust: Store | None = None, **others: tuple[str, ...]) -> str:
    settings = TlsSettings(key_store=key, trust_store=trust or Store(), **others)  # type: ignore[arg-type]
    with pytest.raises(StartError) as caught:
        make_context(settings, is_server=True)
    return str(caught.value)


def test_each_mistake_is_named(place: Place) -> None:
    good = Store(place.path("server.pem"))
    assert "ssl.keyStore: cannot read" in problem(Store("/nonexistent/server.pem"))
    assert "the ending tells no kind of store" in problem(Store(place.write("server.store", b"x")))
    wrong = problem(Store(place.path("server.p12"), "wrong"))
    assert wrong.startswith(f"ssl.keyStore.location={place.path('server.p12')}: the password")
    assert "ssl.keyStore.location" in problem(Store(place.write("empty.pem", b"")))
    jks = place.write("server.jks", b"\xfe\xed\xfe\xed\0\0\0\2")
    assert "no library reads JKS" in problem(Store(jks, PASSWORD))
    assert "ssl.trustStore.location" in problem(good, Store(place.write("bad.pem", b"nothing")))
    assert "is none of TLSv1, TLSv1.1" in problem(good, protocols=("TLSv9",))
    assert "none of them is available" in problem(good, ciphers=("TLS_NO_WITH_SUCH_CIPHER",))


def test_pkcs12_under_another_name_is_read(place: Place) -> None:
    # As keytool has written them since Java 9.
    store = place.write("server.jks", Path(place.path("server.p12")).read_bytes())
    context = make_context(TlsSettings(key_store=Store(store, PASSWORD)), is_server=True)
    assert context.verify_mode.name == "CERT_REQUIRED"


def test_suites_are_known_by_java_s_names(place: Place) -> None:
    name = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    settings = TlsSettings(
        key_store=Store(place.path("server.pem")), ciphers=(name,), protocols=("TLSv1.2",)
    )
    found = make_context(settings, is_server=True).get_ciphers()
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in [cipher["name"] for cipher in found]
    assert not [one for one in found if "AES256-SHA384" in one["name"] and "ECDHE" in one["name"]]


def test_subject_is_written_as_java_writes_it() -> None:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'A, "B" + C'),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@b.c"),
            x509.NameAttribute(NameOID.COMMON_NAME, "#Ä "),
        ]
    )
    der = Authority().issue(subject).certificate.public_bytes(Encoding.DER)
    # What X500Principal.getName() of OpenJDK 17 gives for this certificate.
    assert subject_of(der) == (
        'CN=\\#Ä\\ ,1.2.840.113549.1.9.1=#16056140622e63,O=A\\, \\"B\\" \\+ C,C=DE'
    )
