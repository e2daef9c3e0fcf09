"""Programs and connections as data: frozen, integers only, and what they answer about themselves."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import numpy as np
import pytest

from tests import golden_text
from tests.toolchain.ir.samples import column, digits_in_small
from toolchain.ir.connections import Dense, Sparse, frozen_integers
from toolchain.ir.neurons import NEURONS, NEURONS_BY_NAME, Coefficient, Register, Values
from toolchain.ir.program import Input, Population, Probe

WEIGHTS = np.array([[0, 3, -1], [0, 0, 2]])
PROGRAM = digits_in_small()


def test_integers_are_copied_and_frozen() -> None:
    given = np.array([[1, 2], [3, 4]], dtype=np.int16, order="F")
    frozen = frozen_integers(given)
    given[0, 0] = 9
    assert frozen.tolist() == [[1, 2], [3, 4]]
    assert (frozen.dtype, frozen.flags.c_contiguous, frozen.flags.writeable) == (np.dtype(np.int64), True, False)
    assert frozen_integers(5, (2, 3)).tolist() == [[5] * 3] * 2
    assert frozen_integers([]).dtype == np.int64
    assert frozen_integers(np.array([2**63 - 1], dtype=np.uint64)).tolist() == [2**63 - 1]


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ([1.0], TypeError, "expected integers, got float64"),
        ([True], TypeError, "expected integers, got bool"),
        ([2**70], TypeError, "expected integers, got object"),
        (np.array([2**63], dtype=np.uint64), OverflowError, "9223372036854775808 does not fit int64"),
    ],
)
def test_other_than_int64_is_refused(values: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        frozen_integers(values)
    assert str(caught.value) == message


@pytest.mark.parametrize("connection", [Dense(WEIGHTS), Sparse.from_dense(WEIGHTS)])
def test_both_kinds_say_the_same_map(connection: Dense | Sparse) -> None:
    matrix = connection.matrix()
    assert (matrix if isinstance(matrix, np.ndarray) else matrix.toarray()).tolist() == WEIGHTS.tolist()
    assert (connection.target_size, connection.source_size) == (2, 3)
    assert connection.nonzero_fan_out().tolist() == [0, 1, 2]
    assert not connection.values.flags.writeable


def test_what_is_stored_differs() -> None:
    assert Dense(WEIGHTS).stored_fan_out().tolist() == [2, 2, 2]
    with_zero = Sparse((2, 3), column(0, 1), column(2, 2), column(0, 5))
    assert with_zero.stored_fan_out().tolist() == [0, 0, 2]
    assert with_zero.nonzero_fan_out().tolist() == [0, 0, 1]
    assert (Dense(WEIGHTS).kind, with_zero.kind) == ("dense", "sparse")


@pytest.mark.parametrize(
    ("rows", "columns", "values", "message"),
    [
        ([0, 1], [0, 2], [1], "(2,) rows, (2,) columns, (1,) values"),
        ([[0]], [[0]], [[1]], "(1, 1) rows, (1, 1) columns, (1, 1) values"),
        ([0, 2], [0, 0], [1, 1], "synapse 1 (2, 0) is outside 2x3"),
        ([-1], [0], [1], "synapse 0 (-1, 0) is outside 2x3"),
        ([0], [3], [1], "synapse 0 (0, 3) is outside 2x3"),
        ([0], [-1], [1], "synapse 0 (0, -1) is outside 2x3"),
        ([0, 0], [1, 1], [1, 1], "synapse 1 (0, 1) is out of order or listed twice"),
        ([0, 1, 0], [1, 1, 2], [1, 1, 1], "synapse 2 (0, 2) is out of order or listed twice"),
    ],
)
def test_misplaced_synapses_are_refused(rows: Any, columns: Any, values: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Sparse((2, 3), np.array(rows), np.array(columns), np.array(values))
    assert str(caught.value) == message


def test_weights_have_two_axes() -> None:
    with pytest.raises(ValueError, match=r"^weights have 1 axes instead of \(target, source\)$"):
        Dense(column(1, 2))


def test_a_population_is_frozen() -> None:
    bias = column(1, 2)
    population = Population(
        "p", "relay", 2, settings={"message_bits": cast(int, np.int64(9))}, coefficients={"bias": bias}
    )
    bias[0] = 99
    assert population.coefficients["bias"].tolist() == [1, 2]
    assert type(population.settings["message_bits"]) is int
    for mapping in (population.settings, population.coefficients):
        with pytest.raises(TypeError):
            mapping["bias"] = 3  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        population.size = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        Population("p", "relay", 2, settings={"message_bits": 9.5})  # type: ignore[dict-item]


def test_defaults_are_filled_in() -> None:
    values = Population("p", "cuba_lif", 2, coefficients={"vth": column(5, 6)}).values()
    assert {name: np.asarray(value).tolist() for name, value in values.items()} == {
        "bias_exp": 0, "du": [4095, 4095], "dv": [0, 0], "vth": [5, 6], "bias_mant": [0, 0],
    }  # fmt: skip
    assert "a_re" not in Population("p", "ssm_lif", 2, 3).values()
    assert Population("p", "ssm_lif", 2, 3, settings={"a_bits": 9}).width("a_bits") == 9
    assert Population("p", "ssm_lif", 2, 3).width("a_bits") == 16
    assert Population("p", "ssm_lif", 2, 3).width(7) == 7


@pytest.mark.parametrize(
    ("population", "expected"),
    [
        (Population("p", "ssm_lif", 1, 1), (0, 1)),
        (Population("p", "integrator", 1), (0, 0)),
        (Population("p", "relay", 1), (-(2**23), 2**23 - 1)),
        (Population("p", "relay", 1, settings={"message_bits": 2}), (-2, 1)),
    ],
)
def test_message_range(population: Population, expected: tuple[int, int]) -> None:
    assert population.message_range == expected


def test_what_a_program_answers() -> None:
    assert PROGRAM.sizes() == {"pixels": 1, "block0": 2, "block1": 2, "readout": 3}
    assert [p.name for p in PROGRAM.into("block1")] == ["pixels->block1", "block0->block1"]
    assert PROGRAM.population("block1").start_step == 2
    assert PROGRAM.input("pixels") == Input("pixels", 1, 6, 4)
    assert PROGRAM.source_range("pixels") == (-32, 31)
    assert PROGRAM.source_range("block0") == (0, 1)
    assert PROGRAM.all_probes()[-1] == Probe("readout", "total")
    assert [str(probe) for probe in PROGRAM.all_probes()[:2]] == ["block0.drive", "block0.state_re"]
    assert len(PROGRAM.all_probes()) == 11
    for missing in (PROGRAM.population, PROGRAM.input, PROGRAM.source_range):
        with pytest.raises(KeyError):
            missing("x")


def test_values_read_like_equations() -> None:
    values = Values({"a": 1, "b": 2})
    assert (values.a, values["b"], list(values), len(values)) == (1, 2, ["a", "b"], 2)
    with pytest.raises(AttributeError, match=r"^c$"):
        _ = values.c


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
def test_declarations_hold_together(neuron: Any) -> None:
    """Names differ, defaults fit, widths that name a setting name one, and everything says what it is."""
    settings = {setting.name: setting for setting in neuron.settings}
    names = [part.name for group in (neuron.registers, neuron.coefficients, neuron.settings) for part in group]
    assert len(names) == len(set(names))
    assert "wait" not in names
    assert all(setting.low <= setting.default <= setting.high and setting.meaning for setting in settings.values())
    bits = [part.bits for part in (*neuron.registers, *neuron.coefficients)] + [neuron.message_bits]
    assert all(isinstance(width, int) or width in settings for width in bits)
    assert all(part.meaning for part in (*neuron.registers, *neuron.coefficients, *neuron.ports))
    assert all(neuron.register(register.name) is register for register in neuron.registers)
    assert neuron.stored == tuple(register for register in neuron.registers if register.stored)
    with pytest.raises(KeyError):
        neuron.register("nothing")
    assert neuron.summary and neuron.name in NEURONS_BY_NAME


def test_declarations_are_frozen() -> None:
    neuron = NEURONS_BY_NAME["ssm_lif"]
    for part in (neuron, neuron.registers[0], neuron.coefficients[0], neuron.settings[0], neuron.ports[0]):
        with pytest.raises(dataclasses.FrozenInstanceError):
            part.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
def test_declarations_are_as_the_golden(neuron: Any, refresh_golden: bool) -> None:
    rows = [_row(part) for group in (neuron.registers, neuron.coefficients) for part in group]
    rows += [f"setting {s.name} {s.low} .. {s.high}, {s.default} if absent" for s in neuron.settings]
    rows += [f"port {p.name} {p.bits} bits, {p.overflow}" for p in neuron.ports]
    text = "\n".join([f"# {neuron.name}: {neuron.summary}", *rows, f"message {neuron.message_bits} bits"])
    golden_text.check(f"golden/{neuron.name}.declared.txt", text + "\n", refresh_golden)


def _row(part: Register | Coefficient) -> str:
    if isinstance(part, Register):
        kept = "stored" if part.stored else "not stored"
        return f"register {part.name} {part.bits} bits a {part.per}, {part.overflow}, {kept}: {part.meaning}"
    sign = "signed" if part.signed else "unsigned"
    absent = "compulsory" if part.default is None else f"{part.default} if absent"
    return f"coefficient {part.name} {part.bits} bits {sign} a {part.per}, {absent}: {part.meaning}"
