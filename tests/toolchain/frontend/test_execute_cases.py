"""The interpreter against traces that other tools recorded: spike by spike, under the preset named for each tool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.toolchain.frontend.files import CASES
from toolchain.frontend import PRESETS, Graph, conventions_for, read_nir, run

REFERENCE = CASES / "reference"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason=f"no folder of real files beside the repository ({CASES})")


def braille(name: str, preset: str, neuron: str) -> NDArray[np.float64]:
    """Spikes (256, 40) of the recurrent layer on the recorded sample."""
    graph = read_nir(CASES / "nir" / f"{name}.nir")
    x: NDArray[np.float64] = np.load(REFERENCE / "braille_test_sample0_input_T256_C12.npy")[None]
    spikes: NDArray[np.float64] = run(graph, x, conventions_for(graph, preset), record=(neuron,))[1][neuron][0]
    return spikes


def recorded(tool: str) -> NDArray[np.float32]:
    spikes: NDArray[np.float32] = np.load(REFERENCE / f"{tool}_activity_noDelay_noBias_subtract.npy")
    return spikes


BRAILLE = [("snntorch", "snntorch-subtract", 118), ("norse", "norse", 103), ("spyx", "spyx", 120)]


@pytest.mark.parametrize(("tool", "preset", "spikes"), BRAILLE)
def test_recurrent_braille_layer_spikes_as_recorded(tool: str, preset: str, spikes: int) -> None:
    ours, theirs = braille("braille_noBias_subtract", preset, "lif1.lif"), recorded(tool)
    assert theirs.size == 10240
    assert theirs.sum() == spikes
    assert np.count_nonzero(ours != theirs) == 0


@pytest.mark.parametrize(("tool", "preset", "spikes"), BRAILLE)
def test_the_nested_file_gives_the_same_trace(tool: str, preset: str, spikes: int) -> None:
    ours = braille("braille_noBias_subtract_subgraph", preset, "lif1.lif1")
    assert np.count_nonzero(ours != recorded(tool)) == 0


@pytest.mark.parametrize(("tool", "preset", "spikes"), BRAILLE)
def test_another_tools_preset_gives_another_trace(tool: str, preset: str, spikes: int) -> None:
    """Otherwise the equalities above would show nothing about the presets."""
    for other in {name for _, name, _ in BRAILLE} - {preset}:
        ours = braille("braille_noBias_subtract", other, "lif1.lif")
        assert np.count_nonzero(ours != recorded(tool)) > 20


@pytest.mark.parametrize(
    ("name", "preset", "spikes"),
    [
        ("snntorch_leaky_zero_resetdelay0", "snntorch", 77),
        ("snntorch_leaky_subtract_resetdelay1", "snntorch-delayed", 133),
        ("snntorch_synaptic_zero", "snntorch", 161),
        ("snntorch_rleaky_zero", "snntorch", 121),
        ("norse_lifbox_dt1e-3", "norse-1.1-export", 743),
    ],
)
def test_exported_networks_spike_as_in_their_framework(name: str, preset: str, spikes: int) -> None:
    graph, data = read_nir(REFERENCE / f"{name}.nir"), np.load(REFERENCE / f"{name}.npz")
    y, _ = run(graph, data["x"][None], conventions_for(graph, preset))
    assert data["y"].sum() == spikes
    assert np.count_nonzero(y[0] != data["y"]) == 0


def test_the_reset_rule_is_not_in_the_file() -> None:
    """Two networks of 77 and 133 spikes export the same graph, so that the rule must be told."""
    zero = read_nir(REFERENCE / "snntorch_leaky_zero_resetdelay0.nir")
    delayed = read_nir(REFERENCE / "snntorch_leaky_subtract_resetdelay1.nir")
    assert set(zero.edges) == set(delayed.edges)
    for name, node in zero.nodes.items():
        for field, value in node.params.items():
            assert np.array_equal(value, delayed.nodes[name].params[field])


def test_a_recurrent_bias_counts_from_the_start_in_snntorch() -> None:
    graph, data = read_nir(REFERENCE / "snntorch_rleaky_zero.nir"), np.load(REFERENCE / "snntorch_rleaky_zero.npz")
    late = replace(conventions_for(graph, "snntorch"), recurrent_bias_at_start=False)
    y, _ = run(graph, data["x"][None], late)
    assert np.count_nonzero(y[0] != data["y"]) > 0


SPYX_OF_THE_PAPER = replace(PRESETS["spyx"], name="spyx of the paper", gain="file", reset="subtract")
"""The NIR paper's script took r from the file, which spyx's own exporter does not mean."""


def single_lif(tool: str, preset: str) -> tuple[Graph, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(recorded table, our spikes, our voltage) of the paper's single neuron."""
    graph = read_nir(CASES / "nir" / "lif_norse.nir")
    table = np.loadtxt(REFERENCE / f"lif_{tool}.csv", delimiter=",")
    conventions = SPYX_OF_THE_PAPER if preset == "spyx" else conventions_for(graph, preset)
    y, kept = run(graph, table[None, :, :1], conventions, record=("1:v",))
    return graph, table, y[0, :, 0], kept["1:v"][0, :, 0]


@pytest.mark.parametrize(
    ("tool", "preset"),
    [("exact", "nir"), ("norse", "norse"), ("snntorch", "snntorch"), ("spyx", "spyx"),
     ("lava_cpu_float", "spyx"), ("lava_cpu_fixed", "spyx")],
)  # fmt: skip
def test_the_single_neuron_spikes_at_the_recorded_steps(tool: str, preset: str) -> None:
    _, table, spikes, _ = single_lif(tool, preset)
    late = int(preset == "spyx")  # Lava too emits one step late
    assert np.flatnonzero(table[:, 2]).tolist() == [460 + late, 510 + late, 710 + late, 760 + late]
    assert np.count_nonzero(spikes != table[:, 2]) == 0


def test_the_single_neurons_voltage_is_norses() -> None:
    _, table, _, voltage = single_lif("norse", "norse")
    assert np.abs(voltage - table[:, 1]).max() < 1e-7  # norse runs in float32


def test_sinabs_spikes_ten_steps_early_twice() -> None:
    """A known disagreement (another discretization), kept here so that it is seen."""
    sinabs = np.loadtxt(REFERENCE / "lif_sinabs.csv", delimiter=",")
    _, _, spikes, _ = single_lif("norse", "nir")
    assert np.flatnonzero(sinabs[:, 2]).tolist() == [450, 500, 710, 760]
    assert np.flatnonzero(spikes).tolist() == [460, 510, 710, 760]


def test_the_state_space_is_the_complex_recurrence() -> None:
    name = "ssm_s4d_standard_primitives"
    graph, data = read_nir(REFERENCE / f"{name}.nir"), np.load(REFERENCE / f"{name}.npz")
    y, _ = run(graph, data["x"][None], conventions_for(graph))
    assert np.abs(data["y"]).max() > 0.5
    assert np.abs(y[0] - data["y"]).max() < 1e-5


def test_a_neuron_driven_by_its_leak_fires_by_itself() -> None:
    graph = read_nir(CASES / "nir" / "two_lif_neurons.nir")
    _, kept = run(graph, np.zeros((1, 2000, 1)), conventions_for(graph), record=("lif1",))
    assert 5 < kept["lif1"].sum() < 40


def test_the_cnn_runs() -> None:
    graph = read_nir(CASES / "nir" / "cnn_sinabs.nir")
    x = (np.random.default_rng(0).uniform(size=(1, 20, 2, 34, 34)) < 0.1).astype(float)
    y, kept = run(graph, x, replace(conventions_for(graph), dt=1.0), record=("1", "12"))
    assert y.shape == (1, 20, 10)
    assert kept["1"].sum() > 0
