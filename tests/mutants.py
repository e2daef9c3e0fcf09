"""Mutation testing of what programs mean: `make mutants`.

Changes one operator, constant, comparison, primitive or argument order at a time in the modules of `targets` and runs
the tests that should notice. A mutant that no test notices is a missing vector, unless docs/mutants.md says why it
means the same. Each mutant runs in a fork of a process that has the heavy libraries loaded, with the changed source
put in the module's place at import; no file is touched.
"""

from __future__ import annotations

import ast
import copy
import importlib.abc
import importlib.util
import os
import re
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import numpy  # noqa: F401  (loaded before the forks)
import pytest
import scipy.sparse  # noqa: F401
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parent.parent
EXPLAINED = ROOT / "docs" / "mutants.md"
# What should notice, soonest first: by the first part of the module's name.
UNIT = {
    "integer": "toolchain/ir/test_integer toolchain/ir/test_vectors toolchain/ir/test_timestep",
    "timestep": "toolchain/ir/test_timestep toolchain/ir/test_tracing",
    "neurons": "toolchain/ir/test_neuron_rules toolchain/ir/test_poles toolchain/ir/test_vectors"
    " toolchain/ir/test_tracing toolchain/ir/test_program",
}
AFTERWARDS = (
    "toolchain/ir/test_neurons toolchain/ir/test_verify simulators/test_reference_errors simulators/test_reference"
)
CPU_SECONDS = 90
"""A mutant that needs more loops without end, which is noticed; the tests need a third of it."""
PRIMITIVE_GROUPS = (
    ("add", "subtract", "multiply"),
    ("shift_left", "shift_floor"),
    ("multiply_shift_floor", "multiply_shift_toward_zero"),
    ("greater", "greater_equal", "equal"),
    ("wrap", "saturate", "trap"),
)
NUMPY_SWAPS = {
    "add": "subtract", "subtract": "add", "multiply": "add", "left_shift": "right_shift", "right_shift": "left_shift",
    "minimum": "maximum", "maximum": "minimum", "greater": "greater_equal", "greater_equal": "greater",
    "equal": "not_equal", "not_equal": "equal", "less": "less_equal", "mod": "fmod", "abs": "negative",
    "negative": "abs", "any": "all", "sum": "prod",
}  # fmt: skip
COMMUTATIVE = {
    "add",
    "multiply",
    "equal",
    "np.add",
    "np.multiply",
    "np.minimum",
    "np.maximum",
    "np.equal",
    "np.not_equal",
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def targets() -> list[str]:
    """The primitives, the time step, and whatever the tuple of neuron types imports, directly or not."""
    found, waiting = {"integer", "timestep"}, ["neurons.__init__"]
    while waiting:
        text = _read(waiting.pop())
        here = set(re.findall(r"^from toolchain\.ir\.(neurons\.\w+) import", text, re.MULTILINE)) - found
        found |= here
        waiting += sorted(here)
    return sorted(found)


@dataclass(frozen=True)
class Mutant:
    """One change: `name` identifies it without line numbers, `source` is the whole module with the change."""

    name: str
    module: str
    line: int
    source: str


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Every single change of this node itself."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield from (ast.Constant(value + by) for by in (1, -1))
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield node.operand
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.Compare(left, [op, *ops], comparators) if type(op) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(op)](), *ops], comparators)
        case ast.IfExp() | ast.If():
            yield _turned_round(node)
        case ast.Attribute(ast.Name("Overflow"), attr):
            yield from (ast.Attribute(node.value, rule, ast.Load()) for rule in ("WRAP", "SATURATE") if rule != attr)
        case ast.Call():
            yield from _call_changes(node)


def _turned_round(choice: ast.IfExp | ast.If) -> ast.AST:
    refused = ast.UnaryOp(ast.Not(), choice.test)
    if isinstance(choice, ast.IfExp):
        return ast.IfExp(refused, choice.body, choice.orelse)
    return ast.If(refused, choice.body, choice.orelse)


def _call_changes(call: ast.Call) -> Iterator[ast.AST]:
    name = ast.unparse(call.func)
    for group in PRIMITIVE_GROUPS:
        for other in group if name in group else ():
            if other != name:
                yield ast.Call(ast.parse(f"_integer.{other}", mode="eval").body, call.args, call.keywords)
    if name.startswith("np.") and name[3:] in NUMPY_SWAPS:
        yield ast.Call(ast.parse(f"np.{NUMPY_SWAPS[name[3:]]}", mode="eval").body, call.args, call.keywords)
    if name in ("each_mode", "sum_modes", "shift_left", "np.asarray", "np.broadcast_to"):
        yield call.args[0]
    for i in range(0 if name in COMMUTATIVE else len(call.args) - 1):
        swapped = [*call.args[:i], call.args[i + 1], call.args[i], *call.args[i + 2 :]]
        yield ast.Call(call.func, swapped, call.keywords)


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of a module below `toolchain.ir`."""
    tree = ast.parse(_read(module))
    seen: dict[str, int] = {}
    for path in _paths(tree):
        node = _at(tree, path)
        for changed in changes(node):
            mutated = copy.deepcopy(tree)
            _put(mutated, path, changed)
            name = f"{module} {_scope(tree, path)}: {_short(node)} -> {_short(changed)}"
            seen[name] = seen.get(name, 0) + 1
            name += f" #{seen[name]}" if seen[name] > 1 else ""
            source = _source(mutated, module)
            if source != _source(tree, module):
                yield Mutant(name, f"toolchain.ir.{module}", getattr(node, "lineno", 0), source)


def _read(module: str) -> str:
    return (ROOT / "toolchain/ir" / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")


Step = tuple[str, int | None]


def _paths(node: ast.AST, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """The way to every node whose change could change a result; annotations and formatted text are passed over."""
    if path:
        yield path
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "format_spec"):
            continue
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                yield from _paths(child, (*path, (field, i if isinstance(value, list) else None)))


def _at(node: ast.AST, path: tuple[Step, ...]) -> ast.AST:
    for field, i in path:
        node = getattr(node, field) if i is None else getattr(node, field)[i]
    return node


def _put(tree: ast.AST, path: tuple[Step, ...], changed: ast.AST) -> None:
    parent = _at(tree, path[:-1])
    field, i = path[-1]
    if i is None:
        setattr(parent, field, changed)
    else:
        getattr(parent, field)[i] = changed


def _scope(tree: ast.AST, path: tuple[Step, ...]) -> str:
    nodes = [_at(tree, path[:depth]) for depth in range(1, len(path) + 1)]
    return ".".join(n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)) or "module"


def _short(node: ast.AST) -> str:
    text = ast.unparse(node.test if isinstance(node, ast.If) else node)
    return ("if " if isinstance(node, ast.If) else "") + re.sub(r"\s+", " ", text).replace("|", "/").replace("`", "'")


def _source(tree: ast.Module, module: str) -> str:
    source = ast.unparse(ast.fix_missing_locations(tree))
    if module == "integer":
        return source.replace("_integer.", "")
    future = "from __future__ import annotations\n"
    return source.replace(future, f"{future}import toolchain.ir.integer as _integer\n", 1)


class _InPlace(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from the mutant's source."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self.mutant.module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.mutant.source, f"<{self.mutant.name}>", "exec"), module.__dict__)


def start(mutant: Mutant) -> int:
    """Fork a process that exits with 0 where all tests pass on the mutant; return its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        sys.meta_path.insert(0, _InPlace(mutant))
        _golden_texts()
        code = _tests(mutant)
    finally:
        os._exit(code)


def _golden_texts() -> None:
    """Two quick tests, called without pytest: they notice most mutants of neuron types."""
    program = importlib.import_module("tests.toolchain.ir.test_program")
    tracing = importlib.import_module("tests.toolchain.ir.test_tracing")
    for neuron in program.NEURONS:
        program.test_declarations_are_as_the_golden(neuron, refresh_golden=False)
        tracing.test_listing_is_as_the_golden(neuron, refresh_golden=False)


def _tests(mutant: Mutant) -> int:
    tests = [f"tests/{name}.py" for name in (UNIT[mutant.module.split(".")[2]] + " " + AFTERWARDS).split()]
    flags = ["-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:randomly"]
    # hypothesis and the tests called above are loaded already
    flags += ["--hypothesis-profile=mutants", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*flags, *tests]))


def survivors(population: list[Mutant], workers: int) -> Iterator[Mutant]:
    """Run the mutants, a few at a time."""
    running: dict[int, Mutant] = {}
    waiting = list(reversed(population))
    while waiting or running:
        while waiting and len(running) < workers:
            mutant = waiting.pop()
            running[start(mutant)] = mutant
        process, status = os.wait()
        mutant = running.pop(process)
        if os.waitstatus_to_exitcode(status) == 0:
            yield mutant


def explained() -> set[str]:
    """The mutants that docs/mutants.md lists: the first cell of each row, in backquotes."""
    text = EXPLAINED.read_text(encoding="utf-8") if EXPLAINED.is_file() else ""
    return set(re.findall(r"^\| `(.+?)` \|", text, re.MULTILINE))


def main(arguments: list[str]) -> int:
    """Run the mutants of the named modules (all `targets` if none is named); 1 if one survives unexplained."""
    os.chdir(ROOT)
    os.environ["OMP_NUM_THREADS"] = "1"
    quick = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
    settings.register_profile(
        "mutants", max_examples=30, deadline=None, derandomize=True, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=quick,
    )  # fmt: skip
    untouched = Mutant("nothing changed", "toolchain.ir.integer", 0, _read("integer"))
    if not list(survivors([untouched], 1)):
        print("the tests fail without any mutant: mend that first")
        return 2
    known, total = explained(), 0
    left: list[Mutant] = []
    for module in arguments or targets():
        population = list(mutants(module))
        found = list(survivors(population, int(os.environ.get("WORKERS", "2"))))
        for mutant in found:
            if mutant.name not in known:
                print(f"{mutant.module}:{mutant.line}: survived: {mutant.name}")
        print(f"{module}: {len(population)} mutants, {len(found)} survived", flush=True)
        left, total = left + found, total + len(population)
    unexplained = [mutant for mutant in left if mutant.name not in known]
    stale = known - {mutant.name for mutant in left} if not arguments else set()
    for name in sorted(stale):
        print(f"docs/mutants.md: explains a mutant that is noticed or gone: {name}")
    print(f"{total} mutants, {len(left)} survived, {len(unexplained)} of them unexplained")
    return 1 if unexplained or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
