"""What one run of the suite yields, and the file in which the subprocess hands it over."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

#: The environment variable that names the server to run (a key of ``SERVERS``).
SERVER_VARIABLE = "CONFORMANCE_SERVER"
#: kazoo's own environment variable for how many servers the cluster has.
SIZE_VARIABLE = "ZOOKEEPER_CLUSTER_SIZE"
#: The environment variable that names the file for the rows, one JSON object a line.
RESULTS_VARIABLE = "CONFORMANCE_RESULTS"

#: Several phases of one test may report (call, teardown); the worst one is the test's outcome.
_SEVERITY = {"passed": 0, "skipped": 1, "failed": 2}


@dataclass(frozen=True, slots=True)
class TestResult:
    """The outcome of one test: ``passed``, ``failed`` or ``skipped``."""

    #: pytest's collection looks at every name that begins with Test; this is not a test.
    __test__ = False

    test: str
    outcome: str
    #: The first line of the failure or the reason of the skip; empty when passed.
    line: str
    seconds: float


@dataclass(slots=True)
class SuiteRun:
    """One run of the suite, or of a part of it, against one server."""

    server: str
    version: str
    seconds: float = 0.0
    results: dict[str, TestResult] = field(default_factory=dict)

    def count(self, outcome: str) -> int:
        """How many tests ended with ``outcome``."""
        return sum(result.outcome == outcome for result in self.results.values())

    def outcome(self, test: str) -> str:
        """The outcome of ``test``; ``missing`` when the run has no such test."""
        result = self.results.get(test)
        return result.outcome if result else "missing"

    def line(self, test: str) -> str:
        """Why ``test`` did not pass, in one line."""
        result = self.results.get(test)
        return result.line if result else "the run ended before this test"


def write_result(path: Path, result: TestResult) -> None:
    """Append one row; the file is complete up to the test that was running at a crash."""
    row = {
        "test": result.test,
        "outcome": result.outcome,
        "line": result.line,
        "seconds": round(result.seconds, 3),
    }
    with path.open("a") as results:
        results.write(json.dumps(row) + "\n")


def read_results(path: Path) -> dict[str, TestResult]:
    """The rows of ``path`` by test id, one per test."""
    results: dict[str, TestResult] = {}
    if not path.exists():
        return results
    for text in path.read_text().splitlines():
        result = TestResult(**json.loads(text))
        before = results.get(result.test)
        if before is None or _SEVERITY[result.outcome] > _SEVERITY[before.outcome]:
            results[result.test] = result
    return results
