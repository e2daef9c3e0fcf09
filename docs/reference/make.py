"""Write the reference from the docstrings of what is promised: the façades, packages whose `__init__` has `__all__`.

    python docs/reference/make.py             writes a page for each, and an index
    python docs/reference/make.py --check     says which pages are not what it would write, and ends with 1

Sources are read, not imported, so that neither PyTorch nor anything else need be installed.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = ("seamount", "toolchain", "exporters", "simulators", "models")
SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Yields):$")
ITEM = re.compile(r"^(\*{0,2}[\w*, ]+(?:\[[^]]*\])?): (.*)$")
Named = ast.FunctionDef | ast.ClassDef
TOLD = "Made by `make reference` from the docstrings; edit those."


def facades() -> dict[str, ast.Module]:
    """Dotted name and tree of every package that says what it promises."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("__init__.py")):
            tree = parsed(path)
            if promised(tree):
                found[".".join(path.parent.relative_to(ROOT).parts)] = tree
    return found


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def promised(tree: ast.Module) -> list[str]:
    """The names in `__all__`; none where there is no such list."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def home(module: str, name: str, tree: ast.Module) -> tuple[str, ast.stmt, str]:
    """Where a name is defined, followed through imports: module, definition, docstring of a constant.

    Raises:
        LookupError: nothing there defines it.
    """
    for before, node in zip([None, *tree.body], tree.body, strict=False):
        if isinstance(node, Named) and node.name == name:
            return module, node, ""
        if isinstance(before, ast.Assign | ast.AnnAssign) and name in _assigned(before):
            return module, before, _text(node)
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and name in _assigned(node):
            return module, node, ""
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom) and statement.module:
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    return _imported(statement.module, alias.name)
    raise LookupError(f"{module} promises {name!r}, which nothing there defines")


def _imported(module: str, name: str) -> tuple[str, ast.stmt, str]:
    base = ROOT.joinpath(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    submodule = base / f"{name}.py"
    if submodule.is_file():
        tree = parsed(submodule)
        return f"{module}.{name}", tree.body[0], ast.get_docstring(tree) or ""
    return home(module, name, parsed(path))


def _assigned(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [ast.unparse(target) for target in targets]


def _text(node: ast.stmt) -> str:
    """The text of a string that stands alone, as under a constant."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return inspect.cleandoc(node.value.value)
    return ""


def signature(node: ast.stmt, name: str) -> str:
    """How it is called: arguments of a function, fields of a dataclass; a constant's name."""
    if isinstance(node, ast.FunctionDef):
        result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return f"{name}({ast.unparse(node.args)}){result}"
    if isinstance(node, ast.ClassDef):
        fields = [ast.unparse(each) for each in node.body if isinstance(each, ast.AnnAssign)]
        shown = [each for each in fields if "ClassVar" not in each and not each.startswith("_")]
        return f"class {name}({', '.join(shown)})" if shown else f"class {name}"
    return name


def entry(module: str, name: str, tree: ast.Module) -> Iterator[str]:
    """The lines of one name."""
    where, node, constant = home(module, name, tree)
    yield from (f"## {name}", "", "```python", signature(node, name), "```", "")
    documented = ast.get_docstring(node) if isinstance(node, Named) else constant
    yield from rendered(documented or "")
    if isinstance(node, ast.ClassDef):
        yield from methods(node)
    yield from (f"*{where}*", "")


def methods(node: ast.ClassDef) -> Iterator[str]:
    """One line for each public method or property."""
    public = [each for each in node.body if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")]
    for each in public:
        first = (ast.get_docstring(each) or "").partition("\n")[0]
        decorators = {ast.unparse(decorator) for decorator in each.decorator_list}
        call = each.name if "property" in decorators else f"{each.name}()"
        yield f"- `{call}`: {first}"
    if public:
        yield ""


def rendered(text: str) -> Iterator[str]:
    """A docstring as Markdown: sections become lists."""
    inside = False
    for line in text.splitlines():
        if SECTION.match(line):
            inside = True
            yield from (f"**{line[:-1]}**", "")
        elif inside and line.startswith("    ") and not line.startswith("     "):
            item = ITEM.match(line.strip())
            yield f"- `{item[1]}`: {item[2]}" if item else f"- {line.strip()}"
        elif inside and line.strip():
            yield f"  {line.strip()}"
        else:
            inside = inside and not line.strip()
            yield line
    yield ""


def pages() -> dict[Path, str]:
    """Every page and its text."""
    found, listed = {}, ["# Reference", "", TOLD, ""]
    for module, tree in facades().items():
        lines = [f"# {module}", "", TOLD, "", *rendered(ast.get_docstring(tree) or "")]
        for name in promised(tree):
            lines += entry(module, name, tree)
        found[HERE / f"{module}.md"] = "\n".join(lines).rstrip() + "\n"
        listed.append(f"- [{module}]({module}.md): {(ast.get_docstring(tree) or '').partition(chr(10))[0]}")
    return {HERE / "README.md": "\n".join(listed) + "\n", **found}


def main() -> int:
    """Write the pages, or check them; the exit code."""
    wanted = pages()
    stale = [path for path in HERE.glob("*.md") if path not in wanted]
    stale += [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in sorted(stale):
            print(f"{path.relative_to(ROOT)} is not what its docstrings say: make reference")
        return 1 if stale else 0
    for path in stale:
        path.unlink(missing_ok=True)
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
