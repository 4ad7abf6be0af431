"""Compares two runs of the suite test by test, repeating what differs.

The claim to check is one-sided: every test that passes against the reference (Apache) passes
on the server under test. kazoo's suite has tests that depend on timing, so a test whose
outcomes differ is repeated on both servers before it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from conformance.kazoo_suite.results import SuiteRun

#: How often a test that differs is run again on both servers.
REPEATS = 2
#: With more differences than this something else is wrong, and repeating takes as long as a run.
REPEATED_MAX = 40


@dataclass(slots=True)
class Difference:
    """A test that did not end the same way on both servers in the first run."""

    test: str
    #: Outcomes in the order of the runs.
    reference: list[str] = field(default_factory=list)
    subject: list[str] = field(default_factory=list)
    #: The first line of the last run that did not pass, per server.
    reference_line: str = ""
    subject_line: str = ""

    @property
    def flaky(self) -> bool:
        """Whether one and the same server answered differently in different runs."""
        return len(set(self.reference)) > 1 or len(set(self.subject)) > 1

    @property
    def broken(self) -> bool:
        """Whether the reference passed at least once and the subject never did."""
        return "passed" in self.reference and "passed" not in self.subject

    @property
    def ahead(self) -> bool:
        """Whether the subject passed at least once and the reference never did."""
        return "passed" in self.subject and "passed" not in self.reference

    @property
    def settled(self) -> bool:
        """Whether a repetition could tell nothing more: they agree, or one cannot run the test."""
        last = (self.reference[-1], self.subject[-1])
        return last[0] == last[1] or "skipped" in last

    @property
    def word(self) -> str:
        """How to read it: ``BROKEN``, ``ahead``, ``flaky`` or ``differs``."""
        if self.broken:
            return "BROKEN"
        if self.ahead:
            return "ahead"
        return "flaky" if self.flaky else "differs"

    def record(self, reference: SuiteRun, subject: SuiteRun) -> None:
        """Add the outcomes of one more pair of runs."""
        self.reference.append(reference.outcome(self.test))
        self.subject.append(subject.outcome(self.test))
        if self.reference[-1] != "passed":
            self.reference_line = reference.line(self.test)
        if self.subject[-1] != "passed":
            self.subject_line = subject.line(self.test)


def compare(
    reference: SuiteRun,
    subject: SuiteRun,
    rerun: Callable[[Sequence[str]], tuple[SuiteRun, SuiteRun]],
    repeats: int = REPEATS,
) -> list[Difference]:
    """The tests whose outcomes differ, each repeated up to ``repeats`` times on both servers.

    ``rerun`` runs the given test ids on the reference and on the subject. A test that both
    servers have answered alike in a repetition is not repeated again, neither is one that a
    server had to skip, and nothing is repeated when more than ``REPEATED_MAX`` tests differ.
    """
    names = sorted({*reference.results, *subject.results})
    differences = [
        Difference(name) for name in names if reference.outcome(name) != subject.outcome(name)
    ]
    for difference in differences:
        difference.record(reference, subject)
    for _ in range(repeats):
        unsettled = [difference for difference in differences if not difference.settled]
        if not unsettled or len(unsettled) > REPEATED_MAX:
            break
        again = rerun([difference.test for difference in unsettled])
        for difference in unsettled:
            difference.record(*again)
    return differences
