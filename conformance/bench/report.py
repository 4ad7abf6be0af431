"""Medians, ratios, the table and the file of a comparison."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from conformance.bench.cases import Case, Unit
from conformance.bench.rounds import APACHE, APACHE_BOTH, OURS, OURS_BOTH, TUNED, Results


@dataclass(frozen=True, slots=True)
class Row:
    """One case's result: medians in the case's unit, ratios ours / Apache.

    A ratio is the median over pairs of runs that followed on one another, since what the
    machine gives to both in a minute cancels out in a pair. So it is near the ratio of the
    medians, not equal to it.

    Latencies and processor time for each request (``cpu_us``) are in microseconds.
    What was not measured is None.
    """

    case: str
    label: str
    unit: str
    ours: float | None
    apache: float | None
    ratio: float | None
    target: float | None
    met: bool | None
    ratio_tuned: float | None
    ratio_both: float | None
    ours_p50_us: float | None
    ours_p99_us: float | None
    apache_p50_us: float | None
    apache_p99_us: float | None
    ours_cpu_us: float | None
    apache_cpu_us: float | None


def median(values: Sequence[float]) -> float | None:
    """The median, or None of nothing."""
    return statistics.median(values) if values else None


def ratio(pairs: Sequence[tuple[float, float]]) -> float | None:
    """The median of ours / theirs over pairs, or None if there is nothing to divide."""
    return median([ours / theirs for ours, theirs in pairs if theirs])


def row(case: Case, results: Results) -> Row:
    """The row of ``case``."""

    def value(contestant: str) -> float | None:
        return median(results.values(contestant, case.key))

    def load_figure(contestant: str, name: str) -> float | None:
        # Elsewhere the load only brings about what is measured, such as memory.
        if case.unit is not Unit.OPS:
            return None
        return median(results.figures(contestant, case.key, name))

    def ratio_of(ours: str, theirs: str) -> float | None:
        return ratio(results.pairs(ours, theirs, case.key))

    found = ratio_of(OURS, APACHE)
    return Row(
        case=case.key,
        label=case.label,
        unit=case.unit.value,
        ours=value(OURS),
        apache=value(APACHE),
        ratio=found,
        target=case.target,
        met=None if found is None else case.met(found),
        ratio_tuned=ratio_of(OURS, TUNED),
        ratio_both=ratio_of(OURS_BOTH, APACHE_BOTH),
        ours_p50_us=load_figure(OURS, "p50_us"),
        ours_p99_us=load_figure(OURS, "p99_us"),
        apache_p50_us=load_figure(APACHE, "p50_us"),
        apache_p99_us=load_figure(APACHE, "p99_us"),
        ours_cpu_us=load_figure(OURS, "server_us_per_op"),
        apache_cpu_us=load_figure(APACHE, "server_us_per_op"),
    )


def rows(cases: Iterable[Case], results: Results) -> list[Row]:
    """The rows of all cases, in their order."""
    return [row(case, results) for case in cases]


def number(value: float | None, unit: str = "") -> str:
    """A figure to three digits or so: ``84.1k/s``, ``1.25M/s``, ``5.4 ms``; ``-`` for None."""
    if value is None:
        return "-"
    if unit == Unit.OPS.value:
        for size, letter in ((1e6, "M"), (1e3, "k")):
            if value >= size:
                return f"{value / size:.{2 if value < 10 * size else 1}f}{letter}{unit}"
        return f"{value:.0f}{unit}"
    text = f"{value:,.0f}" if value >= 100 else f"{value:.{1 if value >= 10 else 2}f}"
    return f"{text} {unit}".rstrip()


def times(value: float | None) -> str:
    """A ratio: ``1.52x``, ``12.3x``; ``-`` for None."""
    if value is None:
        return "-"
    return f"{value:.{1 if value >= 10 else 2}f}x"


def _target(line: Row, unit: Unit) -> Text:
    if line.target is None:
        return Text("-", style="dim")
    sign = ">=" if unit.more_is_better else "<="
    text = f"{sign} {line.target:g}"
    if line.met is None:
        return Text(text)
    verdict = "met" if line.met else "MISSED"
    return Text(f"{text} {verdict}", style="green" if line.met else "bold red")


def _latencies(p50: float | None, p99: float | None) -> str:
    return "" if p50 is None or p99 is None else f"{p50:,.0f} / {p99:,.0f}"


def _cpu(ours: float | None, apache: float | None) -> str:
    return "" if ours is None or apache is None else f"{ours:.1f} / {apache:.1f}"


def table(lines: Sequence[Row], title: str) -> Table:
    """The rows as a table; columns of variants that were not run are left out."""
    shown = Table(title=title, title_justify="left")
    tuned = any(line.ratio_tuned is not None for line in lines)
    both = any(line.ratio_both is not None for line in lines)
    shown.add_column("case")
    heads = ["ours", "Apache", "ratio", "target"]
    heads += ["vs tuned"] * tuned + ["both cores"] * both
    for head in [*heads, "ours p50 / p99 us", "Apache p50 / p99 us", "CPU us ours / A."]:
        shown.add_column(head, justify="right", no_wrap=True)
    for line in lines:
        unit = Unit(line.unit)
        cells: list[str | Text] = [
            line.label,
            number(line.ours, line.unit),
            number(line.apache, line.unit),
            times(line.ratio),
            _target(line, unit),
        ]
        cells += [times(line.ratio_tuned)] * tuned + [times(line.ratio_both)] * both
        cells.append(_latencies(line.ours_p50_us, line.ours_p99_us))
        cells.append(_latencies(line.apache_p50_us, line.apache_p99_us))
        cells.append(_cpu(line.ours_cpu_us, line.apache_cpu_us))
        shown.add_row(*cells)
    return shown


def summary(lines: Sequence[Row]) -> str:
    """One sentence: how many targets were met, and which were not."""
    judged = [line for line in lines if line.met is not None]
    missed = [line.label for line in judged if not line.met]
    text = f"{len(judged) - len(missed)} of {len(judged)} targets met"
    return f"{text}; missed: {'; '.join(missed)}" if missed else text


def repeats(results: Results) -> str:
    """Which loads failed and were repeated, by contestant; empty if none was."""
    counts: dict[str, int] = {}
    for sample in results.samples:
        times = int(sample.figures.get("repeats", 0))
        if times:
            counts[sample.contestant] = counts.get(sample.contestant, 0) + times
    return ", ".join(f"{contestant} {count}" for contestant, count in sorted(counts.items()))


def disturbance(results: Results) -> float | None:
    """How many cores other programs kept busy meanwhile: the median over all loads."""
    return median(
        [
            sample.figures["foreign_cores"]
            for sample in results.samples
            if "foreign_cores" in sample.figures
        ]
    )


def write_json(
    path: Path,
    lines: Sequence[Row],
    results: Results,
    about: dict[str, object],
) -> None:
    """Write rows, every sample with its raw figures, versions and the machine to ``path``."""
    document = {
        "about": about,
        "versions": results.versions,
        "rows": [asdict(line) for line in lines],
        "samples": [sample.as_dict() for sample in results.samples],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
