"""The exported package as text: deterministic, whole or absent, its arithmetic ours, its choices of stock processes."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import importlib.util
import json
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import exporters.lava
from exporters.lava import export_lava, package_texts
from exporters.lava.classes import integer_source, kinds_of
from exporters.lava.wiring import has_stock_lif, may_wrap, separate_parts
from tests.backends.lava_programs import STRANGE, every_neuron_type, lif_network, loose_ends, side_by_side, strange
from toolchain.errors import UnsupportedError, VerificationError
from toolchain.ir.integer import PRIMITIVES
from toolchain.ir.neurons import NEURONS_BY_NAME
from toolchain.ir.program import Program

RUN_BY_SYNAPSES = {"weighted_sum"}
"""What no neuron may use: it is what a projection does, and Dense and Sparse do it."""


def replaced(program: Program, name: str, **changes: Any) -> Program:
    """The program with one population changed."""
    changed = tuple(dataclasses.replace(p, **changes) if p.name == name else p for p in program.populations)
    return dataclasses.replace(program, populations=changed)


def digests(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def module_of(text: str, folder: Path) -> ModuleType:
    path = folder / "loaded_from_export.py"
    path.write_text(text)
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_equal_programs_give_equal_bytes(tmp_path: Path) -> None:
    first, second = (digests(export_lava(lif_network(1), tmp_path / name / "lava")) for name in ("one", "two"))
    assert first == second
    assert {"run.py", "README.md", "weights.npz", "network/models.py", "network/processes.py"} <= first.keys()
    assert first != digests(export_lava(lif_network(2), tmp_path / "three" / "lava"))


def test_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = export_lava(lif_network(1), tmp_path / "lava")
    (folder / "stale.txt").write_text("of an earlier export")
    export_lava(lif_network(2), folder)
    assert not (folder / "stale.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["lava"]


def test_export_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = export_lava(lif_network(1), tmp_path / "lava")
    before = digests(folder)

    def disk_full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(exporters.lava, "write_npz", disk_full)
    with pytest.raises(OSError, match="no space"):
        export_lava(lif_network(2), folder)
    assert digests(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["lava"]


def test_malformed_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VerificationError):
        export_lava(replaced(lif_network(1), "a", coefficients={}), tmp_path / "lava")
    assert list(tmp_path.iterdir()) == []


def test_texts_compile_and_import_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NEURONS_BY_NAME, STRANGE.name, STRANGE)
    texts = package_texts(side_by_side([lif_network(1), strange(), loose_ends(), every_neuron_type()]))
    allowed = {"argparse", "contextlib", "dataclasses", "functools", "json", "lava", "multiprocessing", "network"}
    allowed |= {"numpy", "os", "pathlib", "scipy", "sys", "tempfile", "threading", "time", "traceback", "typing"}
    allowed |= {"__future__", "collections"}
    for path, text in texts.items():
        if path.endswith(".py"):
            tree = ast.parse(text, filename=path, feature_version=(3, 10))
            names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
            names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            assert {name.split(".")[0] for name in names} <= allowed, path
            assert max(map(len, text.splitlines())) <= 120, path


def test_every_run_configuration_asks_for_fixed_point() -> None:
    """Without the tag Lava silently runs its float models."""
    tree = ast.parse(package_texts(lif_network(1))["run.py"])
    configurations = {"Loihi2SimCfg"}
    configurations |= {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(b, ast.Name) and b.id in configurations for b in node.bases)
    }
    calls = [
        {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in configurations
    ]
    assert calls == [{"select_tag": "fixed_pt"}]


def test_every_generated_model_has_the_tag() -> None:
    models = package_texts(lif_network(1))["network/models.py"]
    assert models.count("@implements(") == models.count('@tag("bit_accurate_loihi", "fixed_pt")') == 4


def test_mend_ends_with_its_block(tmp_path: Path) -> None:
    text = package_texts(lif_network(1))["network/mend.py"]
    module = module_of(text, tmp_path)
    with module.lava_importable():

        @dataclasses.dataclass
        class Inner:
            value: int = 1

        @dataclasses.dataclass(order=True)
        class Own:
            value: int = 2

            def __hash__(self) -> int:
                return 3

    assert hash(Inner()) == hash(Inner())
    assert hash(Own()) == 3

    @dataclasses.dataclass
    class After:
        value: int = 1

    assert After.__hash__ is None


def test_listing_is_written_one_line_an_instruction() -> None:
    program = lif_network(1)
    models = package_texts(program)["network/models.py"]
    instructions = kinds_of(program)[0].listing.instructions
    position = 0
    for instruction in instructions:
        position = models.index(f"        {instruction.result} = ", position)
    assert '        current_next = self.keep("current", wrap, t3, 24)' in models


def test_populations_with_the_same_step_share_a_class() -> None:
    program = side_by_side([lif_network(1), lif_network(2)])
    kinds = {kind.name: kind.populations for kind in kinds_of(program)}
    assert kinds == {"CubaLif": ("n0_a", "n1_a"), "CubaLif2": ("n0_b", "n1_b")}


def words(bits: int) -> np.ndarray:
    """Integers at and around the edges of two's complement words, and some between."""
    edges = [sign * ((1 << b) + d) for b in (3, bits - 1, bits) for d in (-1, 0, 1) for sign in (1, -1)]
    drawn = np.random.default_rng(bits).integers(-(1 << bits), 1 << bits, 20)
    return np.array([0, 1, -1, *edges, *drawn])


OPERANDS: dict[str, list[Any]] = {
    **{name: [None, None] for name in ("add", "subtract", "multiply", "greater", "greater_equal", "equal")},
    **{name: [None, 7] for name in ("shift_left", "shift_floor")},
    **{name: [None, None, 12] for name in ("multiply_shift_floor", "multiply_shift_toward_zero")},
    **{name: [None, 24] for name in ("wrap", "saturate")},
    "select": [np.arange(-2, 3)[:, None, None], None, None],
    "lookup": [np.arange(9) * 7 - 20, None],
    "each_mode": [None],
    "sum_modes": [None],
}
"""Operands of each primitive; None stands for `words`, crossed."""


@pytest.mark.parametrize("name", sorted(set(PRIMITIVES) - RUN_BY_SYNAPSES - {"trap"}))
def test_written_primitive_is_ours(name: str, tmp_path: Path) -> None:
    """Also fails for a primitive that has no text in exporters/lava/integer.py.txt, or no operands here."""
    module = module_of(files("exporters.lava").joinpath("integer.py.txt").read_text(encoding="utf-8"), tmp_path)
    crossed = iter((words(24)[:, None], words(24)[None, :]))
    operands = [next(crossed) if operand is None else operand for operand in OPERANDS[name]]
    expected = PRIMITIVES[name](*operands)
    found = getattr(module, name)(*operands)
    assert np.array_equal(found, expected)
    assert np.asarray(found).dtype == np.int64


def test_only_used_primitives_are_written() -> None:
    text = package_texts(lif_network(1))["network/integer.py"]
    defined = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    assert {"wrap", "saturate", "multiply_shift_toward_zero", "trap"} <= defined
    assert defined.isdisjoint({"lookup", "sum_modes", "multiply_shift_floor"})


def test_unknown_primitive_is_refused_by_name() -> None:
    kind = kinds_of(lif_network(1))[0]
    kind.listing.append("square_root", (1,))
    with pytest.raises(UnsupportedError, match=r"a: cuba_lif uses the primitive 'square_root'.*integer\.py\.txt"):
        integer_source([kind])


def stock(program: Program, name: str) -> bool:
    return has_stock_lif(program.population(name), program)


def test_stock_lif_only_where_it_is_exact() -> None:
    program = lif_network(1)
    own = dict(program.population("b").coefficients)
    assert stock(program, "a")
    assert stock(program, "b"), "rests until step 2, has no bias, and nothing arrives before step 2"
    assert not stock(replaced(program, "b", start_step=3), "b"), "a message of step 0 arrives at step 2"
    assert not stock(replaced(program, "b", coefficients={**own, "bias_mant": np.array([0, 0, 1, 0, 0])}), "b")
    for name in ("du", "dv", "vth"):
        uneven = np.append(own[name][:-1], own[name][-1] - 1)
        assert not stock(replaced(program, "b", coefficients={**own, name: uneven}), "b")


def test_wrap_is_excluded_by_the_greatest_input_only() -> None:
    """Two odd weights of 127 into a LIF of 4095: |current| <= 64 * (127 + 1), far from 2^23; with du = 0 it adds up."""
    program = lif_network(1)
    population = program.population("b")
    assert not may_wrap(population, program)
    slow = replaced(program, "b", coefficients={**population.coefficients, "du": np.zeros(5, dtype=np.int64)})
    assert may_wrap(slow.population("b"), slow)


def test_parts_that_nothing_connects_are_tied() -> None:
    assert separate_parts(lif_network(1)) == [["x", "a", "b"]]
    program = loose_ends()
    assert separate_parts(program) == [["x"], ["alone"], ["empty"]]
    assert 'net.tie("x", "alone", "empty")' in package_texts(program)["network/wiring.py"]


def test_weights_are_stored_once(tmp_path: Path) -> None:
    program = lif_network(1)
    folder = export_lava(program, tmp_path / "lava")
    with np.load(folder / "weights.npz", allow_pickle=False) as stored:
        assert np.array_equal(stored["projection/x.a/weights"], program.projections[0].connection.matrix())
        assert set(stored["projection/a.b/shape"]) == {5, 7}
        header = json.loads(stored["header"].tobytes())
    assert header["registers"] == {"a": ["current", "voltage"], "b": ["current", "voltage", "wait"]}


@pytest.fixture
def recorder(tmp_path: Path) -> Any:
    """The exported recorder of a population "p" with one step to record."""
    module = module_of(files("exporters.lava").joinpath("recorder.py.txt").read_text(encoding="utf-8"), tmp_path)
    return module.Recorder("p", samples=1, steps=1, probes=(), messages=True, strict=False, folder=tmp_path)


def trap(value: Any, bits: int) -> Any:
    return PRIMITIVES["wrap"](value, bits)


def test_a_trap_is_a_fault_even_where_overflows_are_counted(recorder: Any) -> None:
    recorder.fit("wait", trap, np.array([[3, 200]]), 8)
    assert recorder.overflows == {}
    assert recorder.fault == {
        "name": "p",
        "step": 0,
        "kind": "overflow",
        "register": "wait",
        "place": [0, 1],
        "value": 200,
        "bits": 8,
    }


def test_the_first_fault_stays(recorder: Any) -> None:
    for value in (300, 400):
        recorder.fit("wait", trap, np.array([[value]]), 8)
    assert recorder.fault["value"] == 300
