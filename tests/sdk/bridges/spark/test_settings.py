"""What Spark is told, in a session of this process and by spark-submit."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Self

import pytest

from mesozoic.bridges.spark import sessions, submitting
from mesozoic.bridges.spark.sessions import session_builder
from mesozoic.bridges.spark.settings import Credential, address_towards, spark_settings
from mesozoic.bridges.spark.submitting import spark_submit, submit_arguments
from mesozoic.errors import BadAddress, MesozoicError

JAR = Path("/cache/driver.jar")
HOME = Path("/opt/spark")


@pytest.mark.parametrize(
    "master",
    [
        "127.0.0.1:5050",
        "mesos://127.0.0.1:5050",
        "https://127.0.0.1:5050",
        "127.0.0.1:5050,127.0.0.1:5051",
        "zk://127.0.0.1:2181,127.0.0.1:2182/mesos",
        "mesos://zk://me:secret@127.0.0.1/mesos",
        "[::1]:5050",
    ],
)
def test_executors_connect_to_the_address_that_reaches_the_master(master: str) -> None:
    assert address_towards(master) == ("[::1]" if "::" in master else "127.0.0.1")


@pytest.mark.parametrize("master", ["", "zk://", "zk:///mesos", "mesos://", "host:port"])
def test_what_names_no_master_is_refused(master: str) -> None:
    with pytest.raises(BadAddress):
        address_towards(master)


def test_settings_are_what_mesos_needs() -> None:
    settings = spark_settings(
        "zk://zk1,zk2/mesos", jar=JAR, spark_home=HOME, driver_host="10.0.0.9"
    )
    assert settings == {
        "spark.master": "mesos://zk://zk1,zk2/mesos",
        "spark.driver.extraClassPath": str(JAR),
        "spark.mesos.executor.home": str(HOME),
        "spark.driver.host": "10.0.0.9",
        "spark.mesos.driver.failoverTimeout": "60.0",
    }


def test_credential_does_not_show_its_secret() -> None:
    assert "secret" not in repr(Credential("me", "secret")).replace("secret=", "")


def submitted(*arguments: str) -> tuple[dict[str, str], list[str]]:
    """The settings among the arguments for spark-submit, and the rest of them."""
    settings = {}
    rest = []
    left = submit_arguments(arguments, jar=JAR, spark_home=HOME)
    while left:
        if left[0] == "--conf":
            name, _, value = left[1].partition("=")
            settings[name] = value
            del left[:2]
        else:
            rest.append(left.pop(0))
    return settings, rest


def test_submission_is_completed() -> None:
    settings, rest = submitted(
        "--master", "127.0.0.1:5050", "--name", "n", "job.py", "--master", "x"
    )
    assert rest == [
        *("--master", "mesos://127.0.0.1:5050", "--driver-class-path", str(JAR)),
        *("--name", "n", "job.py", "--master", "x"),
    ]
    assert settings["spark.mesos.executor.home"] == str(HOME)
    assert settings["spark.driver.host"] == "127.0.0.1"


def test_what_the_arguments_say_goes_first() -> None:
    settings, rest = submitted(
        *("--conf=spark.master=mesos://127.0.0.1:5050", "-c", "spark.driver.host=10.0.0.9"),
        *("--verbose", "--conf", "spark.driver.extraClassPath=/a.jar:/b.jar"),
        *("--conf", "spark.mesos.executor.home=/elsewhere", "job.jar"),
    )
    assert rest[:4] == [
        *("--master", "mesos://127.0.0.1:5050"),
        *("--driver-class-path", f"{JAR}:/a.jar:/b.jar"),
    ]
    assert rest[4:] == ["--verbose", "job.jar"]
    assert settings["spark.driver.host"] == "10.0.0.9"
    assert settings["spark.mesos.executor.home"] == "/elsewhere"
    assert not {"spark.master", "spark.driver.extraClassPath"} & set(settings)


def test_own_class_path_comes_behind_the_driver() -> None:
    _, rest = submitted("--driver-class-path", "/a.jar", "--master", "127.0.0.1:1", "job.jar")
    assert rest[2:4] == ["--driver-class-path", f"{JAR}:/a.jar"]


@pytest.mark.parametrize("question", ["--help", "--version"])
def test_question_is_handed_on_as_it_is(question: str) -> None:
    assert submit_arguments([question], jar=JAR, spark_home=HOME) == [question]


@pytest.mark.parametrize("arguments", [["job.py"], ["--master"], ["--conf", "a=b", "job.py"]])
def test_submission_without_a_master_is_refused(arguments: list[str]) -> None:
    with pytest.raises(MesozoicError):
        submitted(*arguments)


def test_sparks_own_program_is_run_and_its_status_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "spark-submit"
    program.write_text(f'#!/bin/sh\necho "$*" "$PYSPARK_PYTHON" > {tmp_path}/ran\nexit 7\n')
    program.chmod(0o755)
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    monkeypatch.setattr(submitting, "jar_path", lambda _: JAR)
    assert spark_submit(["--master", "127.0.0.1:5050", "job.py"]) == 7
    ran = (tmp_path / "ran").read_text()
    assert ran.startswith("--master mesos://127.0.0.1:5050 --driver-class-path")
    assert ran.endswith(f"job.py {sys.executable}\n")


def test_command_hands_on_options_that_it_does_not_know(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mesozoic.bridges.spark", "submit", "--help"]
    environment = {**os.environ, "SPARK_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("mesozoic.bridges.spark: the Spark at")


class FakeBuilder:
    """Takes settings, as pyspark's does."""

    def __init__(self) -> None:
        self.settings: dict[str, str] = {}
        self.name = ""

    def config(self, key: str, value: str) -> Self:
        self.settings[key] = value
        return self

    def appName(self, name: str) -> Self:  # noqa: N802
        self.name = name
        return self


class FakeJvm:
    """A JVM that was started with a class path."""

    def __init__(self, class_path: str) -> None:
        system = types.SimpleNamespace(getProperty=lambda _: class_path)
        self.java = types.SimpleNamespace(lang=types.SimpleNamespace(System=system))


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> FakeBuilder:
    """What pyspark hands out, without a pyspark."""
    fake = FakeBuilder()
    package: Any = types.ModuleType("pyspark")
    package.SparkContext = types.SimpleNamespace(_jvm=None)
    sql: Any = types.ModuleType("pyspark.sql")
    sql.SparkSession = types.SimpleNamespace(builder=fake)
    monkeypatch.setitem(sys.modules, "pyspark", package)
    monkeypatch.setitem(sys.modules, "pyspark.sql", sql)
    monkeypatch.setenv("SPARK_HOME", str(HOME))
    monkeypatch.setenv("PYSPARK_PYTHON", "")
    monkeypatch.setenv("SPARK_MESOS_SECRET", "")
    monkeypatch.setattr(sessions, "jar_path", lambda _: JAR)
    return fake


def test_session_has_what_mesos_needs_and_what_was_asked_for(builder: FakeBuilder) -> None:
    made: Any = session_builder(
        "127.0.0.1:5050",
        app_name="mine",
        credential=Credential("me", "secret"),
        tls_ca=Path("/ca.pem"),
        config={"spark.cores.max": "4", "spark.driver.extraClassPath": "/a.jar"},
    )
    assert made is builder
    assert builder.name == "mine"
    assert builder.settings == {
        "spark.master": "mesos://127.0.0.1:5050",
        "spark.driver.extraClassPath": f"{JAR}:/a.jar",
        "spark.mesos.executor.home": str(HOME),
        "spark.driver.host": "127.0.0.1",
        "spark.mesos.driver.failoverTimeout": "60.0",
        "spark.mesos.principal": "me",
        "spark.mesozoic.tls.ca": "/ca.pem",
        "spark.cores.max": "4",
    }
    # Arguments of a process are for everybody to see, so the secret is in none.
    assert os.environ["SPARK_MESOS_SECRET"] == "secret"


def test_second_session_uses_the_jvm_that_has_the_driver(builder: FakeBuilder) -> None:
    sys.modules["pyspark"].SparkContext._jvm = FakeJvm(f"/conf:{JAR}:/x.jar")
    session_builder("127.0.0.1:5050", credential=Credential("me", "secret"))
    assert builder.settings["spark.mesos.secret"] == "secret"


def test_session_in_a_jvm_without_the_driver_is_refused(builder: FakeBuilder) -> None:
    del builder
    sys.modules["pyspark"].SparkContext._jvm = FakeJvm("/conf:/x.jar")
    with pytest.raises(MesozoicError, match="without the driver"):
        session_builder("127.0.0.1:5050")
