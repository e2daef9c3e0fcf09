"""The package that users import: few names, each documented with an example that runs, and quick to import."""

from __future__ import annotations

import doctest
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import seamount as sm
from tests.test_architecture import in_fresh_interpreter

MOST_NAMES = 20
HEAVY = {"torch", "lava", "numba", "llvmlite", "matplotlib", "scipy", "onnx", "onnxruntime", "sklearn"}
FUNCTIONS = [name for name in sm.__all__ if inspect.isfunction(getattr(sm, name))]


def test_few_names_all_documented() -> None:
    assert len(sm.__all__) <= MOST_NAMES and len(set(sm.__all__)) == len(sm.__all__)
    assert list(sm._HOMES) == sm.__all__
    for name in sm.__all__:
        assert isinstance(getattr(sm, name), str) or inspect.getdoc(getattr(sm, name)), name


def test_no_module_hides_a_name() -> None:
    """Importing `seamount.x` sets the attribute x of the package, whatever was there."""
    beside = {path.stem for path in Path(str(sm.__file__)).parent.iterdir()}
    assert beside.isdisjoint(sm.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'deplyo'"):
        _ = sm.deplyo


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_docstring_says_arguments_errors_and_an_example(name: str) -> None:
    text = inspect.getdoc(getattr(sm, name)) or ""
    assert "Args:" in text and "Raises:" in text
    if name != "read":  # of the compiler, where examples have no network to name
        assert ">>>" in text
    arguments = set(inspect.signature(getattr(sm, name)).parameters)
    assert {word for word in arguments if not re.search(rf"\b{word}\b", text.split("Args:")[1])} == set()


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "read"])
def test_the_example_runs(name: str, examples: Mapping[str, Any]) -> None:
    names = {public: getattr(sm, public) for public in sm.__all__} | dict(examples) | {"np": np, "nir": nir}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(sm, name), name, globs=names)
    assert example.examples
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
    assert result.failed == 0


@pytest.mark.parametrize("how", ["import seamount", "from seamount.cli.app import app"])
def test_nothing_heavy_is_loaded(how: str) -> None:
    loaded = in_fresh_interpreter(f"{how}\nimport sys; print(*sys.modules)").split()
    assert "seamount" in loaded
    assert {module.split(".")[0] for module in loaded}.isdisjoint(HEAVY | {"numpy", "nir", "h5py", "pydantic"})


def test_help_and_module_run_without_anything_heavy() -> None:
    code = "import sys, runpy\nsys.argv = ['seamount', '--help']\ntry:\n    runpy.run_module('seamount')\n"
    code += "except SystemExit as end:\n    assert end.code == 0\nprint('LOADED', *sys.modules)"
    said = in_fresh_interpreter(code)
    assert "deploy" in said
    assert {module.split(".")[0] for module in said.split("LOADED")[1].split()}.isdisjoint(HEAVY)


def test_a_build_shows_itself(examples: Mapping[str, Any]) -> None:
    told: list[sm.Event] = []
    build = sm.deploy("net.nir", calibrate=examples["x"], labels=examples["y"], tell=told.append)
    assert build.folder == Path("build/net") and (build.folder / "MANIFEST.json").is_file()
    text, page = repr(build), build._repr_html_()
    for word in ("accuracy", "integer", "0 differences", "synops", "energy", "latency", "loihi2"):
        assert word in text and word in page
    assert build.events == tuple(told)
    assert {"read", "quantize", "lower", "place", "simulate", "compare", "accuracy", "synops", "assumed"} <= {
        event.stage for event in told
    }
    assert json.loads(json.dumps(build.as_dict()))["report"]["synops"]["nonzero"] == build.report.synops.nonzero
    again = sm.load_build("build/net")
    assert repr(again) == text and again.report == build.report
    with pytest.raises(AttributeError):
        build.folder = Path("elsewhere")  # type: ignore[misc]


def test_files_and_memory_give_the_same_program(examples: Mapping[str, Any]) -> None:
    np.savez("data.npz", **examples)
    file = sm.deploy("net.nir", "a", calibrate="data.npz", compared=1)
    graph = sm.deploy(sm.read("net.nir"), "b", calibrate=dict(examples), compared=1)
    whole = sm.deploy(nir.read("net.nir"), "c", calibrate=examples["x"], labels=examples["y"], compared=1)
    assert file.report.program != "" and graph.report.accuracy == whole.report.accuracy == file.report.accuracy
    texts = [build.files.text.read_text().split("\n", 4)[4] for build in (file, graph, whole)]
    assert "population hidden" in texts[0] and texts[1] == texts[2] == texts[0]


def test_unknown_options_and_labels_without_inputs_are_refused(examples: Mapping[str, Any]) -> None:
    with pytest.raises(sm.ToolchainError, match="weight_bits: is not an option; use settings, target"):
        sm.compile("net.nir", calibrate=examples["x"], weight_bits=4)
    with pytest.raises(sm.ToolchainError, match="labels: are given without an array of inputs"):
        sm.deploy("net.nir", labels=examples["y"])
    with pytest.raises(sm.ToolchainError, match=r"network: is a builtins\.dict"):
        sm.compile({}, calibrate=examples["x"])


def test_a_compiled_program_writes_nothing(examples: Mapping[str, Any]) -> None:
    placed = sm.compile("net.nir", calibrate=examples["x"], settings=sm.Settings(weight_bits=4))
    assert placed.settings.weight_bits == 4
    assert sorted(path.name for path in Path().iterdir()) == ["net.nir"]
