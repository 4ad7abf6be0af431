"""The pytest plugin that runs inside the suite's subprocess.

Importing it puts ``SuiteCluster``, or ``EnsembleCluster`` where more than one server is asked
for, where ``kazoo.testing.harness`` looks for its cluster class.
That module is replaced as a whole rather than patched, because importing it needs pyOpenSSL and
pyjks for certificates which the kit does not use.

The environment variables of ``results`` say which server to run and where the rows go.
"""

from __future__ import annotations

import os
import signal
import sys
import types
from collections.abc import Generator
from pathlib import Path

import pytest

from conformance.kazoo_suite.cluster import SuiteCluster
from conformance.kazoo_suite.ensemble import EnsembleCluster
from conformance.kazoo_suite.results import (
    RESULTS_VARIABLE,
    SERVER_VARIABLE,
    SIZE_VARIABLE,
    TestResult,
    write_result,
)

#: A test that hangs must not hang the run; kazoo's slowest takes about half a minute.
_TEST_S_MAX = 120.0


class HungTestError(Exception):
    """Raised inside a test that ran longer than any of the suite should."""


def _install_cluster() -> None:
    stand_in = types.ModuleType("kazoo.testing.common")
    alone = os.environ.get(SIZE_VARIABLE, "1") == "1"
    cluster = SuiteCluster if alone else EnsembleCluster
    cluster.kind = os.environ[SERVER_VARIABLE]
    vars(stand_in)["ZookeeperCluster"] = cluster
    sys.modules["kazoo.testing.common"] = stand_in


_install_cluster()


def _first_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        lines = str(crash.message).strip().splitlines()
    elif isinstance(report.longrepr, tuple):
        lines = str(report.longrepr[2]).strip().splitlines()
    else:
        # A collection error has no crash entry: the last line of its text is the exception.
        lines = str(report.longrepr).strip().splitlines()[-1:]
    return lines[0] if lines else ""


def _write(report: pytest.TestReport | pytest.CollectReport, seconds: float) -> None:
    line = "" if report.passed else _first_line(report)
    result = TestResult(report.nodeid, report.outcome, line, seconds)
    write_result(Path(os.environ[RESULTS_VARIABLE]), result)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One row per phase that decides: the call, or a setup or teardown that did not pass."""
    if report.when == "call" or not report.passed:
        _write(report, report.duration)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A module that cannot be imported or skips itself is a row too, or it would vanish."""
    if not report.passed and report.nodeid:
        _write(report, 0.0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Interrupts a test after ``_TEST_S_MAX`` seconds, and restores the environment."""

    def interrupt(_signal: int, _frame: types.FrameType | None) -> None:
        raise HungTestError(f"{item.nodeid} ran longer than {_TEST_S_MAX:.0f} s")

    # A test that is skipped in setUp leaves its variables behind, and with them the harness
    # would ask for another kind of cluster from then on.
    environment = dict(os.environ)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, _TEST_S_MAX)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        os.environ.clear()
        os.environ.update(environment)
