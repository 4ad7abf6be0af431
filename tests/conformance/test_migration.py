"""Apache's data directories on ours and back, with Apache's real servers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from conformance.clients.compare import ClientUnavailable
from conformance.migration.journey import travel
from conformance.migration.live import move_live_session
from conformance.migration.members import move_ensemble
from conformance.migration.versions import server_class
from conformance.servers import ApacheServer, ServerUnavailable


def skip_or_fail(reason: Exception) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"needed in CI: {reason}")
    pytest.skip(str(reason))


def test_everything_is_the_same_on_ours_and_back_on_apache_s(tmp_path: Path) -> None:
    try:
        journey = travel("3.8", ApacheServer, ApacheServer, tmp_path, compression="gz")
    except ServerUnavailable as error:
        skip_or_fail(error)
    assert journey.differences == {"ours": [], "back": []}
    assert journey.znodes > 300
    assert "imported" in journey.import_line
    assert "wrote" in journey.export_line


@pytest.mark.long
def test_oldest_format_is_the_same_on_ours_and_on_apache_s_newer_server(tmp_path: Path) -> None:
    try:
        journey = travel(
            "3.4.14",
            server_class("3.4.14"),
            ApacheServer,
            tmp_path,
            has_containers=False,
            has_ttl=False,
            has_config=False,
        )
    except (ClientUnavailable, ServerUnavailable) as error:
        skip_or_fail(error)
    assert journey.differences == {"ours": [], "back": []}


def test_client_sees_a_reconnect_and_nothing_else(tmp_path: Path) -> None:
    try:
        told = move_live_session(tmp_path)
    except ServerUnavailable as error:
        skip_or_fail(error)
    assert told == []


@pytest.mark.long
def test_ensemble_moves_and_an_old_member_counts_for_nothing() -> None:
    try:
        told = move_ensemble()
    except ServerUnavailable as error:
        skip_or_fail(error)
    assert told == []
