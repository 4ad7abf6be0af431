"""What the operating system and the interpreter say about this process.

The keys of ``envi`` are Java's, because tools look for them; the values tell
what stands in that place here: the interpreter for the JVM, resident memory for
the heap.
"""

# pathlib would cost the start of the server several milliseconds.
# ruff: noqa: PTH116, PTH208

from __future__ import annotations

import os
import sys
import time

from zkserver import __version__

# The release of ZooKeeper whose answers we give; clients parse three numbers and a "-".
COMPATIBLE_VERSION = "3.8.0"
_ARCHITECTURES = {"x86_64": "amd64", "i686": "i386"}


def version_text() -> str:
    """``3.8.0-mesozoic-<version>, built on <date> UTC``, the date of the installed files."""
    try:
        written_s = os.stat(__file__).st_mtime
    except OSError:
        # Inside a zip archive there is no file to ask, and a date is only for show.
        written_s = 0.0
    date = time.strftime("%Y-%m-%d %H:%M", time.gmtime(written_s))
    return f"{COMPATIBLE_VERSION}-mesozoic-{__version__}, built on {date} UTC"


def environment() -> list[tuple[str, str]]:
    """The lines of ``envi`` after zookeeper.version, in Apache's order."""
    # Asked for so rarely that the start of the server should not pay for it.
    import tempfile

    system = os.uname()
    resident, total = _memory_mb()
    version = ".".join(str(number) for number in sys.version_info[:3])
    name = sys.implementation.name
    return [
        ("host.name", system.nodename),
        ("java.version", f"{version} ({name})"),
        ("java.vendor", "Python Software Foundation" if name == "cpython" else name),
        ("java.home", sys.base_prefix),
        ("java.class.path", os.pathsep.join(sys.path)),
        ("java.library.path", os.environ.get("LD_LIBRARY_PATH", "")),
        ("java.io.tmpdir", tempfile.gettempdir()),
        ("java.compiler", "<NA>"),
        ("os.name", system.sysname),
        ("os.arch", _ARCHITECTURES.get(system.machine, system.machine)),
        ("os.version", system.release),
        ("user.name", user_name()),
        ("user.home", os.path.expanduser("~")),  # noqa: PTH111
        ("user.dir", _working_directory()),
        ("os.memory.free", f"{max(total - resident, 0)}MB"),
        ("os.memory.max", f"{total}MB"),
        ("os.memory.total", f"{resident}MB"),
    ]


def file_descriptors() -> tuple[int, int]:
    """File descriptors that are open and that may be open; -1 for what cannot be known."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    for directory in ("/proc/self/fd", "/dev/fd"):
        try:
            # The listing itself holds one descriptor open.
            return len(os.listdir(directory)) - 1, limit
        except OSError:
            continue
    return -1, limit


def _memory_mb() -> tuple[int, int]:
    """Resident memory of this process and memory of the machine, in MiB, 0 if unknown."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = os.sysconf("SC_PHYS_PAGES") * page >> 20
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * page >> 20, total
    except (OSError, ValueError, IndexError):
        return 0, total


def user_name() -> str:
    """Whom this process runs as."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # Containers often run under an id that no user has.
        return str(os.getuid())


def _working_directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return "?"
