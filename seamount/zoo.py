"""The networks that are shipped: task, size, what was measured, and on which terms; without weights or PyTorch."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seamount.network import ZOO_PREFIX, zoo_folder
from toolchain.errors import InputError

WEIGHTS_LICENCE = "Apache-2.0"
"""Of all weights here; the data that they were trained on keep their own terms."""
DATA_OF = {"smnist": "mnist", "psmnist": "mnist", "smnist196": "mnist", "sfashion": "fashion"}
"""The data set of a task, where it bears another name."""
DIGITS_TERMS = "UCI: CC BY 4.0"


@dataclass(frozen=True)
class Shipped:
    """One network of the zoo.

    Attributes:
        name: after ``zoo:``.
        task: what it was trained on.
        parameters: trained numbers; None where its card does not say.
        blocks, channels, modes: its size.
        accuracy: share of right decisions of the float network on the test part, of `samples`.
        bits_per_symbol: of a network that predicts at every step; None of others.
        licence: of the weights.
        data_terms: of the data.
        data: whether they are on this machine; None where nothing has to be fetched.
        needs_torch: whether PyTorch is needed to read it: it is shipped as weights alone.
    """

    name: str
    task: str
    parameters: int | None
    blocks: int
    channels: int
    modes: int
    accuracy: float
    samples: int
    bits_per_symbol: float | None
    licence: str
    data_terms: str
    data: bool | None
    needs_torch: bool

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def shipped_networks() -> tuple[Shipped, ...]:
    """All networks of the zoo, by name."""
    return tuple(_shipped(path.parent) for path in sorted(zoo_folder().glob("*/config.json")))


def card_of(name: str) -> str:
    """The card of a network: what it is, its data, its figures, how to train it again; Markdown.

    Args:
        name: with or without ``zoo:``.

    Raises:
        InputError: no such network.
    """
    bare = name.removeprefix(ZOO_PREFIX)
    path = zoo_folder() / bare / "CARD.md"
    if not bare or Path(bare).name != bare or not path.is_file():
        known = ", ".join(network.name for network in shipped_networks())
        raise InputError(name, "no such network in the zoo", f"use one of {known}")
    return path.read_text(encoding="utf-8")


def _shipped(folder: Path) -> Shipped:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network, test, task = config["network"], config["figures"]["test"], config["task"]
    terms, here = _data(task)
    return Shipped(
        name=folder.name,
        task=task,
        parameters=_parameters(folder),
        blocks=network["blocks"],
        channels=network["channels"],
        modes=network["modes"],
        accuracy=test["accuracy"],
        samples=test["samples"],
        bits_per_symbol=test.get("bits_per_symbol"),
        licence=WEIGHTS_LICENCE,
        data_terms=terms,
        data=here,
        needs_torch=not (folder / "model.nir").is_file(),
    )


def _parameters(folder: Path) -> int | None:
    card = folder / "CARD.md"
    found = re.search(r"(\d+)\s+parameters\.", card.read_text(encoding="utf-8")) if card.is_file() else None
    return int(found[1]) if found else None


def _data(task: str) -> tuple[str, bool | None]:
    """Terms of a task's data, and whether they are here."""
    from models.data import GENERATED, SOURCES, data_folder

    name = DATA_OF.get(task, task)
    if name == "digits":
        return DIGITS_TERMS, None
    entry = SOURCES.get(name) or GENERATED.get(name)
    terms = "the publisher's" if entry is None else entry.terms
    return terms, (data_folder() / f"{name}.npz").is_file()
