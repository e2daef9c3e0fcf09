"""The card of a trained network: what it is, what it was trained on, how, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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

{blocks} blocks of {channels} channels with {modes} complex modes each: S4D-Lin, LIF soma (leak 1/8, hard reset, `>=`,
one threshold a channel), linear mixing, no normalization. {parameters} parameters.

## Data

{data}

## Figures

Measured step by step with the exact recurrence. Settings and weights (epoch {best_epoch} of
{epochs}) were chosen on the validation part; the test part was measured once, for the network that was chosen.

| part | samples | accuracy | spikes a neuron and step, a block |
| --- | --- | --- | --- |
{rows}

Largest real or imaginary part of a mode on the validation part: {largest_state:.1f}.

## To train it again

    {command}

Seed {seed}. All settings are in `config.json`.
"""


def card(name: str, task: str, config: Mapping[str, Any], command: str) -> str:
    """The card's Markdown, from what `config.json` holds.

    Args:
        name: of the network.
        task: its task, a key of `DATA`.
        config: the whole of `config.json`.
        command: what to type to train it again.
    """
    figures, training = config["figures"], config["training"]
    parts = [(part, figures[part]) for part in ("validation", "test") if part in figures]
    rows = [f"| {part} | {row['samples']} | {row['accuracy']:.2%} | {_rates(row)} |" for part, row in parts]
    return _CARD.format(
        **config["network"],
        name=name,
        data=DATA.get(task, task),
        rows="\n".join(rows),
        parameters=_parameters(config["network"]),
        best_epoch=figures["best_epoch"],
        largest_state=figures["largest_state"],
        epochs=training["epochs"],
        seed=training["seed"],
        command=command,
    )


def _rates(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{rate:.3f}" for rate in figures["spike_rates"])


def _parameters(network: Mapping[str, Any]) -> int:
    """Trained numbers: encoder, per block dt, A and C (four a mode), D, threshold and mixing, and the readout."""
    width, modes = network["channels"], network["modes"]
    block = width + 4 * width * modes + width + width + width * (width + 1)
    outside = width * (network["inputs"] + 1) + network["classes"] * (width + 1)
    return int(network["blocks"] * block + outside)
