"""What the reference simulator refuses, with the whole message: inputs, probes, overflows."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest

from simulators.reference import simulate
from tests.toolchain.ir.samples import column, digits_in_small
from toolchain.errors import InputError, OverflowTrapError
from toolchain.ir.connections import Dense
from toolchain.ir.integer import IntArray, Overflow, add, shift_left
from toolchain.ir.neurons import NEURONS_BY_NAME, NeuronType, Port, Register, Values
from toolchain.ir.program import Input, Population, Probe, Program, Projection

TWO_INPUTS = Program("p", (Input("a", 1), Input("b", 2, 4)), (Population("r", "relay", 1),), (), ())
A, B = np.zeros((1, 5, 1), int), np.zeros((1, 5, 2), int)
ADVICE = "lower a weight exponent, widen the register, or run without strict mode to count overflows"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a": A}, "b: no such array among ['a']; give one array an input"),
        ({"a": A, "b": B, "c": A}, "c: is not an input of the program; give ['a', 'b']"),
        ({"a": A[0], "b": B}, "a: shape (5, 1) instead of (samples, steps, 1); check the input's axes"),
        ({"a": A, "b": A}, "b: shape (1, 5, 1) instead of (samples, steps, 2); check the input's axes"),
        ({"a": A, "b": B * 1.0}, "b: holds float64, not integers; quantize the input first"),
        ({"a": A, "b": B > 0}, "b: holds bool, not integers; quantize the input first"),
        ({"a": A, "b": B + 8}, "b: payload 8 does not fit 4 bits (-8 .. 7); rescale it"),
        ({"a": A, "b": B - 9}, "b: payload -9 does not fit 4 bits (-8 .. 7); rescale it"),
        (
            {"a": A.astype(np.uint64) + np.uint64(2**63), "b": B},
            "a: payload 9223372036854775808 does not fit 24 bits (-8388608 .. 8388607); rescale it",
        ),
        (
            {"a": A, "b": np.zeros((2, 5, 2), int)},
            "inputs: have different samples and lengths [(1, 5), (2, 5)]; make them equal",
        ),
        (
            {"a": A, "b": np.zeros((1, 4, 2), int)},
            "inputs: have different samples and lengths [(1, 4), (1, 5)]; make them equal",
        ),
    ],
)
def test_unfit_inputs_are_refused(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        simulate(TWO_INPUTS, inputs)
    assert str(caught.value) == message


def test_the_ends_of_the_range_are_inputs() -> None:
    ends = np.array([[[-8, 7]]], dtype=np.int8)
    assert simulate(TWO_INPUTS, {"a": A[:, :1], "b": cast(IntArray, ends)}).messages["b"].tolist() == [[[-8, 7]]]
    assert simulate(TWO_INPUTS, {"a": A[:0], "b": B[:0]}).messages["b"].shape == (0, 5, 2)


def test_a_program_without_inputs_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        simulate(dataclasses.replace(TWO_INPUTS, inputs=()), {})
    assert str(caught.value) == "p: the program has no inputs, hence no samples and no length; give it an input"


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (Probe("x", "value"), "x.value: no population 'x'; probe one of ['r']"),
        (Probe("r", "v"), "r.v: no register 'v'; probe one of ['value']"),
        (Probe("r", "wait"), "r.wait: no register 'wait'; probe one of ['value']"),
    ],
)
def test_unknown_probes_are_refused(probe: Probe, message: str) -> None:
    with pytest.raises(InputError) as caught:
        simulate(TWO_INPUTS, {"a": A, "b": B}, probes=[probe])
    assert str(caught.value) == message


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        simulate(TWO_INPUTS, {"a": A, "b": B}, steps=-1)
    assert str(caught.value) == "steps: -1 is negative; give 0 or more"


def overflowing(origin: str = "") -> tuple[Program, dict[str, np.ndarray]]:
    """An integrator of two neurons whose second leaves its 24 bits at step 4, in sample 1 only."""
    summing = Population("s", "integrator", 2, origin=origin)
    projection = Projection("a->s", "a", "s", Dense(np.array([[0], [1]])))
    sent = np.zeros((2, 6, 1), dtype=np.int64)
    sent[0], sent[1, 1:] = 1, 2**22 - 1
    return Program("p", (Input("a", 1, 23),), (summing,), (projection,), ()), {"a": sent}


@pytest.mark.parametrize(("origin", "shown"), [("", "s"), ("net.readout", "net.readout")])
def test_strict_mode_says_where_a_register_left_its_range(origin: str, shown: str) -> None:
    program, inputs = overflowing(origin)
    with pytest.raises(OverflowTrapError) as caught:
        simulate(program, inputs)
    assert str(caught.value) == f"s.total ({shown}): 12582909 does not fit in sample 1, neuron 1, step 4; {ADVICE}"


def test_otherwise_overflows_are_counted() -> None:
    program, inputs = overflowing()
    trace = simulate(program, inputs, strict=False, probes=program.all_probes())
    assert trace.overflows == {"s.total": 2}
    assert trace.registers["s.total"][1, :, 1].tolist() == [0, 0, 2**22 - 1, 2**23 - 2, 2**23 - 1, 2**23 - 1]
    assert simulate(program, {"a": inputs["a"][:1]}, strict=False).overflows == {}


def test_strict_mode_names_the_mode() -> None:
    program = digits_in_small()
    narrow = dataclasses.replace(program.populations[0], settings={"input_shift": 16, "c_shift": 4})
    program = dataclasses.replace(program, populations=(narrow, *program.populations[1:]))
    with pytest.raises(OverflowTrapError) as caught:
        simulate(program, {"pixels": np.array([[[0], [-31]], [[0], [31]]])})
    # Step 1 leaves the bias, -5, times 2^16; at step 2 arrives 4 (40 * -31) besides the bias.
    before = Fraction(-5 * 2**16 * 31000, 2**15)
    assert str(caught.value) == (
        f"block0.state_re (block0.soma): {(4 * 40 * -31 - 5) * 2**16 + before} does not fit"
        f" in sample 0, neuron 0, mode 0, step 2; {ADVICE}"
    )


def test_a_wrap_is_an_overflow_too() -> None:
    neuron = Population("n", "cuba_lif", 1, coefficients={"vth": column(9)})
    program = Program("p", (Input("a", 1, 22),), (neuron,), (Projection("x", "a", "n", Dense(np.array([[1]]))),), ())
    sent = np.full((1, 1, 1), 2**18)
    with pytest.raises(
        OverflowTrapError, match=r"^n\.current \(n\): 16777216 does not fit in sample 0, neuron 0, step 1"
    ):
        simulate(program, {"a": sent}, steps=2)
    trace = simulate(program, {"a": sent}, steps=2, strict=False)
    assert trace.overflows == {"n.current": 1}


def trapping(own: Values, state: Values, ports: Values, keep: Any) -> tuple[dict[str, Any], Any]:
    return {"v": keep("v", add(state.v, ports.input))}, 0


def constant(own: Values, state: Values, ports: Values, keep: Any) -> tuple[dict[str, Any], Any]:
    return {"v": keep("v", shift_left(own.bias, 4))}, 0


def odd_type(monkeypatch: pytest.MonkeyPatch, step: Any, overflow: Overflow, port_bits: int = 24) -> Program:
    relay = NEURONS_BY_NAME["relay"]
    ports = (Port("input", bits=port_bits),)
    odd = NeuronType("odd", "", (Register("v", 6, overflow),), relay.coefficients, (), ports, 0, step)
    monkeypatch.setitem(NEURONS_BY_NAME, "odd", odd)
    neuron = Population("n", "odd", 2, coefficients={"bias": column(1, 2)})
    weights = Dense(np.array([[0], [1]]))
    return Program("p", (Input("a", 1, 5),), (neuron,), (Projection("x", "a", "n", weights),), ())


def test_a_trap_stops_the_run_even_without_strict_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    program = odd_type(monkeypatch, trapping, Overflow.TRAP)
    with pytest.raises(OverflowTrapError) as caught:
        simulate(program, {"a": np.full((1, 9, 1), 15)}, strict=False)
    assert str(caught.value) == (
        "n.v, element (0, 1): 45 does not fit a signed 6-bit register (-32 .. 31), step 3;"
        " lower a weight exponent or rescale the layer"
    )


def test_a_register_of_constants_overflows_in_every_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its value has no sample axis of its own."""
    program = odd_type(monkeypatch, constant, Overflow.SATURATE)
    trace = simulate(program, {"a": np.zeros((3, 2, 1), int)}, strict=False)
    assert trace.overflows == {"n.v": 6}
    with pytest.raises(OverflowTrapError, match=r"^n\.v \(n\): 32 does not fit in sample 0, neuron 1, step 0; "):
        simulate(program, {"a": np.zeros((3, 2, 1), int)})
