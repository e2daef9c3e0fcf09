"""README.md of an exported network."""

from __future__ import annotations

from toolchain.ir.program import Program
from toolchain.ir.text import program_hash

TEXT = """# {name} on Lava

{inputs} in, {populations} populations, {neurons} neurons, {projections} projections. Latency: {latency} steps.
Program: sha256 {hash}

    python run.py --input x.npz --out trace.npz --outputs outputs.npz

`python run.py --help` and the first lines of run.py say what goes in and comes out. All samples of x.npz run side by
side in one run of Lava.

## What it needs

lava-nc 0.10.0 and what that brings. On Python 3.10: `pip install lava-nc==0.10.0`. On Python 3.11 and later:

    pip install numpy scipy networkx asteval scikit-learn
    pip install --no-deps --ignore-requires-python lava-nc==0.10.0

(network/mend.py does the rest.)

## What is in it

| file                  | holds                                                                       |
|-----------------------|-----------------------------------------------------------------------------|
| run.py                | the runner                                                                  |
| weights.npz           | weights (target, source), coefficients of the neurons, a JSON header        |
| network/wiring.py     | the network: inputs, populations, projections                               |
| network/processes.py  | one Lava process a kind of neuron                                           |
| network/models.py     | what each does in a step, one line an instruction                           |
| network/integer.py    | the arithmetic of these lines                                               |
| network/assembly.py   | makes the processes and connects them; uses Lava's Dense, Sparse and LIF    |
| network/neurons.py    | what the kinds of neurons share                                             |
| network/plumbing.py   | inputs, delay lines                                                         |
| network/host.py       | numbers to payloads, outputs to numbers and classes                         |
| network/recorder.py   | what a process records                                                      |
| network/mend.py       | makes Lava importable on Python 3.11 and later                              |

A message sent at step t arrives at t + delay_steps. Messages are integers, 0 is none; registers are two's
complement.
"""


def readme_text(program: Program) -> str:
    """What the folder is, how to run it, what is in it."""
    return TEXT.format(
        name=program.name,
        hash=program_hash(program),
        inputs=", ".join(f"`{source.name}` ({source.size} channels, {source.bits} bits)" for source in program.inputs),
        populations=len(program.populations),
        neurons=sum(population.size for population in program.populations),
        projections=len(program.projections),
        latency=program.latency_steps,
    )
