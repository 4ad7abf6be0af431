"""The examples and the demo do what they say: each is run as its reader would run it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from rich.console import Console

from conformance.demo import __main__ as demo
from conformance.servers import OurServer
from zkserver.testing import EmbeddedServer

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))
#: Those that need nothing but ZooKeeper.
ON_ZOOKEEPER = EXAMPLES[:5]
#: What another engine's packages are needed for, which the tests do not install.
ELSEWHERE = {"12_spark": "is run by `python -m conformance.mesos spark`, which installs pyspark"}
_TIMEOUT_S = 120


def run(example: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("ZK", "MESOS")}
    # A warning (a socket left open, say) is a bad example.
    return subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        env={**inherited, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )


def test_there_are_examples() -> None:
    numbers = [int(path.stem[:2]) for path in EXAMPLES]
    assert numbers == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.parametrize(
    "example",
    [path for path in EXAMPLES if path.stem not in ELSEWHERE],
    ids=lambda path: path.stem,
)
def test_example_runs_by_itself(example: Path) -> None:
    done = run(example)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_examples_use_the_server_that_zk_names_and_leave_nothing_in_it(
    zk_server: EmbeddedServer, zk_client: KazooClient
) -> None:
    before = zk_client.last_zxid
    for example in ON_ZOOKEEPER:
        done = run(example, ZK=zk_server.address)
        assert done.returncode == 0, done.stdout + done.stderr
    zk_client.sync("/")
    assert zk_client.last_zxid > before
    assert zk_client.get_children("/") == ["zookeeper"]
    assert zk_server.session_ids == [zk_client.client_id[0]]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(example: Path) -> None:
    assert len(example.read_text().splitlines()) < 90


class Forgetful(OurServer):
    """A server that comes back without its data."""

    def kill(self) -> None:
        super().kill()
        shutil.rmtree(self.data_dir / "data")


def play_demo() -> tuple[int, str]:
    text = io.StringIO()
    return demo.run(Console(file=text, soft_wrap=True)), text.getvalue()


def test_the_demo_shows_all_its_scenes() -> None:
    code, text = play_demo()
    assert code == 0, text
    shown = text.count("\n     ok  ") - 1
    skipped = text.count("\nskipped  Apache's Java client")
    assert shown + skipped == len(demo.SCENES), text
    assert not (skipped and os.environ.get("CI")), text


def test_the_demo_fails_when_the_server_loses_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "OurServer", Forgetful)
    # Clients that saw the lost writes are turned away for good; that need not take long to see.
    monkeypatch.setattr("conformance.demo.crash.PATIENCE_S", 3.0)
    code, text = play_demo()
    assert code == 1, text
    assert " FAILED  SIGKILL and restart" in text
    assert text.rstrip().endswith("FAILED")
