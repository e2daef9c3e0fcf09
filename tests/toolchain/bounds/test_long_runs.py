"""Random stable state spaces, |A| up to 0.9999, over 16 384 steps: poles stay in the disc, values in proven bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from seamount.simulators import default_simulator, find_simulator
from tests.toolchain.bounds.test_prove import STEPS, adversaries
from toolchain.bounds.prove import prove
from toolchain.ir.connections import Dense
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.quantize.poles import round_poles
from toolchain.quantize.settings import Settings

SLOWEST = 1e-4
"""The least 1 - |A|."""


@st.composite
def stable(draw: st.DrawFn, size: int = 3, modes: int = 2) -> Program:
    """Neurons with an input each; float poles of any phase, one of them the slowest, rounded as the compiler does."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a_bits, state_bits = draw(st.integers(12, 20)), draw(st.integers(16, 30))
    distance = 10.0 ** rng.uniform(np.log10(SLOWEST), -0.3, (size, modes))
    distance[0, 0] = SLOWEST
    phase = rng.choice([0.0, 1.0], (size, modes)) * rng.uniform(-np.pi, np.pi, (size, modes))
    rounded = round_poles((1 - distance) * np.exp(1j * phase), Settings(a_bits=a_bits))
    assert np.all(rounded.a_re**2 + rounded.a_im**2 < 1 << 2 * (a_bits - 1))
    coefficients = {
        "a_re": rounded.a_re,
        "a_im": rounded.a_im,
        "c_re": rng.integers(-127, 128, (size, modes)),
        "c_im": rng.integers(-127, 128, (size, modes)),
        "d": rng.integers(-127, 128, size),
        "d_shift": rng.integers(0, 6, size),
        "bias": rng.integers(-3, 4, size),
        "threshold": rng.integers(1, 1 << 22, size),
    }
    widths = {"a_bits": a_bits, "state_bits": state_bits, "c_shift": draw(st.integers(0, 10))}
    population = Population("p", "ssm_lif", size, modes, widths, coefficients)
    joint = Projection("in->p", "in", "p", Dense(np.eye(size, dtype=np.int64)))
    return Program("net", (Input("in", size, draw(st.integers(2, 8))),), (population,), (joint,), (Output("o", "p"),))


@pytest.mark.slow
@settings(
    max_examples=8,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(program=stable())
def test_no_proven_bound_is_passed(program: Program) -> None:
    """Inputs that follow each mode's and the readout's response back in time, constant, alternating and random ones."""
    inputs = {"in": adversaries(program, STEPS)}
    run = find_simulator(default_simulator())
    trace = run(program, inputs, probes=program.all_probes(), record_messages=False, strict=False)
    for found in prove(program):
        values = trace.registers.get(f"p.{found.register}")
        event(f"{found.register} {found.verdict}")
        if found.verdict == "proven" and values is not None:
            assert not trace.overflows.get(f"p.{found.register}"), found
            assert found.low <= values.min() and values.max() <= found.high, found
