"""What went wrong once: scenarios that the simulator found and made small.

Each file says in its second line what must not happen again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from zkserver.sim.cluster import run
from zkserver.sim.scenario import Scenario

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_does_not_happen_again(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[1].startswith("# ")
    assert run(Scenario.parse(text)).violation is None
