"""What holds for every test: it leaves no ZooKeeper client behind.

One that goes on would log into other tests, keep a port's neighbours awake, and draw from the
random module while hypothesis does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

_PATIENCE_S = 5.0


def _clients() -> set[threading.Thread]:
    """The threads in which kazoo's clients hold their connections."""
    return {one for one in threading.enumerate() if "zk_loop" in one.name}


@pytest.fixture(autouse=True)
def leaves_no_client_behind() -> Iterator[None]:
    before = _clients()
    yield
    until = time.monotonic() + _PATIENCE_S
    while (left := _clients() - before) and time.monotonic() < until:
        time.sleep(0.01)
    assert not left, "a kazoo client was not closed"
