"""Frameworks in other people's libraries do real work on our masters and agents.

What each does is told in its module below ``conformance/mesos``; by hand,
``python -m conformance.mesos.pymesos_client`` does one job and prints what it has checked.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from conformance.clients.compare import ClientUnavailable
from conformance.mesos import avmesos_client, curl_client, pymesos_client
from conformance.mesos.__main__ import find_clients
from conformance.mesos.environments import Environment
from conformance.mesos.interpreters import clean_environment, find_python
from conformance.mesos.jobs import Client, Program, check, heed_termination

CLIENTS = (avmesos_client.CLIENT, curl_client.CLIENT, pymesos_client.CLIENT)
SMALL = curl_client.CLIENT
#: A job that has checked fewer facts than this has lost a part.
FACTS_MIN = {"avmesos": 2, "curl": 3, "pymesos": 8}


def unavailable(reason: Exception) -> NoReturn:
    """Skip where people work; fail where the toolchain is supposed to be complete."""
    if os.environ.get("CI"):
        pytest.fail(f"needed in CI: {reason}")
    pytest.skip(str(reason))


@pytest.mark.real
@pytest.mark.parametrize(
    "client",
    [
        # Those with environments of their own, which take their time to be made.
        pytest.param(client, id=client.name, marks=[] if client is SMALL else [pytest.mark.long])
        for client in CLIENTS
    ],
)
def test_framework_does_its_job(client: Client) -> None:
    try:
        client.prepare()
    except ClientUnavailable as reason:
        unavailable(reason)
    facts: list[str] = []
    client.run(facts.append)
    assert len(facts) >= FACTS_MIN[client.name], facts


def test_every_client_is_found_by_its_module() -> None:
    names = [client.name for client in find_clients()]
    assert {client.name for client in CLIENTS} <= set(names)
    assert len(names) == len(set(names))


def test_check_tells_what_does_not_hold_and_why() -> None:
    check(True, "fine")
    with pytest.raises(RuntimeError, match=r"not so: two is one\n2"):
        check(False, "two is one", 2)


def test_a_terminated_run_leaves_its_clusters_in_good_order() -> None:
    before = signal.getsignal(signal.SIGTERM)
    ended: list[str] = []
    try:
        heed_termination()
        with pytest.raises(SystemExit) as exit_info, contextlib.ExitStack() as cluster:
            cluster.callback(ended.append, "cluster")
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert exit_info.value.code == 128 + signal.SIGTERM
    assert ended == ["cluster"]


class TestProgram:
    def test_lines_are_waited_for_in_their_order(self, tmp_path: Path) -> None:
        script = "print('a 1'); print('b 2'); print('a 3'); print('end', input())"
        with Program((sys.executable, "-c", script), tmp_path) as program:
            assert program.wait_line("b") == "2"
            assert program.wait_line("a") == "3"
            program.tell("well")
            assert program.wait_end() == ["a 1", "b 2", "a 3", "end well"]

    def test_a_line_that_does_not_come_is_told_with_what_was_printed(self, tmp_path: Path) -> None:
        script = "import sys; print('hello'); sys.exit('bad luck')"
        with (
            Program((sys.executable, "-c", script), tmp_path) as program,
            pytest.raises(RuntimeError, match=r"(?s)without a line 'x\.\.\.'.*hello.*bad luck"),
        ):
            program.wait_line("x")

    def test_an_exit_status_is_a_failure(self, tmp_path: Path) -> None:
        with (
            Program((sys.executable, "-c", "import sys; sys.exit(3)"), tmp_path) as program,
            pytest.raises(RuntimeError, match="ended with status 3"),
        ):
            program.wait_end()

    def test_nothing_of_our_python_reaches_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PYTHONPATH", "here")
        monkeypatch.setenv("VIRTUAL_ENV", "there")
        script = "import os; print([n for n in os.environ if 'PYTHON' in n or 'VIRTUAL' in n])"
        with Program((sys.executable, "-c", script), tmp_path) as program:
            assert program.wait_end() == ["[]"]
        assert clean_environment()["PATH"] == os.environ["PATH"]


class TestInterpreters:
    def test_the_named_interpreter_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        variable = f"CONFORMANCE_PYTHON_{version.replace('.', '_')}"
        monkeypatch.setenv(variable, sys.executable)
        assert find_python([version]) == Path(sys.executable)

    def test_one_of_another_version_is_not_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONFORMANCE_PYTHON_2_0", sys.executable)
        monkeypatch.setenv("PATH", "")
        monkeypatch.setattr("conformance.mesos.interpreters._fetch", lambda _: None)
        with pytest.raises(ClientUnavailable, match="CONFORMANCE_PYTHON_2_0"):
            find_python(["2.0"])

    def test_what_pip_cannot_install_makes_the_client_unavailable(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "python"
        broken.write_text("#!/bin/sh\necho no luck\nexit 1\n")
        broken.chmod(0o755)
        monkeypatch.setattr("conformance.mesos.environments.BUILD", tmp_path)
        monkeypatch.setattr("conformance.mesos.environments.find_python", lambda _: broken)
        environment = Environment("none", ("3.10",), ("nothing==1",))
        with pytest.raises(ClientUnavailable, match=r"(?s)nothing==1 could not be.*no luck"):
            environment.python()
