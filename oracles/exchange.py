"""What passes between Seamount and a foreign interpreter: program.npz and inputs.npz in, result.npz out.

The foreign scripts run on Python 3.9 and old numpy, where Seamount can't be imported, so this reads the stored form of
a program with numpy alone. Only what the networks here use is understood: spiking inputs, `cuba_lif` populations with
one decay and one threshold a population, dense projections.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

ACTIVATION_SHIFT = 6
"""Loihi's `activation << 6`: weights, thresholds and biases of one unit stand 6 bits above the registers' unit."""


class PlainProgram:
    """A stored program as plain data.

    Attributes:
        inputs: name and size of each input.
        populations: name, size, du, dv, vth, bias_mant (size,), bias_exp of each population.
        projections: name, source, target, weights (target, source), exponent, delay_steps of each projection.
        spikes: by input name, (step, channel) zeros and ones.
        steps: length of the run.
    """

    def __init__(self, program: str, inputs: str) -> None:
        with np.load(program, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes().decode())
            arrays = {key: stored[key] for key in stored.files}
        with np.load(inputs, allow_pickle=False) as stored:
            self.spikes = {key: stored[key][0].astype(np.int64) for key in stored.files if key != "header"}
        self.inputs: list[dict[str, Any]] = header["inputs"]
        self.populations = [_population(fields, arrays) for fields in header["populations"]]
        self.projections = [_projection(fields, arrays) for fields in header["projections"]]
        self.steps = max(len(values) for values in self.spikes.values())

    def is_input(self, name: str) -> bool:
        """Whether a projection's source is an input."""
        return name in self.spikes


def _population(fields: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    if fields["neuron"] != "cuba_lif" or fields["start_step"]:
        raise SystemExit(f"{fields['name']}: only cuba_lif populations without start_step can be handed on")
    size, prefix = fields["size"], f"population/{fields['name']}/"
    return {
        "name": fields["name"],
        "size": size,
        "bias_mant": arrays.get(prefix + "bias_mant", np.zeros(size, dtype=np.int64)),
        "bias_exp": fields["settings"].get("bias_exp", 0),
        **{name: _uniform(arrays[prefix + name], prefix + name) for name in ("du", "dv", "vth")},
    }


def _uniform(values: Any, where: str) -> int:
    if len(set(values.tolist())) != 1:
        raise SystemExit(f"{where}: {sorted(set(values.tolist()))}; give one value a population")
    return int(values[0])


def _projection(fields: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    if fields["kind"] != "dense":
        raise SystemExit(f"{fields['name']}: only dense projections can be handed on")
    names = ("name", "source", "target", "exponent", "delay_steps")
    return {**{name: fields[name] for name in names}, "weights": arrays[f"projection/{fields['name']}/weights"]}


Run = Callable[[PlainProgram], tuple[dict[str, Any], dict[str, Any]]]
"""PlainProgram -> arrays by ``"spikes/population"``, ``"current/population"``, ``"voltage/population"``; and facts."""


def main(run: Run, version: str) -> None:
    """Run a script's network: ``run_TOOL.py program.npz inputs.npz result.npz``."""
    program, inputs, result = sys.argv[1:]
    arrays, facts = run(PlainProgram(program, inputs))
    facts = {**facts, "version": version, "python": platform.python_version(), "numpy": np.__version__}
    np.savez(result, header=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8), **arrays)
