"""Larger frameworks, those in Go, and an operator's tool work on our masters and agents.

What each does is told in its module below ``conformance/mesos``; by hand,
``python -m conformance.mesos.toil_client`` does one job and prints what it has checked.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from conformance.clients.compare import ClientUnavailable
from conformance.mesos import avmesos_cli_client, dpark_client, mesos_go_client, toil_client
from conformance.mesos.jobs import Client

CLIENTS = (
    avmesos_cli_client.CLIENT,
    dpark_client.CLIENT,
    mesos_go_client.CLIENT,
    toil_client.CLIENT,
)
#: A job that has checked fewer facts than this has lost a part.
FACTS_MIN = {"avmesos-cli": 7, "dpark": 3, "mesos_go": 6, "toil": 4}


def unavailable(reason: Exception) -> NoReturn:
    """Skip where people work; fail where the toolchain is supposed to be complete."""
    if os.environ.get("CI"):
        pytest.fail(f"needed in CI: {reason}")
    pytest.skip(str(reason))


@pytest.mark.long
@pytest.mark.real
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_framework_does_its_job(client: Client) -> None:
    try:
        client.prepare()
    except ClientUnavailable as reason:
        unavailable(reason)
    facts: list[str] = []
    client.run(facts.append)
    assert len(facts) >= FACTS_MIN[client.name], facts


def test_mesos_go_is_skipped_with_the_reason_where_there_is_no_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ClientUnavailable, match="golang-go"):
        mesos_go_client.CLIENT.prepare()


def test_dpark_is_skipped_with_the_reason_where_nobody_cannot_be_become(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr("conformance.mesos.environments.Environment.python", lambda _: None)
    with pytest.raises(ClientUnavailable, match="util-linux"):
        dpark_client.CLIENT.prepare()
