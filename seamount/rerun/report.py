"""The pages of a build folder again, from what is in it."""

from __future__ import annotations

from pathlib import Path

from seamount.build.folder import BuildFolder, refuse_changed, rehash
from toolchain.errors import InputError
from toolchain.report.build import REPORT_HTML, REPORT_JSON, rebuild_report
from toolchain.report.model import Report

OWN = (REPORT_HTML, REPORT_JSON)


def report(folder: Path, tables: tuple[str, ...] = ()) -> Report:
    """Rewrite report.html and report.json of a build, and their hashes in its manifest.

    Args:
        folder: that `deploy` wrote.
        tables: cost tables, by name or file, the leading one first; the target's by default.

    Raises:
        InputError: the build is signed, or another file is not what the manifest says: fresh hashes would make damage
            look whole.
    """
    build = BuildFolder(folder)
    if build.signature.is_file():
        what = "is signed, and other pages would need another signature"
        raise InputError(str(folder), what, f"remove {build.signature.name}, write the report and sign again")
    refuse_changed(build, OWN)
    written = rebuild_report(folder, tables)
    rehash(build, OWN)
    return written
