"""A program as one JavaScript module without dependencies, with types beside it: for browsers, node, workers.

It is generated from the traced primitives, so that every neuron type has its form; see docs/javascript.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exporters.js.module import write_module, write_types
from exporters.scalar.plan import plan_program
from toolchain.files import write_text
from toolchain.ir.program import Probe, Program

__all__ = ["build_module", "export_js"]


def build_module(program: Program, *, probes: Sequence[Probe] = ()) -> str:
    """Return the module's text.

    Args:
        program: checked by `verify` first.
        probes: registers that can be read after each step although they are not stored; stored ones always can.

    Raises:
        VerificationError: the program breaks a rule.
        InputError: a probe names no register.
        UnsupportedError: a neuron uses a primitive that has no JavaScript form.
    """
    return write_module(plan_program(program, probes))


def export_js(program: Program, path: Path, *, probes: Sequence[Probe] = ()) -> Path:
    """Write the module, and its types to the same name with ``.d.ts``; equal arguments give equal bytes.

    Arguments and errors are those of `build_module`.
    """
    plan = plan_program(program, probes)
    module, types = write_module(plan), write_types(plan)
    write_text(path.with_suffix(".d.ts"), types)
    write_text(path, module)
    return path
