"""docs/reference is what the docstrings of the promised names say, and leaves none of them out."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.source_tree import ROOT


@pytest.fixture(scope="module")
def make() -> Any:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs" / "reference" / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_are_what_the_docstrings_say(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["make.py", "--check"])
    assert make.main() == 0, "make reference, and commit what it writes"


def test_every_promised_name_has_its_entry(make: Any) -> None:
    pages = {path.stem: text for path, text in make.pages().items()}
    assert {"toolchain", "toolchain.mapping", "toolchain.ir.neurons"} <= pages.keys()
    for module, tree in make.facades().items():
        assert [name for name in make.promised(tree) if f"\n## {name}\n" not in pages[module]] == []


def test_a_changed_docstring_is_noticed(make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "toolchain"
    package.mkdir()
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    monkeypatch.setattr(make, "ROOT", tmp_path)
    monkeypatch.setattr(make, "HERE", tmp_path / "docs" / "reference")
    (package / "home.py").write_text(
        'def run(x: int) -> int:\n    """Once.\n\n    Args:\n        x: a number.\n    """\n'
    )
    (package / "__init__.py").write_text('"""One."""\nfrom toolchain.home import run\n__all__ = ["run"]\n')
    monkeypatch.setattr("sys.argv", ["make.py"])
    assert make.main() == 0
    page = (tmp_path / "docs" / "reference" / "toolchain.md").read_text(encoding="utf-8")
    assert "run(x: int) -> int" in page and "- `x`: a number." in page
    monkeypatch.setattr("sys.argv", ["make.py", "--check"])
    assert make.main() == 0
    (package / "home.py").write_text('def run(x: int) -> int:\n    """Twice."""\n')
    assert make.main() == 1


def test_a_name_that_nothing_defines_is_refused(make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "toolchain").mkdir()
    (tmp_path / "toolchain" / "__init__.py").write_text('"""One."""\n__all__ = ["nothing"]\n')
    monkeypatch.setattr(make, "ROOT", tmp_path)
    with pytest.raises(LookupError, match="promises 'nothing'"):
        make.pages()
