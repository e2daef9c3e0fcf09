"""Rules about the source itself: who imports what, how long things are, what is never written.

Each rule is a function from a `Source` to its faults. Each is shown a source that breaks it, so that a rule which finds
nothing because it looks at nothing is noticed.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch

import pytest

import toolchain
from tests.source_tree import FOLDERS, PACKAGES, ROOT, Source, call_name, sources

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_FACADE_NAMES = 20
BANNED_FILES = ("utils.py", "helpers.py", "common.py", "misc.py")

# What each package may import of the five.
REACHES = {
    "seamount": {"seamount", "toolchain", "models", "exporters", "simulators"},
    "toolchain": {"toolchain"},
    "models": {"models", "toolchain"},
    "exporters": {"exporters", "toolchain"},
    "simulators": {"simulators", "exporters", "toolchain"},
}
# The order of the pipeline; a stage imports itself and lower numbers only, so that ir and frontend stay apart.
STAGES = {
    "errors": 0,
    "version": 0,
    "reading": 0,
    "folders": 1,
    "children": 1,
    "compression": 2,
    "doctor": 2,
    "files": 2,
    "packaging": 2,
    "progress": 2,
    "windows": 2,
    "engine": 3,
    "ir": 4,
    "frontend": 4,
    "bounds": 5,
    "host": 5,
    "quantize": 6,
    "units": 7,
    "lower": 8,
    "passes": 9,
    "mapping": 10,
    "report": 11,
    "search": 12,
}
# Heavy or foreign parts, and the only files of the packages that may import them.
HOMES = {
    "torch": ("models/*", "simulators/accelerator/*"),
    "triton": ("models/*", "simulators/accelerator/*"),
    "torchvision": (),
    "snntorch": (),
    "norse": (),
    "nirtorch": (),
    "lava": ("simulators/lava*",),
    "onnx": ("exporters/onnx*", "simulators/onnx*"),
    "onnxruntime": ("simulators/onnx*",),
    "ray": ("toolchain/engine/on_ray.py",),
}
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
PICKLE_CALLS = {"torch.load", "torch.save", "joblib.load", "joblib.dump"}

Rule = Callable[[Source], Iterator[str]]


def imports_against_the_direction(source: Source) -> Iterator[str]:
    package = source.module.split(".")[0]
    for name in source.imports():
        target = name.split(".")[0]
        if target in PACKAGES and target not in REACHES[package]:
            yield f"imports {name}; {package} reaches {sorted(REACHES[package])} only"
        if name.startswith("seamount.cli") and source.module.split(".")[:2] not in (
            ["seamount", "cli"],
            ["seamount", "__main__"],
        ):
            yield f"imports {name}; nothing imports the command line"


def imports_a_later_stage(source: Source) -> Iterator[str]:
    parts = source.module.split(".")
    if parts[0] != "toolchain" or len(parts) == 1:
        return
    own = parts[1]
    if own not in STAGES:
        yield f"stage {own} has no place in STAGES"
        return
    for name in source.imports():
        target = [*name.split("."), ""][1]
        if name.split(".")[0] != "toolchain" or target == own:
            continue
        if target not in STAGES:
            yield f"imports {name} through the facade; import it from its own module"
        elif STAGES[target] >= STAGES[own]:
            yield f"imports {name}; {target} comes after {own} or beside it"


def imports_a_foreign_part(source: Source) -> Iterator[str]:
    for name in source.imports():
        home = HOMES.get(name.split(".")[0])
        if home is not None and not any(fnmatch(source.path, pattern) for pattern in home):
            yield f"imports {name}; allowed in {home or 'tests'} only"


def pickles(source: Source) -> Iterator[str]:
    yield from (f"imports {name}" for name in source.imports() if name.split(".")[0] in PICKLES)
    for call in (node for node in ast.walk(source.tree) if isinstance(node, ast.Call)):
        if call_name(call) in PICKLE_CALLS:
            yield f"line {call.lineno}: calls {call_name(call)}"
        for keyword in call.keywords:
            constant = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            if keyword.arg == "allow_pickle" and constant is not False:
                yield f"line {call.lineno}: allow_pickle is not False"


def overlong_file(source: Source) -> Iterator[str]:
    lines = len(source.text.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{lines} lines; at most {MAX_FILE_LINES}: split it"


def overlong_functions(source: Source) -> Iterator[str]:
    lines = source.text.splitlines()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = code_lines(node, lines)
            if length > MAX_FUNCTION_LINES:
                yield f"{node.name}: {length} code lines; at most {MAX_FUNCTION_LINES}: split it"


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Lines from ``def`` to the end that hold code: no docstring, no comment of its own line, no empty line."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    docstring = range(first.lineno, (first.end_lineno or 0) + 1) if documented else range(0)
    numbers = range(function.lineno, (function.end_lineno or 0) + 1)
    held = (lines[number - 1].strip() for number in numbers if number not in docstring)
    return sum(1 for line in held if line and not line.startswith("#"))


def vague_file_name(source: Source) -> Iterator[str]:
    name = source.path.split("/")[-1]
    if name in BANNED_FILES:
        yield f"{name} says nothing about what is in it"


# Each rule, the folders that it holds for, and a source that it must refuse.
RULES: dict[str, tuple[Rule, tuple[str, ...], Source]] = {
    "direction": (
        imports_against_the_direction,
        PACKAGES,
        Source("exporters/lava.py", "def f():\n    from simulators.fast import run\n"),
    ),
    "cli": (imports_against_the_direction, PACKAGES, Source("seamount/x.py", "import seamount.cli.app")),
    "stages": (
        imports_a_later_stage,
        ("toolchain",),
        Source("toolchain/lower/x.py", "from toolchain.passes import pipeline"),
    ),
    "facade": (imports_a_later_stage, ("toolchain",), Source("toolchain/ir/x.py", "from toolchain import Program")),
    "foreign": (
        imports_a_foreign_part,
        PACKAGES,
        Source("simulators/fast.py", "import importlib\nimportlib.import_module('torch.nn')"),
    ),
    "pickle": (pickles, FOLDERS, Source("models/x.py", "import numpy as np\nnp.load(path, allow_pickle=True)")),
    "torch pickle": (pickles, FOLDERS, Source("models/x.py", "import torch\ntorch.load(path)")),
    "file length": (overlong_file, FOLDERS, Source("tests/x.py", "x = 1\n" * (MAX_FILE_LINES + 1))),
    "function length": (
        overlong_functions,
        FOLDERS,
        Source("tests/x.py", "def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES),
    ),
    "file name": (vague_file_name, FOLDERS, Source("tests/utils.py", "")),
}


@pytest.mark.parametrize("name", RULES)
def test_rule_holds(name: str) -> None:
    rule, folders, _ = RULES[name]
    faults = [f"{source.path}: {fault}" for source in sources(*folders) for fault in rule(source)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", RULES)
def test_rule_refuses_what_breaks_it(name: str) -> None:
    rule, _, broken = RULES[name]
    assert list(rule(broken))


def test_function_length_leaves_out_docstrings_comments_and_empty_lines() -> None:
    source = Source("x.py", 'def f():\n    """One.\n\n    Two.\n    """\n\n    # why\n    return 1\n')
    function = source.tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    assert code_lines(function, source.text.splitlines()) == 2


def test_facade_is_small_and_true() -> None:
    assert len(toolchain.__all__) <= MAX_FACADE_NAMES
    assert len(set(toolchain.__all__)) == len(toolchain.__all__)
    for name in toolchain.__all__:
        thing = getattr(toolchain, name)
        assert isinstance(thing, str | int) or inspect.getdoc(thing), f"{name} has no docstring"


def test_every_package_is_marked_as_typed() -> None:
    assert [name for name in PACKAGES if not (ROOT / name / "py.typed").is_file()] == []


def in_fresh_interpreter(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_toolchain_imports_nothing_heavy() -> None:
    loaded = in_fresh_interpreter("import toolchain, sys; print(*sys.modules)").split()
    assert "toolchain" in loaded
    assert set(loaded).isdisjoint(HOMES)


def test_toolchain_and_command_line_import_without_the_optional_parts() -> None:
    modules = [source.module for source in sources("seamount", "toolchain") if not source.path.endswith("__main__.py")]
    block = "\n".join(f"sys.modules[{name!r}] = None" for name in HOMES)
    in_fresh_interpreter(f"import sys, importlib\n{block}\nfor name in {modules!r}: importlib.import_module(name)")
