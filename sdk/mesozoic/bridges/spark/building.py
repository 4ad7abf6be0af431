"""Compiles the driver, once for each version of its sources and of Spark's jars.

The jar lies in the user's cache directory under a name that is a hash of all it was made from. So
a stale one is never picked up, and two processes that build at the same time do no harm: each
builds beside the final place and renames.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mesozoic.errors import MesozoicError

#: The sources of the driver.
SOURCES: Final = Path(__file__).parent / "java"

#: What the sources import; all of it is part of Spark. Each name is followed by a version.
_JARS: Final = (
    "mesos",
    "httpclient",
    "httpcore",
    "curator-framework",
    "curator-client",
    "zookeeper",
    "zookeeper-jute",
    "jackson-databind",
    "jackson-core",
    "jackson-annotations",
    "slf4j-api",
)
_COMPILE_S_MAX: Final = 300.0
_JDK: Final = "a JDK (on Debian: apt-get install openjdk-17-jdk-headless)"
#: A constant, so that the same sources give the same bytes: the earliest that zip can hold.
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)


class SparkUnavailable(MesozoicError):  # noqa: N818 - names the state
    """Spark, or what the driver is compiled with, is not here; the text says what to install."""


def find_spark_home() -> Path:
    """Where Spark is: ``SPARK_HOME``, or else the pyspark of this Python.

    Raises :class:`SparkUnavailable`.
    """
    if named := os.environ.get("SPARK_HOME"):
        return Path(named)
    spec = importlib.util.find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise SparkUnavailable(
            'Spark is not here: pip install "pyspark<4", or let SPARK_HOME name a distribution'
        )
    return Path(spec.submodule_search_locations[0])


def spark_jars(home: Path) -> list[Path]:
    """The jars of the Spark at ``home`` that the driver needs. Raises :class:`SparkUnavailable`."""
    found = []
    for name in _JARS:
        jars = [
            jar for jar in sorted((home / "jars").glob(f"{name}-*.jar")) if _is_jar_of(jar, name)
        ]
        if not jars:
            raise SparkUnavailable(
                f"the Spark at {home} has no {name} in its jars; Mesos is part of Spark up to "
                f'3.5 (pip install "pyspark<4") and not of builds without it'
            )
        found.append(jars[-1])
    return found


def _is_jar_of(jar: Path, name: str) -> bool:
    return re.match(r"\d", jar.name.removeprefix(f"{name}-")) is not None


def jar_path(home: Path | None = None) -> Path:
    """The driver for the Spark at ``home``, built when it is new. Raises as :func:`build` does."""
    return build(spark_jars(home or find_spark_home()))


def build(jars: Sequence[Path] | None = None, *, directory: Path | None = None) -> Path:
    """Compile the driver against ``jars`` (those of the installed Spark); the path of its jar.

    It goes to ``directory``, by default below the user's cache directory. Nothing is done when
    it is there. Raises :class:`SparkUnavailable` without a Java compiler or without Spark, and
    :class:`~mesozoic.errors.MesozoicError` with what the compiler says when it refuses.
    """
    jars = spark_jars(find_spark_home()) if jars is None else jars
    sources = sorted(SOURCES.rglob("*.java"))
    directory = directory or _cache_directory()
    place = directory / f"mesozoic-spark-driver-{_recipe_hash([*sources, *jars])}.jar"
    if not place.exists():
        compiler = find_compiler()
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix="building-") as name:
            fresh = Path(name) / "driver.jar"
            _compile(compiler, sources, jars, Path(name) / "classes")
            _pack(Path(name) / "classes", fresh)
            fresh.replace(place)
    return place


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mesozoic" / "spark"


def _recipe_hash(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def find_compiler() -> Path:
    """``javac`` of ``JAVA_HOME``, or else of the search path. Raises :class:`SparkUnavailable`."""
    if java_home := os.environ.get("JAVA_HOME"):
        compiler = Path(java_home) / "bin" / "javac"
        if compiler.exists():
            return compiler
    if found := shutil.which("javac"):
        return Path(found)
    if java := shutil.which("java"):
        reason = f"{java} is a runtime (JRE) without a compiler"
    else:
        reason = "there is no Java at all"
    raise SparkUnavailable(
        f"the driver for Spark has to be compiled once, but {reason}: install {_JDK}"
    )


def _compile(compiler: Path, sources: Sequence[Path], jars: Sequence[Path], into: Path) -> None:
    into.mkdir()
    done = _run(
        [
            *(str(compiler), *_target(compiler)),
            *("-proc:none", "-encoding", "UTF-8", "-Xlint:all,-options,-path"),
            *("-cp", os.pathsep.join(map(str, jars)), "-d", str(into)),
            *map(str, sources),
        ]
    )
    if done.returncode != 0:
        raise MesozoicError(f"{compiler} does not compile the driver for Spark:\n{done.stdout}")


def _target(compiler: Path) -> tuple[str, ...]:
    """What makes class files that every Java runs which Spark runs on, from 8."""
    said = _run([str(compiler), "-version"])
    if said.returncode != 0:
        raise SparkUnavailable(f"{compiler} does not run; install {_JDK}. It said:\n{said.stdout}")
    is_8 = "javac 1.8" in said.stdout
    return ("-source", "8", "-target", "8") if is_8 else ("--release", "8")


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=_COMPILE_S_MAX,
        check=False,
    )


def _pack(classes: Path, into: Path) -> None:
    """A jar is a zip file; the JDK's own tool is not always there."""
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as jar:
        manifest = "Manifest-Version: 1.0\r\nImplementation-Title: mesozoic-spark-driver\r\n\r\n"
        jar.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF", _ZIP_TIME), manifest)
        for file in sorted(classes.rglob("*.class")):
            name = file.relative_to(classes).as_posix()
            jar.writestr(zipfile.ZipInfo(name, _ZIP_TIME), file.read_bytes())
