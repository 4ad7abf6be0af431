"""Compiles the load generator on first use and runs it.

The binary is kept under ``build/loadgen`` in the repository's root (``ZK_LOADGEN_CACHE``
names another directory), under a name made of a hash of its sources and flags, so a
changed source is compiled anew and two checkouts can share a cache.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "conformance" / "loadgen"
STEADY_MODES = ("get", "exists", "children", "set", "create", "crdel", "mix", "multi2", "sync")
_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror=implicit-function-declaration")

#: One line of the generator's output: names of figures and their values.
Figures = dict[str, float]


class CompilerMissingError(RuntimeError):
    """There is no gcc on this machine; the text says what to install."""


class LoadError(RuntimeError):
    """The generator saw errors, or could not run at all; the text is what it said."""


@functools.cache
def binary() -> Path:
    """The compiled generator; compiles it if its sources changed.

    Raises :class:`CompilerMissingError` without gcc and :class:`LoadError` if it does not compile.
    """
    sources = sorted(SOURCES.glob("*.c"))
    digest = hashlib.sha256(" ".join(_FLAGS).encode())
    for source in [*sources, *sorted(SOURCES.glob("*.h"))]:
        digest.update(source.read_bytes())
    cache = Path(os.environ.get("ZK_LOADGEN_CACHE", ROOT / "build" / "loadgen"))
    target = cache / f"loadgen-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    if shutil.which("gcc") is None:
        raise CompilerMissingError(
            "the load generator is C and gcc is not here: apt-get install gcc"
        )
    cache.mkdir(parents=True, exist_ok=True)
    # Compiled beside its place and renamed, so that nobody starts half a file.
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        made = Path(scratch) / "loadgen"
        command = ["gcc", *_FLAGS, "-o", str(made), *map(str, sources)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise LoadError(f"gcc could not compile the load generator:\n{result.stderr}")
        made.replace(target)
    return target


def command(mode: str, port: int | Sequence[int], **options: float) -> list[str]:
    """The command line of a run; ``value_bytes=100`` becomes ``--value-bytes 100``.

    Connections are dealt out in turn to the ports where ``port`` is several of them.
    """
    ports = [port] if isinstance(port, int) else port
    line = [str(binary()), mode, "--ports", ",".join(map(str, ports))]
    for name, value in options.items():
        line += [f"--{name.replace('_', '-')}", str(value)]
    return line


def pinned(line: list[str], cpus: set[int] | None) -> subprocess.Popen[str]:
    """Start ``line`` with pipes on all three streams, on ``cpus`` only if given."""
    process = subprocess.Popen(
        line,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if cpus is not None:
        os.sched_setaffinity(process.pid, cpus)
    return process


def finish(process: subprocess.Popen[str], timeout_s: float) -> Figures:
    """Close the run's input, wait for its end and return its last line.

    Raises :class:`LoadError` if it failed, saw an error or takes longer than ``timeout_s``.
    """
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise LoadError(f"the load generator did not end within {timeout_s:.0f} s") from None
    if process.returncode != 0 or not out.strip():
        raise LoadError(
            f"{process.args!r}: exit status {process.returncode}: {err.strip()} {out.strip()}"
        )
    figures: Figures = json.loads(out.splitlines()[-1])
    return figures


def run(
    mode: str,
    port: int | Sequence[int],
    *,
    cpus: set[int] | None = None,
    timeout_s: float = 300.0,
    **options: float,
) -> Figures:
    """One run of the generator against ``port``, or several ports, from start to end.

    ``options`` are the generator's, with underscores. Raises :class:`LoadError` if any
    reply was missing, late by ten seconds, out of order or an error.
    """
    return finish(pinned(command(mode, port, **options), cpus), timeout_s)


@contextlib.contextmanager
def stub(*, cpus: set[int] | None = None) -> Iterator[int]:
    """The generator's own server, which answers at once; yields its port."""
    process = pinned([str(binary()), "--stub"], cpus)
    assert process.stdout is not None
    try:
        first_line = process.stdout.readline()
        if not first_line:
            raise LoadError("the stub did not start")
        yield int(json.loads(first_line)["port"])
    finally:
        # The stub serves until its input ends.
        process.communicate(timeout=10)
