"""Apache Spark runs jobs on our masters and agents; ``conformance/mesos/spark_client.py`` has them.

By hand: ``python -m conformance.mesos.spark_client``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.clients.compare import ClientUnavailable
from conformance.mesos.spark_client import CLIENT

#: A run that has checked fewer facts than this has lost a part.
FACTS_MIN = 12


@pytest.mark.long
@pytest.mark.real
def test_spark_does_its_jobs() -> None:
    try:
        CLIENT.prepare()
    except ClientUnavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(f"needed in CI: {reason}")
        pytest.skip(str(reason))
    facts: list[str] = []
    CLIENT.run(facts.append)
    assert len(facts) >= FACTS_MIN, facts


def test_spark_is_skipped_with_the_reason_where_there_is_no_jdk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ClientUnavailable, match="openjdk-17-jdk-headless"):
        CLIENT.prepare()


def test_spark_is_skipped_with_the_reason_where_java_is_too_new(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("java", "javac"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\necho 'openjdk version \"25.0.1\"' >&2\n")
        program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ClientUnavailable, match="JAVA_HOME"):
        CLIENT.prepare()
