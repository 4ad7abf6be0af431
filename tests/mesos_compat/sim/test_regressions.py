"""What went wrong once: scenarios that the simulator found and made small.

Each file says in its second line what must not happen again. Those in ``OPEN`` still go
wrong; one that is mended fails here until it is taken off the list.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mesos_compat.sim.cluster import run
from mesos_compat.sim.scenario import Scenario

#: Faults that are known and not mended yet.
OPEN: frozenset[str] = frozenset()
FILES = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_does_not_happen_again(path: Path, request: pytest.FixtureRequest) -> None:
    text = path.read_text(encoding="utf-8")
    if path.stem in OPEN:
        request.applymarker(pytest.mark.xfail(strict=True, reason="known, not mended yet"))
    assert text.splitlines()[1].startswith("# ")
    assert run(Scenario.parse(text)).violation is None
