"""The systemd unit and the container file start what they say they start."""

from __future__ import annotations

import configparser
import json
import shlex
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from conformance.membership import free_ports

PLACE = Path(__file__).parents[2] / "examples" / "operation"
PATIENCE_S = 20.0


def unit() -> list[str]:
    parser = configparser.ConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(PLACE / "zkserver.service")
    return shlex.split(parser["Service"]["ExecStart"])


def container() -> list[str]:
    lines = (PLACE / "Containerfile").read_text().splitlines()
    found: list[str] = []
    for name in ("ENTRYPOINT ", "CMD "):
        (line,) = (line for line in lines if line.startswith(name))
        found += json.loads(line.removeprefix(name))
    return found


@pytest.mark.parametrize("command", [unit(), container()], ids=["unit", "container"])
def test_it_starts_is_ready_and_ends_when_asked_to(command: list[str], tmp_path: Path) -> None:
    client, admin, metrics = free_ports(3)
    config = tmp_path / "zoo.cfg"
    config.write_text(f"dataDir={tmp_path}\nclientPort={client}\nadmin.serverPort={admin}\n")
    assert command[0].endswith("zkserver")
    here = {"/etc/zookeeper/conf/zoo.cfg": str(config), "/data": str(tmp_path), "2181": str(client)}
    words = [here.get(word, word) for word in command[1:]]
    if str(config) not in words:
        for setting in (f"admin.serverPort={admin}", f"metricsProvider.httpPort={metrics}"):
            words += ["--set", setting]
    process = subprocess.Popen([sys.executable, "-m", "zkserver", *words])
    try:
        until = time.monotonic() + PATIENCE_S
        ready = False
        while not ready and time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{admin}/ready", timeout=5) as told:
                    ready = told.status == 200
            except OSError:
                time.sleep(0.05)
        assert ready
        if "--set" in words:
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=5) as told:
                assert b"znode_count" in told.read()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
