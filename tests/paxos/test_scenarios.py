"""The scenarios in text: every file leaves the trace that it says, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from tests.paxos.script import run
from tests.paxos.trace import Block, parse, text_of

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))
#: Scenarios that leave another trace than the right one, which their files hold, and why.
OPEN: dict[str, str] = {}


def _params() -> list[ParameterSet]:
    return [
        pytest.param(
            path,
            id=path.stem,
            marks=[pytest.mark.xfail(reason=OPEN[path.stem])] if path.stem in OPEN else [],
        )
        for path in SCENARIOS
    ]


@pytest.mark.parametrize("path", _params())
def test_scenario_leaves_its_trace(path: Path, pytestconfig: pytest.Config) -> None:
    blocks = parse(path.read_text())
    found = text_of(run(blocks))
    if pytestconfig.getoption("--rewrite", default=False) and path.stem not in OPEN:
        path.write_text(found)
    assert found == path.read_text()


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario_says_first_what_it_shows(path: Path) -> None:
    assert path.read_text().startswith("# ")


def test_no_scenario_has_gone_missing() -> None:
    assert len(SCENARIOS) >= 12


def test_text_of_blocks_is_what_was_parsed() -> None:
    text = "# why\n\nservers 3\nelect 1\n----\nok\n\n# then\nstatus\n----\n1 waits\n"
    assert text_of(parse(text)) == text
    assert parse(text)[0] == Block(["# why", ""], ["servers 3", "elect 1"], ["ok"])


def test_an_expectation_that_is_not_met_shows() -> None:
    text = "# nobody proposes\nservers 3\npropose 1 x\n----\n1 proposes 0=x\n"
    assert text_of(run(parse(text))) == text.replace("1 proposes 0=x", "1 does not lead")
