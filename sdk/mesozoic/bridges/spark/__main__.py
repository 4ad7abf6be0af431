"""``python -m mesozoic.bridges.spark``: build the driver, or submit a program."""

from __future__ import annotations

import sys

import click

from mesozoic.bridges.spark.building import jar_path
from mesozoic.bridges.spark.submitting import spark_submit
from mesozoic.errors import MesozoicError


@click.group()
def main() -> None:
    """Apache Spark on Mesos, without libmesos."""


@main.command()
def build() -> None:
    """Compile the driver for the Spark that is installed, and print where it is."""
    click.echo(str(jar_path()))


@main.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": [],
    }
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def submit(arguments: tuple[str, ...]) -> None:
    """Run spark-submit with ARGUMENTS, which are its own."""
    sys.exit(spark_submit(arguments))


if __name__ == "__main__":
    try:
        main()
    except MesozoicError as error:
        sys.exit(f"mesozoic.bridges.spark: {error}")
