"""``zkserver dev``: an ensemble with one command, and all of it gone with one signal."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

from kazoo.client import KazooClient


def test_three_servers_serve_until_the_signal_comes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zkserver", "dev", "--servers", "3", "--data", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.fullmatch(r"3 servers at (\S+)\n", process.stdout.readline())
        assert found is not None
        hosts = found.group(1).split(",")
        clients = [KazooClient(host, timeout=10.0) for host in hosts]
        for client in clients:
            client.start(timeout=15)
        clients[0].create("/a", b"x")
        for client in clients[1:]:
            client.sync("/a")
            assert client.get("/a")[0] == b"x"
        for client in clients:
            client.stop()
            client.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "3"]
