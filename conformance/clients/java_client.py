"""Apache's Java client library, through a program that asks a server for everything it can.

The program's sources are in ``java/plain``; its chapters cover every operation, mode
and error that can be reached from outside, the order of answers and events, and what
happens to sessions and watches when connections break.
"""

from __future__ import annotations

import os

from conformance.clients.compare import Client, main
from conformance.clients.java.toolchain import compiled, debian_classpath, transcript_of

_MAIN_CLASS = "conformance.plain.Main"


def run(address: str) -> list[str]:
    """The program's transcript on the server at ``address`` (``host:port``).

    Raises :class:`ClientUnavailable` without a JDK or Apache's jar, ``RuntimeError``
    with the program's output when it fails.
    """
    libraries = debian_classpath()
    classes = compiled("plain", libraries)
    return transcript_of(_MAIN_CLASS, f"{classes}{os.pathsep}{libraries}", [address])


CLIENT = Client("java_client", run)

if __name__ == "__main__":
    main(CLIENT)
