"""Compiles and runs Java programs, so that only the first run pays for the compiler.

Everything that is derived (class files, Maven's class path) lives under ``build/jvm``
of the checkout, in a directory named after the hash of all it was made from. A stale
build can therefore not be picked up, and two runs at the same time cannot harm each
other: each builds beside the final place and renames.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from conformance.clients.compare import ClientUnavailable
from conformance.servers import APACHE_JAR

#: Where the Java sources are.
SOURCES = Path(__file__).parent
#: Where the results of compiling go; git ignores it.
BUILD = Path(__file__).resolve().parents[3] / "build" / "jvm"
#: Writes the log to standard error, where only a failed run is looked at.
SLF4J_JAR = Path("/usr/share/java/slf4j-simple.jar")

# Short programs gain more from a fast start than from well optimised code.
_JVM_OPTIONS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xmx256m",
    # The client's own limit on what it reads; large enough to see the server's.
    "-Djute.maxbuffer=4194304",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Duser.timezone=UTC",
    "-Dfile.encoding=UTF-8",
)
_RUN_TIMEOUT_S = 120.0
_BUILD_TIMEOUT_S = 600.0


def require(*programs: str) -> None:
    """Raise :class:`ClientUnavailable` unless all of ``programs`` are on the search path."""
    packages = {"java": "default-jre-headless", "javac": "default-jdk-headless", "mvn": "maven"}
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        names = " ".join(packages[program] for program in missing)
        raise ClientUnavailable(f"{', '.join(missing)} not found: apt-get install {names}")


def debian_classpath() -> str:
    """The class path of Apache's client as Debian installs it (its jar names the rest).

    Raises :class:`ClientUnavailable` when a jar is missing.
    """
    for jar, package in ((APACHE_JAR, "zookeeper"), (SLF4J_JAR, "libslf4j-java")):
        if not jar.exists():
            raise ClientUnavailable(f"{jar} not found: apt-get install {package}")
    return f"{APACHE_JAR}{os.pathsep}{SLF4J_JAR}"


def maven_classpath(pom: Path) -> str:
    """The class path of the dependencies in ``pom``, fetched by Maven when they are new here.

    Raises :class:`ClientUnavailable` when Maven is missing or cannot fetch them.
    """
    built = _built("classpath", pom.read_bytes(), lambda place: _resolve(pom, place))
    classpath = (built / "classpath").read_text().strip()
    if all(Path(jar).exists() for jar in classpath.split(os.pathsep)):
        return classpath
    # Somebody emptied Maven's repository since: resolve again.
    shutil.rmtree(built, ignore_errors=True)
    return maven_classpath(pom)


def _resolve(pom: Path, place: Path) -> None:
    require("mvn")
    done = _run_build(
        [
            "mvn",
            "-q",
            "-B",
            "-f",
            str(pom),
            "dependency:build-classpath",
            f"-Dmdep.outputFile={place / 'classpath'}",
        ]
    )
    if done.returncode != 0 or not (place / "classpath").exists():
        raise ClientUnavailable(
            "Maven could not fetch Curator; check its access to Maven Central "
            f"(mvn -f {pom.name} dependency:build-classpath). It said:\n{done.stdout[-2000:]}"
        )


def compiled(name: str, classpath: str) -> Path:
    """The directory with the classes of the program in the source directory ``name``.

    Raises :class:`ClientUnavailable` without a compiler and ``RuntimeError`` with the
    compiler's messages when the sources do not compile.
    """
    sources = sorted((SOURCES / name).rglob("*.java"))
    recipe = classpath.encode() + b"".join(
        source.name.encode() + b"\0" + source.read_bytes() for source in sources
    )

    def build(place: Path) -> None:
        require("java", "javac")
        done = _run_build(
            ["javac", "-nowarn", "--release", "11", "-encoding", "UTF-8", "-proc:none"]
            + ["-cp", classpath, "-d", str(place)]
            + [str(source) for source in sources]
        )
        if done.returncode != 0:
            raise RuntimeError(f"the Java program {name} does not compile:\n{done.stdout}")

    return _built(name, recipe, build)


def run_java(
    main_class: str,
    classpath: str,
    arguments: Sequence[str],
    *,
    stdin: str = "",
    options: Sequence[str] = (),
    merge_errors: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run ``main_class`` to its end; returns what it printed.

    ``merge_errors`` sends standard error the way of standard output, in order.

    Raises ``RuntimeError`` with all it printed when it does not end in two minutes.
    """
    require("java")
    command = ["java", *_JVM_OPTIONS, *options, "-cp", classpath, main_class, *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge_errors else subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout=_RUN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise RuntimeError(
                f"{main_class} did not end in {_RUN_TIMEOUT_S:.0f} s; it printed:\n{out}\n{err}"
            ) from None
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def transcript_of(main_class: str, classpath: str, arguments: Sequence[str]) -> list[str]:
    """The lines that a program of ours prints; raises ``RuntimeError`` when it fails."""
    done = run_java(main_class, classpath, arguments)
    if done.returncode != 0:
        raise RuntimeError(
            f"{main_class} failed with status {done.returncode}; it printed:\n"
            f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return done.stdout.splitlines()


def _built(name: str, recipe: bytes, build: Callable[[Path], None]) -> Path:
    """The directory that ``build`` fills, made once for each ``recipe``."""
    place = BUILD / f"{name}-{hashlib.sha256(recipe).hexdigest()[:16]}"
    if not place.is_dir():
        BUILD.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", suffix=".new", dir=BUILD))
        try:
            build(fresh)
            fresh.rename(place)
        except OSError:
            # Another run may have put its equal result there first.
            if not place.is_dir():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return place


def _run_build(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=_BUILD_TIMEOUT_S,
        check=False,
    )
