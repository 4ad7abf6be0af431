"""A session with a ZooKeeper that is not there."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from mesos_compat.ha.address import ZooKeeperAddress
from mesos_compat.ha.session import ZooKeeperSession

pytestmark = pytest.mark.asyncio


async def test_unreachable_zookeeper_is_complained_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as taken:
        # Bound and not listened at: every attempt is refused.
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        attempts = 0

        def count(record: logging.LogRecord) -> bool:
            nonlocal attempts
            attempts += record.levelno == logging.WARNING
            return True

        session = ZooKeeperSession(ZooKeeperAddress(place, "/mesos", "user:secret"), 4.0)
        session.client.logger.addFilter(count)
        session.start()
        async with asyncio.timeout(30):
            while attempts < 3:
                await asyncio.sleep(0.01)
        await session.stop()
    (line,) = [one.getMessage() for one in caplog.records]
    assert line == (
        f"cannot reach ZooKeeper zk://{place}/mesos: socket connection error: Connection refused;"
        " trying again"
    )
