"""A run to repeat: 32 steps of a few payloads, and the digest of what the reference simulator makes of them.

It travels in the JSON file beside a step model, so that any runtime in any language can be held to the program without
Seamount: feed the payloads, hash the named tensors of every step as little-endian int64, compare.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from exporters.onnx import Description, Golden, facts_path, parse_description
from simulators import reference
from simulators.onnx.running import CANARY, executed, start
from simulators.onnx.sessions import CPU, load
from toolchain.errors import ConformanceError, InputError, OverflowTrapError
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Probe, Program
from toolchain.ir.timestep import stored_registers
from toolchain.ir.trace import Trace

STEPS = 32
CHANNELS = 32
"""Channels of an input that get a payload in one step, at most."""
SEED = 17


def golden_of(program: Program) -> Golden | None:
    """Run the reference on a few payloads, as large as no trap forbids; None where even the smallest ends in a trap."""
    probes = [Probe(p.name, r.name) for p in program.populations for r in stored_registers(p)]
    for smaller in range(max(source.bits for source in program.inputs)):
        events = {source.name: _events(source.size, limits(source.bits)[1], smaller) for source in program.inputs}
        inputs = {source.name: _payloads(events[source.name], source.size) for source in program.inputs}
        try:
            trace = reference.simulate(program, inputs, steps=STEPS, probes=probes, strict=False)
        except OverflowTrapError:
            continue
        return lambda description: _golden(description, events, trace)
    return None


def _events(size: int, high: int, smaller: int) -> list[list[int]]:
    """(step, channel, payload) in order; payloads up to `high` / 2^smaller."""
    draw = random.Random(SEED)  # its numbers are the same in every release of Python
    most = max(int(high * 0.5**smaller), 1)
    found = []
    for step in range(STEPS):
        channels = sorted({int(draw.random() * size) for _ in range(min(size, CHANNELS))})
        found += [[step, channel, int((2 * draw.random() - 1) * (most + 1))] for channel in channels]
    return [event for event in found if event[2]]


def _payloads(events: list[list[int]], size: int) -> IntArray:
    payloads = np.zeros((1, STEPS, size), dtype=np.int64)
    for step, channel, payload in events:
        payloads[0, step, channel] = payload
    return payloads


def _golden(description: Description, events: Mapping[str, list[list[int]]], trace: Trace) -> dict[str, Any]:
    digest, names = hashlib.sha256(), _tensors(description)
    for step in range(STEPS):
        for values in expected_tensors(description, trace, step).values():
            digest.update(np.ascontiguousarray(values, dtype="<i8").tobytes())
    return {"steps": STEPS, "events": dict(events), "tensors": names, "sha256": digest.hexdigest()}


def _tensors(description: Description) -> list[str]:
    """What is hashed in each step: messages, then stored registers as the file holds them."""
    registers = [state.next for state in description.states if not _is_message(state.next, description)]
    return [*(f"out.{name}" for name in description.populations), *registers]


def _is_message(tensor: str, description: Description) -> bool:
    owner, _, word = tensor.removeprefix("next.").rpartition(".")
    return owner not in description.populations or word not in description.populations[owner]["registers"]


def expected_tensors(description: Description, trace: Trace, step: int) -> dict[str, IntArray]:
    """What a step model gives for the first sample: by name, messages and then stored registers as the file holds them.

    Args:
        description: of the file.
        trace: of the reference, with every stored register.
        step: which one.
    """
    found = {f"out.{name}": trace.messages[name][0, step] for name in description.populations}
    for state in description.states:
        if not _is_message(state.next, description):
            register: IntArray = trace.registers[state.next.removeprefix("next.")][0, step]
            found[state.next] = state.slope * (register - state.start)
    return found


def check_golden(path: Path, provider: str = CPU) -> bool:
    """Repeat the golden run of an exported step file.

    Args:
        path: of the model; its JSON file lies beside it.
        provider: onnxruntime's name of what executes the model.

    Returns:
        Whether there was a run to repeat.

    Raises:
        InputError: the JSON file cannot be read.
        ConformanceError: the digest is another, or the canary is not 1.
    """
    facts = facts_path(path)
    try:
        golden = json.loads(facts.read_text(encoding="utf-8")).get("seamount.golden")
    except (OSError, ValueError) as error:
        raise InputError(str(facts), f"cannot be read ({error})", "export the model again") from error
    if golden is None:
        return False
    execute, properties = load(path.read_bytes(), str(path), "onnxruntime", provider)
    description = parse_description(properties, str(path))
    names = [*(state.next for state in description.states), *_tensors(description), CANARY]
    sizes = {source.name: source.size for source in description.inputs}
    inputs = {name: _payloads(golden["events"][name], size) for name, size in sizes.items()}
    held, digest = start(description, 1), hashlib.sha256()
    for step in range(golden["steps"]):
        feeds = {f"in.{name}": values[:, step] for name, values in inputs.items()}
        feeds |= {state.name: value for state, value in zip(description.states, held, strict=True)}
        results = executed(execute, description, names, feeds)
        held = results[: len(held)]
        if not np.all(results[-1] == 1):
            raise ConformanceError(str(path), f"{provider} computes wrongly, as the canary says", "use another runtime")
        for values in results[len(held) : -1]:
            digest.update(np.ascontiguousarray(values, dtype="<i8").tobytes())
    if digest.hexdigest() != golden["sha256"]:
        what = f"{provider} gives other numbers in the golden run of {golden['steps']} steps"
        raise ConformanceError(str(path), what, "use a runtime or a provider that docs/onnx.md lists as exact")
    return True
