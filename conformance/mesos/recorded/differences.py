"""Where ours is known to differ from the recording, and why.

A difference names cases of a section, and the lines that it explains: a line that nothing here
explains fails, and so does an entry that explains nothing any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from conformance.mesos.recorded.stage import Outcome

#: What stands for the difference of a case that is not played at all.
NOT_PLAYED: Final = "not played"


@dataclass(frozen=True, slots=True)
class Difference:
    """``section`` and ``case`` are patterns of names; ``line`` is searched for in what differs."""

    section: str
    case: str
    line: str
    reason: str
    #: Some runs do not show it.
    is_rare: bool = False

    def explains(self, section: str, case: str, line: str) -> bool:
        """Whether this is about that line."""
        return (
            fnmatchcase(section, self.section)
            and fnmatchcase(case, self.case)
            and re.search(self.line, line) is not None
        )


DIFFERENCES: Final = (
    Difference(
        "*",
        "*",
        r"agent_info\.checkpoint: true, ours has none",
        "Apache's JSON of agents has a member that is not in the v1 protocol",
    ),
    Difference(
        "agent",
        "get_*-protobuf",
        r"framework_info\.checkpoint: false, ours has none",
        "Apache's agent sets what is the default, which no reader can tell from not setting it",
    ),
    Difference(
        "*",
        "*metrics*",
        r"allocation_run_latency_ms",
        "an allocation runs in the step that asks for it: there is no latency to measure",
    ),
    Difference(
        "ha",
        "nonleader-get-metrics_snapshot",
        r"allocation_run_ms",
        "a master that does not lead has nothing to allocate, and does not run its allocator",
    ),
    Difference(
        "*",
        "*metrics*",
        r"allocator/mesos/quota/roles/.*/consumed",
        "what roles consume is in /roles and GET_ROLES; Apache has it here as well, by odd names",
    ),
    Difference(
        "agent",
        "*metrics*",
        r"(containerizer|gc|resource_provider_manager)/|executor_directory_max_allowed_age",
        "gauges of Apache's containerizers, of its collector and of resource providers",
    ),
    Difference(
        "agent",
        "get-files_debug",
        r"/master/log",
        "the recording's agent had an idle master in its process",
    ),
    Difference(
        "agent",
        "get*",
        r"\.flags\.(\w+: none, ours|(docker_registry|frameworks_home): )",
        "ours knows flags of isolators that the recording's build has not, and has no default "
        "for one that is empty there and one that is of no use here",
    ),
    Difference(
        "endpoints",
        "get-*state.json",
        r"",
        "removed from Apache's master in 1.0; old tools still ask for it, so we answer",
    ),
    Difference(
        "endpoints",
        "get-help*",
        r"^body: ",
        "pages for people, ours say it in other words; of Apache's only the heads are kept",
    ),
    Difference(
        "endpoints",
        "get-__processes__",
        r"",
        "tells of libprocess's actors, which we do not have",
    ),
    Difference(
        "endpoints",
        "get-profiler_start",
        r"",
        "tells how libprocess was built; we have no profiler",
    ),
    Difference(
        "endpoints",
        "*",
        r"resources(_full)?\[[23]\]\.(name|scalar\.value)",
        "the order of one offer's resources after it was rescinded follows Apache's arithmetic",
    ),
    Difference(
        "scheduler",
        "task-fetch-fails",
        r"Failed to fetch all URIs for container",
        "ours also says which URI it was, and why",
    ),
    Difference(
        "scheduler",
        "task-max-completion",
        r"with signal Terminated', ours 'Command terminated with signal Killed",
        "without a grace period the second signal may be as fast as the first",
        is_rare=True,
    ),
    Difference(
        "operations",
        "shrink.next-offers",
        r"resources\[2\]\.scalar\.value: 62.0, ours 70.0",
        "Apache's allocator never offers again what SHRINK_VOLUME has freed",
    ),
    Difference(
        "offers",
        "accept-duplicate-offer-update",
        NOT_PLAYED,
        "a task of the section before, whose update was sent again during this one",
    ),
    Difference(
        "offers",
        "accept-unknown-operation-event",
        r"resources\[[12]\]\.scalar\.value",
        "a task of the section before still ran",
    ),
    Difference(
        "failover",
        "state-changed-user",
        r"\.frameworks\[0\]\.(offered_resources|resources|offers)\b",
        "a framework that comes back is offered what is free at once, not at the next interval",
    ),
    Difference(
        "failover",
        "frameworks-completed",
        r"completed_frameworks",
        "the recording's cluster had played the sections before this one",
    ),
    Difference(
        "task-group",
        "launch-group-ok-event2-update",
        r"container_status\.(network_infos|executor_pid)",
        "the task may be over before its agent looks at the container",
        is_rare=True,
    ),
    Difference(
        "legacy",
        "unacked-update[234]",
        NOT_PLAYED,
        "updates are sent again after 10, 20 and 40 s; tested with an agent whose clock is given",
    ),
)


@dataclass(slots=True)
class Verdict:
    """One section: how many of its cases are equal, and what is wrong."""

    section: str
    cases: int = 0
    equal: int = 0
    different: int = 0
    #: What nothing explains.
    faults: list[str] = field(default_factory=list)


def judge(outcomes: list[Outcome]) -> tuple[list[Verdict], list[Difference]]:
    """A verdict for each section, and the differences that explain nothing."""
    used: dict[int, None] = {}
    verdicts = []
    for outcome in outcomes:
        name = outcome.section.name
        verdict = Verdict(name)
        found = dict(outcome.differences)
        for case in outcome.section.cases():
            found.setdefault(case, [NOT_PLAYED])
        for case, lines in found.items():
            verdict.cases += 1
            verdict.equal += not lines
            verdict.different += bool(lines)
            for line in lines:
                reasons = [
                    number
                    for number, one in enumerate(DIFFERENCES)
                    if one.explains(name, case, line)
                ]
                used.update(dict.fromkeys(reasons))
                if not reasons:
                    verdict.faults.append(f"{name}/{case}: {line}")
        verdicts.append(verdict)
    return verdicts, [
        one for number, one in enumerate(DIFFERENCES) if number not in used and not one.is_rare
    ]
