"""Random programs on every simulator until enough values were compared: `make soak`, or `python -m tests.soak --help`.

Programs come from consecutive seeds. Each runs on the reference once and on every simulator that still lacks values;
every message and register of every step is compared. Where a simulator differs, the program, its input and the first
divergence are kept beside the summary, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simulators.compare import compare
from tests.backends.lava_programs import lif_network, side_by_side
from tests.backends.random_programs import Scale, random_inputs, random_program
from tests.backends.suite import BACKENDS, BACKENDS_BY_NAME, Backend, differences, run, run_reference
from toolchain.files import write_text
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons import NEURONS
from toolchain.ir.program import Program
from toolchain.ir.text import write_program
from toolchain.ir.timestep import all_registers
from toolchain.ir.trace import Trace

LARGE = Scale(populations=len(NEURONS), sizes=(16, 36, 64, 96), modes=4, samples=48, steps=80)
SMALL = Scale(populations=len(NEURONS), sizes=(6, 12, 16), modes=3, samples=8, steps=70)


@dataclass
class Tally:
    """What one simulator was compared in.

    Attributes:
        wanted: register values to compare.
        values: compared, by group and in all.
        by_type: register values by neuron type.
        by_connection: programs that hold each kind of connection.
        programs, overflows, messages: runs, values that did not fit a register, messages sent in them.
        seconds: spent in the simulator.
        different: seeds of the programs in which it differs.
    """

    wanted: float
    values: Counter[str] = field(default_factory=Counter)
    by_type: Counter[str] = field(default_factory=Counter)
    by_connection: Counter[str] = field(default_factory=Counter)
    programs: int = 0
    overflows: int = 0
    messages: int = 0
    seconds: float = 0.0
    different: list[int] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether enough registers were compared."""
        return self.values["registers"] >= self.wanted

    def count(self, program: Program, expected: Trace, found: Trace, seconds: float) -> None:
        """Add what one run compared."""
        self.programs += 1
        self.seconds += seconds
        self.values.update(compare(program, expected, found).values_compared)
        for population in program.populations:
            registers = (register.name for register in all_registers(population))
            self.by_type[population.neuron] += sum(expected.registers[f"{population.name}.{r}"].size for r in registers)
        self.by_connection.update({projection.connection.kind for projection in program.projections})
        self.overflows += sum(expected.overflows.values())
        self.messages += sum(int(expected.sent[p.name].sum()) for p in program.populations)

    def summary(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "programs": self.programs,
            "values": dict(sorted(self.values.items())),
            "register_values_by_neuron_type": dict(sorted(self.by_type.items())),
            "programs_by_connection": dict(sorted(self.by_connection.items())),
            "overflows": self.overflows,
            "messages_sent": self.messages,
            "seconds": round(self.seconds, 1),
            "different_seeds": self.different,
        }


def soak(tallies: Mapping[str, Tally], first_seed: int, seconds: float, out: Path) -> Iterable[int]:
    """Run programs from `first_seed` on until all have enough or the time is over; yield each seed when it is done.

    A simulator that starts slowly gets small programs, from the same seeds.
    """
    end, seed = time.monotonic() + seconds, first_seed
    while time.monotonic() < end and not all(tally.done for tally in tallies.values()):
        lacking = [BACKENDS_BY_NAME[name] for name, tally in tallies.items() if not tally.done]
        for slow in (False, True):
            _one_program([b for b in lacking if b.slow is slow], tallies, seed, SMALL if slow else LARGE, out)
        yield seed
        seed += 1


def drawn(seed: int, scale: Scale) -> tuple[Program, dict[str, IntArray]]:
    """The program of a seed and its inputs; small ones hold a network that Lava's own LIF can run."""
    rng = np.random.default_rng(seed)
    program = random_program(rng, scale)
    if scale is SMALL:
        program = side_by_side([program, lif_network(seed)])
    return program, random_inputs(rng, program, scale.samples, scale.steps)


def _one_program(backends: Iterable[Backend], tallies: Mapping[str, Tally], seed: int, scale: Scale, out: Path) -> None:
    backends = list(backends)
    if not backends:
        return
    program, inputs = drawn(seed, scale)
    expected = run_reference(program, inputs)
    for backend in backends:
        begun = time.monotonic()
        found = run(backend, program, inputs)
        tallies[backend.name].count(program, expected, found, time.monotonic() - begun)
        faults = differences(program, expected, found)
        if faults:
            tallies[backend.name].different.append(seed)
            keep_difference(
                out / f"{backend.name}-{seed}".replace(", ", "-").replace(" ", "-"), program, inputs, faults
            )


def keep_difference(folder: Path, program: Program, inputs: Mapping[str, IntArray], faults: Iterable[str]) -> None:
    """Write what is needed to see a difference again: program.txt, inputs.npz, divergence.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "program.txt", write_program(program))
    np.savez_compressed(folder / "inputs.npz", **inputs)  # type: ignore[arg-type]
    write_text(folder / "divergence.txt", "\n".join(faults) + "\n")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    known = ", ".join(BACKENDS_BY_NAME)
    parser.add_argument("--backend", action="append", help=f"one of: {known}; several times for several")
    parser.add_argument("--values", type=float, default=1e8, help="register values to compare on each")
    parser.add_argument("--slow-values", type=float, default=1e6, help="the same where each start costs seconds")
    parser.add_argument("--minutes", type=float, default=18.0, help="stop after so long, enough or not")
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--out", type=Path, default=Path("build/soak"), help="folder for the summary and differences")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Run, write summary.json, say what was found."""
    options = arguments(given)
    names = options.backend or [b.name for b in BACKENDS if b.missing() is None and not b.name.endswith("scan")]
    wanted = {True: options.slow_values, False: options.values}
    tallies = {name: Tally(wanted[BACKENDS_BY_NAME[name].slow]) for name in names}
    begun, last = time.monotonic(), options.seed - 1
    for last in soak(tallies, options.seed, options.minutes * 60, options.out):
        print(f"seed {last}: " + ", ".join(f"{n} {t.values['registers']:,}" for n, t in tallies.items()), flush=True)
    facts = {
        "first_seed": options.seed,
        "last_seed": last,
        "seconds": round(time.monotonic() - begun, 1),
        "not_installed": {b.name: b.missing() for b in BACKENDS if b.missing()},
        "simulators": {name: tally.summary() for name, tally in tallies.items()},
    }
    options.out.mkdir(parents=True, exist_ok=True)
    write_text(options.out / "summary.json", json.dumps(facts, indent=2) + "\n")
    return _verdict(tallies)


def _verdict(tallies: Mapping[str, Tally]) -> int:
    """Print each simulator's figures; 1 where any differed, 2 where any got too few values, else 0."""
    for name, tally in tallies.items():
        wrong = f"DIFFERS in seeds {tally.different}" if tally.different else "0 differences"
        short = "" if tally.done else f" (of {int(tally.wanted):,} wanted)"
        print(f"{name}: {tally.values['registers']:,} register values{short}, {tally.programs} programs, {wrong}")
    if any(tally.different for tally in tallies.values()):
        return 1
    return 0 if all(tally.done for tally in tallies.values()) else 2


if __name__ == "__main__":
    sys.exit(main())
