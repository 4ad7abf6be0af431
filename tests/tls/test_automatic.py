"""``--tls auto``: a process that makes its certificates, and a client that does as it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from zkserver.cli import main

PATIENCE_S = 20.0


def start(data: Path) -> tuple[subprocess.Popen[str], list[str]]:
    words = ["--port", "0", "--data-dir", str(data), "--host", "127.0.0.1", "--tls", "auto"]
    process = subprocess.Popen(
        [sys.executable, "-m", "zkserver", "start", *words], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, [process.stdout.readline() for _ in range(4)]


def stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
    assert process.stdout is not None
    process.stdout.close()


def test_client_does_as_it_is_told_and_still_after_a_restart(tmp_path: Path) -> None:
    authorities = []
    for _ in range(2):
        process, said = start(tmp_path)
        try:
            assert re.search(
                r"listening on 127.0.0.1:\d+ and 127.0.0.1:\d+ \(TLS\), data in", said[0]
            )
            assert "-Dzookeeper.client.secure=true" in said[2]
            assert "zookeeper_init_ssl" in said[3]
            client = eval(said[1].partition("kazoo: ")[2], {"KazooClient": KazooClient})
            client.start(PATIENCE_S)
            client.ensure_path("/a")
            client.stop()
            client.close()
            authorities.append((tmp_path / "tls-auto" / "ca.pem").read_bytes())
        finally:
            stop(process)
    assert authorities[0] == authorities[1]
    assert (tmp_path / "tls-auto").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "tls-auto" / "client.key").stat().st_mode & 0o777 == 0o600


def test_other_values_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "--data-dir", "d", "--tls", "yes"]) == 2
    assert "--tls yes: must be auto" in capsys.readouterr().err
