"""Licences of all that constraints.txt pins, from what is installed: writes docs/licences.md (`make licences`)."""

from __future__ import annotations

import sys
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
CLASSIFIER = "License :: OSI Approved :: "
HEAD = """\
# Licences of what Seamount runs with

Written by `make licences` from the packages that are installed, for every package in `constraints.txt`; Seamount itself
is Apache-2.0. "not declared" means that the package's metadata names no licence: look at its source. lava-nc is pinned
in the Makefile.

| package | version | licence as the package declares it |
|---|---|---|
"""


def pinned() -> list[str]:
    """Names of the pinned packages."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition("==")[0] for line in lines if line and not line.startswith("#")] + ["lava-nc"]


def licence(found: PackageMetadata) -> str:
    """The SPDX expression, else the classifiers, else the first line of the free text."""
    if "License-Expression" in found:
        return found["License-Expression"]
    named = [line for line in found.get_all("Classifier") or [] if line.startswith(CLASSIFIER)]
    if named:
        return ", ".join(sorted(line.removeprefix(CLASSIFIER) for line in named))
    text = found["License"].strip().splitlines() if "License" in found else []
    return text[0][:80] if text else "not declared"


def main() -> int:
    """Write the page; what is not installed here, as triton without a GPU, is said."""
    rows, missing = [], []
    for name in sorted(pinned(), key=str.lower):
        try:
            found = metadata(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        version = found["Version"].partition("+")[0]
        rows.append(f"| {found['Name']} | {version} | {licence(found)} |")
    PAGE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    if missing:
        print(f"not installed, so not listed: {', '.join(missing)}", file=sys.stderr)
    print(PAGE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
