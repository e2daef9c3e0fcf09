"""A program as freestanding C99: one header and one source file, no heap, nothing of libc but stdint.h and string.h.

A second header, for who has numbers in place of integers, makes payloads of them and reads the outputs.

It is generated from the traced primitives, so that every neuron type has its form; see docs/c.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exporters.c.host import write_host
from exporters.c.source import Source, prefix_of
from exporters.scalar.plan import plan_program
from toolchain.files import write_text
from toolchain.ir.program import Probe, Program

__all__ = ["Source", "build_source", "export_c", "prefix_of"]


def build_source(program: Program, *, prefix: str = "", probes: Sequence[Probe] = ()) -> Source:
    """Return the program's header and source, and what they take.

    Args:
        program: checked by `verify` first.
        prefix: of every name in the header; by default the program's name.
        probes: registers to keep although they are not stored; stored ones are in the state anyway.

    Raises:
        VerificationError: the program breaks a rule.
        InputError: a probe names no register.
    """
    return Source(plan_program(program, probes), prefix or prefix_of(program.name))


def export_c(program: Program, folder: Path, *, prefix: str = "", probes: Sequence[Probe] = ()) -> Source:
    """Write ``<prefix>.h``, ``<prefix>.c`` and ``<prefix>_host.h`` into a folder; equal arguments give equal bytes.

    Arguments and errors are those of `build_source`; besides,

    Raises:
        UnsupportedError: a neuron uses a primitive that has no C form, or arithmetic that 64 bits may not hold.
    """
    found = build_source(program, prefix=prefix, probes=probes)
    header, source = found.header(), found.source()
    write_text(folder / f"{found.prefix}.h", header)
    write_text(folder / f"{found.prefix}.c", source)
    write_text(folder / f"{found.prefix}_host.h", write_host(found))
    return found
