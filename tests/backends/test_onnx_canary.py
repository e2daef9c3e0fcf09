"""Runtimes that are wrong in silence: canary, golden run, providers; and what docs/onnx.md tells users to do."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import pytest

import simulators.onnx
import simulators.onnx.golden
from exporters.onnx import build_model, export_onnx, facts_path
from simulators import reference
from tests.backends.test_onnx import random_inputs
from tests.onnx_programs import ROOT, digits_shaped, with_features
from toolchain.errors import ConformanceError, InputError, MissingPartError
from toolchain.ir.connections import Dense


class Narrowing:
    """A runtime that is wrong in silence: what the model's nodes give is squeezed into fewer bits."""

    def __init__(self, model: onnx.ModelProto, narrow: Callable[[Any], Any]) -> None:
        self.nodes, self.narrow = model.graph.node, narrow
        self.constants = {t.name: narrow(onnx.numpy_helper.to_array(t)) for t in model.graph.initializer}
        self.opsets = model.opset_import

    def run(self, names: list[str], feeds: dict[str, Any]) -> list[Any]:
        known = {"": None, **self.constants, **{name: self.narrow(values) for name, values in feeds.items()}}
        for node in self.nodes:
            single = onnx.reference.ReferenceEvaluator(self._alone(node))
            given = {name: known[name] for name in dict.fromkeys(node.input)}
            (found,) = single.run(None, given)
            known[node.output[0]] = self.narrow(found)
        return [known[name] for name in names]

    def _alone(self, node: onnx.NodeProto) -> onnx.ModelProto:
        entering, leaving = (
            [onnx.helper.make_tensor_value_info(n, 0, None) for n in dict.fromkeys(side)]
            for side in (node.input, node.output)
        )
        graph = onnx.helper.make_graph([node], "one", entering, leaving)
        return onnx.helper.make_model(graph, opset_imports=self.opsets)


def words(values: Any) -> Any:
    """int64 in name, 32 bits in fact."""
    return values.astype(np.int32).astype(np.int64) if values.dtype == np.int64 else values


def singles(values: Any) -> Any:
    """Doubles in name, single precision in fact."""
    return values.astype(np.float32).astype(np.float64) if values.dtype == np.float64 else values


@pytest.mark.parametrize(("lanes", "narrow"), [("int64", words), ("float64", singles), (None, singles)])
def test_a_runtime_that_narrows_is_refused(
    lanes: str | None, narrow: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program, inputs = digits_shaped(), random_inputs(digits_shaped(), 2, 3)
    path = export_onnx(program, tmp_path / "model.onnx", lanes=lanes, golden=simulators.onnx.golden_of(program))
    assert simulators.onnx.check_golden(path)
    model = onnx.load(path)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    for squeeze, right in ((lambda values: values, True), (narrow, False)):
        runtime = Narrowing(model, squeeze)
        monkeypatch.setattr(simulators.onnx, "load", lambda *_, run=runtime.run: (run, properties))
        monkeypatch.setattr(simulators.onnx.golden, "load", lambda *_, run=runtime.run: (run, properties))
        if right:
            assert simulators.onnx.simulate_file(path, inputs, strict=False).steps > 3
            continue
        with pytest.raises(ConformanceError, match="computes wrongly, as the file's canary says"):
            simulators.onnx.simulate_file(path, inputs, strict=False)
        with pytest.raises(ConformanceError, match="computes wrongly, as the canary says"):
            simulators.onnx.check_golden(path)


def test_the_golden_run_notices_one_wrong_weight(tmp_path: Path) -> None:
    program = with_features()
    path = export_onnx(program, tmp_path / "model.onnx", golden=simulators.onnx.golden_of(program))
    facts = json.loads(facts_path(path).read_text())
    assert facts["seamount.golden"]["steps"] == 32 and facts["seamount.golden"]["events"]["pixels"]
    properties = {entry.key: json.loads(entry.value) for entry in onnx.load(path).metadata_props}
    assert {key: value for key, value in facts.items() if key != "seamount.golden"} == properties
    first = program.projections[0]
    weights = first.connection.matrix().copy()
    weights[0, 0] += 1
    other = dataclasses.replace(
        program, projections=(dataclasses.replace(first, connection=Dense(weights)), *program.projections[1:])
    )
    path.write_bytes(build_model(other).SerializeToString())
    with pytest.raises(ConformanceError, match="gives other numbers in the golden run"):
        simulators.onnx.check_golden(path)
    export_onnx(program, path)
    assert not simulators.onnx.check_golden(path)


def test_an_unknown_provider_is_said(tmp_path: Path) -> None:
    path = export_onnx(with_features(), tmp_path / "model.onnx")
    with pytest.raises(InputError, match=r"'NoSuchProvider' is not installed; use one of .*CPUExecutionProvider"):
        simulators.onnx.simulate_file(path, random_inputs(with_features(), 1, 2), provider="NoSuchProvider")


def test_an_old_evaluator_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "__version__", "1.20.1")
    with pytest.raises(
        MissingPartError, match=r"the evaluator of onnx 1\.20\.1 is wrong in places; pip install 'onnx>=1.22'"
    ):
        simulators.onnx.simulate(with_features(), random_inputs(with_features(), 1, 2), evaluator="reference")


def test_the_documented_snippet_needs_onnxruntime_and_numpy_alone(tmp_path: Path) -> None:
    program = digits_shaped()
    inputs = random_inputs(program, 4, 16)
    expected = reference.simulate(program, inputs)
    export_onnx(program, tmp_path / "model.onnx", golden=simulators.onnx.golden_of(program))
    np.save(tmp_path / "input.npy", inputs["input"])
    snippet, golden = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "onnx.md").read_text(encoding="utf-8"), re.DOTALL
    )
    ours = "import sys; sys.modules |= dict.fromkeys(['toolchain', 'exporters', 'simulators', 'models', 'onnx'])\n"
    (tmp_path / "run.py").write_text(ours + snippet, encoding="utf-8")
    subprocess.run([sys.executable, "run.py"], cwd=tmp_path, check=True)
    classes = np.load(tmp_path / "classes.npy")
    assert np.array_equal(classes, expected.final["readout.total"].argmax(axis=1))
    assert np.unique(classes).size > 1
    (tmp_path / "golden.py").write_text(ours + golden, encoding="utf-8")
    for wrong, said in ((False, "exact"), (True, "wrong")):
        if wrong:
            facts = json.loads((tmp_path / "model.onnx.json").read_text())
            facts["seamount.golden"]["events"]["input"][0][2] ^= 1
            (tmp_path / "model.onnx.json").write_text(json.dumps(facts))
        ran = subprocess.run([sys.executable, "golden.py"], cwd=tmp_path, check=True, capture_output=True, text=True)
        assert ran.stdout.strip() == said
