"""A program as a stand-alone Python package for Lava: it needs lava-nc (which brings numpy) and nothing of ours.

Dense, Sparse and LIF are Lava's own, where they are exact; every other neuron is a process whose model is written from
the traced step. Known disagreements of Lava 0.10.0 `fixed_pt` with the meaning of programs, and what is done:

| Lava                                                        | here                                               |
|-------------------------------------------------------------|----------------------------------------------------|
| LIF: a current of exactly +-2^23 stays (+) or turns sign (-) | a watch compares each step; such a run is refused |
| LIF: the current wraps once, so beyond 3 * 2^23 it stays out | the same                                          |
| Dense, Sparse, mixed sign: odd weights are floored to even   | they get twice the weight and half the scale      |
| Dense, Sparse: sign_mode follows the weights                 | it is given                                       |
| Conv: weight_exp and num_weight_bits are ignored             | Conv is not used                                  |
| Loihi2SimCfg without select_tag takes the float models       | select_tag="fixed_pt"                             |
"""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.lava.classes import STOCK_LIF, Kind, integer_source, kinds_of, models_source, processes_source
from exporters.lava.readme import readme_text
from exporters.lava.wiring import has_stock_lif, wiring_source
from toolchain.bounds.verify import verify
from toolchain.files import write_npz, write_text
from toolchain.folders import partial_of, take_the_place
from toolchain.ir.program import SEMANTICS_VERSION, Program
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import all_registers

CARRIED = ("assembly", "mend", "neurons", "plumbing", "recorder")
"""Modules of the package that are the same for every program."""


def export_lava(program: Program, folder: Path) -> Path:
    """Write a program as a folder with run.py, weights.npz, README.md and the package `network`.

    Args:
        program: checked by `verify` first.
        folder: appears whole or not at all; one that is there is replaced. Equal programs give equal bytes.

    Returns:
        The folder.

    Raises:
        VerificationError: the program is not well formed.
        UnsupportedError: a neuron type uses a primitive that the exporter doesn't know.
    """
    verify(program)
    texts = package_texts(program)
    beside = partial_of(folder)
    try:
        for path, text in texts.items():
            write_text(beside / path, text)
        write_npz(beside / "weights.npz", _header(program), _constants(program))
        take_the_place(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def package_texts(program: Program) -> dict[str, str]:
    """Every text file of the export by its path in the folder."""
    kinds = kinds_of(program)
    watched = _watched(kinds, program)
    texts = {f"network/{name}.py": _carried(name) for name in CARRIED}
    texts |= {
        "run.py": _carried("run"),
        "network/host.py": files("toolchain.host").joinpath("plain.py").read_text(encoding="utf-8"),
        "README.md": readme_text(program),
        "network/__init__.py": '"""The network as processes of Lava."""\n',
        "network/integer.py": integer_source(kinds),
        "network/processes.py": processes_source(kinds, watched),
        "network/models.py": models_source(kinds, watched),
        "network/wiring.py": wiring_source(program, kinds),
    }
    return texts


def _watched(kinds: list[Kind], program: Program) -> frozenset[str]:
    """The kinds some of whose populations can be Lava's own LIF."""
    stock = {p.name for p in program.populations if p.neuron == STOCK_LIF and has_stock_lif(p, program)}
    return frozenset(kind.name for kind in kinds if stock.intersection(kind.populations))


def _carried(name: str) -> str:
    return files("exporters.lava").joinpath(f"{name}.py.txt").read_text(encoding="utf-8")


def _header(program: Program) -> dict[str, Any]:
    return {
        "name": program.name,
        "program": program_hash(program),
        "semantics_version": SEMANTICS_VERSION,
        "latency_steps": program.latency_steps,
        "inputs": {
            i.name: {"size": i.size, "bits": i.bits, "exponent": i.exponent, "overflow": i.overflow}
            for i in program.inputs
        },
        "outputs": {
            o.name: {
                "population": o.population,
                "register": o.register,
                "reading": o.reading,
                "exponents": o.exponents,
                "early_steps": o.early_steps,
            }
            for o in program.outputs
        },
        "registers": {p.name: [register.name for register in all_registers(p)] for p in program.populations},
    }


def _constants(program: Program) -> dict[str, NDArray[Any]]:
    """Coefficients and weights by path; a connection counts by its matrix, dense or sparse."""
    constants: dict[str, NDArray[Any]] = {}
    for population in program.populations:
        own = population.values()
        for coefficient in population.type.coefficients:
            constants[f"population/{population.name}/{coefficient.name}"] = own[coefficient.name]
    for projection in program.projections:
        stored = f"projection/{projection.name}"
        matrix: Any = projection.connection.matrix()
        if isinstance(matrix, np.ndarray):
            constants[f"{stored}/weights"] = matrix
            continue
        entries = matrix.tocoo()
        parts = {"rows": entries.row, "columns": entries.col, "values": entries.data, "shape": np.array(matrix.shape)}
        constants |= {f"{stored}/{part}": np.asarray(values, dtype=np.int64) for part, values in parts.items()}
    return constants
