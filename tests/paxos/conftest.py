"""Options of the tests of Paxos."""

from __future__ import annotations

from typing import Final

import pytest

#: How many random executions of each kind, unless told.
_STORMS: Final = 6


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("paxos")
    group.addoption(
        "--rewrite", action="store_true", help="write what the scenarios print into their files"
    )
    group.addoption(
        "--storms", type=int, default=_STORMS, help="how many random executions of each kind to run"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``storm_seed`` runs over as many seeds as were asked for."""
    if "storm_seed" in metafunc.fixturenames:
        metafunc.parametrize("storm_seed", range(metafunc.config.getoption("--storms", _STORMS)))
