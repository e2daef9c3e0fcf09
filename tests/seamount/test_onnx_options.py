"""What deploy and verify take for the ONNX file: lanes, and the provider that runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import pytest

import seamount as sm
from tests.cli.conftest import Run
from tests.cli.small_builds import small_builds
from toolchain.errors import InputError


@pytest.fixture
def onnx_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the simulators, `verify` runs no other."""
    monkeypatch.setattr("seamount.rerun.verify.missing", lambda name: None if name == "onnx" else "left out")


@pytest.mark.parametrize(("lanes", "kind"), [("float64", onnx.TensorProto.DOUBLE), (None, onnx.TensorProto.INT64)])
def test_deploy_writes_the_lanes_that_are_asked_for(
    examples: Mapping[str, Any], lanes: str | None, kind: int, onnx_alone: None
) -> None:
    build = sm.deploy("net.nir", "out", calibrate=examples["x"], compared=1, onnx_lanes=lanes)
    graph = onnx.load(build.folder / "model.onnx").graph
    assert {value.type.tensor_type.elem_type for value in [*graph.input, *graph.output]} == {kind}
    facts = json.loads((build.folder / "model.onnx.json").read_text())
    assert facts["seamount.lanes"] == "float64" and facts["seamount.golden"]["steps"] == 32
    assert [check.result for check in sm.verify(build).checks if check.name == "onnx"] == ["ok"]


def test_lanes_that_are_none_leave_no_folder(examples: Mapping[str, Any]) -> None:
    with pytest.raises(InputError, match="--onnx-lanes: 'int16' is unknown; use one of int64, float64, int32"):
        sm.deploy("net.nir", "out", calibrate=examples["x"], compared=1, onnx_lanes="int16")
    assert not Path("out").exists()


def test_verify_runs_the_file_on_the_provider_that_is_named(seamount: Run, onnx_alone: None) -> None:
    folder = small_builds()[0]
    ran = seamount("verify", folder, "--onnx-provider", "CPUExecutionProvider")
    assert ran.code == 0 and "0 differences" in ran.out
    ran = seamount("verify", folder, "--onnx-provider", "NoSuchProvider")
    assert ran.code == 1
    (line,) = [line for line in ran.out.splitlines() if line.startswith("failed")]
    assert "'NoSuchProvider' is not installed; use one of" in line
