"""How outputs are read: by what reaches them unless told, alike from the float network, the program, its exports."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exporters.lava import package_texts
from simulators.reference import simulate
from toolchain.errors import InputError
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.execute import run
from toolchain.frontend.graph import Graph
from toolchain.frontend.sketch import Sketch, leaky
from toolchain.host import plain
from toolchain.host.decode import decide, final_numbers, float_step_outputs, needs_steps, step_numbers
from toolchain.host.encode import encode
from toolchain.host.infer import inferred_reading
from toolchain.ir.connections import Dense
from toolchain.ir.program import READINGS, Input, Output, Population, Program, Projection
from toolchain.ir.storage import load_program, save_program
from toolchain.ir.text import program_hash, read_program, write_program
from toolchain.ir.trace import Trace
from toolchain.lower.pipeline import compile_graph
from toolchain.quantize.settings import Settings

HELD = np.array([[[1, -5], [0, 2], [3, 0], [-2, 0]]])
EXPECTED = {
    "count": [[1, 1], [1, 2], [2, 2], [3, 2]],
    "last": [[1, -5], [0, 2], [3, 0], [-2, 0]],
    "sum": [[1, -5], [1, -3], [4, -3], [2, -3]],
    "max": [[1, -5], [1, 2], [3, 2], [3, 2]],
    "step": [[1, -5], [0, 2], [3, 0], [-2, 0]],
}


@pytest.mark.parametrize("reading", READINGS)
def test_readings_are_what_the_page_says(reading: str) -> None:
    """What came before the output was complete counts for nothing, nor what comes after the input's end."""
    around = np.concatenate([np.full((1, 3, 2), 99), HELD, np.full((1, 1, 2), 77)], axis=1)
    assert plain.standing(around, reading, 3, 4).tolist() == [EXPECTED[reading]]
    assert EXPECTED.keys() == set(READINGS)


def test_each_neuron_has_its_own_exponent() -> None:
    assert plain.real(np.array([[8, 8]]), "last", (3, 1)).tolist() == [[1.0, 4.0]]
    assert plain.real(np.array([[8, 8]]), "count", (3, 1)).tolist() == [[8.0, 8.0]]


def layered(last: str, sources: tuple[str, ...]) -> Program:
    """Two inputs' worth of neurons, and a last population that hears `sources`."""
    one = np.array([[1]])
    populations = (
        Population("fire", "integrate_fire", 1, coefficients={"threshold": np.array([2])}),
        Population("signs", "ternary", 1, coefficients={"threshold": np.array([1])}),
        Population("hidden", "relay", 1),
        Population("graded", "rectifier", 1),
        Population("end", last, 1, coefficients={"threshold": np.array([0])} if last == "integrate_fire" else {}),
    )
    into = [("in", "fire"), ("in", "signs"), ("fire", "hidden"), ("in", "graded"), *((name, "end") for name in sources)]
    joints = tuple(Projection(f"{a}->{b}", a, b, Dense(one)) for a, b in into)
    register = "total" if last == "integrator" else ""
    return Program("net", (Input("in", 1, 8),), populations, joints, (Output("o", "end", register),), 3)


@pytest.mark.parametrize(
    ("last", "sources", "reading"),
    [
        ("integrate_fire", ("in",), "count"),
        ("relay", ("fire",), "sum"),
        ("relay", ("fire", "signs"), "sum"),
        ("relay", ("hidden",), "sum"),
        ("relay", ("hidden", "end"), "sum"),
        ("relay", ("fire", "in"), "last"),
        ("relay", ("graded", "fire"), "last"),
        ("relay", (), "last"),
        ("integrator", ("fire",), "last"),
    ],
)
def test_a_reading_follows_from_what_reaches_the_output(last: str, sources: tuple[str, ...], reading: str) -> None:
    program = layered(last, sources)
    assert inferred_reading(program, program.output()) == reading


@pytest.mark.parametrize("reading", ["sum", "max", "last"])
def test_messages_are_decided_as_their_reading_says(reading: str) -> None:
    program = replace(layered("relay", ("fire",)), outputs=(Output("o", "end", "", reading, (1,)),))
    trace = simulate(program, {"in": np.array([[[4], [1], [7], [0]]])})
    assert needs_steps(program)
    numbers = step_numbers(program, trace)
    assert numbers.shape == (1, 4, 1)
    assert np.array_equal(final_numbers(program, trace), numbers[:, -1])
    assert decide(program, trace).tolist() == [0]


def test_an_output_that_is_early_is_read_early() -> None:
    """A shallow head is complete before the deepest: one step later would be another step's."""
    held = np.arange(6)[None, :, None]
    program = layered("relay", ("fire",))
    output = replace(program.output(), reading="last", early_steps=2)
    trace = Trace("", "", 1, 6, messages={"end": held})
    assert step_numbers(program, trace, output)[0, :, 0].tolist() == [1.0, 2.0, 3.0]


def test_host_facts_are_part_of_a_program(tmp_path: Path) -> None:
    program = layered("relay", ("fire",))
    changed = [
        replace(program, inputs=(replace(program.inputs[0], overflow="saturate"),)),
        *(replace(program, outputs=(replace(program.output(), **fact),))
          for fact in ({"reading": "max"}, {"exponents": (2,)}, {"early_steps": 1})),
    ]  # fmt: skip
    assert len({program_hash(one) for one in (program, *changed)}) == 5
    for one in changed:
        save_program(one, tmp_path / "p.npz")
        assert write_program(load_program(tmp_path / "p.npz")) == write_program(one)
        assert write_program(read_program(write_program(one))) == write_program(one)


def test_the_input_says_what_lies_beyond_it() -> None:
    source = Input("in", 1, 3, 1)
    with pytest.raises(InputError, match=r"^in: -9 is beyond the payload's range -2 .. 1.5; "):
        encode(source, np.array([[[1.5], [-9.0], [3.0]]]))
    payload, _ = encode(replace(source, overflow="saturate"), np.array([[[1.5], [-9.0], [3.0]]]))
    assert payload[0, :, 0].tolist() == [3, -4, 3]


def test_the_exported_package_carries_the_very_rules(tmp_path: Path) -> None:
    """network/host.py is this repository's file, and runs with numpy alone."""
    text = package_texts(layered("relay", ("fire",)))["network/host.py"]
    assert text == Path(plain.__file__).read_text(encoding="utf-8")
    (tmp_path / "host.py").write_text(text)
    code = "import sys, host, numpy as np; print(host.payloads(np.array([0.7, 9.0]), 4, 1)[0].tolist(), *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("[1, 7] ")
    assert "toolchain" not in done.stdout.split()


def summed_layers() -> Graph:
    """Two layers of LIF neurons, one after the other, added up before the Output."""
    rng, dt = np.random.default_rng(9), 1e-4
    sketch = Sketch(dt)
    sketch.add("input", "Input", 5, {})
    source = "input"
    for name, width in (("a", 5), ("b", 8)):
        sketch.matrix(f"f{name}", rng.integers(-6, 9, (8, width)) / 8, source)
        neuron = {**leaky(np.full(8, 0.5), dt), "v_threshold": np.ones(8), "v_reset": np.zeros(8)}
        source = sketch.add(f"l{name}", "LIF", 8, neuron, f"f{name}")
    sketch.total("sum", 8, ("la", "lb"))
    sketch.add("output", "Output", 8, {}, "sum")
    return sketch.graph({})


def test_spikes_of_two_layers_are_counted_together() -> None:
    """Exact weights: the program's sums over time are the float network's, sample by sample."""
    graph, data = summed_layers(), (np.random.default_rng(1).random((30, 40, 5)) < 0.3).astype(float)
    conventions = conventions_for(graph, "snntorch")
    program = compile_graph(graph, conventions, data).lowered.program
    assert program.output().reading == "sum"
    trace = simulate(program, {"input": encode(program.inputs[0], data)[0]})
    outputs, _ = run(graph, data, conventions)
    counts = outputs.sum(axis=1)
    assert np.array_equal(final_numbers(program, trace), counts)
    assert np.array_equal(decide(program, trace), counts.argmax(axis=1))
    assert np.array_equal(float_step_outputs(program.output(), outputs)[:, -1], counts)


@pytest.mark.parametrize("decision", ["last", "max", "step", "count"])
def test_a_decision_can_be_set(decision: str) -> None:
    graph, data = summed_layers(), np.ones((1, 4, 5))
    settings = Settings(decision=decision)
    program = compile_graph(graph, conventions_for(graph, "snntorch"), data, settings=settings).lowered.program
    assert program.output().reading == decision
    assert Settings().for_labels(per_step=True).decision == "step"
    assert settings.for_labels(per_step=True) == settings
