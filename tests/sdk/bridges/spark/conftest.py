"""A JVM in which drivers are tried, one for all tests of a module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

import pytest

from conformance.clients.compare import ClientUnavailable
from conformance.clients.java.toolchain import BUILD, maven_classpath
from conformance.mesos.jobs import Program
from mesozoic.bridges.spark.building import SparkUnavailable, build, find_compiler

JAVA: Final = Path(__file__).parent / "java"
_OPTIONS: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m")


def unavailable(reason: Exception) -> NoReturn:
    """Skip where people work; fail where the toolchain is supposed to be complete."""
    if os.environ.get("CI"):
        pytest.fail(f"needed in CI: {reason}")
    pytest.skip(str(reason))


@pytest.fixture(scope="session")
def class_path() -> str:
    """The driver, built without a warning, and what it is compiled against."""
    try:
        find_compiler()
        libraries = maven_classpath(JAVA / "pom.xml")
    except (SparkUnavailable, ClientUnavailable) as reason:
        unavailable(reason)
    jars = [Path(jar) for jar in libraries.split(os.pathsep)]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JDK_JAVAC_OPTIONS", "-Werror")
        driver = build(jars, directory=BUILD / "spark-driver")
    return os.pathsep.join((str(driver), libraries))


@pytest.fixture(scope="module")
def probes(class_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A running probe, for the drivers of one module."""
    java = find_compiler().with_name("java")
    command = (java, *_OPTIONS, "-cp", class_path, JAVA / "DriverProbe.java")
    with Program(command, tmp_path_factory.mktemp("probe")) as program:
        program.wait_line("ready")
        yield program


class Probe:
    """One driver: what is told to it, and what its callbacks have printed."""

    def __init__(self, program: Program, number: int) -> None:
        self._program = program
        self._number = number

    def tell(self, line: str) -> None:
        """Let the driver do something."""
        self._program.tell(line)

    def wait(self, start: str) -> str:
        """The rest of this driver's next line that begins with ``start``."""
        return self._program.wait_line(f"{self._number} {start}")

    def next(self) -> str:
        """Its next line, whatever it is."""
        return self._program.wait_line(f"{self._number} ")


@pytest.fixture
def new_driver(probes: Program) -> Iterator[NewDriver]:
    """Makes drivers, and stops the last one."""
    maker = NewDriver(probes)
    yield maker
    probes.tell("stop failover")
    for name in ("spark.mesozoic.tls.ca", "spark.mesozoic.tls.enabled"):
        probes.tell(f"property {name}")


class NewDriver:
    """Call it for a driver that runs: ``new_driver(address)``."""

    # Of the probe's drivers, by program; a number is never used twice.
    _counts: Final[dict[Program, int]] = {}

    def __init__(self, program: Program) -> None:
        self._program = program

    def __call__(self, master: str, *more: str) -> Probe:
        """``more`` is ``explicit`` or ``implicit``, then principal and secret."""
        number = self._counts[self._program] = self._counts.get(self._program, 0) + 1
        self._program.tell(" ".join(("new", master, *(more or ("implicit",)))))
        return Probe(self._program, number)

    def set(self, name: str, value: str) -> None:
        """Set a system property of the JVM, until the test's end."""
        self._program.tell(f"property {name} {value}")
