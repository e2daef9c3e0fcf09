"""`seamount zoo`: the networks that are shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seamount.cli.arguments import AsJson, zoo_names
from seamount.cli.lines import give, give_json, give_table, say_next

if TYPE_CHECKING:
    from seamount.zoo import Shipped


def zoo_command(
    name: Annotated[str | None, typer.Argument(help="show the card of one network", autocompletion=zoo_names)] = None,
    as_json: AsJson = False,
) -> None:
    """List the trained networks that are shipped: task, size, accuracy, licence; or show the card of one."""
    from seamount.zoo import card_of, shipped_networks

    if name is not None:
        card = card_of(name)
        give_json("zoo", {"name": name.removeprefix("zoo:"), "card": card}) if as_json else give(card.rstrip("\n"))
        return
    networks = shipped_networks()
    if as_json:
        give_json("zoo", {"networks": [network.as_dict() for network in networks]})
        return
    _print(networks)
    say_next("seamount deploy zoo:digits", "seamount zoo digits   (the card of one)")


def _print(networks: tuple[Shipped, ...]) -> None:
    columns = ("network", "task", "parameters", "test accuracy, float", "to deploy it", "licence of weights; of data")
    rows = [
        (f"zoo:{one.name}", one.task, _size(one), _merit(one), _wants(one), f"{one.licence}; {one.data_terms}")
        for one in networks
    ]
    give_table(columns, rows, right=(2,))


def _size(one: Shipped) -> str:
    return "" if one.parameters is None else f"{one.parameters:,}"


def _merit(one: Shipped) -> str:
    share = f"{100 * one.accuracy:.2f} % of {one.samples:,}"
    return share if one.bits_per_symbol is None else f"{share}; {one.bits_per_symbol:.4f} bits a symbol"


def _wants(one: Shipped) -> str:
    """What has to be there first."""
    wanted = (["PyTorch"] if one.needs_torch else []) + (["its data"] if one.data is False else [])
    return "needs " + " and ".join(wanted) if wanted else "ready"
