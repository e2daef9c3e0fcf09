"""Golden digests of the programs of all shipped networks: a change of the compiler that changes one is seen here.

The digits are calibrated on their own data, which are shipped; the others, whose data are fetched, on seeded
inputs of the same form. What they do on their own data is told by `make results`, and compared by `make replay`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from models.network.to_nir import to_graph
from models.shipped import zoo
from seamount.network import find_source
from tests import golden_text
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.ir.text import program_hash, write_program
from toolchain.lower.pipeline import compile_graph
from toolchain.passes.pipeline import DEFAULT, run_passes
from toolchain.quantize.settings import Settings

STEPS, SAMPLES, SYMBOLS = 48, 4, 16
"""Networks of so many inputs take symbols, one-hot."""


def seeded_inputs(channels: int) -> FloatArray:
    rng = np.random.default_rng(channels)
    if channels < SYMBOLS:
        return np.clip(rng.normal(0.2, 0.5, (SAMPLES, STEPS, channels)), -1, 1)
    return np.eye(channels)[rng.integers(0, channels, (SAMPLES, STEPS))]


def network_of(name: str) -> tuple[Graph, FloatArray, str]:
    """A shipped network as a graph, what it is calibrated on, and what that is."""
    trained = zoo.load(name)
    if trained.task == "digits":
        source = find_source(f"zoo:{name}", None, None)
        return source.graph, source.calibration.values(), "digits"
    graph = to_graph(trained.network, trained.task, STEPS)
    return graph, seeded_inputs(trained.network.config.inputs), "seeded inputs"


def settings_of(name: str) -> Settings:
    """Those that the network was fine-tuned for, where it was."""
    path = Path(zoo.ZOO / name / "settings.json")
    return Settings.from_dict(json.loads(path.read_text())) if path.is_file() else Settings()


def digest(text: str) -> str:
    """One line for each part of a program: what it begins with, and the hash of all of it."""
    parts = [part.strip("\n") for part in text.split("\n\n")]
    return "\n".join(f"{hashlib.sha256(part.encode()).hexdigest()[:12]}  {part.splitlines()[0]}" for part in parts)


@pytest.mark.parametrize("name", zoo.names())
def test_the_program_of_a_shipped_network(name: str, refresh_golden: bool) -> None:
    graph, data, what = network_of(name)
    compiled = compile_graph(graph, conventions_for(graph), data, settings=settings_of(name), name=name)
    program = run_passes(compiled.lowered.program, DEFAULT, lambda remark: None).program
    told = f"program {program_hash(program)}\ncalibrated on {what}\n{digest(write_program(program))}\n"
    golden_text.check(f"golden/zoo/{name}.txt", told, refresh_golden)


def test_every_golden_program_is_of_a_shipped_network() -> None:
    kept = {path.stem for path in (golden_text.TESTS / "golden" / "zoo").glob("*.txt")}
    assert kept == set(zoo.names())
