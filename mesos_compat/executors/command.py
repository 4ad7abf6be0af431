"""The command executor: ``python -m mesos_compat.executors.command``."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from mesos_compat.errors import FlagError
from mesos_compat.executors.command_core import CommandExecutor
from mesos_compat.executors.driver import Driver, leave
from mesos_compat.executors.processes import keep_terminal_signals_away
from mesos_compat.executors.randomness import below
from mesos_compat.executors.settings import (
    given_environment,
    read_address,
    read_settings,
    task_environment,
)


def main() -> NoReturn:
    """Run until the task is over and its end is acknowledged."""
    environment = given_environment()
    try:
        settings = read_settings(environment)
        address = read_address(environment)
    except FlagError as error:
        sys.stderr.write(f"{error}\n")
        leave(1)
    keep_terminal_signals_away()
    core = CommandExecutor(settings, below, os.urandom)
    Driver(core, address, task_environment(environment), "command executor").run()


if __name__ == "__main__":
    main()
