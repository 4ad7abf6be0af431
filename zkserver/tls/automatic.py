"""``--tls auto``: TLS without having certificates, and what clients need for it.

The authority's key is thrown away. Its certificates are kept in a directory below dataDir, so that
clients go on over a restart; they are made anew a month before they expire.
"""

from __future__ import annotations

import datetime
import secrets
import socket
from pathlib import Path
from typing import Final

from cryptography import x509

from zkserver.errors import StartError
from zkserver.tls.authority import Authority, trust_store

DIRECTORY: Final = "tls-auto"
_LEFT: Final = datetime.timedelta(days=30)
_CLIENT: Final = "zkserver client"


def prepare(data_dir: str, address: str) -> tuple[str, dict[str, str]]:
    """The directory with the stores, and the settings that name them.

    ``address`` is what clients may call this server besides the usual names; it may be empty.
    Raises :class:`StartError`.
    """
    place = Path(data_dir).resolve() / DIRECTORY
    try:
        if not _is_usable(place):
            _make(place, address)
    except OSError as error:
        raise StartError(f"--tls auto: cannot write {error.filename}: {error.strerror}") from error
    return str(place), {
        "ssl.keyStore.location": str(place / "server.pem"),
        "ssl.trustStore.location": str(place / "ca.pem"),
    }


def hints(directory: str, address: str) -> list[str]:
    """What to tell clients that connect to ``address`` (host:port), a line each."""
    place = Path(directory)
    password = (place / "password").read_text(encoding="ascii").strip()
    java = {
        "zookeeper.client.secure": "true",
        "zookeeper.clientCnxnSocket": "org.apache.zookeeper.ClientCnxnSocketNetty",
        "zookeeper.ssl.keyStore.location": str(place / "client.p12"),
        "zookeeper.ssl.keyStore.password": password,
        "zookeeper.ssl.trustStore.location": str(place / "trust.p12"),
        "zookeeper.ssl.trustStore.password": password,
    }
    ca, certificate, key = (str(place / name) for name in ("ca.pem", "client.crt", "client.key"))
    return [
        f"kazoo:  KazooClient({address!r}, use_ssl=True, ca={ca!r}, certfile={certificate!r},"
        f" keyfile={key!r})",
        "Java:   " + " ".join(f"-D{name}={value}" for name, value in java.items()),
        f'C:      zookeeper_init_ssl("{address}", "{ca},{certificate},{key}", watcher, 30000, 0, 0,'
        " 0)",
    ]


def _is_usable(place: Path) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate((place / "client.crt").read_bytes())
    except (OSError, ValueError):
        return False
    return certificate.not_valid_after_utc - _LEFT > datetime.datetime.now(datetime.UTC)


def _make(place: Path, address: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    authority = Authority()
    own = [socket.gethostname(), socket.getfqdn(), address]
    hosts = dict.fromkeys(["localhost", "127.0.0.1", "::1", *filter(None, own)])
    server = authority.issue("zkserver", list(hosts))
    client = authority.issue(_CLIENT)
    password = secrets.token_hex(12)
    for name, content in (
        ("ca.pem", authority.pem),
        ("trust.p12", trust_store(authority, password)),
        ("server.pem", server.pem()),
        ("client.p12", client.pkcs12(password)),
        ("client.key", client.key_pem),
        ("password", password.encode()),
        # Last: it says that all of them are there.
        ("client.crt", client.certificate_pem),
    ):
        path = place / name
        path.touch(mode=0o600)
        path.write_bytes(content)
