"""The pytest plugin: ``mesos_script``, for schedulers that are tested without a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mesozoic.testing.script import Script


@pytest.fixture
def mesos_script() -> Iterator[Callable[..., Script]]:
    """A function with the arguments of ``Script``; what is left over fails the test at its end."""
    from mesozoic.testing.script import Script

    with ExitStack() as scripts:

        def make(*arguments: Any, **named: Any) -> Script:
            return scripts.enter_context(Script(*arguments, **named))

        yield make
