"""Each rule of `verify`, broken alone, with the whole message; and what passes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tests.strategies import programs
from tests.toolchain.ir.samples import block, column, digits_in_small
from toolchain.bounds.verify import RULES, verify
from toolchain.errors import VerificationError
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.neurons import NEURONS_BY_NAME, Coefficient
from toolchain.ir.program import Input, Output, Population, Program, Projection

GOOD = digits_in_small()


def with_program(**changes: Any) -> Program:
    return dataclasses.replace(GOOD, **changes)


def with_part(group: str, at: int, **changes: Any) -> Program:
    """The good program with one input, population, projection or output changed."""
    parts = list(getattr(GOOD, group))
    parts[at] = dataclasses.replace(parts[at], **changes)
    changed: dict[str, Any] = {group: tuple(parts)}
    return dataclasses.replace(GOOD, **changed)


def with_coefficient(at: int, name: str, values: Any) -> Program:
    return with_part("populations", at, coefficients={**GOOD.populations[at].coefficients, name: np.array(values)})


def with_setting(name: str, value: int) -> Program:
    return with_part("populations", 0, settings={**GOOD.populations[0].settings, name: value})


def without_coefficient(name: str) -> Program:
    kept = {key: values for key, values in GOOD.populations[0].coefficients.items() if key != name}
    return with_part("populations", 0, coefficients=kept)


def with_weight(value: int, at: int = 5) -> Program:
    weights = np.array(GOOD.projections[at].connection.matrix())
    weights[1, 0] = value
    return with_part("projections", at, connection=Dense(weights))


MIXED = Sparse.from_dense(np.array([[17, 0, 1], [0, -128, 0]]))
BROKEN: list[tuple[str, Program, str]] = [
    (
        "semantics-version",
        with_program(semantics_version=3),
        "digits in small: semantics version 3, this is 2; deploy again",
    ),
    (
        "names",
        with_part("inputs", 0, name="block0"),
        "block0: the name is used 2 times; give each part its own",
    ),
    (
        "names",
        with_part("projections", 1, name="pixels->block0"),
        "pixels->block0: the name is used 2 times; give each part its own",
    ),
    ("names", with_part("outputs", 1, name="classes"), "classes: the name is used 2 times; give each part its own"),
    ("names", with_part("populations", 0, name="a.b"), "a.b: not a name; use letters, digits, '_' and '-'"),
    ("names", with_part("populations", 0, name=""), ": not a name; use letters, digits, '_' and '-'"),
    ("names", with_part("inputs", 0, name="-a"), "-a: not a name; use letters, digits, '_' and '-'"),
    ("names", with_part("projections", 0, name="a b"), "'a b': not a name; use printable characters and no blanks"),
    ("names", with_part("projections", 0, name=""), "'': not a name; use printable characters and no blanks"),
    ("names", with_part("outputs", 0, name="a\t"), "'a\\t': not a name; use printable characters and no blanks"),
    (
        "texts",
        with_program(name="a\nb"),
        "'a\\nb': 'a\\nb' does not fit one line of text; remove its control characters",
    ),
    (
        "texts",
        with_part("populations", 0, origin="a\nb"),
        "'digits in small': 'a\\nb' does not fit one line of text; remove its control characters",
    ),
    (
        "texts",
        with_part("projections", 0, origin="a\u2028b"),
        "'digits in small': 'a\\u2028b' does not fit one line of text; remove its control characters",
    ),
    (
        "texts",
        with_program(notes={"a": "x\n"}),
        "'digits in small': 'x\\n' does not fit one line of text; remove its control characters",
    ),
    ("texts", with_program(notes={"a: b": ""}), "digits in small: the note's name 'a: b' holds a colon; rename it"),
    ("texts", with_program(notes={"a:": ""}), "digits in small: the note's name 'a:' holds a colon; rename it"),
    (
        "neuron-types",
        with_part("populations", 0, neuron="hh"),
        f"block0: unknown neuron type 'hh'; use one of {', '.join(NEURONS_BY_NAME)}",
    ),
    ("sizes", with_program(latency_steps=-1), "digits in small: latency of -1 steps; give 0 or more"),
    ("sizes", with_part("populations", 0, size=0), "block0: size 0; give at least one neuron"),
    ("sizes", with_part("populations", 0, modes=0), "block0: 0 modes; a ssm_lif needs at least one"),
    ("sizes", with_part("populations", 2, modes=1), "readout: 1 modes; a integrator has none, give 0"),
    (
        "sizes",
        with_part("populations", 0, start_step=128),
        "block0: start_step 128 is not in 0 .. 127; shorten the network",
    ),
    (
        "sizes",
        with_part("populations", 0, start_step=-1),
        "block0: start_step -1 is not in 0 .. 127; shorten the network",
    ),
    (
        "extents",
        with_program(latency_steps=10**9),
        "digits in small: latency of 1000000000 steps, and 6 projections take 372 at most; check the program",
    ),
    ("extents", with_part("inputs", 0, size=1 << 25), "pixels: size 33,554,432; give at most 16,777,216"),
    ("extents", with_part("populations", 0, modes=5000), "block0: 5,000 modes; give at most 4,096"),
    ("sizes", with_part("inputs", 0, size=0), "pixels: size 0, 6 bits; payloads have 2 to 24 bits"),
    ("sizes", with_part("inputs", 0, bits=1), "pixels: size 1, 1 bits; payloads have 2 to 24 bits"),
    ("sizes", with_part("inputs", 0, bits=25), "pixels: size 1, 25 bits; payloads have 2 to 24 bits"),
    ("settings", with_setting("shift", 4), "block0.shift: a ssm_lif has no such setting; remove it"),
    ("settings", with_setting("c_shift", 32), "block0.c_shift: 32 is not in 0 .. 31; choose a value inside"),
    ("settings", with_setting("c_shift", -1), "block0.c_shift: -1 is not in 0 .. 31; choose a value inside"),
    ("coefficients", with_coefficient(0, "e", [1, 2]), "block0.e: a ssm_lif has no such coefficient; remove it"),
    ("coefficients", without_coefficient("a_re"), "block0.a_re: is missing; a ssm_lif needs it"),
    (
        "coefficients",
        with_coefficient(0, "a_re", [1, 2]),
        "block0.a_re: shape (2,) instead of (2, 2); give one value a mode",
    ),
    (
        "coefficients",
        with_coefficient(0, "bias", 3),
        "block0.bias: shape () instead of (2,); give one value a neuron",
    ),
    (
        "coefficients",
        with_coefficient(0, "threshold", [0, 8388608]),
        "block0.threshold: 8388608 does not fit a signed 24-bit register (max 8388607), neuron 1;"
        " lower the weight exponent or rescale the layer",
    ),
    (
        "coefficients",
        with_coefficient(0, "threshold", [-8388609, 0]),
        "block0.threshold: -8388609 does not fit a signed 24-bit register (min -8388608), neuron 0;"
        " lower the weight exponent or rescale the layer",
    ),
    (
        "coefficients",
        with_coefficient(0, "d_shift", [0, 32]),
        "block0.d_shift: 32 does not fit an unsigned 5-bit register (max 31), neuron 1;"
        " lower the weight exponent or rescale the layer",
    ),
    (
        "coefficients",
        with_coefficient(0, "d_shift", [0, -1]),
        "block0.d_shift: -1 does not fit an unsigned 5-bit register (min 0), neuron 1;"
        " lower the weight exponent or rescale the layer",
    ),
    (
        "coefficients",
        with_coefficient(0, "c_re", [[0, 0], [0, 128]]),
        "block0.c_re: 128 does not fit a signed 8-bit register (max 127), neuron 1;"
        " lower the weight exponent or rescale the layer",
    ),
    (
        "neuron-rules",
        with_coefficient(0, "a_re", [[32767, 0], [0, -12800]]),
        "block0: |A-bar| of neuron 0, mode 0 is 1.000640 (32767, 1200), not below 1 (2 of 4 modes);"
        " round the pole toward zero",
    ),
    (
        "endpoints",
        with_part("projections", 0, source="pixel"),
        "pixels->block0: 'pixel' is not in the program; check the projection's ends",
    ),
    (
        "endpoints",
        with_part("projections", 0, target="pixels"),
        "pixels->block0: 'pixels' is not in the program; check the projection's ends",
    ),
    (
        "endpoints",
        with_part("projections", 0, port="gate"),
        "pixels->block0: a ssm_lif has no port 'gate'; check the projection's end",
    ),
    (
        "endpoints",
        with_part("projections", 3, connection=MIXED),
        "block0->block1: weights are (2, 3), the ends need (2, 2); check the shape",
    ),
    ("weights", with_weight(128), "block1->readout: weight 128 does not fit -128 .. 127; raise the exponent"),
    ("weights", with_weight(-129), "block1->readout: weight -129 does not fit -128 .. 127; raise the exponent"),
    (
        "weights",
        with_part("projections", 5, exponent=24),
        "block1->readout: exponent 24 is beyond +-23; rescale the layer",
    ),
    (
        "weights",
        with_part("projections", 5, exponent=-24),
        "block1->readout: exponent -24 is beyond +-23; rescale the layer",
    ),
    ("delays", with_part("projections", 0, delay_steps=0), "pixels->block0: delay of 0 steps is not in 1 .. 62"),
    ("delays", with_part("projections", 0, delay_steps=63), "pixels->block0: delay of 63 steps is not in 1 .. 62"),
    (
        "outputs",
        with_part("outputs", 0, population="pixels"),
        "classes: population 'pixels' is not in the program; check the output",
    ),
    (
        "inputs",
        with_part("inputs", 0, overflow="clip"),
        "pixels: 'clip' says not what overflow does; use saturate, refuse",
    ),
    (
        "outputs",
        with_part("outputs", 0, reading="mean"),
        "classes: 'mean' is not a way to read an output; use one of count, last, sum, max, step",
    ),
    (
        "outputs",
        with_part("outputs", 0, reading="count"),
        "classes: a register is no message to count; read its last value",
    ),
    (
        "outputs",
        with_part("outputs", 0, exponents=(1, 2)),
        "classes: 2 exponents for 3 neurons; give one, or one a neuron",
    ),
    (
        "outputs",
        with_part("outputs", 0, early_steps=4),
        "classes: early by 4 of 3 steps of latency; check the output",
    ),
    (
        "outputs",
        with_part("outputs", 1, register="drive", reading="last"),
        "spikes: block1 keeps no register 'drive'; check the output",
    ),
    (
        "port-ranges",
        with_part("projections", 5, exponent=16),
        "readout.input: up to 8388663 can arrive in one step, over the port's 24 bits (max 8388607);"
        " lower an exponent or split the fan-in",
    ),
]


@pytest.mark.parametrize(("rule", "program", "message"), BROKEN)
def test_a_broken_rule_is_named(rule: str, program: Program, message: str) -> None:
    with pytest.raises(VerificationError) as caught:
        verify(program)
    assert str(caught.value) == f"{message} [{rule}]"


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, _, _ in BROKEN} == {rule.name for rule in RULES}
    assert all(rule.meaning for rule in RULES)


def test_more_problems_of_a_rule_are_counted() -> None:
    again = dataclasses.replace(with_weight(-300).projections[5], name="again")
    with pytest.raises(VerificationError) as caught:
        verify(with_program(projections=(*with_weight(200).projections, again)))
    assert str(caught.value) == (
        "block1->readout: weight 200 does not fit -128 .. 127; raise the exponent (and 1 more of rule 'weights')"
    )


@given(programs())
@settings(max_examples=30)
def test_random_programs_pass(program: Program) -> None:
    verify(program)


@pytest.mark.parametrize(
    "program",
    [
        GOOD,
        with_part("populations", 0, start_step=127),
        with_part("inputs", 0, bits=2),
        with_part("projections", 0, delay_steps=62),
        with_part("projections", 5, exponent=-23),
        with_part("projections", 0, name="größe/1:x"),
        with_weight(-128),
        with_weight(127),
        with_setting("c_shift", 31),
        with_setting("c_shift", 0),
        with_coefficient(0, "threshold", [8388607, -8388608]),
        with_coefficient(0, "d_shift", [0, 31]),
        with_part("outputs", 1, register="voltage", reading="max"),
        with_program(notes={"a b:c": ""}, latency_steps=0, outputs=()),
    ],
)
def test_the_last_that_is_allowed(program: Program) -> None:
    verify(program)


def one_weight(bits: int, weight: int, exponent: int) -> Program:
    """One weight from an input to a relay."""
    projection = Projection("a->b", "a", "b", Dense(np.array([[weight]])), exponent=exponent)
    return Program("p", (Input("a", 1, bits),), (Population("b", "relay", 1),), (projection,), ())


@pytest.mark.parametrize(
    ("bits", "weight", "exponent", "worst"),
    [
        (24, 1, 0, 2**23),  # the least payload is -2^23
        (23, 2, 0, 2**23),
        (10, -128, 7, 2**23),
        (24, 3, -1, 3 * 2**22),
        (24, -127, -6, (127 * 2**23) // 64),
    ],
)
def test_ports_one_too_small(bits: int, weight: int, exponent: int, worst: int) -> None:
    with pytest.raises(VerificationError, match=rf"^b\.input: up to {worst} can arrive in one step"):
        verify(one_weight(bits, weight, exponent))


@pytest.mark.parametrize(("bits", "weight", "exponent"), [(23, 1, 0), (23, -127, -6), (9, 127, 8), (24, 127, -7)])
def test_ports_just_large_enough(bits: int, weight: int, exponent: int) -> None:
    verify(one_weight(bits, weight, exponent))


def test_a_negative_shift_is_bounded_by_rounding_away_from_zero() -> None:
    """2^24 - 1 halves to -(2^23) downwards, one more than the port's greatest."""
    weights = Dense(np.array([[1, 1]]))
    program = Program(
        "p",
        (Input("a", 2, 24),),
        (Population("b", "relay", 1),),
        (Projection("a->b", "a", "b", weights, exponent=-1),),
        (),
    )
    with pytest.raises(VerificationError, match=r"^b\.input: up to 8388608 can arrive"):
        verify(program)


def test_a_table_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coefficient that is a table for the whole population: any length but none, entries in range."""
    kind = NEURONS_BY_NAME["relay"]
    table = Coefficient("table", 4, per="population")
    monkeypatch.setitem(NEURONS_BY_NAME, "relay", dataclasses.replace(kind, coefficients=(*kind.coefficients, table)))
    for values, message in (
        (3, r"shape \(\) is no table; give at least one entry"),
        ([], r"shape \(0,\) is no table; give at least one entry"),
        ([0, 8], r"8 does not fit a signed 4-bit register \(max 7\), entry 1; "),
    ):
        population = Population("b", "relay", 1, coefficients={"table": np.array(values, dtype=np.int64)})
        with pytest.raises(VerificationError, match=r"^b\.table: " + message):
            verify(Program("p", (), (population,), (), ()))
    verify(Program("p", (), (Population("b", "relay", 1, coefficients={"table": column(1, 2, 3)}),), (), ()))


def test_output_may_read_messages_and_stored_registers_only() -> None:
    program = with_program(populations=(*GOOD.populations, block("late", 0)))
    for register in ("", "state_re", "state_im", "voltage"):
        verify(dataclasses.replace(program, outputs=(Output("o", "late", register),)))
