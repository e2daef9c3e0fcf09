"""The simulator "accelerator": the reference's answer from a GPU, or from torch on the CPU where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulators.accelerator.engines import announce, choose_engine
from simulators.reference import check_inputs, check_probes, run_length
from toolchain.bounds.verify import verify
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.trace import Trace

NAME = "accelerator"


def simulate(
    program: Program,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    probes: Sequence[Probe] = (),
    record_messages: bool = True,
    strict: bool = True,
    engine: str | None = None,
    room_bytes: int | None = None,
) -> Trace:
    """Run a program; all but the last two arguments are as for the reference simulator, and so is the trace.

    The trace's `simulator` says which engine ran on which device, and why where it is not Triton on a GPU.

    Args:
        program: checked by `verify` first.
        inputs: by input name, (sample, step, channel) integers; nothing arrives after their last step.
        steps: length of the run; by default the inputs' length plus the program's latency.
        probes: registers to record at every step.
        record_messages: keep every message (else only their counts).
        strict: an unexpected wrap or saturation is an error; otherwise it is counted.
        engine: ``triton`` or ``torch``; by default the quickest that can run here.
        room_bytes: of the device that the run may take; samples that don't fit side by side take turns.

    Raises:
        InputError: an input is missing, has the wrong shape, or a payload does not fit; a probe names no register.
        OverflowTrapError: a register left its range in strict mode, or a trap register ever.
        MissingPartError: PyTorch is not installed, or Triton is asked for and can't run here.
        UnsupportedError: a neuron type uses a primitive that has no form here.
    """
    verify(program)
    samples, length = check_inputs(program, inputs)
    check_probes(program, probes)
    total = run_length(length, program.latency_steps, steps)
    chosen = choose_engine(engine)
    announce(chosen)
    from simulators.accelerator.run import Request, run  # brings PyTorch

    given = {name: np.asarray(values, dtype=np.int64) for name, values in inputs.items()}
    request = Request(program, given, samples, total, tuple(probes), record_messages, strict, chosen, room_bytes)
    return run(request, f"{NAME} ({chosen})")
