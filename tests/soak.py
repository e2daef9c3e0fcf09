"""Random programs on every simulator until enough values were compared: `make soak`, or `python -m tests.soak --help`.

Programs come from consecutive seeds. Each runs on the reference once and on every simulator that still lacks values;
every message and register of every step is compared. Where a simulator differs, the program, its input and the first
divergence are kept beside the summary, and the exit code is 1.

A seed is a unit of work: with `--engine` several run at once, with `--resume` those that are done are not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simulators.compare import compare
from tests.backends.lava_programs import lif_network, side_by_side
from tests.backends.random_programs import Scale, random_inputs, random_program
from tests.backends.suite import BACKENDS, BACKENDS_BY_NAME, Backend, differences, run, run_reference
from tests.source_tree import PACKAGES, sources
from toolchain.engine import ENGINES, JSON, WorkUnit, check_engine, run_units
from toolchain.engine.keep import file_hash
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

    def add(self, found: Mapping[str, Any]) -> None:
        """Add what one program compared, as `compared` tells it."""
        self.programs += 1
        for counter, name in (
            (self.values, "values"),
            (self.by_type, "by_type"),
            (self.by_connection, "by_connection"),
        ):
            counter.update(found[name])
        self.overflows += found["overflows"]
        self.messages += found["messages"]
        self.seconds += found["seconds"]
        self.different += found["different"]

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


def soak(tallies: Mapping[str, Tally], options: argparse.Namespace) -> int:
    """Run programs, a batch of seeds at a time, until all have enough or the time is over; return the last seed.

    A simulator that starts slowly gets small programs, from the same seeds.
    """
    end = time.monotonic() + options.minutes * 60
    seed: int = options.seed
    source = source_hash()

    def tell(unit: WorkUnit, result: dict[str, Any]) -> None:
        for name, found in result["simulators"].items():
            tallies[name].add(found)
        print(f"{unit.name}: " + ", ".join(f"{n} {t.values['registers']:,}" for n, t in tallies.items()), flush=True)

    while time.monotonic() < end and not all(tally.done for tally in tallies.values()):
        lacking = [name for name, tally in tallies.items() if not tally.done]
        units = [seed_unit(seed + i, lacking, options.out, source) for i in range(options.batch)]
        run_units(one_seed, units, engine=options.engine, workers=options.workers, folder=options.resume, on_done=tell)
        seed += len(units)
    for tally in tallies.values():
        tally.different.sort()
    return seed - 1


def source_hash() -> str:
    """Of everything that can change what a seed compares, so that no result of another state of it is taken."""
    whole = hashlib.sha256()
    for source in sources(*PACKAGES, "tests"):
        whole.update(f"{source.path}\0{source.text}\0".encode())
    return whole.hexdigest()


def seed_unit(seed: int, backends: list[str], out: Path, source: str) -> WorkUnit:
    """A seed as a unit of work."""
    scales: dict[str, JSON] = {"large": list(astuple(LARGE)), "small": list(astuple(SMALL))}
    return WorkUnit(
        f"seed_{seed:08d}",
        {"seed": seed, "backends": list(backends), "scales": scales, "out": str(out.resolve()), "source": source},
    )


def one_seed(arguments: dict[str, Any]) -> dict[str, Any]:
    """The work: run a seed's programs on some simulators; what was compared, by simulator, and files of differences."""
    backends = [BACKENDS_BY_NAME[name] for name in arguments["backends"]]
    found: dict[str, Any] = {}
    files: dict[str, str] = {}
    for slow, name in ((False, "large"), (True, "small")):
        populations, sizes, modes, samples, steps = arguments["scales"][name]
        chosen = [backend for backend in backends if backend.slow is slow]
        scale = Scale(populations, tuple(sizes), modes, samples, steps)
        found |= _one_program(chosen, arguments["seed"], scale, slow, Path(arguments["out"]), files)
    return {"simulators": found, "files": files}


def drawn(seed: int, scale: Scale, with_lif: bool) -> tuple[Program, dict[str, IntArray]]:
    """The program of a seed and its inputs, beside it, if asked for, a network that Lava's own LIF can run."""
    rng = np.random.default_rng(seed)
    program = random_program(rng, scale)
    if with_lif:
        program = side_by_side([program, lif_network(seed)])
    return program, random_inputs(rng, program, scale.samples, scale.steps)


def _one_program(
    backends: list[Backend], seed: int, scale: Scale, slow: bool, out: Path, files: dict[str, str]
) -> dict[str, Any]:
    if not backends:
        return {}
    program, inputs = drawn(seed, scale, slow)
    expected = run_reference(program, inputs)
    told = {}
    for backend in backends:
        begun = time.monotonic()
        found = run(backend, program, inputs)
        told[backend.name] = compared(program, expected, found, time.monotonic() - begun)
        faults = differences(program, expected, found)
        if faults:
            told[backend.name]["different"] = [seed]
            folder = out / f"{backend.name}-{seed}".replace(", ", "-").replace(" ", "-")
            keep_difference(folder, program, inputs, faults)
            files |= {str(path): file_hash(path) for path in folder.iterdir()}
    return told


def compared(program: Program, expected: Trace, found: Trace, seconds: float) -> dict[str, Any]:
    """What one run compared."""
    by_type: Counter[str] = Counter()
    for population in program.populations:
        registers = (register.name for register in all_registers(population))
        by_type[population.neuron] += sum(expected.registers[f"{population.name}.{r}"].size for r in registers)
    return {
        "values": dict(compare(program, expected, found).values_compared),
        "by_type": dict(by_type),
        "by_connection": dict.fromkeys((projection.connection.kind for projection in program.projections), 1),
        "overflows": sum(expected.overflows.values()),
        "messages": sum(int(expected.sent[p.name].sum()) for p in program.populations),
        "seconds": seconds,
        "different": [],
    }


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
    parser.add_argument("--engine", choices=ENGINES, default="serial", help="where seeds run")
    parser.add_argument("--workers", type=int, help="seeds at once; by default one a core")
    parser.add_argument("--resume", type=Path, help="folder that keeps finished seeds, to go on from there")
    parser.add_argument("--batch", type=int, help="seeds handed out at once; 1, or 4 a worker")
    options = parser.parse_args(given)
    check_engine(options.engine, options.workers)
    options.batch = options.batch or (1 if options.engine == "serial" else 4 * (options.workers or os.cpu_count() or 1))
    return options


def main(given: list[str] | None = None) -> int:
    """Run, write summary.json, say what was found."""
    options = arguments(given)
    names = options.backend or [b.name for b in BACKENDS if b.missing() is None and not b.name.endswith("scan")]
    wanted = {True: options.slow_values, False: options.values}
    tallies = {name: Tally(wanted[BACKENDS_BY_NAME[name].slow]) for name in names}
    begun = time.monotonic()
    last = soak(tallies, options)
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
