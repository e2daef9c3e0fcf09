"""What other runtimes make of exported ONNX: `make onnx-runtimes`, or `python -m benchmarks.onnx_runtimes [name ...]`.

Each runtime gets an environment of its own below `.oracles/`, and every step model: the default, int64 throughout,
doubles throughout. It is exact if every output of every step is the reference simulator's, wrong if one is not, or it
refuses. Printed is the table of docs/onnx.md; a runtime that cannot be had is named at the end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.portable import compiled_network
from exporters.onnx import Description, build_model, parse_description
from oracles.make import Tool, environment
from simulators import reference
from simulators.onnx.golden import expected_tensors
from toolchain.errors import MissingPartError
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Probe, Program
from toolchain.ir.timestep import stored_registers

SCRIPT = Path(__file__).with_name("run_model.py")
NETWORKS = ("zoo:digits", "zoo:digits-glu", "zoo:digits-prf")
FORMS: Mapping[str, str | None] = {"default": None, "int64": "int64", "float64": "float64"}
STEPS = 24
TIMEOUT_S = 300
REASON = 90
"""Characters of a runtime's message."""


@dataclass(frozen=True)
class Runtime:
    """A runtime of one release.

    Attributes:
        name: in the table.
        tool: what `run_model` calls it.
        packages: exact versions; the first is the runtime.
    """

    name: str
    tool: str
    packages: tuple[str, ...]

    @property
    def release(self) -> str:
        """Its version."""
        return self.packages[0].partition("==")[2]


def _onnxruntime(release: str, numpy: str = "2.2.6") -> Runtime:
    return Runtime("onnxruntime (CPU)", "onnxruntime", (f"onnxruntime=={release}", f"numpy=={numpy}"))


def _evaluator(release: str) -> Runtime:
    return Runtime("evaluator of onnx", "onnx", (f"onnx=={release}", "numpy==2.2.6"))


RUNTIMES = (
    *map(_onnxruntime, ("1.31.1", "1.27.0", "1.23.2", "1.20.1")),
    *(_onnxruntime(release, "1.26.4") for release in ("1.18.1", "1.17.3")),
    *map(_evaluator, ("1.23.2", "1.22.0", "1.21.0", "1.20.1", "1.17.0")),
    Runtime("OpenVINO provider", "onnxruntime-openvino", ("onnxruntime-openvino==1.24.1", "openvino==2025.4.1")),
    Runtime("OpenVINO's own reader", "openvino", ("openvino==2026.4.1", "numpy==2.2.6")),
    Runtime("TVM", "tvm", ("apache-tvm==0.27.0.post1", "onnx==1.23.2", "numpy==2.2.6")),
    Runtime("tinygrad", "tinygrad", ("tinygrad==0.14.0", "numpy==2.2.6")),
    Runtime("tract", "tract", ("tract==0.23.9", "numpy==2.2.6")),
    Runtime("IREE", "iree", ("iree-base-compiler==3.13.0", "iree-base-runtime==3.13.0", "onnx==1.20.1")),
)


@dataclass(frozen=True, eq=False)
class Case:
    """A model on disk, its payloads by step, and what has to come out."""

    network: str
    form: str
    model: Path
    feeds: Path
    right: Mapping[str, IntArray]


def cases(folder: Path) -> Iterator[Case]:
    """Every network in every form that it is exact in."""
    for number, network in enumerate(NETWORKS):
        program = compiled_network(network)
        payloads = _payloads(program)
        probes = [Probe(p.name, r.name) for p in program.populations for r in stored_registers(p)]
        trace = reference.simulate(program, payloads, steps=STEPS, probes=probes, strict=False)
        for form, lanes in FORMS.items():
            model, path = build_model(program, lanes=lanes), folder / f"{number}-{form}.onnx"
            description = parse_description({entry.key: entry.value for entry in model.metadata_props}, network)
            _write(_of_one_sample(model), path, description)
            feeds = path.with_suffix(".npz")
            by_step: dict[str, Any] = {f"in.{name}": values.transpose(1, 0, 2) for name, values in payloads.items()}
            np.savez(feeds, **by_step)
            stepped = [expected_tensors(description, trace, step) for step in range(STEPS)]
            right = {name: np.stack([values[name] for values in stepped]) for name in stepped[0]}
            yield Case(network, form, path, feeds, right)


def _payloads(program: Program) -> dict[str, IntArray]:
    rng = np.random.default_rng(1)
    return {i.name: rng.integers(0, limits(i.bits)[1] // 2, (1, STEPS, i.size)) for i in program.inputs}


def _of_one_sample(model: onnx.ModelProto) -> onnx.ModelProto:
    """With an axis of one sample, since some compilers take no dynamic axes."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    return model


def _write(model: onnx.ModelProto, path: Path, description: Description) -> None:
    path.write_bytes(model.SerializeToString(deterministic=True))
    about = {
        "type": description.tensors,
        "steps": STEPS,
        "graph": model.graph.name,
        "inputs": [value.name for value in model.graph.input],
        "outputs": [value.name for value in model.graph.output],
        "states": [{"name": s.name, "next": s.next, "shape": s.shape} for s in description.states],
    }
    Path(f"{path}.about.json").write_text(json.dumps(about), encoding="utf-8")


@dataclass(frozen=True)
class Outcome:
    """What came of a model: how many values are wrong, of how many, and whether every canary was 1; or why not."""

    wrong: int = 0
    values: int = 0
    canary: bool = True
    refused: str = ""


def outcome(python: str, variables: Mapping[str, str], tool: str, case: Case) -> Outcome:
    """Run a model in a runtime's environment."""
    result = case.model.with_suffix(".found.npz")
    result.unlink(missing_ok=True)
    command = [python, str(SCRIPT), tool, str(case.model), str(case.feeds), str(result)]
    try:
        done = subprocess.run(
            command, env=dict(variables), capture_output=True, text=True, timeout=TIMEOUT_S, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return Outcome(refused=f"does not end within {TIMEOUT_S} s")
    if not result.is_file():
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return Outcome(refused=said[-1][:REASON])
    with np.load(result) as stored:
        found: dict[str, Any] = {name: stored[name] for name in stored.files}
    wrong = sum(int(np.count_nonzero(found[name][:, 0] != values)) for name, values in case.right.items())
    total = sum(values.size for values in case.right.values())
    return Outcome(wrong, total, bool(np.all(found["canary"] == 1)))


def cell(found: list[Outcome]) -> str:
    """The outcomes of all networks in one form, in the table's words."""
    refused = [one.refused for one in found if one.refused]
    if len(refused) == len(found):
        return f"refuses: {refused[0]}"
    wrong, values = sum(one.wrong for one in found), sum(one.values for one in found)
    unnoticed = any(one.wrong and one.canary for one in found)
    text = f"**wrong**, {wrong:,} of {values:,} values; the canary {'does not tell' if unnoticed else 'tells'}"
    if not wrong:
        text = "exact" if all(one.canary for one in found) else "exact here, but the canary is not 1"
    return f"{text}; {len(refused)} of {len(found)} networks refused: {refused[0]}" if refused else text


def main(names: list[str]) -> None:
    """Print a row for each runtime."""
    absent = []
    with tempfile.TemporaryDirectory(prefix="seamount-onnx-") as scratch:
        made = list(cases(Path(scratch)))
        print("| runtime | release | " + " | ".join(FORMS) + " |\n|---|---|" + "---|" * len(FORMS), flush=True)
        for runtime in RUNTIMES:
            if names and runtime.tool not in names and f"{runtime.tool}-{runtime.release}" not in names:
                continue
            try:
                python, variables = environment(
                    f"onnx-{runtime.tool}-{runtime.release}", Tool("python3.11", runtime.packages)
                )
            except MissingPartError as error:
                absent.append(str(error))
                continue
            forms = [[case for case in made if case.form == form] for form in FORMS]
            cells = [cell([outcome(python, variables, runtime.tool, case) for case in of_form]) for of_form in forms]
            print(f"| {runtime.name} | {runtime.release} | " + " | ".join(cells) + " |", flush=True)
    for line in absent:
        print(f"left out: {line}")


if __name__ == "__main__":
    main(sys.argv[1:])
