"""The default executor: ``python -m mesos_compat.executors.default``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from mesos_compat.errors import FlagError
from mesos_compat.executors.actions import (
    Action,
    CommandProbe,
    LaunchNested,
    RunCheck,
    SignalNested,
    WaitNested,
)
from mesos_compat.executors.default_core import DefaultExecutor
from mesos_compat.executors.driver import Core, Driver, leave
from mesos_compat.executors.nested import NestedContainers
from mesos_compat.executors.randomness import below
from mesos_compat.executors.settings import (
    AgentAddress,
    given_environment,
    read_address,
    read_settings,
    task_environment,
)


class NestedDriver(Driver):
    """A driver that has the agent run containers, and checks within them."""

    def __init__(
        self, core: Core, address: AgentAddress, environment: Mapping[str, str], name: str
    ) -> None:
        super().__init__(core, address, environment, name)
        self._containers = NestedContainers(address, self.put)

    def perform(self, action: Action) -> None:
        """Do what the core wants."""
        match action:
            case LaunchNested():
                self._containers.launch(action)
            case WaitNested():
                self._containers.wait(action)
            case SignalNested():
                self._containers.signal(action)
            case RunCheck(probe=CommandProbe() as probe):
                self._containers.check(action, probe)
            case _:
                super().perform(action)


def main() -> NoReturn:
    """Run until all tasks are over and their ends are acknowledged."""
    environment = given_environment()
    try:
        settings = read_settings(environment)
        address = read_address(environment)
    except FlagError as error:
        sys.stderr.write(f"{error}\n")
        leave(1)
    core = DefaultExecutor(settings, below, os.urandom)
    NestedDriver(core, address, task_environment(environment), "default executor").run()


if __name__ == "__main__":
    main()
