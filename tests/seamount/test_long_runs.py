"""Lava is left out of runs that would take it minutes, unless it is asked for by name."""

from __future__ import annotations

import numpy as np
import pytest

from seamount.build import simulate as module
from seamount.build.simulate import refuse_long
from tests.toolchain.ir.samples import digits_in_small
from toolchain.errors import UnsupportedError


def test_long_runs_are_refused_with_their_minutes() -> None:
    program = digits_in_small()
    processes = sum(map(len, (program.inputs, program.populations, program.projections, program.outputs)))
    steps = module.LAVA_WORK // (2 * processes)
    source = program.inputs[0]
    fits = {source.name: np.zeros((2, steps, source.size), dtype=np.int64)}
    refuse_long(program, fits, "lava")
    longer = {source.name: np.zeros((2, steps + 1, source.size), dtype=np.int64)}
    with pytest.raises(UnsupportedError, match=rf"2 samples x {steps + 1:,} steps of {processes} processes would take"):
        refuse_long(program, longer, "lava")
    refuse_long(program, longer, "onnx")
