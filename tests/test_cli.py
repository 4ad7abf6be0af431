"""The zkserver command and its log lines."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from zkserver import __version__, log_output
from zkserver.admin.status_query import parse_address
from zkserver.cli import StartOptions, UsageError, main, parse_start
from zkserver.config import Config
from zkserver.errors import StartError
from zkserver.storage import DiskFailed, OsDisk, recover

SRVR = (
    "Zookeeper version: 3.8.0-x, built on 2026-01-01 00:00 UTC\nLatency min/avg/max: 0/1.5/9\n"
    "Received: 10\nSent: 9\nConnections: 2\nOutstanding: 0\nZxid: 0x2a\nMode: standalone\n"
    "Node count: 7\n"
)
MNTR = "zk_version\t3.8.0\nzk_watch_count\t4\nzk_global_sessions\t1\n"
REFUSED = "{} is not executed because it is not in the whitelist.\n"

Served = list[tuple[Config, list[str]]]


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    yield
    log_output.configure()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], Served]:
    """Replaces the server by one that returns 0 at once, or fails as it is told."""

    def install(failure: BaseException | None = None) -> Served:
        served: Served = []

        def stand_in(config: Config, notes: list[str]) -> int:
            served.append((config, notes))
            if failure is not None:
                raise failure
            return 0

        module = ModuleType("zkserver.server.app")
        module.__dict__["serve"] = stand_in
        monkeypatch.setitem(sys.modules, "zkserver.server.app", module)
        return served

    return install


@contextmanager
def answering(answers: dict[str, str]) -> Iterator[str]:
    """A server that answers four letter words from a table; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                word = connection.recv(4).decode()
                connection.sendall(answers.get(word, "").encode())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield "{}:{}".format(*listener.getsockname())
    finally:
        # Closing alone does not wake a thread that waits in accept().
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_start_options() -> None:
    words = ["--port", "0", "zoo.cfg", "--host=::1", "--set", "tickTime=5", "--set", "a=b=c"]
    words += ["--log-format", "json"]
    assert parse_start(words) == StartOptions(
        "zoo.cfg",
        {"tickTime": "5", "a": "b=c", "clientPort": "0", "clientPortAddress": "::1"},
        log_format="json",
    )
    assert parse_start(["--port", "1", "--set", "clientPort=2"]).settings == {"clientPort": "1"}
    assert parse_start(["--", "--odd.cfg"]).config_path == "--odd.cfg"
    assert parse_start(["-h"]).wants_help


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--prot", "1"], "no option --prot"),
        (["-p", "1"], "no option -p"),
        (["--port"], "--port needs a value"),
        (["--set", "tickTime"], "must be KEY=VALUE"),
        (["--set", "=1"], "must be KEY=VALUE"),
        (["a", "b"], "one configuration file at most"),
    ],
)
def test_start_usage_mistakes(words: list[str], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        parse_start(words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["start", "--nonsense"], "zkserver start: there is no option --nonsense"),
        (["start"], "--data-dir"),
        (["start", "--data-dir", "d", "--log-level", "loud"], "quiet, info, debug"),
        (["start", "--data-dir", "d", "--port", "x"], "clientPort=x: must be a whole number"),
        (["start", "missing.cfg"], "missing.cfg: cannot be read"),
        (["nonsense"], "No such command 'nonsense'"),
        (["status", "host:port"], "must be HOST:PORT"),
        (["check", "missing"], "not a directory"),
        (["status", "--nonsense"], "No such option"),
        (["--port", "1", "start"], "No such option"),
    ],
)
def test_mistakes_are_one_line_and_code_2(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert expected in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_start_builds_a_config_and_serves(
    serve: Callable[..., Served], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = serve()
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={tmp_path}\ninitLimit=5\nsnapCount=1\n")
    assert main(["start", str(path), "--port", "0", "--set", "zookeeper.maxCnxns=3"]) == 0
    ((config, notes),) = served
    assert (config.client_port, config.connections_max) == (0, 3)
    assert notes == [
        "warning: snapCount=1: using the minimum, 2",
        "no effect, only servers of an ensemble use: initLimit",
    ]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (StartError("the data directory is in use"), "zkserver start: the data directory is in"),
        (DiskFailed("d/log", "write", 28), "zkserver start: cannot write d/log: No space left"),
        (OSError(98, "Address already in use"), "zkserver start: Address already in use"),
        (PermissionError(13, "Permission denied", "dd"), "zkserver start: dd: Permission denied"),
    ],
)
def test_a_start_that_fails_is_one_line_and_code_1(
    serve: Callable[..., Served],
    capsys: pytest.CaptureFixture[str],
    failure: BaseException,
    expected: str,
) -> None:
    serve(failure)
    assert main(["start", "--data-dir", "d"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(expected)
    assert said.count("\n") == 1


def test_start_loads_no_heavy_module() -> None:
    """What costs more than a few milliseconds must not be paid before the first request."""
    heavy = {
        "asyncio",
        "click",
        "rich",
        "logging",
        "json",
        "kazoo",
        "pathlib",
        "importlib.metadata",
    }
    program = (
        "import sys; from zkserver.cli import main; main(['start', '--help']); "
        "import zkserver.config, zkserver.admin.fourletter, zkserver.admin.environment; "
        "print(*sys.modules, sep='\\n')"
    )
    result = subprocess.run(
        # -I -S: no site module, which may import anything for an editable installation.
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert result.stdout.startswith("Usage: zkserver start")
    assert not heavy & set(result.stdout.splitlines())


def test_python_m_zkserver_and_help(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "zkserver", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parent.parent,
        )

    assert run("version").stdout.startswith(f"zkserver {__version__} ")
    shown = run("--help")
    assert shown.returncode == 0
    assert all(word in shown.stdout for word in ("start", "status", "check", "version"))
    assert run("start", "--help").stdout.startswith("Usage: zkserver start")
    failed = run("start", str(tmp_path / "no.cfg"))
    assert (failed.returncode, failed.stdout) == (2, "")
    assert "Traceback" not in failed.stderr


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: zkserver" in capsys.readouterr().err


def test_status(capsys: pytest.CaptureFixture[str]) -> None:
    with answering({"srvr": SRVR, "mntr": MNTR}) as address:
        assert main(["status", address]) == 0
        shown = capsys.readouterr().out
        assert main(["status", address, "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
    lines = dict(line.split() for line in shown.splitlines() if len(line.split()) == 2)
    assert (lines["mode"], lines["zxid"], lines["znodes"]) == ("standalone", "0x2a", "7")
    assert lines["watches"] == "4"
    assert facts["serving"] is True
    assert (facts["znodes"], facts["watches"], facts["zxid"]) == (7, 4, "0x2a")
    assert "problem" not in facts


def test_status_of_a_server_that_only_allows_srvr(capsys: pytest.CaptureFixture[str]) -> None:
    with answering({"srvr": SRVR, "mntr": REFUSED.format("mntr")}) as address:
        assert main(["status", address]) == 0
    shown = capsys.readouterr().out
    assert "standalone" in shown
    assert "mntr in 4lw.commands.whitelist" in shown


def test_status_of_a_server_that_only_allows_ruok(capsys: pytest.CaptureFixture[str]) -> None:
    with answering({"srvr": REFUSED.format("srvr"), "ruok": "imok"}) as address:
        assert main(["status", address, "--json"]) == 0
    assert "srvr in 4lw" in json.loads(capsys.readouterr().out)["problem"]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"srvr": "This ZooKeeper instance is not currently serving requests\n"}, "not serving"),
        ({"srvr": "HTTP/1.1 400 Bad Request\r\n\r\n"}, "not as a ZooKeeper server"),
        ({}, "not as a ZooKeeper server"),
        ({"srvr": REFUSED.format("srvr"), "ruok": REFUSED.format("ruok")}, "neither"),
    ],
)
def test_status_of_what_is_not_serving(
    answers: dict[str, str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(answers) as address:
        assert main(["status", address]) == 1
        said = capsys.readouterr()
        assert main(["status", address, "--json"]) == 1
        facts = json.loads(capsys.readouterr().out)
    assert expected in said.err
    assert said.err.count("\n") == 1
    assert facts["serving"] is False
    assert expected in facts["problem"]


def test_status_of_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as reserved:
        # A bound socket that does not listen refuses connections, and nobody else gets its port.
        reserved.bind(("127.0.0.1", 0))
        assert main(["status", f"127.0.0.1:{reserved.getsockname()[1]}"]) == 1
    assert "cannot be reached: Connection refused" in capsys.readouterr().err


def test_status_of_a_server_that_stays_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert main(["status", f"127.0.0.1:{port}", "--timeout", "0.05"]) == 1
    assert "did not answer within 0.05 s" in capsys.readouterr().err


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A data directory with one log of three flushed records; the path of that log."""
    recovered = recover(OsDisk(), str(tmp_path))
    for index in range(3):
        recovered.wal.append(1, index, index + 1, 0, 1, [b"entry %d" % index])
        recovered.wal.sync()
    recovered.close()
    (log,) = (path for path in tmp_path.glob("*/*.log") if b"entry 0" in path.read_bytes())
    return log


def test_check_of_a_sound_directory(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert str(written) in shown
    assert shown.endswith("sound: nothing wrong was found\n")


def test_check_names_the_file_and_offset_of_damage(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(written.read_bytes())
    at = content.index(b"entry 1")
    content[at] ^= 1
    written.write_bytes(content)
    assert main(["check", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert f"{written}: log, " in said
    assert "PROBLEM: offset " in said
    assert "a server will not start on it" in said
    assert main(["check", str(tmp_path), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert not report["can_start"]
    (problem,) = (file["problem"] for file in report["files"] if file["path"] == str(written))
    offset = int(problem.split()[1].rstrip(":"))
    assert content.index(b"entry 0") < offset <= at


@pytest.mark.parametrize(
    ("made", "checked", "expected"),
    [
        ("d", "d", "there is neither mesozoic-1 (zkserver's) nor version-2 (Apache"),
        ("d/version-2", "d", "with anything in it"),
        ("d/version-2", "d/version-2", "give the directory above it"),
        ("d/mesozoic-1", "d/mesozoic-1", "give the directory above it"),
    ],
)
def test_check_of_a_directory_without_our_data(
    tmp_path: Path, made: str, checked: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / made).mkdir(parents=True)
    assert main(["check", str(tmp_path / checked)]) == 1
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h:1", ("h", 1)),
        ("h", ("h", 2181)),
        ("[::1]:5", ("::1", 5)),
        ("[::1]", ("::1", 2181)),
        (":7", ("127.0.0.1", 7)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["h:", "h:0", "h:65536", "h:x", "::1"])
def test_bad_addresses(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|brackets"):
        parse_address(text)


def test_text_log_lines() -> None:
    fields: dict[str, object] = {
        "path": b"/a b",
        "n": 3,
        "why": 'x="1"\n\x1b[0m',
        "none": None,
        "empty": "",
        "lone": "\ud800",
    }
    line = log_output.format_line(1767268800123, "info", "it_happened", fields, as_json=False)
    assert line == (
        '2026-01-01T12:00:00.123Z info it_happened path="/a b" n=3 '
        'why="x=\\"1\\"\\n\\u001b[0m" none=None empty="" lone="\\ud800"\n'
    )


def test_json_log_lines() -> None:
    line = log_output.format_line(5, "error", "e", {"n": 3, "raw": b"\xff\n"}, as_json=True)
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.005Z",
        "level": "error",
        "event": "e",
        "n": 3,
        "raw": "\\xff\n",
    }


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("quiet", ["warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("debug", ["debug", "info", "warning", "error"]),
    ],
)
def test_levels(level: str, written: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level, "json")
    for each in ("debug", "info", "warning", "error"):
        log_output.log(each, "e")
        assert log_output.enabled(each) == (each in written)
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["level"] for line in lines] == written


def test_a_closed_standard_error_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = socket.socketpair()
    stream = writer.makefile("w")
    writer.close()
    reader.close()
    monkeypatch.setattr(sys, "stderr", stream)
    log_output.log("error", "nobody_reads")
    monkeypatch.undo()
    with pytest.raises(OSError, match="pipe"):
        stream.close()
