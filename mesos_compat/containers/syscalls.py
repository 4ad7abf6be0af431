"""The few system calls that Python 3.11 does not know, by ctypes.

Also imported by the supervisor, which wants to start quickly: nothing else is imported here.
"""

from __future__ import annotations

import ctypes
import os

# <linux/sched.h>: which namespaces unshare and setns are about.
CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
# <sys/mount.h>
MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
# <sys/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# <sys/eventfd.h>
_EFD_CLOEXEC = 0o2000000
_EFD_NONBLOCK = 0o4000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.signal.restype = ctypes.c_void_p
_libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
_libc.mount.argtypes = (
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave the caller's namespaces of the kinds in ``flags`` for new ones; see unshare(2)."""
    _checked(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter the namespace that ``fd`` (of /proc/PID/ns) stands for; see setns(2)."""
    _checked(_libc.setns(fd, kind), "setns")


def mount(source: bytes, target: bytes, fs_type: bytes | None, flags: int) -> None:
    """Attach a file system or a directory; see mount(2)."""
    _checked(_libc.mount(source, target, fs_type, flags, None), f"mount {source!r} on {target!r}")


def become_subreaper() -> None:
    """Adopt descendants whose parents have died (PR_SET_CHILD_SUBREAPER)."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send ``signal_number`` to the caller when its parent dies."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl")


def default_signal(signal_number: int) -> None:
    """Give a signal back its default action. (Importing ``signal`` would cost milliseconds.)"""
    _libc.signal(signal_number, None)


def eventfd() -> int:
    """A counter that can be polled; non-blocking, closed on exec."""
    return _checked(_libc.eventfd(0, _EFD_CLOEXEC | _EFD_NONBLOCK), "eventfd")
