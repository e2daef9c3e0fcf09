"""Builds side by side: every figure of their reports, and the options in which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seamount.build.folder import read_manifest, refuse_changed
from seamount.build.result import Build, load_build
from seamount.showing import as_html, as_lines
from toolchain.errors import InputError
from toolchain.files import write_text
from toolchain.report.compare_page import render_comparison
from toolchain.report.side_by_side import Row, side_by_side


@dataclass(frozen=True, eq=False)
class Compared:
    """Builds side by side.

    Attributes:
        builds: in the order given; all others are held to the first.
        rows: a figure each, then an option each in which they differ.
    """

    builds: tuple[Build, ...]
    rows: tuple[Row, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The folders, as they were given."""
        return tuple(str(build.folder) for build in self.builds)

    def _shown(self) -> list[tuple[str, str]]:
        found = []
        for row in self.rows:
            pairs = zip(row.texts[1:], row.differences, strict=True)
            others = [f"{text} ({difference})" if difference else text for text, difference in pairs]
            found.append((row.name, " | ".join([row.texts[0], *others])))
        return found

    def __repr__(self) -> str:
        """A line a figure, builds beside each other."""
        return as_lines(" | ".join(self.names), self._shown())

    def _repr_html_(self) -> str:
        """The same as a table, for notebooks."""
        return as_html(" | ".join(self.names), self._shown())

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"builds": list(self.names), "rows": [row.as_dict() for row in self.rows]}

    def page(self) -> str:
        """An HTML page of them, which stands alone."""
        return render_comparison(self.names, tuple(build.report for build in self.builds), self.rows)

    def write_page(self, path: Path) -> None:
        """Write that page."""
        write_text(path, self.page())


def compare_builds(builds: Sequence[Build | Path | str]) -> Compared:
    """Set builds side by side.

    Args:
        builds: at least two, that `deploy` made, or their folders.

    Raises:
        InputError: fewer, a folder that is none of ours, or one whose files were altered.
    """
    if len(builds) < 2:
        raise InputError("compare", f"{len(builds)} builds", "give two or more")
    loaded = tuple(build if isinstance(build, Build) else load_build(build) for build in builds)
    for build in loaded:
        refuse_changed(build.files)
    manifests = [read_manifest(build.files) for build in loaded]
    given = [
        {"model": m.get("read_from") or m.get("model"), "convention": m["convention"], **m["options"]}
        for m in manifests
    ]
    return Compared(loaded, side_by_side([build.report for build in loaded], given))
