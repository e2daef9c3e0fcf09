"""Small fixed programs, and a comparison of programs field by field."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Program, Projection


def column(*values: int) -> IntArray:
    return np.array(values, dtype=np.int64)


def block(name: str, start_step: int) -> Population:
    """Two channels of two modes each, as a compiled block has them."""
    return Population(
        name,
        "ssm_lif",
        size=2,
        modes=2,
        settings={"input_shift": 3, "c_shift": 4},
        coefficients={
            "a_re": np.array([[31000, 30112], [-12000, 0]]),
            "a_im": np.array([[1200, -9000], [30000, 32767]]),
            "c_re": np.array([[12, -7], [127, -128]]),
            "c_im": np.array([[-3, 44], [0, 9]]),
            "d": column(20, -11),
            "d_shift": column(2, 3),
            "bias": column(-5, 6),
            "threshold": column(300, 450),
        },
        start_step=start_step,
        origin=f"{name}.soma",
    )


def digits_in_small() -> Program:
    """Two blocks and a readout with the residual stream unrolled: what compiling a network gives, in small."""
    encoder = Dense(np.array([[40], [-90]]))
    mixing = Sparse.from_dense(np.array([[17, 0], [0, -128]]))
    readout = Population(
        "readout", "integrator", size=3, coefficients={"bias": column(1, 0, -1)}, start_step=3, origin="sum"
    )
    return Program(
        name="digits in small",
        inputs=(Input("pixels", 1, bits=6, exponent=4),),
        populations=(block("block0", 1), block("block1", 2), readout),
        projections=(
            Projection("pixels->block0", "pixels", "block0", encoder, exponent=2, origin="encoder"),
            Projection("pixels->block1", "pixels", "block1", encoder, exponent=2, delay_steps=2, origin="encoder"),
            Projection(
                "pixels->readout", "pixels", "readout", Dense(np.array([[1], [-2], [3]])), exponent=-1, delay_steps=3,
                origin="encoder, readout",
            ),
            Projection("block0->block1", "block0", "block1", mixing, exponent=4, origin="block0.mix"),
            Projection(
                "block0->readout", "block0", "readout", Sparse.from_dense(np.array([[1, 0], [0, 0], [0, -7]])),
                delay_steps=2, origin="block0.mix, readout",
            ),
            Projection(
                "block1->readout", "block1", "readout", Dense(np.array([[5, -5], [0, 127], [-128, 1]])),
                origin="block1.mix, readout",
            ),
        ),
        outputs=(Output("classes", "readout", "total"), Output("spikes", "block1")),
        latency_steps=3,
        notes={"task": "digits: 3 classes", "classes": "0 1 2"},
    )  # fmt: skip


def plain(part: Any) -> Any:
    """A part of a program as tuples, lists and numbers, so that `==` compares every field of it."""
    if isinstance(part, np.ndarray):
        return part.shape, str(part.dtype), part.tolist()
    if dataclasses.is_dataclass(part):
        fields = ((field.name, plain(getattr(part, field.name))) for field in dataclasses.fields(part))
        return type(part).__name__, dict(fields)
    if isinstance(part, tuple):
        return [plain(each) for each in part]
    if hasattr(part, "items"):
        return {key: plain(value) for key, value in part.items()}
    return part
