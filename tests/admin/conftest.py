"""A view of a young standalone server, to be varied by the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from zkserver.admin.environment import environment
from zkserver.admin.status_view import StatusView
from zkserver.config import Config

ViewMaker = Callable[..., StatusView]


@pytest.fixture
def make_view() -> ViewMaker:
    young = StatusView(
        config=Config(data_dir="data", four_letter_words=frozenset({"*"})),
        client_port=2181,
        secure_client_port=-1,
        version="3.8.0-mesozoic-1.2.3, built on 2026-01-02 03:04 UTC",
        serving=True,
        state="standalone",
        read_only=False,
        min_latency_ms=0,
        avg_latency_ms=0.0,
        max_latency_ms=0,
        received=1,
        sent=0,
        connection_count=1,
        outstanding=0,
        last_zxid=0,
        node_count=5,
        data_dir="data/mesozoic-1",
        log_dir="data/mesozoic-1",
        data_dir_bytes=lambda: 457,
        log_dir_bytes=lambda: 67109337,
        trace_mask=306,
        connections=list,
        sessions=list,
        ephemerals=list,
        connection_buckets=list,
        watchers=list,
        digests=list,
        environment=environment,
        figures=dict,
        summaries=dict,
    )

    def make(**changes: object) -> StatusView:
        return replace(young, **changes)  # type: ignore[arg-type]

    return make
