"""lava-dl's `.net` files: the same integers as a NIR graph, run against netx' own rule in whole numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from simulators.reference import simulate
from toolchain import compile_graph, conventions_for, encode, read_nir
from toolchain.errors import InputError, ToolchainError
from toolchain.frontend import Graph, run

CUBA = {"type": b"CUBA", "iDecay": 1024, "vDecay": 128, "vThMant": 80, "refDelay": 1, "gradedSpike": 0}


def write(path: Path, *layers: dict[str, Any]) -> Path:
    """A file as lava-dl writes it."""
    with h5py.File(path, "w") as file:
        file["simulation/Ts"], file["simulation/tSample"] = 1, 40
        for number, layer in enumerate(layers):
            for key, value in layer.items():
                file[f"layer/{number}/{key}"] = value
    return path


def dense(out: int, into: int, seed: int = 0, **more: Any) -> dict[str, Any]:
    weight = 2.0 * np.random.default_rng(seed).integers(-60, 90, (out, into))
    neuron = {f"neuron/{key}": value for key, value in CUBA.items()}
    return {"type": b"dense", "shape": np.array([out, 1, 1]), "weight": weight, **neuron, **more}


def conv(out: int, into: int, size: int, seed: int = 1, **more: Any) -> dict[str, Any]:
    weight = 2.0 * np.random.default_rng(seed).integers(-40, 60, (out, into, 3, 3, 1))
    neuron = {f"neuron/{key}": value for key, value in CUBA.items()}
    settings = {key: np.array([value] * 3) for key, value in {"stride": 1, "padding": 1, "dilation": 1}.items()}
    return {"type": b"conv", "shape": np.array([out, size, size]), "weight": weight, **settings, **neuron, **more}


def shift(values: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Toward zero, as Loihi does."""
    moved: NDArray[np.int64] = np.sign(values) * (np.abs(values) >> bits)
    return moved


def netx(drives: NDArray[np.int64], i_decay: int, v_decay: int, threshold: int, bias: Any = 0) -> NDArray[np.int64]:
    """Spikes (sample, step, neuron) of Loihi's LIF under weighted sums of the same shape."""
    u, v, sent = np.zeros_like(drives[:, 0]), np.zeros_like(drives[:, 0]), []
    for now in np.moveaxis(drives, 1, 0):
        u = shift(u * (4096 - i_decay), 12) + (now << 6)
        v = shift(v * (4096 - v_decay), 12) + u + (np.asarray(bias, np.int64) << 6)
        z = v > (threshold << 6)
        v = np.where(z, 0, v)
        sent.append(z)
    return np.stack(sent, 1).astype(np.int64)


def spikes(*shape: int, rate: float = 0.3) -> NDArray[np.int64]:
    return (np.random.default_rng(9).random((6, 40, *shape)) < rate).astype(np.int64)


def floats(graph: Graph, x: NDArray[np.int64]) -> NDArray[np.float64]:
    return run(graph, x.astype(np.float64), conventions_for(graph))[0]


def test_dense_layers_hold_the_same_integers_and_spike_as_netx(tmp_path: Path) -> None:
    layers = dense(6, 4), dense(3, 6, 5, bias=np.array([1.0, -2.0, 3.0]))
    graph = read_nir(write(tmp_path / "net.net", *layers))
    assert np.array_equal(graph.nodes["layer_0_weight"].params["weight"], layers[0]["weight"])
    conventions = conventions_for(graph)
    assert (conventions.dt, conventions.input, conventions.gain, conventions.compare) == (1.0, "jump", "unit", ">")
    x = spikes(4)
    hidden = netx(x @ layers[0]["weight"].T.astype(np.int64), 1024, 128, 80)
    right = netx(hidden @ layers[1]["weight"].T.astype(np.int64), 1024, 128, 80, layers[1]["bias"])
    assert 50 < right.sum() < right.size - 50
    ours = floats(graph, x)
    assert np.mean(ours != right) < 0.01  # netx truncates at 1/64 of a unit
    program = compile_graph(graph, conventions, x.astype(np.float64)).lowered.program
    payload, _ = encode(program.inputs[0], x.astype(np.float64))
    sent = simulate(program, {"input": payload}).messages[program.outputs[0].population]
    assert np.mean(sent[:, program.latency_steps :][:, :40] != right) < 0.01


def test_no_decay_of_the_voltage_and_none_kept_of_the_current_are_exact(tmp_path: Path) -> None:
    decays = {"neuron/iDecay": 4096, "neuron/vDecay": 0}
    layer = dense(6, 4, bias=np.full(6, 3.0)) | decays
    graph = read_nir(write(tmp_path / "net.net", layer))
    x = spikes(4)
    right = netx(x @ layer["weight"].T.astype(np.int64), 4096, 0, 80, 3)
    assert np.array_equal(floats(graph, x), right)


def test_convolution_pool_and_flatten(tmp_path: Path) -> None:
    neuron = {f"neuron/{key}": value for key, value in CUBA.items()}
    pool = {
        "type": b"pool",
        "shape": np.array([3, 3, 3]),
        "kernelSize": np.array([2, 2, 1]),
        "weight": np.array([64.0]),
    }
    layers = conv(3, 2, 6), {**pool, **neuron}, {"type": b"flatten"}, dense(4, 27)
    graph = read_nir(write(tmp_path / "net.net", *layers))
    kinds = [graph.nodes[f"layer_{k}_weight"].kind for k in (0, 1, 3)]
    assert kinds == ["Conv2d", "SumPool2d", "Linear"]
    assert graph.nodes["input"].output_shape == (2, 6, 6)
    assert floats(graph, spikes(2, 6, 6)).sum() > 20


def test_recurrence_and_delays(tmp_path: Path) -> None:
    back = 2.0 * np.random.default_rng(2).integers(-30, 30, (6, 6))
    layer = dense(6, 4, recWeight=back, delay=np.array([0.0, 1.0, 2.0, 0.0, 3.0, 0.0])) | {"type": b"dense_rec"}
    graph = read_nir(write(tmp_path / "net.net", layer))
    assert ("layer_0", "layer_0_back") in graph.edges and ("layer_0_back", "layer_0") in graph.edges
    assert graph.nodes["layer_0_delay"].params["delay"].tolist() == [0, 1, 2, 0, 3, 0]
    x = spikes(4)
    undelayed = run(graph, x.astype(np.float64), conventions_for(graph), record=["layer_0"])[1]["layer_0"]
    assert np.array_equal(floats(graph, x)[:, 3:, 4], undelayed[:, :-3, 4])


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [dense(6, 4) | {"type": b"concat"}],
            "net.net: layer/0: a concat layer of lava-dl; known are input, dense",
        ),
        ([dense(6, 4) | {"neuron/type": b"SDNN"}], "net.net: layer/0/neuron: a SDNN neuron of lava-dl; known are CUBA"),
        ([dense(6, 4) | {"neuron/refDelay": 3}], "net.net: layer/0/neuron: a refractory time or graded spikes"),
        ([dense(6, 4, bias=np.zeros(5))], "net.net: layer/0/bias: holds 5 values for neurons of (6,); export it again"),
        ([{"type": b"dense"}], "net.net: layer/0: lacks weight (it holds type); export it again with lava-dl"),
    ],
)
def test_what_has_no_form_is_refused_by_layer(tmp_path: Path, layers: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ToolchainError) as caught:
        read_nir(write(tmp_path / "net.net", *layers))
    assert str(caught.value).startswith(message)


def test_a_file_without_layers_is_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "net.net", "w") as file:
        file.create_group("layer/first")
    with pytest.raises(InputError, match=r"net\.net: a \.net file of lava-dl whose layers are first"):
        read_nir(tmp_path / "net.net")
