"""Programs that cannot begin say why, in one line."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesos_compat.cli import agent, execute, master


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


PROGRAMS = {"mesos-master": master.main, "mesos-agent": agent.main, "mesos-execute": execute.main}
MASTER = "mesos-master --registry=in_memory --ip=127.0.0.1"
AGENT = "mesos-agent --master=127.0.0.1:5050 --ip=127.0.0.1"
EXECUTE = "mesos-execute --master=127.0.0.1:5050 --name=x --command=true"


def line_of(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """What a program that ends at once with status 1 has printed."""
    monkeypatch.setattr(sys, "argv", command.split())
    with pytest.raises(SystemExit) as ended:
        PROGRAMS[sys.argv[0]]()
    # Python prints a status that is a text, and ends with 1.
    code = ended.value.code
    printed = capsys.readouterr().err + (f"{code}\n" if isinstance(code, str) else "")
    assert code == 1 or isinstance(code, str)
    (line,) = printed.splitlines()
    return line


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (f"{MASTER} --bogus=1", "mesos-master: Failed to load unknown flag 'bogus'"),
        (f"{MASTER} --port=99999", "mesos-master: Failed to load flag 'port': 99999 is no port"),
        (f"{MASTER} --port=x", "mesos-master: Failed to load flag 'port': 'x' is not a whole"),
        (f"{MASTER} --zk=nonsense", "mesos-master: Expecting 'zk://' at the beginning of"),
        ("mesos-master", "mesos-master: --work_dir needed for replicated log based registry"),
        ("mesos-agent", "mesos-agent: Missing required option --master"),
        (AGENT, "mesos-agent: Flag 'work_dir' is required, but it was not provided"),
        (f"{AGENT} --work_dir=FILE/x", "mesos-agent: Failed to load flag 'work_dir': "),
        (f"{AGENT} --work_dir=DIR --resources=cpus:x", "mesos-agent: Failed to load flag 'res"),
        (f"{AGENT} --work_dir=DIR --isolation=warp", "mesos-agent: Unknown or unsupported iso"),
        ("mesos-execute", "mesos-execute: Flag 'master' is required: "),
        (f"{EXECUTE} --resources=cpus:x", "mesos-execute: Failed to load flag 'resources': "),
        (f"{EXECUTE} --master=a:b", "mesos-execute: Flag 'master' is given twice"),
    ],
)
def test_wrong_flag_is_named(
    command: str,
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file"
    file.touch()
    command = command.replace("FILE", str(file)).replace("DIR", str(tmp_path / "dir"))
    assert line_of(command, monkeypatch, capsys).startswith(line)


@pytest.mark.parametrize(
    "command", [f"{MASTER} --port=PORT", f"{AGENT} --work_dir=DIR --port=PORT"]
)
def test_port_that_is_taken_is_named(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = command.replace("PORT", port).replace("DIR", str(tmp_path / "dir"))
        line = line_of(command, monkeypatch, capsys)
    assert port in line
    assert line.endswith("address already in use")
    assert "Errno" not in line


def test_master_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        command = EXECUTE.replace("127.0.0.1:5050", place)
        line = line_of(command, monkeypatch, capsys)
    assert line == f"mesos-execute: the master at {place}: Connection refused"
