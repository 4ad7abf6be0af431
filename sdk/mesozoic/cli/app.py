"""The group of all commands, and what is given before them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

import click

from mesozoic.cli.addresses import Addresses

#: Where each command is. They are loaded when they are called: most need little.
_COMMANDS: Final = {
    "up": ("up", "up"),
    "demo": ("demo", "demo"),
    "doctor": ("doctor", "doctor"),
    "execute": ("execute", "execute"),
    "ps": ("views", "ps"),
    "tasks": ("views", "tasks"),
    "agents": ("views", "agents"),
    "frameworks": ("views", "frameworks"),
    "kill": ("operate", "kill"),
    "drain": ("operate", "drain"),
    "quota": ("quota", "quota"),
    "logs": ("sandboxes", "logs"),
    "ls": ("sandboxes", "ls"),
    "cat": ("sandboxes", "cat"),
    "exec": ("attach", "exec_"),
    "zk": ("znodes", "zk"),
    "spark-submit": ("spark", "spark_submit"),
}


class Commands(click.Group):
    """A group whose commands are imported by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a reader wants them."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """None for a name that is none."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        found = getattr(importlib.import_module(f"mesozoic.cli.{module}"), name)
        assert isinstance(found, click.Command)
        return found


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--master",
    envvar="MESOZOIC_MASTER",
    metavar="ADDRESS",
    help="host:port, a URL, or zk://host:port,.../path. The default: the cluster of the newest"
    " 'mesozoic up' that runs.",
)
@click.option(
    "--zk", envvar="MESOZOIC_ZK", metavar="HOSTS", help="host:port,... of ZooKeeper. As --master."
)
@click.option("--principal", envvar="MESOZOIC_PRINCIPAL", help="Who asks masters and agents.")
@click.option(
    "--secret-file",
    envvar="MESOZOIC_SECRET_FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file with the principal's secret.",
)
@click.version_option(package_name="mesozoic", prog_name="mesozoic")
@click.pass_context
def main(
    context: click.Context,
    master: str | None,
    zk: str | None,
    principal: str | None,
    secret_file: Path | None,
) -> None:
    """A Mesos cluster with ZooKeeper on this machine, and a look into any cluster."""
    context.obj = Addresses(master, zk, principal, secret_file)
