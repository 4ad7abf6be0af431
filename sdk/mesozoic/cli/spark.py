"""``mesozoic spark-submit``: Apache Spark on the cluster."""

from __future__ import annotations

import sys

import click

from mesozoic.bridges import spark
from mesozoic.cli.addresses import Addresses
from mesozoic.cli.failures import Failure
from mesozoic.cli.options import pass_addresses

_MASTER = "--master"


@click.command("spark-submit", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@pass_addresses
def spark_submit(addresses: Addresses, arguments: tuple[str, ...]) -> None:
    """Run Spark's own spark-submit with ARGUMENTS, on this cluster.

    Without a --master of theirs the cluster's masters are meant. Needs pyspark and a JDK.
    """
    given = list(arguments)
    if not any(one == _MASTER or one.startswith(f"{_MASTER}=") for one in given):
        given = [_MASTER, f"mesos://{addresses.master_address()}", *given]
    try:
        sys.exit(spark.spark_submit(given))
    except spark.SparkUnavailable as error:
        raise Failure(str(error)) from error
