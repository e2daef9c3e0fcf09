"""Proven ranges against inputs that try to break them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from simulators.reference import simulate
from tests.strategies import runs
from toolchain.bounds.prove import ProvenRange, prove
from toolchain.ir.connections import Dense
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Program, Projection

A_BITS = 16
STEPS = 16_384


def state_spaces(seed: int, state_bits: int, size: int = 6, modes: int = 3) -> Program:
    """Channels of their own input each; time constants from 1 to 10 000 steps (|A| up to 0.9999), any phase."""
    rng = np.random.default_rng(seed)
    one = 1 << (A_BITS - 1)
    distance = 10.0 ** rng.uniform(-4, -0.3, (size, modes))
    distance[0] = 1e-4
    phase = rng.choice([0.0, 1.0], (size, modes)) * rng.uniform(0, np.pi, (size, modes))
    poles = (1 - distance) * np.exp(1j * phase) * one
    coefficients = {
        "a_re": np.trunc(poles.real).astype(np.int64),
        "a_im": np.trunc(poles.imag).astype(np.int64),
        "c_re": rng.integers(-127, 128, (size, modes)),
        "c_im": rng.integers(-127, 128, (size, modes)),
        "d": rng.integers(-127, 128, size),
        "d_shift": rng.integers(0, 6, size),
        "bias": rng.integers(-3, 4, size),
        "threshold": rng.integers(1, 1 << 22, size),
    }
    population = Population(
        "p", "ssm_lif", size, modes, {"a_bits": A_BITS, "state_bits": state_bits, "c_shift": 4}, coefficients
    )
    joint = Projection("in->p", "in", "p", Dense(np.eye(size, dtype=np.int64)))
    return Program("net", (Input("in", size, 6),), (population,), (joint,), (Output("o", "p"),))


def adversaries(program: Program, steps: int, seed: int = 0) -> IntArray:
    """Inputs (sample, step, channel): signs of impulse responses back in time, constant, alternating, random."""
    population = program.populations[0]
    own = population.values()
    low, high = -(1 << (program.inputs[0].bits - 1)), (1 << (program.inputs[0].bits - 1)) - 1
    poles = (own.a_re + 1j * own.a_im) / (1 << (own.a_bits - 1))
    powers = poles[None] ** np.arange(steps)[:, None, None]
    readout = ((own.c_re + 1j * own.c_im)[None] * powers).real.sum(axis=2)
    # The last steps of a run carry the delay of one step.
    matched = [powers.real[:, :, n] for n in range(population.modes)]
    matched += [powers.imag[:, :, n] for n in range(population.modes)] + [readout]
    found = []
    for response in matched:
        for sign in (1, -1):
            found.append(np.where(sign * response[::-1] > 0, high, low))
    rng = np.random.default_rng(seed)
    found += [np.full((steps, population.size), end) for end in (low, high)]
    found += [np.where(np.arange(steps)[:, None] % 2 == 0, low, high) + np.zeros((1, population.size), dtype=int)]
    found += [rng.integers(low, high + 1, (steps, population.size)), rng.choice([low, high], (steps, population.size))]
    return np.stack(found).astype(np.int64)


def row(rows: tuple[ProvenRange, ...], register: str) -> ProvenRange:
    return next(found for found in rows if found.register == register)


def least_proven_width(seed: int, register: str, steps: int | None = None) -> int:
    """The narrowest state whose claim for a register is proven; a bit less is not."""
    found = row(prove(state_spaces(seed, 12), steps), register)
    assert found.headroom_bits is not None
    bits = found.bits - found.headroom_bits
    assert row(prove(state_spaces(seed, bits), steps), register).verdict == "proven"
    assert row(prove(state_spaces(seed, bits - 1), steps), register).verdict != "proven"
    return bits


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_long_adverse_inputs_do_not_break_a_proven_state(seed: int) -> None:
    """16 384 steps at the narrowest width that is proven; a quarter of that range is broken by the same inputs."""
    bits = max(least_proven_width(seed, "state_re"), least_proven_width(seed, "state_im"))
    program = state_spaces(seed, bits)
    inputs = adversaries(program, STEPS)
    trace = simulate(program, {"in": inputs}, probes=program.all_probes()[:4], record_messages=False, strict=False)
    claims = prove(program)
    broken = [f.register for f in claims if f.verdict == "proven" and trace.overflows.get(f"p.{f.register}")]
    assert not broken
    for register in ("drive", "state_re", "state_im", "readout"):
        found = row(claims, register)
        values = trace.registers[f"p.{register}"]
        assert found.low is not None and found.high is not None
        assert found.low <= values.min() <= values.max() <= found.high
        # The bound is no vacuous one: the matched input comes near it.
        assert max(-values.min(), values.max()) > 0.6 * max(-found.low, found.high)
    narrow = state_spaces(seed, bits - 2)
    worse = simulate(narrow, {"in": inputs[:8]}, record_messages=False, strict=False)
    assert worse.overflows
    assert {f.verdict for f in prove(narrow)} > {"proven"}


@pytest.mark.slow
def test_a_limited_run_is_proven_at_a_narrower_width() -> None:
    steps = 100
    forever, limited = least_proven_width(1, "state_re"), least_proven_width(1, "state_re", steps)
    assert limited < forever
    program = state_spaces(1, limited)
    assert row(prove(program, steps), "state_re").safe_steps == steps
    trace = simulate(program, {"in": adversaries(program, steps - 1)}, steps=steps, strict=False)
    assert "p.state_re" not in trace.overflows


@pytest.mark.slow
def test_a_witness_says_can_overflow() -> None:
    """Where the verdict names an overflow, the matched input makes one."""
    program = state_spaces(2, least_proven_width(2, "state_re") - 2)
    assert row(prove(program), "state_re").verdict == "can overflow"
    trace = simulate(program, {"in": adversaries(program, STEPS)}, record_messages=False, strict=False)
    assert trace.overflows["p.state_re"] > 0


def integrator(bias: int) -> Program:
    population = Population("sum", "integrator", 1, coefficients={"bias": np.array([bias])})
    joint = Projection("in->sum", "in", "sum", Dense(np.array([[100]])), exponent=2)
    return Program("net", (Input("in", 1, 8),), (population,), (joint,), (Output("o", "sum", "total"),))


@pytest.mark.parametrize("bias", [0, 5, -700])
def test_a_running_sum_is_safe_for_exactly_the_steps_that_are_named(bias: int) -> None:
    program = integrator(bias)
    found = row(prove(program), "total")
    assert found.verdict == "can overflow"
    assert found.safe_steps is not None
    for steps, overflows in ((found.safe_steps, False), (found.safe_steps + 1, True)):
        # One more step than inputs, for the projection's delay; a bias then acts once without input.
        inputs = np.full((1, steps, 1), -128)
        trace = simulate(program, {"in": inputs}, steps=steps + 1, strict=False)
        assert bool(trace.overflows) == overflows or bias > 0
    assert row(prove(program, found.safe_steps), "total").verdict == "proven"
    assert row(prove(program, found.safe_steps + 2), "total").verdict == "can overflow"


@pytest.mark.slow
@settings(
    max_examples=60,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(run=runs())
def test_no_random_program_breaks_a_proven_range(run: tuple[Program, dict[str, IntArray]]) -> None:
    """Every neuron type, with coefficients and inputs at their extremes."""
    program, inputs = run
    steps = next(iter(inputs.values())).shape[1] + 4
    for limit in (None, steps):
        claims = prove(program, limit)
        trace = simulate(program, inputs, steps=steps, probes=program.all_probes(), strict=False)
        for found in claims:
            if found.verdict == "proven":
                assert not trace.overflows.get(f"{found.population}.{found.register}"), found
                values = trace.registers.get(f"{found.population}.{found.register}")
                if values is not None and values.size:
                    assert found.low is not None and found.high is not None
                    assert found.low <= values.min() and values.max() <= found.high, found


def test_more_drive_never_narrows_a_range() -> None:
    program = state_spaces(4, 32)
    wider = dataclasses.replace(program, inputs=(Input("in", program.inputs[0].size, 7),))
    for before, after in zip(prove(program), prove(wider), strict=True):
        assert after.low is not None and after.high is not None and before.low is not None and before.high is not None
        assert after.low <= before.low and before.high <= after.high
