"""The driver is compiled once, and who lacks something is told what."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from mesozoic.bridges.spark import building
from mesozoic.bridges.spark.building import SparkUnavailable, build, find_compiler, spark_jars
from mesozoic.errors import MesozoicError

#: The first bytes of a class file for Java 8: magic, minor and major version.
JAVA_8 = bytes.fromhex("cafebabe00000034")
NAMES = (
    "mesos-1.4.3-shaded-protobuf.jar",
    "httpclient-4.5.14.jar",
    "httpcore-4.4.16.jar",
    "curator-framework-2.13.0.jar",
    "curator-client-2.13.0.jar",
    "zookeeper-3.6.3.jar",
    "zookeeper-jute-3.6.3.jar",
    "jackson-databind-2.15.2.jar",
    "jackson-core-2.15.2.jar",
    "jackson-annotations-2.15.2.jar",
    "slf4j-api-2.0.7.jar",
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Looks like a Spark."""
    (tmp_path / "spark" / "jars").mkdir(parents=True)
    for name in (*NAMES, "jackson-core-asl-1.9.13.jar", "httpclient-cache-4.jar"):
        (tmp_path / "spark" / "jars" / name).write_bytes(name.encode())
    return tmp_path / "spark"


def fake_compiler(directory: Path, script: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    compiler = directory / "javac"
    compiler.write_text(f"#!/bin/sh\n{script}\n")
    compiler.chmod(0o755)


@pytest.mark.real
def test_driver_compiles_for_every_java_that_spark_runs_on(class_path: str) -> None:
    jar = Path(class_path.split(os.pathsep)[0])
    with zipfile.ZipFile(jar) as opened:
        names = opened.namelist()
        driver = opened.read("org/apache/mesos/MesosSchedulerDriver.class")
    assert names[0] == "META-INF/MANIFEST.MF"
    assert driver.startswith(JAVA_8)


def test_jars_are_told_from_others_with_longer_names(home: Path) -> None:
    assert [jar.name for jar in spark_jars(home)] == list(NAMES)


def test_spark_without_mesos_is_named(home: Path) -> None:
    (home / "jars" / NAMES[0]).unlink()
    with pytest.raises(SparkUnavailable, match=r"no mesos in its jars.*pyspark<4"):
        spark_jars(home)


def test_result_is_used_until_something_changes(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = tmp_path / "count"
    fake_compiler(tmp_path / "bin", f"echo >> {count}; echo javac 17")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    jars = spark_jars(home)
    first = build(jars, directory=tmp_path / "cache")
    assert build(jars, directory=tmp_path / "cache") == first
    # It was asked for its version, and then to compile.
    assert len(count.read_text()) == 2
    jars[0].write_bytes(b"another version")
    assert build(jars, directory=tmp_path / "cache") != first
    assert not list((tmp_path / "cache").glob("building-*"))


def test_compiler_that_refuses_is_quoted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_compiler(tmp_path / "bin", '[ "$1" = -version ] && exit; echo no such symbol; exit 1')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(MesozoicError, match="no such symbol"):
        build(spark_jars(home), directory=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_old_compiler_is_not_asked_for_a_release(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_compiler(tmp_path / "bin", f"echo javac 1.8.0_402; echo $* >> {tmp_path}/arguments")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    build(spark_jars(home), directory=tmp_path / "cache")
    assert "-source 8 -target 8" in (tmp_path / "arguments").read_text()


def test_runtime_without_a_compiler_is_called_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_compiler(tmp_path, "exit")
    (tmp_path / "javac").rename(tmp_path / "java")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SparkUnavailable, match=r"\(JRE\) without a compiler: install a JDK"):
        find_compiler()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SparkUnavailable, match="no Java at all: install a JDK"):
        find_compiler()


def test_spark_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_HOME", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SparkUnavailable, match=r'pip install "pyspark<4"'):
        building.find_spark_home()
    monkeypatch.setenv("SPARK_HOME", "/opt/spark")
    assert building.find_spark_home() == Path("/opt/spark")
