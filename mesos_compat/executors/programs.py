"""How an agent starts the executor programs.

By a script that needs no ``site`` and is told where the packages lie. So neither the task's own
settings of Python nor what lies in its sandbox, the working directory, can mislead them; and
nothing that they need has to be in the environment, which the task inherits.
"""

from __future__ import annotations

import sys
from pathlib import Path

import google.protobuf

import mesos_compat


def command_executor() -> tuple[str, ...]:
    """The argv of the command executor (AgentSettings.command_executor)."""
    return _argv("command")


def default_executor() -> tuple[str, ...]:
    """The argv of the default executor (AgentSettings.default_executor)."""
    return _argv("default")


def _argv(program: str) -> tuple[str, ...]:
    ours = Path(mesos_compat.__file__).resolve().parent
    protobuf = Path(google.protobuf.__file__).resolve().parents[2]
    script = ours / "executors" / "run.py"
    # -I: no variables, no working directory, no user's packages. -S: no site.
    return (sys.executable, "-I", "-S", str(script), program, str(ours.parent), str(protobuf))
