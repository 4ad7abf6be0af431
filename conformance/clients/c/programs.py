"""Builds programs in other languages once, and runs them to their transcript.

What is derived from sources goes below the checkout's git-ignored ``build/clients``,
into a directory named after the hash of all it was made from: a stale result cannot be
picked up, and two runs at the same time cannot harm each other, since each builds in a
directory of its own and renames it when it is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from conformance.clients.compare import ClientUnavailable

#: Where the results of building go; git ignores it.
BUILD = Path(__file__).resolve().parents[3] / "build" / "clients"

_BUILD_TIMEOUT_S = 300.0
_RUN_TIMEOUT_S = 120.0


def require(program: str, package: str) -> None:
    """Raise :class:`ClientUnavailable` unless ``program`` is on the search path."""
    if shutil.which(program) is None:
        raise ClientUnavailable(f"{program} not found: apt-get install {package}")


def require_file(path: Path, package: str) -> None:
    """Raise :class:`ClientUnavailable` unless the file ``path`` of ``package`` is there."""
    if not path.exists():
        raise ClientUnavailable(f"{path} not found: apt-get install {package}")


def built(name: str, sources: Iterable[Path], build: Callable[[Path], None]) -> Path:
    """The directory that ``build`` filled for this state of ``sources``.

    ``build`` gets an empty directory and is called only when no earlier run has built
    the same; what it raises is passed on and leaves nothing behind.
    """
    recipe = hashlib.sha256()
    for source in sources:
        recipe.update(f"{source.name}\0{source.stat().st_size}\0".encode() + source.read_bytes())
    place = BUILD / f"{name}-{recipe.hexdigest()[:16]}"
    if not place.is_dir():
        BUILD.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", suffix=".new", dir=BUILD))
        try:
            build(fresh)
            fresh.rename(place)
        except OSError:
            # Another run may have put its equal result there first.
            if not place.is_dir():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return place


def build_step(
    command: Sequence[str], place: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run one command of a build inside ``place``.

    Raises ``RuntimeError`` with what the command printed when it fails.
    """
    done = subprocess.run(
        command,
        cwd=place,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=_BUILD_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed while building:\n{done.stdout[-3000:]}")


def fetch_step(
    command: Sequence[str], place: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run one command that fetches packages; the rest of :func:`build_step` holds.

    Raises :class:`ClientUnavailable` when it fails, most likely for want of a registry.
    """
    try:
        build_step(command, place, environment)
    except RuntimeError as error:
        raise ClientUnavailable(
            f"'{' '.join(command)}' could not fetch the client library; check the access to "
            f"its package registry. {error}"
        ) from None


def transcript_of(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> list[str]:
    """The lines that a program prints on standard output.

    Raises ``RuntimeError`` with all that it printed when it fails or does not end.
    """
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_RUN_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        printed = (late.stdout or b"").decode(errors="replace")
        raise RuntimeError(
            f"{command[0]} did not end in {_RUN_TIMEOUT_S:.0f} s; it printed:\n{printed[-3000:]}"
        ) from None
    if done.returncode != 0:
        raise RuntimeError(
            f"{command[0]} failed with status {done.returncode}; it printed:\n"
            f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return done.stdout.splitlines()
