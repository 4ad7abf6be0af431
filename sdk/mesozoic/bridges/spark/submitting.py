"""``spark-submit`` with the driver on the class path: for programs in any language of Spark."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mesozoic.bridges.spark.building import find_spark_home, jar_path
from mesozoic.bridges.spark.settings import (
    DRIVER_CLASS_PATH,
    MASTER,
    joined_class_path,
    spark_master,
    spark_settings,
)
from mesozoic.errors import MesozoicError

#: Options that make spark-submit tell something, and do nothing.
_QUESTIONS: Final = frozenset({"--help", "-h", "--usage-error", "--version"})
#: All that have no value behind them.
_SWITCHES: Final = _QUESTIONS | {"--verbose", "-v", "--supervise"}
_CLASS_PATH_OPTION: Final = "--driver-class-path"
_CONF_OPTIONS: Final = ("--conf", "-c")


@dataclass(slots=True)
class Submission:
    """The arguments of spark-submit, as far as they matter here."""

    # Empty when it is not among the arguments.
    master: str = ""
    class_path: str = ""
    # ``--conf``, by name.
    settings: dict[str, str] = field(default_factory=dict)
    # All options that are in none of the above, in their order.
    options: list[str] = field(default_factory=list)
    # The program to submit and its own arguments.
    program: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Submission:
        """Read what spark-submit takes. Raises :class:`MesozoicError` when a value is missing."""
        found = cls()
        left = list(arguments)
        while left and left[0].startswith("-"):
            option, equals, value = left.pop(0).partition("=")
            if option in _SWITCHES:
                found.options.append(option)
                continue
            if not equals:
                if not left:
                    raise MesozoicError(f"spark-submit's option {option} needs a value")
                value = left.pop(0)
            found._take(option, value)
        found.program = left
        return found

    def _take(self, option: str, value: str) -> None:
        if option == "--master":
            self.master = value
        elif option == _CLASS_PATH_OPTION:
            self.class_path = value
        elif option in _CONF_OPTIONS:
            name, _, setting = value.partition("=")
            self.settings[name] = setting
        else:
            self.options += [option, value]


def submit_arguments(arguments: Sequence[str], *, jar: Path, spark_home: Path) -> list[str]:
    """``arguments`` of spark-submit, completed by what Mesos needs and they do not say.

    Those that only ask for its help or its version are left as they are.

    Raises :class:`MesozoicError` without a master or with a missing value.
    """
    given = Submission.parse(arguments)
    if not _QUESTIONS.isdisjoint(given.options):
        return list(arguments)
    master = given.master or given.settings.get(MASTER, "")
    if not master:
        raise MesozoicError("no master is given: --master mesos://host:port or mesos://zk://...")
    class_path = given.class_path or given.settings.get(DRIVER_CLASS_PATH, "")
    settings = spark_settings(
        master,
        jar=jar,
        spark_home=spark_home,
        driver_host=given.settings.get("spark.driver.host"),
    )
    settings |= given.settings
    del settings[MASTER]
    # The option would outweigh the setting, so it is the only one that is left.
    settings.pop(DRIVER_CLASS_PATH)
    return [
        *("--master", spark_master(master)),
        *(_CLASS_PATH_OPTION, joined_class_path(jar, class_path)),
        *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
        *given.options,
        *given.program,
    ]


def spark_submit(arguments: Sequence[str]) -> int:
    """Run Spark's ``spark-submit`` with ``arguments``; what it ends with.

    It is told what it needs for Mesos; what the arguments say goes first. Python programs run
    under this interpreter unless ``PYSPARK_PYTHON`` is set. Raises
    :class:`~mesozoic.bridges.spark.SparkUnavailable` and :class:`MesozoicError`.
    """
    home = find_spark_home()
    command = [
        str(home / "bin" / "spark-submit"),
        *submit_arguments(arguments, jar=jar_path(home), spark_home=home),
    ]
    environment = {"PYSPARK_PYTHON": sys.executable, **os.environ, "SPARK_HOME": str(home)}
    return subprocess.run(command, env=environment, check=False).returncode
