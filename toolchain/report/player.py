"""The network in its own report: the JavaScript module, recorded samples, and what it takes to check and to count them.

A recorded sample is its payloads and one number a step, the hash of every message and every stored register after
it. The page runs the module, hashes the same values and compares. Energy follows from the leading cost table:
what every step takes, and the other joules of the test set a synaptic operation.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Program
from toolchain.ir.timestep import stored_registers
from toolchain.ir.trace import Trace
from toolchain.mapping.axons import fan_out
from toolchain.report.energy import Estimate
from toolchain.report.summary import Results

MODULE = "model.js"
MOST_BYTES = 2_000_000
"""A larger module stays out of the page."""
MOST_SAMPLES = 16
STEADY = ("neuron_updates", "mode_updates", "word_updates", "multiplications")
"""Counts that every step has alike."""

HASH_FACTOR = np.uint32(16777619)
HASH_START = np.uint32(2166136261)
CODE = [Path(__file__).parent / "templates" / name for name in ("player.js.j2", "inside.js.j2")]


def player(results: Results, folder: Path) -> Markup | None:
    """The script that runs the network in the page; None where the folder holds no module, or one that is too large."""
    path, recorded = folder / MODULE, results.evidence.recorded
    if not path.is_file() or path.stat().st_size > MOST_BYTES or not recorded.messages or not recorded.steps:
        return None
    program = results.evidence.program
    if len(program.inputs) != 1 or not program.outputs or not _fits_words(recorded):
        return None
    module = re.sub(r"^export ", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    facts = json.dumps(_facts(program, recorded, results)).replace("<", "\\u003c")
    code = [path.read_text(encoding="utf-8") for path in CODE]
    return Markup("//<![CDATA[\n" + "\n".join([module, f"const recorded = {facts};", *code]) + "\n//]]>")


def _fits_words(trace: Trace) -> bool:
    """Whether every recorded value is a 32-bit word, as the hash takes them."""
    low, high = limits(32)
    values = [*trace.messages.values(), *trace.registers.values()]
    return all(not v.size or (v.min() >= low and v.max() <= high) for v in values)


def checked(program: Program, trace: Trace) -> list[tuple[str, str]]:
    """(population or input, register or "" for messages) of everything that is hashed, in order."""
    found = [(name, "") for name in program.sizes() if name in trace.messages]
    registers = [(p.name, r.name) for p in program.populations for r in stored_registers(p)]
    return found + [(p, r) for p, r in registers if f"{p}.{r}" in trace.registers]


def step_hashes(program: Program, trace: Trace, sample: int) -> IntArray:
    """One 32-bit number a step, (step,): h' = h * 16777619 + value over all values, modulo 2^32."""
    values = np.concatenate(
        [
            (trace.registers[f"{owner}.{register}"] if register else trace.messages[owner])[sample].reshape(
                trace.steps, -1
            )
            for owner, register in checked(program, trace)
        ],
        axis=1,
    ).astype(np.uint32)
    hashes = np.full(trace.steps, HASH_START, dtype=np.uint32)
    for column in values.T:
        hashes = hashes * HASH_FACTOR + column
    return hashes.astype(np.int64)


def _facts(program: Program, recorded: Trace, results: Results) -> dict[str, Any]:
    (source,) = program.inputs
    length = recorded.steps - program.latency_steps
    samples = range(min(recorded.samples, MOST_SAMPLES))
    parts = checked(program, recorded)
    values = sum((recorded.registers[f"{o}.{r}"] if r else recorded.messages[o])[0, 0].size for o, r in parts)
    fixed, each = _joules(results.estimates[0], results.counts.total("synops_nonzero"))
    return {
        "length": length,
        "steps": recorded.steps,
        "inputs": [recorded.messages[source.name][i, :length].tolist() for i in samples],
        "hashes": [step_hashes(program, recorded, i).tolist() for i in samples],
        "checked": parts,
        "values": values,
        "fan_out": {name: counts.tolist() for name, counts in _fan_out(program).items()},
        "step_joules": fixed,
        "synop_joules": each,
        "spiking": [p.name for p in program.populations if p.message_range == (0, 1)],
        "inside": {name: _shown_registers(program, name) for name in program.sizes()},
        "voltages": [p.name for p in program.populations if "voltage" in {r.name for r in p.type.stored}],
    }


def _shown_registers(program: Program, name: str) -> list[str]:
    """Stored registers of a population that have one value a neuron; an input has none."""
    if name in {source.name for source in program.inputs}:
        return []
    population = program.population(name)
    return [r.name for r in stored_registers(population) if population.extent(r.per) == (population.size,)]


def _fan_out(program: Program) -> dict[str, IntArray]:
    """Non-zero synapses of each neuron or channel, over all projections, by source."""
    found = {name: np.zeros(size, dtype=np.int64) for name, size in program.sizes().items()}
    for projection in program.projections:
        found[projection.source] += fan_out(projection.connection)[1]
    return found


def _joules(lead: Estimate, synops: int) -> tuple[float, float]:
    """Nominal joules of every step (updates, base and static power), and the rest of a synaptic operation."""
    runs = lead.samples * lead.steps
    steady = sum(term.joules.nominal for term in lead.terms if term.cost.count in STEADY)
    over_time = sum(part.nominal for part in (lead.base, lead.static) if part is not None)
    events = sum(term.joules.nominal for term in lead.terms if term.cost.count not in STEADY)
    return (steady + over_time) / runs, events / synops if synops else 0.0
