"""Gates, products, thresholds and graded state spaces in integers: what each becomes, and how near the floats it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from simulators.fast import simulate
from tests.gated_networks import FORMS, SIZE, gated_data, gated_graph
from toolchain.bounds.prove import prove
from toolchain.errors import InputError, QuantizationError
from toolchain.frontend.conventions import PRESETS, conventions_for, hint_for
from toolchain.frontend.execute import run
from toolchain.frontend.extensions import extension_kinds
from toolchain.frontend.graph import Graph
from toolchain.frontend.read import read_nir
from toolchain.frontend.sketch import Sketch
from toolchain.frontend.write import write_nir
from toolchain.host.decode import at_last_step, step_numbers, step_outputs
from toolchain.host.encode import encode
from toolchain.ir.text import write_program
from toolchain.ir.timestep import all_registers
from toolchain.ir.trace import Trace
from toolchain.lower.activity import aligned_messages, unit_levels
from toolchain.lower.floating import float_network, run_units
from toolchain.lower.ladder import Ladder, climb
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.passes.delays import misaligned
from toolchain.quantize.settings import Settings

NEURONS = {
    "glu": ["ssm_lif", "sigmoid_gate"],
    "binary gate": ["ssm_lif", "binary_gate"],
    "gsu": ["ssm_graded", "ternary", "product"],
    "rectified gsu": ["ssm_graded", "ternary", "product"],
    "binary s4d": ["ssm_threshold"],
    "two stages": ["ssm_lif", "lif"],
    "rectified s4d": ["ssm_graded"],
}
FINE = Settings(a_bits=24, c_bits=16, state_bits=32, table_bits=14)
STEPS = 60


def compiled(forms: Sequence[str], settings: Settings | None = None) -> tuple[Graph, Compiled]:
    graph = gated_graph(forms)
    return graph, compile_graph(graph, conventions_for(graph), gated_data(0, 16, STEPS), settings=settings)


def simulated(made: Compiled, data: np.ndarray) -> Trace:
    program = made.lowered.program
    return simulate(program, {"input": encode(program.inputs[0], data)[0]}, probes=program.all_probes(), strict=False)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_becomes_its_neurons(form: str) -> None:
    _, made = compiled([form])
    assert [p.neuron for p in made.lowered.program.populations] == [*NEURONS[form], "integrator"]
    rectified = [p.setting("rectified") for p in made.lowered.program.populations if "rectified" in p.settings]
    assert any(rectified) == form.startswith("rectified")
    assert list(misaligned(made.lowered.program, unit_levels(made.network))) == []


@pytest.mark.parametrize("form", FORMS)
def test_messages_are_those_of_the_float_network(form: str) -> None:
    """With fine coefficients and weights that 8 bits hold, nothing is left but the arithmetic's own steps."""
    made = compiled([form], FINE)[1]
    data = gated_data(1, 16, STEPS)
    floats = run_units(float_network(made.network), data)
    integers = aligned_messages(made.lowered.program, made.network, simulated(made, data), STEPS)
    for unit in made.network.populations:
        if unit.output_register:
            continue
        found, expected = integers[unit.name], floats[unit.name]
        if unit.graded:
            scale = made.scheme.units[unit.name]
            real = found / (2.0**scale.message_exponent * made.scheme.finer(unit.name, unit.size))
            assert np.sqrt(np.mean((real - expected) ** 2) / np.mean(expected**2)) < 2e-3, unit.name
        else:
            assert np.mean(found != expected) < 1e-3, unit.name


@pytest.mark.parametrize("forms", [*([form] for form in FORMS), FORMS], ids=[*FORMS, "all in series"])
def test_eight_bits_decide_as_the_float_network(forms: Sequence[str]) -> None:
    graph, made = compiled(forms)
    data = gated_data(1, 16, STEPS)
    trace = simulated(made, data)
    exponent = made.scheme.units[made.lowered.program.outputs[0].population].drive_exponent
    found = step_outputs(made.lowered.program, trace) / 2.0**exponent
    expected = run(graph, data, conventions_for(graph))[0]
    assert np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2)) < 0.05
    assert np.mean(at_last_step(found, None).argmax(1) == at_last_step(expected, None).argmax(1)) >= 15 / 16
    assert trace.overflows == {}


def test_graded_readouts_of_unlike_scale_differ_by_powers_of_two() -> None:
    _, made = compiled(["gsu"])
    finer = made.scheme.units["block0_y"].finer
    assert finer.min() == 1
    assert finer.max() > 4
    assert np.array_equal(np.log2(finer), np.rint(np.log2(finer)))
    (ternary,) = (p for p in made.lowered.program.projections if p.target == "block0_ter")
    matrix = ternary.connection.matrix()
    weights = np.diag(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())
    assert np.array_equal(weights * finer, np.full(SIZE, weights.max() * finer.min())), "what is finer weighs less"


def test_the_stream_of_gates_is_exact_beside_an_encoder_that_rounds() -> None:
    graph = gated_graph(["glu", "binary s4d"], encoder_step=1e-4)
    made = compile_graph(graph, conventions_for(graph), gated_data(0, 16, STEPS))
    errors = {tensor.name: tensor.max_error for tensor in made.lowered.tensors}
    assert errors["input->block1.weights"] > 0
    assert errors["block0_gate->block1.weights"] == 0


def test_every_register_of_the_new_types_has_a_range() -> None:
    program = compiled(FORMS)[1].lowered.program
    found = {(row.population, row.register) for row in prove(program, 1000)}
    registers = {(p.name, r.name) for p in program.populations for r in all_registers(p)}
    ports = {(p.name, port.name) for p in program.populations for port in p.type.ports}
    assert found == registers | ports
    verdicts = {row.register: row.verdict for row in prove(program, 1000) if row.population == "block1_gate"}
    assert set(verdicts.values()) == {"proven"}


def test_the_ladder_rounds_the_tensors_of_gates_one_by_one() -> None:
    made = compiled(FORMS)[1]
    data = gated_data(0, 16, STEPS)
    ladder = Ladder(float_network(made.network), data, None)
    rungs = {rung.name: rung for rung in climb(ladder, made.lowered)}
    rounded = {"block0_gate.value_bias", "block1_gate.threshold", "block2_ter.threshold", "block3_act.right_bias"}
    assert rounded <= rungs.keys()
    assert all(rungs[name].output_error < 1e-3 for name in rounded), "24 bits round them finely"
    assert 1e-3 < rungs["all tensors"].output_error < 0.05


def test_a_gate_says_how_near_its_table_is() -> None:
    _, made = compiled(["glu"])
    (text,) = (text for text in made.lowered.findings if "table" in text)
    said = re.fullmatch("block0_gate: its sigmoid is a table of 1024 entries, at most (.*) off within their span", text)
    assert said is not None
    (gate,) = (p for p in made.lowered.program.populations if p.neuron == "sigmoid_gate")
    table, half = gate.coefficients["table"] / 2.0**14, 2 ** (gate.setting("index_shift") - 1)
    drives = (np.arange(1024) - 512) * 2 * half + half
    real = drives / 2.0 ** made.scheme.units["block0_gate"].second_exponent
    assert np.allclose(table, 1 / (1 + np.exp(-real)), atol=2**-15)
    # A sigmoid is steepest at 0, where half a step of the table is an eighth of it.
    assert float(said[1]) == pytest.approx((real[1] - real[0]) / 8, rel=0.2)


def test_a_file_makes_no_difference(tmp_path: Path) -> None:
    graph, made = compiled(FORMS)
    write_nir(graph, tmp_path / "net.nir")
    read = read_nir(tmp_path / "net.nir")
    assert len(extension_kinds(read)) == 5
    again = compile_graph(read, conventions_for(read), gated_data(0, 16, STEPS))
    assert write_program(again.lowered.program) == write_program(made.lowered.program)


def one_gate(add: Callable[[Sketch], str]) -> Graph:
    sketch = Sketch(1e-4)
    sketch.add("input", "Input", 2, {})
    sketch.add("output", "Output", 2, {}, add(sketch))
    return sketch.graph({"seamount": hint_for(PRESETS["seamount"])})


def added(kind: str) -> Callable[[Sketch], str]:
    """A unit that an Output reads as it is."""

    def add(sketch: Sketch) -> str:
        rng = np.random.default_rng(3)
        if kind == "state space":
            c = rng.normal(size=(2, 3)) * np.array([[1.0], [0.05]])
            return sketch.state_space("space", np.full((2, 3), 0.5 + 0.2j), np.ones((2, 3)), c, np.zeros(2), "input")
        both = sketch.matrix("both", rng.normal(size=(4, 2)), "input", rng.normal(size=4))
        return sketch.product("unit", 2, both) if kind == "product" else sketch.sigmoid_gate("unit", 2, both)

    return add


@pytest.mark.parametrize("kind", ["state space", "product", "gate"])
def test_graded_outputs_have_their_own_scale(kind: str) -> None:
    graph = one_gate(added(kind))
    data = gated_data(0, 4, 20)
    made = compile_graph(graph, conventions_for(graph), data, settings=FINE)
    program = made.lowered.program
    found = step_numbers(program, simulated(made, data))
    expected = run(graph, data, conventions_for(graph))[0]
    assert np.allclose(found, expected, atol=0.02 * np.abs(expected).max())
    assert len(set(program.output().exponents)) > 1 or kind != "state space"


def test_a_loop_around_a_gate_is_refused() -> None:
    def looped(sketch: Sketch) -> str:
        sketch.halves("in", np.eye(2), "input", 0)
        sketch.halves("gate_in", np.eye(2), "gate", 1)
        return sketch.sigmoid_gate("gate", 2, ["in", "gate_in"])

    graph = one_gate(looped)
    with pytest.raises(InputError, match="gate: a loop around a sigmoid_gate cannot be calibrated; put a LIF into"):
        compile_graph(graph, conventions_for(graph), gated_data(0, 2, 5))


def test_a_threshold_below_the_finest_step_is_refused() -> None:
    graph = one_gate(lambda sketch: sketch.ternary("ter", np.array([1e-9, 1.0]), "input"))
    with pytest.raises(QuantizationError, match=r"ter\.threshold: 1e-09 \.\. 1 are 0 \.\. \d+ integer units; rescale"):
        compile_graph(graph, conventions_for(graph), gated_data(0, 2, 5))


@pytest.mark.parametrize("weight_bits", [2, 3])
def test_rows_that_rounding_lengthens_still_fit_their_port(weight_bits: int) -> None:
    """Three of these networks did not, while the real weights alone set the scale of a port."""
    for seed in range(12):
        graph = gated_graph(("glu", "binary gate", "gsu"), seed)
        data = gated_data(seed, 8, 30)
        settings = Settings(weight_bits=weight_bits)
        program = compile_graph(graph, conventions_for(graph), data, settings=settings).lowered.program
        assert program.populations
