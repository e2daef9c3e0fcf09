"""A program with every way of reading an output, and what the host makes of its ends."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators import reference
from tests.onnx_programs import with_features
from toolchain.host import plain
from toolchain.host.decode import numbers
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Program

STEPS = 25
SAMPLES = 1
NUMBERS = [0.0, 0.5, 1.5, -0.5, -1.5, 2.4999, -2.5001, 3.49, 31.5, -32.5, 1e300, -1e300, 100.25]
"""Beside halves, numbers at and beyond the ends of 6 bits."""


def read_in_every_way() -> Program:
    """`with_features`, its relay and integrators read in every way, one early, one with an exponent a neuron."""
    program = with_features()
    outputs = (
        Output("counted", "cells"),
        Output("kept", "sum", "total", exponents=(3,)),
        Output("summed", "relay", reading="sum", exponents=(2, -1), early_steps=1),
        Output("greatest", "sum", "total", reading="max", exponents=(-2,)),
        Output("each", "relay", reading="step", exponents=(0,)),
    )
    return dataclasses.replace(program, outputs=outputs)


def payloads_in(program: Program) -> dict[str, IntArray]:
    """One sample of each input."""
    rng = np.random.default_rng(3)
    return {
        i.name: rng.integers(-(2 ** (i.bits - 1)), 2 ** (i.bits - 1), (SAMPLES, STEPS, i.size)) for i in program.inputs
    }


def standing(program: Program, payloads: dict[str, IntArray]) -> dict[str, NDArray[np.float64]]:
    """Each output in its own units after each complete step, by the reference simulator and the host's rules."""
    trace = reference.simulate(program, payloads, probes=program.all_probes(), strict=False)
    found = {}
    for output in program.outputs:
        held: Any = trace.messages[output.population]
        if output.register:
            held = trace.registers[f"{output.population}.{output.register}"]
        steps = trace.steps - program.latency_steps
        values = plain.standing(held, output.reading, program.latency_steps - output.early_steps, steps)
        found[output.name] = numbers(output, values)[0]
    return found


def encoded(entry: Input, number: float) -> int | None:
    """A number's payload; None where it is refused."""
    payload, beyond = plain.payloads(np.array([number]), entry.bits, entry.exponent)
    return None if beyond[0] and entry.overflow == "refuse" else int(payload[0])
