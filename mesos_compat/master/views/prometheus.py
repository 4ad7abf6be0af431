"""Metrics as text for Prometheus: the names of ``/metrics/snapshot``, and what is data as labels.

``master/tasks_failed`` becomes ``mesos_master_tasks_failed``, and what Mesos does not have,
``mesozoic/...``, has that in its name instead. Names of frameworks, roles and
resources are not names of metrics: they become labels, so that one query is about all of them,
and names that differ in a slash only do not become one. Source: the text format 0.0.4.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

# What of a name is data; groups are labels, and the rest is the name. Identifiers have no slash,
# roles may.
_DATA: Final = tuple(
    # Names may hold anything, even the end of a line.
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"master/frameworks/(?P<framework>[^/]*)/(?P<framework_id>[^/]*)"
        r"/roles/(?P<role>.*)/suppressed",
        r"master/frameworks/(?P<framework>[^/]*)/(?P<framework_id>[^/]*)/.*",
        r"frameworks/(?P<principal>.*)/messages_[a-z]+",
        r"allocator/mesos/roles/(?P<role>.*)/shares/dominant",
        r"allocator/mesos/offer_filters/roles/(?P<role>.*)/active",
        r"allocator/mesos/quota/roles/(?P<role>.*)/resources/(?P<resource>.*)/[a-z_]+",
        r"allocator/mesos/resources/(?P<resource>.*)/[a-z_]+",
    )
)
_OWN: Final = "mesozoic/"
_NOT_ALLOWED: Final = re.compile(r"[^a-zA-Z0-9_]+")
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(slots=True)
class _Family:
    """All that have one name."""

    # Mesos's name without the data, to be found again in its documentation.
    source: str
    kind: str
    lines: list[str] = field(default_factory=list)


def text(values: Mapping[str, float], counters: Collection[str] = ()) -> str:
    """``values`` by Mesos's names; of those in ``counters`` it is said that they only grow."""
    families: dict[str, _Family] = {}
    for source, value in values.items():
        path, labels = _split(source)
        prefix = "" if path.startswith(_OWN) else "mesos_"
        name = prefix + _NOT_ALLOWED.sub("_", path)
        kind = "counter" if source in counters else "gauge"
        family = families.setdefault(name, _Family(path, kind))
        family.lines.append(f"{name}{_labels_text(labels)} {_number_text(value)}\n")
    return "".join(
        f"# HELP {name} {family.source} of /metrics/snapshot.\n"
        f"# TYPE {name} {family.kind}\n" + "".join(family.lines)
        for name, family in families.items()
    )


def _split(source: str) -> tuple[str, dict[str, str]]:
    """The path without data, and the data."""
    for pattern in _DATA:
        found = pattern.fullmatch(source)
        if found is not None:
            labels = found.groupdict()
            path = source
            for group in reversed(labels):
                start, end = found.span(group)
                path = path[:start].rstrip("/") + path[end:]
            if "framework" in labels:
                labels["framework"] = unquote(labels["framework"])
            return path, labels
    return source, {}


def _labels_text(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    shown = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
    return f"{{{shown}}}"


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
