"""kazoo's own suite passes on our server wherever it passes on Apache's (a part of it here)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.kazoo_suite.cluster import zoo_cfg_settings
from conformance.kazoo_suite.compare import compare
from conformance.kazoo_suite.results import SuiteRun, TestResult, read_results, write_result
from conformance.kazoo_suite.run import run_suite, server_version
from conformance.servers import APACHE_JAR

#: Modules that together use every kind of request and are done in seconds. The whole suite
#: takes four minutes: ``python -m conformance.kazoo_suite``.
QUICK = "test_barrier or test_counter or test_election or test_party or test_queue or Transactions"


def need_apache() -> None:
    if shutil.which("java") is None or not APACHE_JAR.exists():
        reason = "Apache ZooKeeper is not here: apt-get install zookeeper"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def run_of(**outcomes: str) -> SuiteRun:
    run = SuiteRun("any", "3.8.0")
    for test, outcome in outcomes.items():
        line = "" if outcome == "passed" else f"{test} is {outcome}"
        run.results[test] = TestResult(test, outcome, line, 0.0)
    return run


@pytest.mark.real
def test_what_passes_on_apache_passes_on_ours() -> None:
    need_apache()
    kinds = ("apache", "mesozoic")
    versions = {kind: server_version(kind) for kind in kinds}

    def both(pattern: str | None, tests: Sequence[str] = ()) -> tuple[SuiteRun, SuiteRun]:
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(
                lambda kind: run_suite(kind, versions[kind], pattern=pattern, tests=tests), kinds
            )
        return first, second

    apache, ours = both(QUICK)
    assert apache.count("passed") > 40
    differences = compare(apache, ours, lambda tests: both(None, tests))
    assert [f"{d.test}: {d.subject_line}" for d in differences if d.broken] == []


def test_a_test_that_only_the_reference_passes_is_broken() -> None:
    reference, subject = run_of(a="passed", b="failed"), run_of(a="failed", b="failed")
    repeated: list[Sequence[str]] = []

    def rerun(tests: Sequence[str]) -> tuple[SuiteRun, SuiteRun]:
        repeated.append(tests)
        return reference, subject

    (difference,) = compare(reference, subject, rerun)
    assert difference.broken
    assert not difference.flaky
    assert difference.subject == ["failed"] * 3
    assert difference.subject_line == "a is failed"
    assert repeated == [["a"], ["a"]]


def test_a_test_that_passes_when_repeated_is_flaky() -> None:
    reference = run_of(a="passed")
    (difference,) = compare(
        reference, run_of(a="failed"), lambda _: (reference, run_of(a="passed"))
    )
    assert difference.flaky
    assert not difference.broken
    assert difference.subject == ["failed", "passed"]


def test_a_test_that_vanished_counts_as_not_passed() -> None:
    reference = run_of(a="passed")
    (difference,) = compare(reference, run_of(), lambda _: (reference, run_of()))
    assert difference.broken
    assert difference.subject == ["missing"] * 3


def test_a_failing_teardown_outweighs_a_passing_call(tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    write_result(rows, TestResult("a", "passed", "", 1.0))
    write_result(rows, TestResult("a", "failed", "teardown broke", 0.1))
    write_result(rows, TestResult("b", "passed", "", 1.0))
    results = read_results(rows)
    assert (results["a"].outcome, results["a"].line) == ("failed", "teardown broke")
    assert results["b"].outcome == "passed"


def test_system_properties_become_zoo_cfg_keys() -> None:
    settings = zoo_cfg_settings(
        ["reconfigEnabled=true", "tickTime=500"],
        ["-Dzookeeper.A.superDigest=super:x=", "-Dother=1"],
    )
    assert settings == {"tickTime": "500", "A.superDigest": "super:x="}
