"""Virtualenvs for clients that need another Python, or other libraries, than this project.

An environment lives under ``build/mesos`` of the checkout, in a directory named after all that
it is made from, and is made once. A virtualenv knows its own path, so it is made where it will
stay, by one process at a time, and marked when it is complete.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conformance.clients.compare import ClientUnavailable
from conformance.mesos.interpreters import BUILD, clean_environment, find_python

_MAKE_S_MAX: Final = 900.0
_MARK: Final = "complete"


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python of one of ``versions`` (``"3.10"``; the first that is found) with packages.

    ``requirements`` are exact versions as pip takes them: the client is what was tried.
    """

    name: str
    versions: tuple[str, ...]
    requirements: tuple[str, ...]

    def python(self) -> Path:
        """The environment's interpreter; the environment is made when it is new.

        Raises :class:`ClientUnavailable` without a fitting Python or when pip fails.
        """
        base = find_python(self.versions)
        recipe = "\0".join((str(base), *self.requirements))
        place = BUILD / f"{self.name}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
        BUILD.mkdir(parents=True, exist_ok=True)
        with _locked(place.with_suffix(".lock")):
            if not (place / _MARK).exists():
                shutil.rmtree(place, ignore_errors=True)
                self._make(base, place)
        return place / "bin" / "python"

    def bin(self) -> Path:
        """The directory of the environment's programs; raises as :meth:`python` does."""
        return self.python().parent

    def packages(self) -> Path:
        """The directory of the environment's packages; raises as :meth:`python` does."""
        return next((self.bin().parent / "lib").glob("python*/site-packages"))

    def _make(self, base: Path, place: Path) -> None:
        self._step([str(base), "-m", "venv", str(place)])
        pip = [str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        self._step([*pip, "install", "--quiet", *self.requirements])
        (place / _MARK).touch()

    def _step(self, command: Sequence[str]) -> None:
        done = subprocess.run(
            command,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=_MAKE_S_MAX,
            check=False,
        )
        if done.returncode != 0:
            raise ClientUnavailable(
                f"{' '.join(self.requirements)} could not be installed; check the access to PyPI, "
                f"and that a C compiler is here (apt-get install gcc libc6-dev). It said:\n"
                f"{done.stdout[-2000:]}"
            )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among the processes that make the same thing."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
