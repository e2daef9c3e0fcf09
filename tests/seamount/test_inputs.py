"""Inputs of every form: flat or in the network's own shape, symbols, files and arrays; and those that are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import seamount as sm
from seamount.given import samples_of
from tests.cli.conftest import Run
from toolchain.errors import QuantizationError

DT, STEPS = 1e-4, 9


def leaky(shape: tuple[int, ...]) -> nir.LIF:
    ones = np.ones(shape)
    return nir.LIF(tau=2 * DT * ones, r=2 * ones, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones)


def convolving(kind: str) -> tuple[nir.NIRGraph, tuple[int, ...]]:
    """A convolution, LIF, flatten, LIF; its input's shape."""
    rng = np.random.default_rng(4)
    shape: tuple[int, ...] = (2, 4, 4) if kind == "Conv2d" else (2, 6)
    kernel = rng.integers(-3, 6, (3, 2, *([3] * (len(shape) - 1)))) / 4
    size = tuple(shape[1:]) if kind == "Conv2d" else shape[1]
    conv = getattr(nir, kind)(size, kernel, stride=1, padding=1, dilation=1, groups=1, bias=np.zeros(3))
    inner = (3, *shape[1:])
    nodes = {
        "input": nir.Input({"input": np.array(shape)}),
        "conv": conv,
        "hidden": leaky(inner),
        "flat": nir.Flatten({"input": np.array(inner)}, start_dim=0, end_dim=-1),
        "fc": nir.Linear(rng.integers(-3, 4, (3, int(np.prod(inner)))) / 4),
        "out": leaky((3,)),
        "output": nir.Output({"output": np.array([3])}),
    }
    names = list(nodes)
    return nir.NIRGraph(nodes, list(pairwise(names)), type_check=False), shape


@pytest.mark.parametrize("kind", ["Conv2d", "Conv1d"])
def test_shaped_inputs_with_labels_are_the_flat_ones(kind: str, examples: Mapping[str, Any]) -> None:
    graph, shape = convolving(kind)
    rng = np.random.default_rng(1)
    flat = (rng.random((6, STEPS, int(np.prod(shape)))) < 0.3).astype(np.int8)
    shaped, y = flat.reshape(6, STEPS, *shape), rng.integers(0, 3, 6)
    builds = [
        sm.deploy(graph, name, calibrate={"x": x, "y": y}, test={"x": x, "y": y}, compared=2)
        for name, x in (("flat", flat), ("shaped", shaped))
    ]
    assert builds[0].report == builds[1].report
    assert builds[0].report.accuracy.samples == {"nir": 6, "integer": 6}
    assert builds[0].accuracy["integer"] == builds[0].accuracy["nir"]
    again = [sm.simulate(builds[0], x) for x in (flat, shaped)]
    assert np.array_equal(again[0].outputs, again[1].outputs) and again[0].outputs.any()
    found = [sm.quantize(graph, calibrate=x, labels=y).as_dict() for x in (flat, shaped)]
    assert found[0] == found[1]
    with pytest.raises(sm.ToolchainError, match=r"x: shape .*; give .sample, step, 2, .* or flat with"):
        sm.simulate(builds[0], np.moveaxis(shaped, 2, -1))


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.array([[1, 2], [3]], dtype=object), "x: holds Python objects where numbers are"),
        (np.full((1, 2, 4), "1"), "x: holds text where numbers are"),
        (np.full((1, 2, 4), b"1"), "x: holds text where numbers are"),
        (np.ones((1, 2, 4), complex), "x: holds the type complex128 where numbers are"),
        (np.zeros((1, 2, 4), "datetime64[s]"), "x: holds the type datetime64"),
        (np.zeros((0, 2, 4)), "x: shape (0, 2, 4); give (sample, step, channel), at least one of each"),
    ],
)
def test_x_that_is_no_array_of_numbers(x: np.ndarray, said: str) -> None:
    with pytest.raises(sm.ToolchainError) as caught:
        samples_of({"x": x}, (4,))
    assert said in str(caught.value)


def test_samples_keep_what_they_are_given() -> None:
    given = samples_of({"x": np.zeros((3, 5), np.uint8), "y": np.arange(3), "lengths": np.array([1, 2, 5])}, (4,))
    assert given.symbolic and given.values().shape == (3, 5, 4) and given.counted_steps.tolist() == [1, 2, 5]
    assert samples_of(given, (9,)) is given
    both = given.chosen(slice(1)).joined(given.chosen(slice(2, 3)))
    assert both.y is not None and both.y.tolist() == [0, 2] and len(both) == 2


def deploying(seamount: Run, *words: object) -> str:
    """The one line that a wrong input gives."""
    ran = seamount("deploy", *words, "--out", "out")
    lines = ran.err.strip().splitlines()
    assert ran.code != 0 and "Traceback" not in ran.err and not Path("out").exists()
    assert lines[-1].startswith("error: ")
    return lines[-1]


@pytest.mark.parametrize("scale", [1e9, 1e-9])
def test_far_inputs_are_named_where_no_scale_is_found(
    seamount: Run, examples: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch, scale: float
) -> None:
    def none_found(*given: object, **more: object) -> None:
        raise QuantizationError("hidden.v_threshold", "1 is 6.1e-05 integer units", "rescale the layer")

    monkeypatch.setattr("seamount.build.compile.compile_graph", none_found)
    np.savez("data.npz", x=examples["x"] * scale)
    line = deploying(seamount, "net.nir", "--calibrate", "data.npz")
    assert line == (
        "error: hidden.v_threshold: 1 is 6.1e-05 integer units; "
        f"the input x reaches {scale:g} in calibration: scale its values to about 1, or: rescale the layer"
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("net.pt", b"PK\x03\x04" + bytes(60), "is a zip archive, as torch.save and numpy.savez write, not a NIR file"),
        ("net.nir", b"PK\x03\x04" + bytes(60), "is a zip archive, as torch.save"),
        ("old.pth", b"\x80\x02}q\x00.", "is a pickle, as torch.save once wrote"),
        ("w.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{}", "is weights of PyTorch or others"),
        ("x.npy", b"\x93NUMPY\x01\x00", "is an array of numpy"),
        ("m.onnx", b"\x08\x08\x12", "is an ONNX model"),
    ],
)
def test_a_file_that_is_no_network(
    seamount: Run, examples: Mapping[str, Any], name: str, content: bytes, said: str
) -> None:
    np.savez("data.npz", **examples)
    Path(name).write_bytes(content)
    line = deploying(seamount, name, "--calibrate", "data.npz")
    assert line.startswith(f"error: {name}: {said}") and "export the network to NIR" in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seed", "-5"), "error: --seed: -5 is negative; give 0 or more"),
        (("--dt", "1"), "dt 1 s is longer than tau in"),
        (("--dt", "-1"), "error: --dt: -1.0 s is not a positive time; give seconds"),
        (("--dt", "nan"), "error: --dt: nan s is not a positive time; give seconds"),
    ],
)
def test_options_that_cannot_be(seamount: Run, examples: Mapping[str, Any], words: tuple[str, ...], said: str) -> None:
    np.savez("data.npz", **examples)
    line = deploying(seamount, "net.nir", "--calibrate", "data.npz", *words)
    assert said in line
    if words == ("--dt", "1"):
        assert line.endswith("give another --dt than 1, or none")


def test_what_is_no_error_of_ours_is_one_line_and_a_log(
    seamount: Run, examples: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*given: object) -> None:
        raise ZeroDivisionError("a step of\nnothing")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("seamount.build.deploy.compile_source", broken)
    np.savez("data.npz", **examples)
    line = deploying(seamount, "net.nir", "--calibrate", "data.npz")
    assert line.startswith("error: unexpected ZeroDivisionError in test_inputs.py:")
    assert "a step of nothing; this is a fault of Seamount: please report it with " in line
    log = Path(line.rsplit(" ", 1)[1]).read_text()
    assert "Traceback (most recent call last)" in log and "net.nir" in log and "seamount 0." in log
