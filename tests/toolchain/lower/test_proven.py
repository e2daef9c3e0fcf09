"""Head-room by proof: with ranges "proven" no register can leave its width, and what that costs is small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import toolchain.lower.proven
from simulators.reference import simulate
from tests.toolchain.quantize.networks import digits, state_space_case
from toolchain.bounds.prove import prove
from toolchain.host.decode import decide
from toolchain.host.encode import encode
from toolchain.ir.text import write_program
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.quantize.settings import Settings


def compiled(seed: int = 0, **choices: Any) -> Compiled:
    case = state_space_case(seed)
    return compile_graph(case.graph, case.conventions, case.x, settings=Settings(**choices))


def unproven(found: Compiled, steps: int | None) -> set[str]:
    return {
        f"{row.population}.{row.register}"
        for row in prove(found.lowered.program, steps)
        if row.verdict != "proven" and not (steps is None and row.register == "total")
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_every_register_is_proven_where_observation_leaves_some_open(seed: int) -> None:
    assert unproven(compiled(seed), None)
    found = compiled(seed, ranges="proven")
    assert not unproven(found, None) and not unproven(found, found.calibration.steps)
    assert not found.lowered.findings


@pytest.mark.parametrize(("rule", "saturates"), [("observed", True), ("proven", False)])
def test_the_worst_inputs_saturate_what_was_observed_and_not_what_is_proven(rule: str, saturates: bool) -> None:
    """Inputs at both ends of the payload, in runs of one sign, which resonate with the slow modes."""
    program = compiled(ranges=rule).lowered.program
    bits = program.inputs[0].bits
    rng = np.random.default_rng(0)
    runs = rng.choice([-(1 << bits - 1), (1 << bits - 1) - 1], (16, 8, 2)).repeat(10, axis=1)
    trace = simulate(program, {"input": runs}, record_messages=False, strict=False)
    assert any(trace.overflows.values()) == saturates


@pytest.mark.slow
def test_head_room_given_by_hand_is_where_it_begins() -> None:
    found = compiled(ranges="proven")
    own = found.scheme.settings.populations
    assert {"block0", "block1"} <= set(own) and all(set(widths) == {"headroom_bits"} for widths in own.values())
    again = compiled(populations=own)
    assert write_program(again.lowered.program) == write_program(found.lowered.program)
    more = {name: {"headroom_bits": widths["headroom_bits"] + 1} for name, widths in own.items()}
    assert compiled(ranges="proven", populations=more).scheme.settings.populations == more


def test_what_cannot_be_proven_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain.lower.proven, "MOST_HEADROOM", 1)
    found = compiled(ranges="proven")
    assert found.scheme.settings.populations == {}
    assert any(text.startswith("block1: not every register is proven") for text in found.lowered.findings)


@pytest.mark.slow
def test_the_digits_are_proven_without_a_loss() -> None:
    """On validation data: choices are never made on test data."""
    case, part = digits(), slice(1221, None)
    right = []
    for rule in ("observed", "proven"):
        found = compile_graph(case.graph, case.conventions, case.x[:1221:5], settings=Settings(ranges=rule))
        program = found.lowered.program
        trace = simulate(program, {"input": encode(program.inputs[0], case.x[part])[0]}, record_messages=False)
        right.append(int(np.count_nonzero(decide(program, trace) == case.y[part])))
    assert not unproven(found, None) and not unproven(found, case.x.shape[1])
    assert right[1] >= right[0] - 1
