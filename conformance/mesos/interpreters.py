"""Finds the older Pythons that published clients need, and fetches one where that is possible.

A candidate is really run, because a version manager leaves names on the path that do not work.
Nothing here needs root or a person: where a machine has none, ``uv`` is asked to find or fetch
one, from wherever it has been told to, and is itself installed from PyPI for that.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.clients.compare import ClientUnavailable

#: Where what is made for clients goes; git ignores it.
BUILD = Path(__file__).resolve().parents[2] / "build" / "mesos"

_ASK_S_MAX = 30.0
_FETCH_S_MAX = 600.0
_PROBE = "import ensurepip, ssl, sys, venv; print('%d.%d' % sys.version_info[:2])"


def find_python(versions: Sequence[str]) -> Path:
    """A Python of the first of ``versions`` (``"3.10"``) that there is, able to make virtualenvs.

    Raises :class:`ClientUnavailable` when this machine has none and can get none.
    """
    for version in versions:
        for candidate in _candidates(version):
            if _is_python(candidate, version):
                return Path(candidate)
    for version in versions:
        if (fetched := _fetch(version)) is not None:
            return fetched
    raise ClientUnavailable(
        f"no Python {' or '.join(versions)} found or to be fetched: install one, or name it in "
        f"{' or '.join(map(_variable, versions))}"
    )


def clean_environment() -> dict[str, str]:
    """This process's environment without what would lead another Python astray."""
    return {name: value for name, value in os.environ.items() if not _is_pythons(name)}


def _is_pythons(name: str) -> bool:
    return name.startswith(("PYTHON", "PIP_")) or name in ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


def _variable(version: str) -> str:
    return "CONFORMANCE_PYTHON_" + version.replace(".", "_")


def _candidates(version: str) -> Iterator[str]:
    if named := os.environ.get(_variable(version)):
        yield named
    # A shim of a version manager may be deaf here, so what it stands for comes next.
    if found := shutil.which(f"python{version}"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for place in sorted((pyenv / "versions").glob(f"{version}.*")):
        yield str(place / "bin" / "python")
    uv = shutil.which("uv")
    if uv is not None and (known := _ask([uv, "python", "find", version], _ASK_S_MAX)):
        yield known
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield sys.executable


@functools.cache
def _is_python(candidate: str, version: str) -> bool:
    return _ask([candidate, "-c", _PROBE], _ASK_S_MAX) == version


@functools.cache
def _fetch(version: str) -> Path | None:
    """A Python that uv brings; None without access to where uv looks."""
    uv = shutil.which("uv")
    if uv is None:
        place = BUILD / "uv"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _ask([*pip, "--target", str(place), "uv"], _FETCH_S_MAX)
        uv = str(place / "bin" / "uv")
        if not Path(uv).exists():
            return None
    _ask([uv, "python", "install", "--quiet", version], _FETCH_S_MAX)
    found = _ask([uv, "python", "find", version], _ASK_S_MAX)
    return Path(found) if found and _is_python(found, version) else None


def _ask(command: Sequence[str], timeout_s: float) -> str:
    """What a command prints; nothing when it fails."""
    try:
        done = subprocess.run(
            command,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
