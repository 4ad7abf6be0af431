"""Runs the installed suite against one server in a pytest subprocess and reads its results."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from conformance.kazoo_suite.results import (
    RESULTS_VARIABLE,
    SERVER_VARIABLE,
    SIZE_VARIABLE,
    SuiteRun,
    read_results,
)
from conformance.servers import SERVERS, ServerUnavailable, four_letter_word

_ROOT = Path(__file__).resolve().parents[2]
_VERSION = re.compile(r"zookeeper\.version=(\d+\.\d+\.\d+)")
#: pytest's exit codes for "all passed" and "some failed"; any other means that it did not run.
_RAN = (0, 1)
#: Packages that modules of the suite import; without them those modules fail or skip themselves.
SUITE_PACKAGES = {
    "objgraph": "objgraph",
    "gevent": "gevent",
    "eventlet": "eventlet",
    "puresasl": "pure-sasl",
}


def missing_packages() -> list[str]:
    """Names of the packages which the suite uses and which are not installed."""
    return [
        package
        for module, package in SUITE_PACKAGES.items()
        if importlib.util.find_spec(module) is None
    ]


def suite_directory() -> Path:
    """Where the installed kazoo keeps its tests.

    Raises ``ServerUnavailable`` when this kazoo came without them.
    """
    spec = importlib.util.find_spec("kazoo.tests")
    if spec is None or spec.origin is None:
        raise ServerUnavailable(
            "the installed kazoo has no kazoo.tests: pip install --force-reinstall kazoo"
        )
    return Path(spec.origin).parent


def server_version(kind: str) -> str:
    """The version that the server names itself in ``envi``, as ``major.minor.patch``.

    The suite gates tests by it. Raises ``RuntimeError`` when there is none.
    """
    with SERVERS[kind]() as server:
        envi = four_letter_word(server.port, "envi")
    found = _VERSION.search(envi)
    if found is None:
        raise RuntimeError(f"{kind} answers envi without zookeeper.version=: {envi[:200]!r}")
    return found.group(1)


def _environment(kind: str, version: str, results: Path, size: int) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("ZOOKEEPER_", "PYTEST_"))}
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
        # kazoo reads the version from here only when CI is set, and then skips nothing for it.
        "CI": "1",
        "ZOOKEEPER_VERSION": version,
        SIZE_VARIABLE: str(size),
        SERVER_VARIABLE: kind,
        RESULTS_VARIABLE: str(results),
    }


def run_suite(
    kind: str,
    version: str,
    *,
    size: int = 1,
    pattern: str | None = None,
    tests: Sequence[str] = (),
    log: Path | None = None,
) -> SuiteRun:
    """Run the suite against ``size`` servers of ``kind`` and return what every test did.

    ``pattern`` is pytest's ``-k``; ``tests`` are test ids of an earlier run; ``log`` gets
    pytest's own output. Raises ``RuntimeError`` with the end of that output when pytest
    could not run at all.
    """
    directory = suite_directory()
    run = SuiteRun(kind, version)
    with tempfile.TemporaryDirectory(prefix="kazoo-suite-") as scratch:
        results = Path(scratch) / "results.jsonl"
        # An empty ini of our own keeps the options of the checkout's pyproject away.
        ini = Path(scratch) / "pytest.ini"
        ini.write_text("[pytest]\n")
        output = log or Path(scratch) / "pytest.log"
        command = [sys.executable, "-m", "pytest", "-c", str(ini), f"--rootdir={directory}"]
        command += ["-p", "conformance.kazoo_suite.plugin", "-p", "no:cacheprovider"]
        # Neither plugin has business in kazoo's suite, and ours imports the server.
        command += ["-p", "no:asyncio", "-p", "no:zkserver", "-q", "--tb=short"]
        # A module whose imports are missing must not keep the others from running.
        command += ["--continue-on-collection-errors"]
        command += ["-k", pattern] if pattern else []
        command += [str(directory / test) for test in tests] or [str(directory)]
        began = time.monotonic()
        with output.open("wb") as stream:
            done = subprocess.run(
                command,
                cwd=scratch,
                env=_environment(kind, version, results, size),
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            )
        run.seconds = time.monotonic() - began
        run.results = read_results(results)
        if done.returncode not in _RAN:
            text = output.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"pytest ended with {done.returncode}; its output ends:\n{text}")
    return run
