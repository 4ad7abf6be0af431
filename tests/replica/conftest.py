"""A core of its own for each test, verified at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.replica.driver import Driver


@pytest.fixture
def driver() -> Iterator[Driver]:
    own = Driver()
    yield own
    own.core.tree.check_invariants()
