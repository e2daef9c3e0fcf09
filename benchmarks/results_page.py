"""`docs/results.md`: a table of the shipped networks, rung by rung, beside the papers' figures."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PAPERS = Path(__file__).parent / "papers.toml"

_HEAD = """# Results

Every network that is shipped, deployed, with its whole test set run as an integer program. Made by `make results`
(`python -m benchmarks.results`; numbers in full are in `docs/results.json`). Weights and settings were chosen on the
validation part of each task; [tasks.md](tasks.md) says what the parts are, `models/shipped/NAME/CARD.md` how a network
was trained.

*float* is the trained network in PyTorch (of long tasks, as its card has it), *NIR* its graph run in float64, *PTQ* the
integer program after quantization alone, *QAT* the same after fine-tuning for integers, where that was done ("-" says
that it was not), *Lava* the exported processes. *loss* is what the last of the two costs against the float network
before any fine-tuning. A number in brackets says how many samples a rung ran where that was not the whole test set; few
samples say that a rung ran, not how good it is. Language models are measured in bits a character, and their samples are
characters. *rate* is spikes a neuron and step ("-" where messages are also -1 and so no spikes). Energy is by the cost
table named in [energy.md](energy.md), with its band: an estimate from published figures, measured on no chip.
"""


_UNSHIPPED = """## Not shipped

Networks beside those above: gates where they have matrices, matrices where they have gates, other somas. Their weights
are not kept, to spare the repository; [systems.md](systems.md) has the commands that train them, and
`python -m benchmarks.results --run runs/NAME` measures them.
"""


def page(
    rows: Sequence[Mapping[str, Any]], missing: Sequence[str] = (), unshipped: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The whole page.

    Args:
        rows: of the shipped networks.
        missing: the shipped networks without a row.
        unshipped: rows of others.
    """
    parts = [_HEAD, _accuracies(rows), _costs(rows)]
    if missing:
        parts.append(f"Shipped, without a run yet: {', '.join(f'`{name}`' for name in missing)}.\n")
    if unshipped:
        parts += [_UNSHIPPED, _accuracies(unshipped), _costs(unshipped)]
    return "\n".join([*parts, f"## The papers\n\n{_papers()}"])


def _accuracies(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| task | network | mixing, soma | widths W/A/C/state | float | NIR | PTQ | QAT | loss | Lava | rate |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [row["task"], f"`{row['network']}`", _system(row), _widths(row)]
        cells += [_float(row), _rung(row, "nir"), *_integers(row), _loss(row), _rung(row, "lava")]
        lines.append("| " + " | ".join([*cells, f"{row['spike_rate']:.3f}" if row["spike_rate"] else "-"]) + " |")
    return "\n".join(lines) + "\n"


def _costs(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| network | parameters | cores | SynOps an inference | energy an inference, µJ | latency, ms "
        "| values compared | differences |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        low, high = (1e6 * bound for bound in row["energy_per_inference_band_j"])
        energy = f"{1e6 * row['energy_per_inference_j']:.3g} ({low:.3g} to {high:.3g})"
        latency = row["latency_per_inference_s"]
        cells = [f"`{row['network']}`", f"{row['parameters']:,}", str(row["cores"])]
        cells += [f"{row['synops_per_inference']:,.0f}", energy, "-" if latency is None else f"{1e3 * latency:.3g}"]
        lines.append("| " + " | ".join([*cells, f"{row['values_compared']:,}", str(row["mismatches"])]) + " |")
    return "\n".join(lines) + "\n"


def _papers() -> str:
    figures = tomllib.loads(PAPERS.read_text(encoding="utf-8"))["figure"]
    lines = ["What the papers reached, in floating point:", "", "| task | system | accuracy | rate | read in |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for figure in figures:
        cells = [figure["task"], figure["system"], f"{figure['accuracy']:.2f}", str(figure.get("rate", "not given"))]
        lines.append("| " + " | ".join([*cells, figure["source"]]) + " |")
    return "\n".join(lines) + "\n"


def _system(row: Mapping[str, Any]) -> str:
    shape = row["shape"]
    return f"{shape.get('mix', 'linear')}, {shape.get('soma', 'lif')}"


def _widths(row: Mapping[str, Any]) -> str:
    settings = row["settings"]
    return "/".join(str(settings[key]) for key in ("weight_bits", "a_bits", "c_bits", "state_bits"))


def _float(row: Mapping[str, Any]) -> str:
    """Of a fine-tuned network, the one that it began as: its own float weights are not what it is for."""
    before = row["before_fine_tuning"]
    return _text(row, before["float"]) if before else _rung(row, "float")


def _integers(row: Mapping[str, Any]) -> tuple[str, str]:
    """After quantization alone, and after fine-tuning."""
    before = row["before_fine_tuning"]
    return (_text(row, before["ptq"]), _rung(row, "integer")) if before else (_rung(row, "integer"), "-")


def _text(row: Mapping[str, Any], value: float) -> str:
    return f"{value:.3f}" if row["bits_per_symbol"] else f"{100 * value:.2f}"


def _rung(row: Mapping[str, Any], rung: str) -> str:
    measured = row["bits_per_symbol"] or row["accuracy"]
    if rung not in measured:
        return "-"
    text = _text(row, measured[rung])
    card = "whole test set" in row["notes"].get(rung, "")
    whole = card or row["samples"].get("integer") == row["samples"].get(rung)
    return text if whole else f"{text} ({row['samples'][rung]})"


def _loss(row: Mapping[str, Any]) -> str:
    """What the integers cost against the float network on the whole test set."""
    measured = {**(row["bits_per_symbol"] or row["accuracy"]), **row["before_fine_tuning"]}
    if "float" not in measured:
        return "-"
    if row["bits_per_symbol"]:
        return f"{measured['integer'] - measured['float']:+.3f}"
    if row["samples"].get("float") != row["samples"].get("integer"):
        return "-"
    return f"{100 * (measured['float'] - measured['integer']):+.2f}"
