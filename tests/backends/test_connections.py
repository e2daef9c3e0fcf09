"""Every kind of connection on every backend: the reference's messages and registers, exactly.

One network holds all kinds with delays up to the longest, two ports, recurrence and graded messages; another is a
convolution large enough that ONNX lists its synapses instead of writing a matrix.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from exporters.lava import export_lava
from exporters.onnx import build_model
from simulators import reference
from tests.backends.suite import Backend, assert_agrees, each_backend
from toolchain.bounds.verify import verify
from toolchain.ir.connections import (
    CONNECTIONS_BY_KIND,
    AveragePooling,
    Convolution,
    Dense,
    OneToOne,
    Sparse,
    SumPooling,
)
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import MAX_DELAY_STEPS, Input, Population, Program, Projection


def weights(*shape: int) -> IntArray:
    """8-bit weights, both ends among them, the same for the same shape."""
    values = np.random.default_rng(5).integers(-128, 128, shape)
    values.flat[:2] = (-128, 127)[: values.size]
    return values


def every_kind() -> Program:
    """image 2x6x6 -> features 4x3x3 (spikes, each tied to itself) and means 2x3x3 (graded) -> product, pooled."""
    image = (2, 6, 6)
    kernel = Convolution(weights(4, 1, 3, 3), image, (2, 2), ((1, 1), (1, 1)), (1, 1), groups=2)
    mean = AveragePooling(image, (2, 2), (2, 2), ((0, 0), (0, 0)), fraction_bits=2)
    pool = SumPooling((4, 3, 3), (2, 2), (1, 1), ((0, 0), (0, 0)))
    lines = Convolution(weights(4, 2, 3), (2, 9), (1,), ((0, 0),), (3,))
    some = np.where(np.random.default_rng(6).random((18, 36)) < 0.2, weights(18, 36), 0)
    return Program(
        "every kind",
        (Input("image", 72, bits=6),),
        (
            Population("features", "cuba_lif", 36, coefficients={"du": np.full(36, 4095), "vth": np.full(36, 1000)}),
            Population("means", "relay", 18, settings={"message_bits": 6}),
            Population("gated", "product", 18, settings={"shift": 6}),
            Population("pooled", "integrator", 16),
            Population("lines", "integrator", 12),
        ),
        (
            Projection("image->features", "image", "features", kernel),
            Projection("features->features", "features", "features", OneToOne(weights(36)), exponent=3, delay_steps=2),
            Projection("image->means", "image", "means", mean, exponent=-2, delay_steps=3),
            Projection("means->left", "means", "gated", Dense(weights(18, 18)), "left", exponent=-4),
            Projection("features->right", "features", "gated", Sparse.from_dense(some), "right", delay_steps=7),
            Projection("features->pooled", "features", "pooled", pool, delay_steps=MAX_DELAY_STEPS),
            Projection("means->lines", "means", "lines", lines, exponent=-1, delay_steps=5),
        ),
        (),
    )


def large() -> Program:
    """A convolution of 230,400 pairs, of which 14,400 hold a synapse."""
    kernel = Convolution(weights(8, 2, 3, 3), (2, 12, 12), (1, 1), ((0, 0), (0, 0)), (1, 1))
    joint = Projection("image->features", "image", "features", kernel, exponent=-3)
    assert math.prod((kernel.target_size, kernel.source_size)) == 230_400
    return Program("large", (Input("image", 288, bits=9),), (Population("features", "integrator", 800),), (joint,), ())


def drawn(program: Program, samples: int, steps: int) -> dict[str, IntArray]:
    """Payloads of the whole range, many of them none."""
    source, rng = program.inputs[0], np.random.default_rng(7)
    values = rng.integers(*limits(source.bits), (samples, steps, source.size), endpoint=True)
    return {source.name: values * (rng.random(values.shape) < 0.5)}


def test_the_network_holds_every_kind_and_all_of_it_moves() -> None:
    program = every_kind()
    verify(program)
    assert {projection.connection.kind for projection in program.projections} == CONNECTIONS_BY_KIND.keys()
    trace = reference.simulate(program, drawn(program, 2, 70), strict=False)
    for name in ("features", "means", "gated"):
        assert np.all(trace.sent[name].sum(axis=0) > 0), name
    for name in ("pooled", "lines"):
        assert np.all(np.any(trace.final[f"{name}.total"] != 0, axis=0)), name


@each_backend()
@pytest.mark.parametrize("samples", [1, 2])
def test_every_kind_of_connection(backend: Backend, samples: int) -> None:
    program = every_kind()
    assert_agrees(backend, program, drawn(program, samples, 66))


@each_backend("fast", "onnx", "onnx, one scan")
def test_large_convolution(backend: Backend) -> None:
    assert_agrees(backend, large(), drawn(large(), 2, 4))


def test_onnx_lists_the_synapses_of_a_large_convolution() -> None:
    assert "CumSum" in {node.op_type for node in build_model(large()).graph.node}


def test_lava_uses_no_conv_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Lava's Conv ignores the exponent (see `test_lava_disagreements`), so kernels are carried unrolled."""
    folder = export_lava(every_kind(), tmp_path_factory.mktemp("lava") / "net")
    code = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    assert "lava.proc.sparse" in code
    assert "lava.proc.conv" not in code
