"""``mesozoic quota``: what roles are guaranteed, and what they may not exceed."""

from __future__ import annotations

from collections.abc import Mapping

import click

from mesos_compat.wire.v1 import mesos_pb2, quota_pb2
from mesozoic.aio import OperatorClient
from mesozoic.cli.addresses import Addresses
from mesozoic.cli.options import json_option, pass_addresses
from mesozoic.cli.printing import object_of, print_json, print_rows

Amounts = Mapping[str, mesos_pb2.Value.Scalar]


@click.group()
def quota() -> None:
    """Look at quotas of roles, and change them."""


@quota.command("ls")
@json_option
@pass_addresses
def list_(addresses: Addresses, as_json: bool) -> None:
    """List the roles that have a quota."""

    async def asked(operator: OperatorClient) -> quota_pb2.QuotaStatus:
        return await operator.get_quota()

    status = addresses.ask(asked)
    if as_json:
        print_json(object_of(status))
        return
    rows = [
        {
            "role": one.role,
            "guarantees": _told(one.guarantees),
            "limits": _told(one.limits),
        }
        for one in status.configs
        # A role whose quota was taken back may still be listed, with nothing.
        if one.guarantees or one.limits
    ]
    columns = {"role": "ROLE", "guarantees": "GUARANTEED", "limits": "AT MOST"}
    print_rows(rows, columns, "no role has a quota")


def _told(amounts: Amounts) -> str:
    return ", ".join(f"{name} {amounts[name].value:g}" for name in sorted(amounts)) or "-"


@quota.command("set")
@click.argument("role")
@click.option("--guarantee", "guarantees", multiple=True, metavar="NAME=AMOUNT", help="As cpus=4.")
@click.option("--limit", "limits", multiple=True, metavar="NAME=AMOUNT", help="As mem=8192.")
@click.option("--force", is_flag=True, help="Even if the cluster may not be able to keep it.")
@json_option
@pass_addresses
def set_(
    addresses: Addresses,
    role: str,
    guarantees: tuple[str, ...],
    limits: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Set the quota of ROLE to what is given; without amounts it has none any more."""
    config = quota_pb2.QuotaConfig(role=role)
    for texts, amounts in ((guarantees, config.guarantees), (limits, config.limits)):
        for text in texts:
            name, amount = _parse(text)
            amounts[name].value = amount

    async def asked(operator: OperatorClient) -> None:
        await operator.update_quota([config], force=force)

    addresses.ask(asked)
    if as_json:
        print_json(object_of(config))
    else:
        click.echo(f"{role}: guaranteed {_told(config.guarantees)}; at most {_told(config.limits)}")


def _parse(text: str) -> tuple[str, float]:
    name, equals, amount = text.partition("=")
    try:
        if not (name and equals):
            raise ValueError
        return name, float(amount)
    except ValueError:
        raise click.BadParameter(f"'{text}' is not of the form NAME=AMOUNT") from None
