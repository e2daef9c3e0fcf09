"""Networks with several Inputs and Outputs: arrays, labels, readings and figures by name, equal on every simulator."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

import seamount as sm
from seamount.given import samples_of
from seamount.ports import Port, Ports
from simulators.reference import simulate
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.execute import run
from toolchain.host.decode import float_step_outputs, step_numbers
from toolchain.host.encode import encode_all, payloads_of
from toolchain.lower.pipeline import compile_graph
from toolchain.quantize.settings import Settings

DT, STEPS, SAMPLES = 1e-4, 12, 6
A, B = (np.random.default_rng(n).random((SAMPLES, STEPS, n)) < 0.5 for n in (4, 3))
WHERE, WHAT = np.arange(SAMPLES) % 3, np.random.default_rng(2).integers(0, 2, (SAMPLES, STEPS))
PORTS = Ports((Port("vision", (2, 2)), Port("touch", (3,))), (Port("n.a", (3,), "n_a"), Port("b", (2,), "b")))


def leaky(size: int) -> nir.LIF:
    ones = np.ones(size)
    return nir.LIF(tau=2 * DT * ones, r=2 * ones, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones)


def linear(out: int, into: int) -> nir.Linear:
    """The same whenever it is asked for: tests run in any order."""
    return nir.Linear(np.random.default_rng(9 * out + into).integers(-3, 9, (out, into)) / 8)


def network(edges: str, inputs: dict[str, int], outputs: dict[str, int], **nodes: nir.NIRNode) -> nir.NIRGraph:
    ends = {name: nir.Input({"input": np.array([size])}) for name, size in inputs.items()}
    ends |= {name: nir.Output({"output": np.array([size])}) for name, size in outputs.items()}
    return nir.NIRGraph({**ends, **nodes}, [tuple(edge.split()) for edge in edges.split(",")], type_check=False)


def leaky_run(current: np.ndarray) -> np.ndarray:
    """Spikes of the neurons of `leaky`, (sample, step, neuron)."""
    v, spikes = np.zeros_like(current[:, 0]), []
    for now in np.moveaxis(current, 1, 0):
        v = 0.5 * v + now
        spikes.append(v > 1)
        v = v * (v <= 1)
    return np.stack(spikes, 1)


@pytest.fixture(scope="module")
def heads() -> nir.NIRGraph:
    """Two Inputs into one body, a head of it, and another head one layer deeper."""
    return network(
        "vision fa,touch fb,fa body,fb body,body fh,fh hid,body fw,fw where,hid fq,fq what,where early,what late",
        {"vision": 4, "touch": 3}, {"early": 3, "late": 2},
        fa=linear(5, 4), fb=linear(5, 3), body=leaky(5), fh=linear(6, 5), hid=leaky(6), fw=linear(3, 5), where=leaky(3),
        fq=linear(2, 6), what=leaky(2),
    )  # fmt: skip


@pytest.fixture(scope="module")
def build(heads: nir.NIRGraph, tmp_path_factory: pytest.TempPathFactory) -> sm.Build:
    data = {"vision": A, "touch": B, "y": WHERE, "y/late": WHAT}
    return sm.deploy(heads, tmp_path_factory.mktemp("ports") / "b", calibrate=data, compared=2, convention="snntorch")


def test_every_output_is_what_numpy_gives(build: sm.Build, heads: nir.NIRGraph, tmp_path: Path) -> None:
    weight = {name: heads.nodes[name].weight for name in ("fa", "fb", "fh", "fw", "fq")}
    body = leaky_run(A @ weight["fa"].T + B @ weight["fb"].T)
    right = {
        "early": leaky_run(body @ weight["fw"].T),
        "late": leaky_run(leaky_run(body @ weight["fh"].T) @ weight["fq"].T),
    }
    np.savez(tmp_path / "x.npz", vision=A, touch=B, y=WHERE, names=np.array(["others are left alone"]))
    for given in ({"touch": B, "vision": A}, tmp_path / "x.npz", np.concatenate([B, A], axis=2)):
        found = sm.simulate(build, given).by_output
        assert np.array_equal(found["early"], np.cumsum(right["early"], axis=1))
        assert np.array_equal(found["late"], right["late"])
    assert right["early"].any() and right["late"].any()


def test_figures_are_of_each_output(build: sm.Build) -> None:
    assert build.equal and build.report.fidelity is not None and build.report.fidelity.changed == 0
    found = build.report.accuracy
    assert (found.output, set(found.outputs)) == ("early", {"early", "late"})
    assert found.correct == found.outputs["early"] and found.samples["integer"] == SAMPLES
    assert all(rungs["integer"] == rungs["nir"] for rungs in found.outputs.values())
    decided = {
        finding.where: finding.what.split(":")[0] for finding in build.report.findings if finding.stage == "decide"
    }
    assert decided == {"early": "read by count", "late": "read by step"}
    scored = sm.simulate(build, {"vision": A, "touch": B, "y/late": WHAT}).score
    assert scored is not None and scored.correct == found.outputs["late"]["integer"]


@pytest.mark.slow
def test_a_build_of_several_ports_verifies(build: sm.Build) -> None:
    checked = sm.verify(build)
    assert checked.ok and {"fast", "c"} <= {check.name for check in checked.checks}


@pytest.mark.parametrize(
    ("edges", "outputs"),
    [
        ("x fa,fa body,body out,x out", {"out": 4}),
        ("x out", {"out": 4}),
        ("x fa,fa body,body out,body two", {"out": 4, "two": 4}),
        ("x fa,fa body,fa out,body two", {"out": 4, "two": 4}),
    ],
)
def test_what_leads_to_outputs(edges: str, outputs: dict[str, int]) -> None:
    """Sums before an Output, inputs that pass, one neuron read twice, a sum read beside its neuron."""
    nodes = {name: node for name, node in {"fa": linear(4, 4), "body": leaky(4)}.items() if f" {name}," in f" {edges},"}
    graph, data = sm.from_nir(network(edges, {"x": 4}, outputs, **nodes)), A.astype(float)
    conventions = conventions_for(graph, "snntorch")
    made = compile_graph(graph, conventions, data)
    program = made.lowered.program
    assert [output.name for output in program.outputs] == (list(outputs) if len(outputs) > 1 else ["output"])
    trace = simulate(program, payloads_of(encode_all(program, data)), probes=program.all_probes())
    _, floats = run(graph, data, conventions, record=list(outputs))
    for output, node in zip(program.outputs, outputs, strict=True):
        right = float_step_outputs(output, floats[node])
        assert np.array_equal(step_numbers(program, trace, output), right) and right.any()


def test_each_input_has_its_own_payload(heads: nir.NIRGraph) -> None:
    graph = sm.from_nir(heads)
    data = np.concatenate([np.random.default_rng(8).random((2, STEPS, 3)) * 100, A[:2]], axis=2)
    made = compile_graph(graph, conventions_for(graph, "snntorch"), data)
    found = {source.name: (source.bits, source.exponent) for source in made.lowered.program.inputs}
    assert found["vision"] == (3, 0) and found["touch"][0] == 12


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"vision": A}, "no array touch; give an array for each of the Inputs vision, touch"),
        ({"vision": A, "touch": B[:, :5]}, "inputs differ in (samples, steps): vision (6, 12), touch (6, 5)"),
        ({"vision": A, "touch": A}, "touch: shape (6, 12, 4) for 3 channels"),
        ({"x": A}, "x: shape (6, 12, 4) for 2 Inputs; give"),
        ({"x": np.zeros((6, 12, 7)), "y/no": WHERE}, "y/no names no Output; the Outputs are n.a, b"),
        ({"vision": A, "touch": np.full((6, 12), 3, np.uint8)}, "touch: holds the symbol 3 for 3 channels"),
    ],
)
def test_arrays_that_do_not_fit(arrays: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(sm.ToolchainError) as caught:
        samples_of(arrays, PORTS)
    assert said in str(caught.value)


def test_arrays_by_name() -> None:
    given = samples_of({"vision": A.reshape(6, STEPS, 2, 2), "touch": np.full((6, STEPS), 2, np.uint8)}, PORTS)
    assert given.x.shape == (6, STEPS, 7) and given.x[..., 6].all() and not given.x[..., 4:6].any()
    labelled = samples_of({"x/touch": B, "vision": A, "y/n.a": WHERE, "y/b": WHAT}, PORTS)
    assert (labelled.output, list(labelled.others), labelled.stepwise_outputs) == ("n_a", ["b"], ("b",))
    assert [part.per_step for part in labelled.chosen(slice(2)).by_output()] == [False, True]
    named_y = Ports((Port("y", (3,)), Port("x", (4,))))
    both = samples_of({"x/y": B, "x": A, "y": WHERE}, named_y)
    assert np.array_equal(both.x, np.concatenate([B, A], axis=2)) and both.y is not None


def test_labels_of_all_outputs_must_be_classes_of_all(heads: nir.NIRGraph) -> None:
    with pytest.raises(
        sm.ToolchainError, match=r"y of the output late: 2 of 6 labels are none of the 2 classes.* y/NAME"
    ):
        sm.compile(heads, calibrate={"vision": A, "touch": B, "y": WHERE})


def test_readings_of_single_outputs() -> None:
    own = Settings(decision="a=sum, b=last")
    assert [own.reading(name) for name in "abc"] == ["sum", "last", "inferred"]
    own.check_outputs(["a", "b"])
    with pytest.raises(sm.ToolchainError, match="b is not an output"):
        own.check_outputs(["a"])
    with pytest.raises(sm.ToolchainError, match="'most' is not a known rule"):
        Settings(decision="a=most")
