"""Shapes: completed forward, mended where they only repeat something, refused where they contradict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toolchain.frontend.files import OUTPUT, conv, lif, line, linear, port, read, refusal, said, sound


@pytest.mark.parametrize("shape", [(1, 3), (256, 3), (16, 100, 3)])
def test_a_batch_axis_in_the_input_is_removed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    result = read(tmp_path, line(**sound() | {"input": port("Input", *shape)}))
    assert said(result) == [f"input: its shape {shape} has {len(shape) - 1} leading batch or time axes; took (3,)"]


def test_a_wrong_output_takes_its_producers_shape(tmp_path: Path) -> None:
    result = read(tmp_path, line(**sound() | {"output": port("Output", 1, 1, 1)}))
    assert said(result) == ["output: its shape is (1, 1, 1) where lif gives (2,); took (2,)"]


def test_shapes_that_contradict_are_refused_with_numbers(tmp_path: Path) -> None:
    assert refusal(tmp_path, line(**sound() | {"input": port("Input", 4)})) == (
        "edge input -> fc: input gives (4,) and fc takes (3,); correct the shapes where the network was exported"
    )
    assert refusal(tmp_path, line(**sound() | {"fc": linear(3, 2)})) == (
        "edge input -> fc: input gives (3,) and fc takes (2,) (and 1 more: edge fc -> lif: fc gives (3,) and lif takes "
        "(2,)); the weight of fc (3, 2) looks transposed; NIR stores (out, in)"
    )
    image = {"input": port("Input", 2, 2, 2), "fc": linear(2, 8), "output": OUTPUT}
    assert refusal(tmp_path, line(**image)) == (
        "edge input -> fc: input gives (2, 2, 2) and fc takes (8,); put a Flatten between them"
    )


def test_neurons_of_one_value_take_the_width_that_both_neighbours_have(tmp_path: Path) -> None:
    result = read(tmp_path, line(**sound() | {"lif": lif(9)}))
    assert said(result) == [
        "lif: its parameters have shape (9,) where its predecessor gives (2,); each repeats one value; "
        "took that value at (2,)"
    ]
    varied = lif(9, r=np.arange(1.0, 10.0))
    assert "fc gives (2,) and lif takes (9,)" in refusal(tmp_path, line(**sound() | {"lif": varied}))


def images(**nodes: Any) -> dict[str, Any]:
    return line(input=port("Input", 2, 9, 7), **nodes, output=port("Output", 1))


def test_old_convolutions_get_their_shape_from_the_input(tmp_path: Path) -> None:
    result = read(tmp_path, images(c=conv(4, 2, (3, 2))))
    assert said(result)[0] == "c.input_shape: is missing; took (9, 7) from its predecessor"
    assert result.nodes["c"].output_shape == (4, 7, 6)  # kernel 3 by 2: nir 1.0.8 says (4, 7, 5)


def test_convolutions_with_groups_and_words(tmp_path: Path) -> None:
    grouped = conv(4, 1, (3, 3), groups=2, padding="same", input_shape=np.array([9, 7]))
    result = read(tmp_path, images(c=grouped))
    assert result.nodes["c"].input_shape == (2, 9, 7)
    assert result.nodes["c"].output_shape == (4, 9, 7)
    message = refusal(tmp_path, images(c=conv(4, 2, (3, 3), groups=2)))
    assert message == (
        "c: takes (4, H, W) and gets (2, 9, 7); check channels and groups, and that there is no batch axis"
    )
    assert refusal(tmp_path, images(c=conv(4, 2, (10, 3)))) == (
        "c: a kernel that spans 10 does not fit an input of 9 with padding 0; check input_shape, kernel and dilation"
    )
    assert refusal(tmp_path, images(c=conv(4, 2, (3, 3), input_shape=np.array([8, 8])))) == (
        "c: input_shape (8, 8) where its predecessor gives (2, 9, 7); "
        "export the network again, or correct one of the two"
    )


@pytest.mark.parametrize(("declared", "start"), [((2, 9, 7), 1), ((1, 2, 9, 7), 1), ((0, 0, 0, 0), 1), (None, 1)])
def test_a_flatten_that_counts_a_batch_axis_is_shifted(
    tmp_path: Path, declared: tuple[int, ...] | None, start: int
) -> None:
    flat: dict[str, Any] = {"type": "Flatten", "start_dim": start, "end_dim": -1}
    if declared:
        flat["input_type"] = np.array(declared)
    result = read(tmp_path, images(f=flat, fc=linear(1, 126)))
    assert said(result) == [
        f"f: input_type {declared}, start_dim 1 and end_dim -1 count a batch axis; "
        "took start_dim 0 and end_dim -1 on (2, 9, 7)"
    ]


def test_a_flatten_that_is_right_stays(tmp_path: Path) -> None:
    flat = {"type": "Flatten", "start_dim": 1, "end_dim": -1, "input_type": np.array([2, 9, 7])}
    result = read(tmp_path, images(f=flat, s={"type": "Scale", "scale": np.ones((2, 63))}))
    assert result.nodes["f"].output_shape == (2, 63)
    assert [finding.where for finding in result.findings] == ["output"]
