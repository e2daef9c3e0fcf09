"""Real files by other people's tools: each loads, is repaired with the finding that says so, or is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.toolchain.frontend.files import CASES
from toolchain.errors import InputError, ToolchainError
from toolchain.frontend import read_nir, write_nir

pytestmark = pytest.mark.skipif(not CASES.exists(), reason=f"no folder of real files beside the repository ({CASES})")

SCALARS = "scalar tau_syn, tau_mem, r, v_leak, v_threshold; broadcast to"
REPAIRS = {
    "lif_norse": [],
    "two_lif_neurons": [],
    "braille_noBias_subtract": [],
    "braille_noBias_subtract_subgraph": [],
    "cnn_sinabs": [],
    "feedback_graph": [],
    "braille_flattened_scalar": [f"lif1: {SCALARS} (38,)", f"lif2: {SCALARS} (7,)"],
    "lif_rockpool": ["output: its shape is (1, 1, 1) where 1_LIFNeuronTorch gives (1,); took (1,)"],
    "scnn_mnist_flatten_batch": [
        "8: input_type (8, 4, 4), start_dim 1 and end_dim -1 count a batch axis; "
        "took start_dim 0 and end_dim -1 on (8, 4, 4)"
    ],
    "braille_dangling_edge": [
        "graph: edge to lif1: node lif1 does not exist; led to lif1.input",
        "graph: edge from lif1: node lif1 does not exist; led from lif1.output",
        "input: its shape (256, 12) has 1 leading batch or time axes; took (12,)",
        f"lif1.lif: {SCALARS} (38,)",
        f"lif2: {SCALARS} (7,)",
    ],
    "scnn_mnist_no_input_shape": [
        "input: its shape (1, 2, 34, 34) has 1 leading batch or time axes; took (2, 34, 34)",
        "0.input_shape: is missing; took (34, 34) from its predecessor",
        "1: r, v_threshold of shape (1, 16, 16, 16); took the shape (16, 16, 16)",
        "2.input_shape: is missing; took (16, 16) from its predecessor",
        "3: r, v_threshold of shape (1, 16, 16, 16); took the shape (16, 16, 16)",
        "5.input_shape: is missing; took (8, 8) from its predecessor",
        "6: r, v_threshold of shape (1, 8, 8, 8); took the shape (8, 8, 8)",
        "8: input_type (0, 0, 0, 0), start_dim 1 and end_dim -1 count a batch axis; "
        "took start_dim 0 and end_dim -1 on (8, 4, 4)",
        "10: r, v_threshold of shape (1, 256); took the shape (256,)",
        "12: r, v_threshold of shape (1, 10); took the shape (10,)",
        "output: its shape is (1, 10) where 12 gives (10,); took (10,)",
    ],
    "braille_zero_subgraph_misnamed": ["lif1: edges of lif: node lif does not exist; took lif1, the only unused node"],
    "braille_nested_shape": [
        "hidden.input: its shape is (12,) where fc1 gives (38,); took (38,)",
        "lif2: its parameters have shape (38,) where its predecessor gives (7,); each repeats one value; "
        "took that value at (7,)",
    ],
}


@pytest.mark.parametrize("name", REPAIRS)
def test_file_is_read_and_every_repair_is_said(name: str) -> None:
    graph = read_nir(CASES / "nir" / f"{name}.nir")
    assert [str(finding) for finding in graph.findings if finding.severity == "repair"] == REPAIRS[name]
    for source, target in graph.edges:
        assert graph.nodes[source].output_shape == graph.nodes[target].input_shape


@pytest.mark.parametrize("path", sorted((CASES / "reference").glob("*.nir")), ids=lambda path: path.stem)
def test_file_of_a_current_release_needs_no_repair(path: Path) -> None:
    read_nir(path, strict=True)


@pytest.mark.parametrize("name", [name for name in REPAIRS if name != "feedback_graph"])
def test_what_was_read_can_be_written_and_read_again(name: str, tmp_path: Path) -> None:
    graph = read_nir(CASES / "nir" / f"{name}.nir")
    write_nir(graph, tmp_path / "net.nir")
    again = read_nir(tmp_path / "net.nir", strict=True)
    assert (again.edges, list(again.nodes)) == (graph.edges, list(graph.nodes))
    # A v_reset of 0 is not written, so that nir before 1.0.6 opens the file; nothing else is missing.
    assert {finding.where.rpartition(".")[2] for finding in again.findings} <= {"v_reset"}
    assert {(finding.what, finding.severity) for finding in again.findings} <= {("is missing", "note")}


def test_the_cnn_has_the_size_that_its_authors_state() -> None:
    neurons = read_nir(CASES / "nir" / "cnn_sinabs.nir").of_kind("IF")
    assert sum(node.params["r"].size for node in neurons) == 8970


def test_negative_time_constants_are_refused_by_node() -> None:
    with pytest.raises(InputError) as caught:
        read_nir(CASES / "nir" / "srnn_negative_tau.nir")
    assert caught.value.where == "affine1.bias"
    for text in ("is the boolean False", "cu1.tau_mem: 1 of 2 values are not positive (smallest -0.471835)", "cu2.tau"):
        assert text in str(caught.value)


def test_a_crashed_writers_file_is_refused() -> None:
    path = CASES / "nir" / "truncated.nir"
    with pytest.raises(InputError) as caught:
        read_nir(path)
    assert str(caught.value) == (
        f"{path}: the group 'node' is empty: its writer stopped half-way; export the network again"
    )


@pytest.mark.parametrize("path", sorted(CASES.rglob("*.nir")), ids=lambda path: path.stem)
def test_any_file_is_read_or_refused_on_purpose(path: Path) -> None:
    try:
        graph = read_nir(path)
    except ToolchainError as error:
        assert error.where and error.remedy
    else:
        assert graph.of_kind("Input") and graph.of_kind("Output")
