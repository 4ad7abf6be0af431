"""The library for C with TLS, which Debian's packages leave out, compiled from their source.

The records are compiled from ``zookeeper.jute`` by the compiler that is in Apache's jar of the
same name, as the library's own build does it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from conformance.clients.c.programs import build_step, built, require, require_file
from conformance.clients.compare import ClientUnavailable
from conformance.migration.versions import server_class

_FETCH: Final = Path(__file__).parents[1] / "setup" / "c_source.sh"
_JUTE_VERSION: Final = "3.8.4"
_SOURCES: Final = ("zookeeper", "zk_log", "recordio", "zk_hashtable", "addrvec", "mt_adaptor")
_HASHTABLE: Final = ("hashtable", "hashtable_itr")
_HEADERS: Final = (
    *("ARPA_INET_H", "FCNTL_H", "INTTYPES_H", "NETDB_H", "NETINET_IN_H", "STDINT_H", "STDLIB_H"),
    *("STRING_H", "SYS_SOCKET_H", "SYS_TIME_H", "SYS_UTSNAME_H", "UNISTD_H", "GETCWD"),
    *("GETHOSTBYNAME", "GETHOSTNAME", "GETLOGIN", "GETPWUID_R", "GETTIMEOFDAY", "GETUID", "POLL"),
    *("SOCKET", "STRDUP"),
)
# OpenSSL 3 has no FIPS_mode any more.
_FLAGS: Final = (
    *("-w", "-O1", "-pthread", "-D_GNU_SOURCE", "-DTHREADED", "-DHAVE_OPENSSL_H"),
    "-DFIPS_mode()=0",
)


def library() -> Path:
    """A directory with ``libzookeeper_mt.so`` and, in ``include``, its headers.

    Raises :class:`ClientUnavailable` without a compiler, OpenSSL's headers, or the source.
    """
    require("gcc", "gcc")
    require_file(Path("/usr/include/openssl/ssl.h"), "libssl-dev")
    jars = os.pathsep.join(map(str, server_class(_JUTE_VERSION).class_path))
    return built("c-library", [Path(__file__), _FETCH], lambda place: _build(place, jars))


def _build(place: Path, jars: str) -> None:
    fetched = subprocess.run([str(_FETCH), str(place)], capture_output=True, text=True, check=False)
    archives = sorted(place.glob("*.orig.tar.gz"))
    if fetched.returncode or not archives:
        raise ClientUnavailable(f"no source of Debian's zookeeper: {fetched.stderr[-300:]}")
    build_step(["tar", "-xzf", str(archives[0])], place)
    (top,) = (one for one in place.iterdir() if one.is_dir())
    include = place / "include"
    include.mkdir()
    jute = top / "zookeeper-jute/src/main/resources/zookeeper.jute"
    compiler = ["java", "-cp", jars, "org.apache.jute.compiler.generated.Rcc"]
    build_step([*compiler, "-l", "C", str(jute)], include)
    client = top / "zookeeper-client/zookeeper-client-c"
    for header in (client / "include").glob("*.h"):
        (include / header.name).write_bytes(header.read_bytes())
    lines = ['#define PACKAGE_STRING "zookeeper C client"', "#define POLL_NVAL_ON_CLOSED 1"]
    lines += [f"#define HAVE_{name} 1" for name in _HEADERS]
    (include / "config.h").write_text("\n".join(lines) + "\n")
    sources = [client / "src" / f"{name}.c" for name in _SOURCES]
    sources += [client / "src/hashtable" / f"{name}.c" for name in _HASHTABLE]
    sources.append(include / "zookeeper.jute.c")
    build_step(
        [
            *("gcc", *_FLAGS, "-shared", "-fPIC", f"-I{include}", f"-I{client / 'src'}"),
            *map(str, sources),
            *("-lssl", "-lcrypto", "-o", "libzookeeper_mt.so"),
        ],
        place,
    )
