"""Options that many commands have."""

from __future__ import annotations

from typing import Final

import click

from mesozoic.cli.addresses import Addresses

#: Hands a command the addresses that were given before it.
pass_addresses: Final = click.make_pass_decorator(Addresses)

json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for programs."
)
