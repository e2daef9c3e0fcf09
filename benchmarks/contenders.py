"""What is timed beside the fast simulator. Each runs a program for some samples and steps and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from simulators import fast, lava
from simulators import onnx as onnx_simulator
from toolchain.engine.run import processors
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program

Inputs = Mapping[str, IntArray]
Run = Callable[[Program, Inputs], object]


def run_fast(program: Program, inputs: Inputs) -> object:
    return fast.simulate(program, inputs, record_messages=False)


def run_fast_on_one_core(program: Program, inputs: Inputs) -> object:
    return fast.simulate(program, inputs, record_messages=False, threads=1)


def run_lava(program: Program, inputs: Inputs) -> object:
    return lava.simulate(program, inputs, record_messages=False, strict=False)


def run_onnx(program: Program, inputs: Inputs) -> object:
    return onnx_simulator.simulate(program, inputs, record_messages=False, strict=False)


def run_float(program: Program, inputs: Inputs) -> object:
    """The same network in floating point: torch, with snntorch's Leaky as the soma."""
    import torch

    torch.set_num_threads(processors())
    with torch.no_grad():
        return _FloatNetwork(program).run(torch.tensor(inputs["input"], dtype=torch.float32))


class _FloatNetwork:
    """Layers in the program's order; every layer hears the one before it in the same step."""

    def __init__(self, program: Program) -> None:
        import snntorch
        import torch

        self.layers = [p for p in program.populations if p.type.message_bits == 1]
        into = {p.target: p.connection.matrix() for p in program.projections}
        self.weights = [torch.tensor(np.asarray(into[p.name]).T.copy(), dtype=torch.float32) for p in self.layers]
        self.poles = [_poles(p) for p in self.layers]
        self.readouts = [_readout(p) for p in self.layers]
        self.somas = [snntorch.Leaky(beta=0.125 if p.modes else 0.75, threshold=_threshold(p)) for p in self.layers]

    def run(self, inputs: Any) -> Any:
        import torch

        samples = inputs.shape[0]
        states = [torch.zeros((samples, p.size, p.modes), dtype=torch.complex64) for p in self.layers]
        voltages = [soma.init_leaky() for soma in self.somas]
        spikes = inputs[:, 0]
        for t in range(inputs.shape[1]):
            spikes = inputs[:, t]
            for i, soma in enumerate(self.somas):
                drive = spikes @ self.weights[i]
                if self.layers[i].modes:
                    states[i] = self.poles[i] * states[i] + drive[..., None]
                    drive = (self.readouts[i] * states[i]).real.sum(-1)
                spikes, voltages[i] = soma(drive, voltages[i])
        return spikes


def _poles(population: Population) -> Any:
    return _complex(population, "a_re", "a_im", 2.0**-15)


def _readout(population: Population) -> Any:
    return _complex(population, "c_re", "c_im", 2.0**-10)


def _complex(population: Population, real: str, imaginary: str, scale: float) -> Any:
    import torch

    if not population.modes:
        return None
    values = population.coefficients[real] + 1j * population.coefficients[imaginary]
    return torch.tensor(values * scale, dtype=torch.complex64)


def _threshold(population: Population) -> float:
    name = "threshold" if population.modes else "vth"
    return float(np.mean(population.coefficients[name]))


CONTENDERS: dict[str, Run] = {
    "seamount": run_fast,
    "seamount, one core": run_fast_on_one_core,
    "Lava": run_lava,
    "onnxruntime": run_onnx,
    "snnTorch (float)": run_float,
}
