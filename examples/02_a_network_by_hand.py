"""A program written by hand: two inputs drive Lava's LIF, which drives itself one step later.

python examples/02_a_network_by_hand.py
"""

from __future__ import annotations

import numpy as np

from simulators.reference import simulate
from toolchain import Population, Program, Projection, verify, write_program
from toolchain.ir.connections import Dense
from toolchain.ir.program import Input, Output


def program() -> Program:
    """Three neurons; the threshold is 600 * 2^6, a weight of 40 adds 40 * 2^6 to the current."""
    lif = Population(
        "lif", "cuba_lif", 3, coefficients={"du": np.full(3, 1024), "dv": np.full(3, 256), "vth": np.full(3, 600)}
    )
    drive = Projection("in", "x", "lif", Dense(np.array([[60, 20], [40, 40], [20, 60]])), exponent=1)
    loop = Projection("loop", "lif", "lif", Dense(np.array([[0, -50, 0], [0, 0, -50], [-50, 0, 0]])), delay_steps=1)
    return Program("ring", (Input("x", 2, bits=2),), (lif,), (drive, loop), (Output("spikes", "lif"),), latency_steps=1)


def main() -> None:
    """Print the program as text and a raster of its spikes."""
    ring = program()
    verify(ring)
    print(write_program(ring))
    spikes = np.random.default_rng(0).integers(0, 2, (1, 60, 2))
    trace = simulate(ring, {"x": spikes}, probes=ring.all_probes())
    for neuron, row in enumerate(trace.messages["lif"][0].T):
        print(f"lif[{neuron}] " + "".join("|" if spike else "." for spike in row))
    print(f"voltages after the last step: {trace.final['lif.voltage'][0].tolist()}")


if __name__ == "__main__":
    main()
