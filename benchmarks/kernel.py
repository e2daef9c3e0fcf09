"""The plain C loop: compiled with gcc -O3 -march=native, held to the same spikes, timed on one core."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from simulators.fast.blocks import Runner
from toolchain.ir.program import Program

SOURCE = Path(__file__).parent / "ssm_kernel.c"
COMMAND = ("gcc", "-O3", "-march=native", "-shared", "-fPIC")
TYPES = {
    "a_re": np.int16, "a_im": np.int16, "c_re": np.int8, "c_im": np.int8, "d": np.int8, "d_shift": np.int8,
    "threshold": np.int32,
}  # fmt: skip


class CLoop:
    """One layer of SSM neurons in C, fed with what one input channel delivers."""

    def __init__(self, program: Program, values: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder) / "kernel.so"
            subprocess.run([*COMMAND, "-o", str(library), str(SOURCE)], check=True)
            self._run = ctypes.CDLL(str(library)).run_layer
        (cells,) = program.populations
        (joint,) = program.projections
        self.steps, self.size, self.modes = values.shape[1], cells.size, cells.modes
        arriving = np.zeros((self.steps, self.size), dtype=np.int64)
        arriving[1:] = values[0, :-1] @ joint.connection.matrix().T
        drive = np.ascontiguousarray(arriving + cells.coefficients["bias"], dtype=np.int32)
        own = [np.ascontiguousarray(cells.coefficients[name], dtype=kind) for name, kind in TYPES.items()]
        self._given = [drive, *own]
        self._shifts = [cells.setting("input_shift"), cells.setting("c_shift")]
        self._state: list[Any] = [np.zeros((self.size, self.modes), dtype=np.int32) for _ in range(2)]
        self._state += [np.zeros(self.size, dtype=np.int32), np.zeros((self.steps, self.size), dtype=np.int8)]

    def run(self) -> Any:
        """All steps; the spikes."""
        sizes = [ctypes.c_int64(n) for n in (self.steps, self.size, self.modes)]
        arrays = [ctypes.c_int64(array.ctypes.data) for array in [*self._given, *self._state]]
        self._run(*sizes, *arrays, *[ctypes.c_int64(n) for n in self._shifts])
        return self._state[-1]


class OurLoop:
    """The same layer in generated code on one core, synapses included."""

    def __init__(self, program: Program, values: Any) -> None:
        self.steps = values.shape[1]
        self._runner = Runner(program, 1, strict=True, steps=self.steps, threads=1)
        self._inputs = {"input": values}

    def run(self) -> Any:
        """All steps; the spikes."""
        place = self._runner.feed(self._inputs)
        return self._runner.memory.sent_by(self._runner.program.populations[0].name, place)[0]
