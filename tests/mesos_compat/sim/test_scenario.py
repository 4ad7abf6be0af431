"""Scenarios as files, and the command that runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from mesos_compat.sim.__main__ import main
from mesos_compat.sim.happenings import ACTIONS
from mesos_compat.sim.scenario import Scenario, draw

HEAD = "mesozoic-mesos-sim 1\nseed 1 end 600 allocator drf\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "another file\nseed 1 end 600 allocator drf\n",
        "mesozoic-mesos-sim 1\nseed 1 allocator drf\n",
        HEAD + "knob colour 3\n",
        HEAD + "knob agents\n",
        HEAD + "at 100 flood 0 0 0\n",
        HEAD + "at 100 cut 0\n",
        HEAD + "perhaps\n",
    ],
)
def test_what_is_no_scenario_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Scenario.parse(text)


def test_comments_and_empty_lines_mean_nothing() -> None:
    assert Scenario.parse(HEAD + "\n# why\n") == Scenario.parse(HEAD)


def test_everything_that_can_happen_is_drawn() -> None:
    drawn = {one.kind for seed in range(300) for one in draw(seed).happenings}
    assert drawn == set(ACTIONS)


def test_a_scenario_is_replayed_by_the_command(tmp_path: Path) -> None:
    path = tmp_path / "scenario"
    path.write_text(HEAD, encoding="utf-8")
    done = CliRunner().invoke(main, ["--replay", str(path), "--trace"])
    assert done.exit_code == 0
    assert "trace hash" in done.output
    assert "converged" in done.output


def test_the_command_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    path = tmp_path / "scenario"
    path.write_text("nothing\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["--replay", str(path)])
    assert done.exit_code == 1
    assert "a scenario begins with the line" in done.output


def test_a_broken_promise_is_shown_with_how_to_see_it_again() -> None:
    done = CliRunner().invoke(main, ["--seeds", "0-9", "--no-shrink", "--plant", "status-given-up"])
    assert done.exit_code == 1
    assert "forgotten: " in done.output
    assert "--plant status-given-up" in done.output
