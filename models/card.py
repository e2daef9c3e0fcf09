"""The card of a trained network: what it is, what it was trained on, how, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.config import NetworkConfig

DATA = {
    "digits": (
        "The 1797 handwritten digits of scikit-learn (UCI ML, E. Alpaydin and C. Kaynak, 1998), 8 x 8 pixels of"
        " k / 16 read row by row: 64 steps of one value.\nStratified parts with a fixed seed: 1221 to train on, 216"
        " to choose on, 360 to test."
    ),
    "smnist": (
        "MNIST read row by row: 784 steps of one pixel k / 256 (`seamount data get mnist`).\n55000 images to train on,"
        " the last 5000 of the training part to choose on, the 10000 of the official test part to test."
    ),
    "psmnist": (
        "MNIST read in one fixed random order: 784 steps of one pixel k / 256 (`seamount data get mnist`).\n55000"
        " images to train on, the last 5000 of the training part to choose on, the 10000 of the official test part."
    ),
    "sfashion": (
        "Fashion-MNIST read row by row: 784 steps of one pixel k / 256 (`seamount data get fashion`).\n55000 images to"
        " train on, the last 5000 of the training part to choose on, the 10000 of the official test part to test."
    ),
    "hapt": (
        "HAPT (UCI), six activities: 128 steps of acceleration in g and rotation in rad/s at 50 Hz, 64 steps apart"
        " (`seamount data get hapt`).\n6005 windows of 17 people to train on, 1410 of 4 others to choose on, 2996 of"
        " UCI's nine test users to test."
    ),
}
"""Data of each task, in words."""

_CARD = """# {name}

{blocks} blocks of {channels} channels with {modes} complex modes each: S4D-Lin, {soma}, {mixing}, {norm}.\
 {parameters} parameters.

## Data

{data}

## Figures

{measured} {choice}

| part | samples | {unit} | spikes a neuron and step, a block |
| --- | --- | --- | --- |
{rows}

{largest_state}

## To train it again

    {command}

Seed {seed}. All settings are in `config.json`.
"""


SOMAS = {
    "lif": "LIF soma (leak 1/8, hard reset, `>=`,\none threshold a channel)",
    "sdn": "LIF soma (leak 1/8, hard reset, `>=`,\none threshold a channel, trained through a surrogate network)",
    "threshold": "stateless\nthreshold soma (`>=`, one threshold a channel)",
    "ternary": "ternary\nquantizer (one threshold a channel)",
    "ternary-token": "ternary\nquantizer (threshold 0.15 of the largest value of a step)",
}
MIXINGS = {
    "linear": "linear mixing",
    "glu": "gated linear unit",
    "binary-gate": "binary gate",
    "two-stage": "two spiking stages",
    "gsu": "gated spiking unit",
}
NORMS = {"none": "no normalization", "batch": "batch normalization folded into the block"}

STREAMED = "Measured step by step with the exact recurrence."
LARGEST = "Largest real or imaginary part of a mode on the validation part: {:.1f}."

CHOSEN = """Settings and weights (epoch {best_epoch} of
{epochs}) were chosen on the validation part; the test part was measured once, for the network that was chosen."""
REFIT = """Settings and the number
of epochs were chosen on the validation part in an earlier run. These weights are the last ones of a run on the training
and validation parts together, so that the validation figures are no held-out ones."""


def card(name: str, task: str, config: Mapping[str, Any], command: str, parameters: int) -> str:
    """The card's Markdown, from what `config.json` holds.

    Args:
        name: of the network.
        task: its task, a key of `DATA`.
        config: the whole of `config.json`.
        command: what to type to train it again.
        parameters: trained numbers.
    """
    figures, training = config["figures"], config["training"]
    network = NetworkConfig.from_mapping(config["network"], f"{name}: network")
    parts = [(part, figures[part]) for part in ("validation", "test") if part in figures]
    rows = [f"| {part} | {row['samples']} | {_merit(row)} | {_rates(row)} |" for part, row in parts]
    streams = network.direction == "causal"
    choice = REFIT if training.get("refit") else CHOSEN
    return _CARD.format(
        blocks=network.blocks,
        channels=network.channels,
        modes=network.modes,
        soma=SOMAS[network.soma],
        mixing=MIXINGS[network.mix],
        norm=NORMS[network.norm],
        choice=choice.format(best_epoch=figures["best_epoch"], epochs=training["epochs"]),
        unit="accuracy" if network.decode == "mean" else "bits a symbol",
        name=name,
        data=DATA.get(task, task),
        rows="\n".join(rows),
        parameters=parameters,
        measured=STREAMED if streams else "Measured on whole sequences.",
        largest_state=LARGEST.format(figures["largest_state"]) if streams else "It cannot run step by step.",
        seed=training["seed"],
        command=command,
    )


def _rates(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{rate:.3f}" for rate in figures["spike_rates"])


def _merit(figures: Mapping[str, Any]) -> str:
    if "bits_per_symbol" in figures:
        return f"{figures['bits_per_symbol']:.4f}"
    return f"{figures['accuracy']:.2%}"
