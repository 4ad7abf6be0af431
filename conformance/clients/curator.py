"""Apache Curator, the library most JVM applications use ZooKeeper through, and its recipes.

The program's sources and the ``pom.xml`` that names its version are in ``java/curator``.
Curator brings a client of ZooKeeper 3.9, newer than the one :mod:`.java_client` uses. Two
clients contend in every recipe; the transcript tells outcomes and cached Stats.
"""

from __future__ import annotations

import os

from conformance.clients.compare import Client, main
from conformance.clients.java.toolchain import SOURCES, compiled, maven_classpath, transcript_of

_MAIN_CLASS = "conformance.curator.Main"


def run(address: str) -> list[str]:
    """The program's transcript on the server at ``address`` (``host:port``).

    Raises :class:`ClientUnavailable` without a JDK or Maven or when Curator cannot be
    fetched, ``RuntimeError`` with the program's output when it fails.
    """
    libraries = maven_classpath(SOURCES / "curator" / "pom.xml")
    classes = compiled("curator", libraries)
    return transcript_of(_MAIN_CLASS, f"{classes}{os.pathsep}{libraries}", [address])


CLIENT = Client("curator", run)

if __name__ == "__main__":
    main(CLIENT)
