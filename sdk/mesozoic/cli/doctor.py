"""``mesozoic doctor``: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

import click
import psutil

from mesozoic.cli.options import json_option
from mesozoic.cli.printing import print_json, print_rows

_CGROUPS: Final = Path("/sys/fs/cgroup")
_PORTS: Final = {2181: "ZooKeeper", 5050: "a master", 5051: "an agent"}
_FILES_MIN: Final = 4096
_GIB: Final = 1 << 30
_FSYNCS: Final = 20
_SLOW_FSYNC_MS: Final = 20.0
_TRY_S: Final = 10.0

Verdict = Literal["ok", "warn", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what that means."""

    what: str
    verdict: Verdict
    found: str
    advice: str = ""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look at what servers, agents and bridges need of this machine.

    Nothing that is missing keeps 'mesozoic up' from running: it says what will not work.
    """
    findings = [finding for check in CHECKS for finding in check()]
    if as_json:
        print_json([asdict(one) for one in findings])
        return
    columns = {"verdict": "", "what": "WHAT", "found": "FOUND", "advice": "WHAT TO DO"}
    print_rows([asdict(one) for one in findings], columns, "")


def _python() -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{sys.version.split()[0]}, {sys.executable}")
    optional = {"pyspark": "mesozoic[spark]", "distributed": "mesozoic[dask]"}
    for package, extra in optional.items():
        if importlib.util.find_spec(package) is None:
            yield Finding(package, "missing", "not installed", f"pip install '{extra}'")
            continue
        try:
            yield Finding(package, "ok", version(package))
        except PackageNotFoundError:
            yield Finding(package, "warn", "of no known version")


def _machine() -> Iterator[Finding]:
    memory = psutil.virtual_memory()
    text = f"{os.cpu_count()} processors, {memory.available / _GIB:.1f} GiB of memory available"
    yield Finding("processors, memory", "ok" if memory.available > _GIB else "warn", text)


def _cgroups() -> Iterator[Finding]:
    if (_CGROUPS / "cgroup.controllers").exists():
        kind, place = "version 2", _CGROUPS
    elif (_CGROUPS / "memory").is_dir():
        kind, place = "version 1", _CGROUPS / "memory"
    else:
        yield Finding("cgroups", "missing", "none are mounted", "Tasks have no limits of memory.")
        return
    if os.access(place, os.W_OK):
        yield Finding("cgroups", "ok", f"{kind}, writable")
    else:
        advice = "Run agents as root, or delegate a cgroup to them, to limit tasks."
        yield Finding("cgroups", "warn", f"{kind}, not writable", advice)


def _namespaces() -> Iterator[Finding]:
    unshare = shutil.which("unshare")
    for what, option in (("pid", "--pid"), ("mount", "--mount")):
        name = f"{what} namespaces"
        if unshare is None:
            yield Finding(name, "warn", "not tried: there is no unshare", "Install util-linux.")
            continue
        tried = subprocess.run(
            [unshare, option, "--fork", "true"], capture_output=True, timeout=_TRY_S, check=False
        )
        if tried.returncode == 0:
            yield Finding(name, "ok", "may be made")
        else:
            text = tried.stderr.decode(errors="replace").strip().rpartition(": ")[2]
            advice = "Run agents as root for the namespaces/pid and volumes isolators."
            yield Finding(name, "warn", text or "refused", advice)


def _users() -> Iterator[Finding]:
    if os.geteuid() == 0:
        yield Finding("users", "ok", "root: tasks run as the user they name")
    else:
        yield Finding("users", "warn", "not root", "Tasks run as the agent's own user.")


def _java() -> Iterator[Finding]:
    for program, advice in (
        ("java", "Install a JRE for Spark (Debian: openjdk-17-jre-headless)."),
        ("javac", "Install a JDK to build the driver for Spark (openjdk-17-jdk-headless)."),
    ):
        path = shutil.which(program)
        if path is None:
            yield Finding(program, "missing", "not found", advice)
            continue
        told = subprocess.run([path, "-version"], capture_output=True, timeout=_TRY_S, check=False)
        lines = (told.stderr + told.stdout).decode(errors="replace").splitlines()
        yield Finding(program, "ok", lines[0] if lines else path)


def _ports() -> Iterator[Finding]:
    for port, whose in _PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                yield Finding(f"port {port}", "ok", f"free for {whose}")
            except OSError as error:
                advice = "Something listens there; 'mesozoic up' takes other ports by itself."
                yield Finding(f"port {port}", "warn", error.strerror or "taken", advice)


def _open_files() -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    advice = "" if soft >= _FILES_MIN else f"ulimit -n {min(hard, 65536)} for many clients."
    yield Finding("open files", "warn" if advice else "ok", f"at most {soft}", advice)


def _disk() -> Iterator[Finding]:
    with tempfile.TemporaryFile(buffering=0) as file:
        times = []
        for _ in range(_FSYNCS):
            file.write(b"x" * 512)
            began = time.monotonic()
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - began) * 1000)
    median = sorted(times)[_FSYNCS // 2]
    free = shutil.disk_usage(tempfile.gettempdir()).free / _GIB
    is_slow = median > _SLOW_FSYNC_MS
    advice = "Each write of ZooKeeper waits for that: use a faster disk." if is_slow else ""
    text = f"fdatasync takes {median:.2f} ms, {free:.1f} GiB free in {tempfile.gettempdir()}"
    yield Finding("disk", "warn" if is_slow or free < 1 else "ok", text, advice)


def _clock() -> Iterator[Finding]:
    monotonic = time.get_clock_info("monotonic")
    resolution = f"steps of {monotonic.resolution * 1e9:.0f} ns"
    yield Finding("clock", "ok" if monotonic.monotonic else "warn", resolution)


CHECKS: Final[tuple[Callable[[], Iterator[Finding]], ...]] = (
    _python,
    _machine,
    _cgroups,
    _namespaces,
    _users,
    _java,
    _ports,
    _open_files,
    _disk,
    _clock,
)
